-- name: overall
-- All bookings by state.
SELECT count(*) FILTER (WHERE status = 'CONFIRMED') AS confirmed,
       count(*) FILTER (WHERE status = 'PENDING') AS pending,
       count(*) FILTER (WHERE status = 'FAILED') AS failed,
       count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
       count(*) AS total
FROM bookings;

-- name: of_period
-- Bookings by state, of the appointments in a period.
SELECT count(*) FILTER (WHERE b.status = 'CONFIRMED') AS confirmed,
       count(*) FILTER (WHERE b.status = 'PENDING') AS pending,
       count(*) FILTER (WHERE b.status = 'FAILED') AS failed,
       count(*) FILTER (WHERE b.status = 'CANCELLED') AS cancelled,
       count(*) AS total
FROM bookings b
JOIN slots s ON s.id = b.slot_id
WHERE (%(starts_from)s::timestamptz IS NULL OR s.starts_at >= %(starts_from)s::timestamptz)
  AND (%(starts_before)s::timestamptz IS NULL OR s.starts_at < %(starts_before)s::timestamptz);

-- name: by_doctor
-- Bookings by state, for each doctor who has bookings in the period.
SELECT d.id AS doctor_id, d.name AS doctor_name,
       count(*) FILTER (WHERE b.status = 'CONFIRMED') AS confirmed,
       count(*) FILTER (WHERE b.status = 'PENDING') AS pending,
       count(*) FILTER (WHERE b.status = 'FAILED') AS failed,
       count(*) FILTER (WHERE b.status = 'CANCELLED') AS cancelled,
       count(*) AS total
FROM bookings b
JOIN slots s ON s.id = b.slot_id
JOIN doctors d ON d.id = s.doctor_id
WHERE (%(starts_from)s::timestamptz IS NULL OR s.starts_at >= %(starts_from)s::timestamptz)
  AND (%(starts_before)s::timestamptz IS NULL OR s.starts_at < %(starts_before)s::timestamptz)
GROUP BY d.id, d.name
ORDER BY lower(d.name), d.id;

-- name: by_day
-- Bookings by state, for each day of the clinic's calendar that has bookings.
SELECT (s.starts_at AT TIME ZONE %(timezone)s::text)::date AS date,
       count(*) FILTER (WHERE b.status = 'CONFIRMED') AS confirmed,
       count(*) FILTER (WHERE b.status = 'PENDING') AS pending,
       count(*) FILTER (WHERE b.status = 'FAILED') AS failed,
       count(*) FILTER (WHERE b.status = 'CANCELLED') AS cancelled,
       count(*) AS total
FROM bookings b
JOIN slots s ON s.id = b.slot_id
WHERE (%(starts_from)s::timestamptz IS NULL OR s.starts_at >= %(starts_from)s::timestamptz)
  AND (%(starts_before)s::timestamptz IS NULL OR s.starts_at < %(starts_before)s::timestamptz)
GROUP BY 1
ORDER BY 1;
