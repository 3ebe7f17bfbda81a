-- name: find
-- One slot, with what holds or books it.
SELECT *
FROM slot_status
WHERE id = %(id)s::bigint;

-- name: list
-- Slots by start, filtered, whether free or not; one more than the limit, to show that there are more.
SELECT *
FROM slot_status
WHERE (%(doctor_id)s::bigint IS NULL OR doctor_id = %(doctor_id)s::bigint)
  AND (%(specialization)s::text IS NULL OR lower(specialization) = lower(%(specialization)s::text))
  AND (%(starts_from)s::timestamptz IS NULL OR starts_at >= %(starts_from)s::timestamptz)
  AND (%(starts_before)s::timestamptz IS NULL OR starts_at < %(starts_before)s::timestamptz)
  AND CASE %(status)s::text
          WHEN 'held'   THEN booking_status = 'PENDING'
          WHEN 'booked' THEN booking_status = 'CONFIRMED'
          ELSE true
      END
ORDER BY starts_at, id
LIMIT %(limit)s::bigint + 1;

-- name: list_free
-- Slots that can be booked, by start, filtered; one more than the limit. OFFSET 0 keeps the planner from joining all bookings
-- for the first few slots.
SELECT s.*, NULL::bigint AS booking_id, 'free' AS status
FROM slot_details s
WHERE s.doctor_active
  AND (%(doctor_id)s::bigint IS NULL OR s.doctor_id = %(doctor_id)s::bigint)
  AND (%(specialization)s::text IS NULL OR lower(s.specialization) = lower(%(specialization)s::text))
  AND (%(starts_from)s::timestamptz IS NULL OR s.starts_at >= %(starts_from)s::timestamptz)
  AND (%(starts_before)s::timestamptz IS NULL OR s.starts_at < %(starts_before)s::timestamptz)
  AND NOT EXISTS (SELECT FROM active_bookings b WHERE b.slot_id = s.id OFFSET 0)
ORDER BY s.starts_at, s.id
LIMIT %(limit)s::bigint + 1;

-- name: next_free
-- The free slots of a specialization by start; one more than the limit. Searches the next 2,000 slots of all doctors; if these
-- are too few, the slots of each doctor of the specialization, so that those of others are not read for months ahead.
WITH soon AS (
    SELECT s.id, s.starts_at
    FROM (
        SELECT id, doctor_id, starts_at
        FROM slots
        WHERE (%(starts_from)s::timestamptz IS NULL OR starts_at >= %(starts_from)s::timestamptz)
          AND (%(starts_before)s::timestamptz IS NULL OR starts_at < %(starts_before)s::timestamptz)
        ORDER BY starts_at, id
        LIMIT 2000
    ) AS s
    JOIN doctors d ON d.id = s.doctor_id
    WHERE d.active AND lower(d.specialization) = lower(%(specialization)s::text)
      AND NOT EXISTS (SELECT FROM active_bookings b WHERE b.slot_id = s.id OFFSET 0)
    ORDER BY s.starts_at, s.id
    LIMIT %(limit)s::bigint + 1
), of_each_doctor AS (
    SELECT s.id, s.starts_at
    FROM doctors d
    CROSS JOIN LATERAL (
        SELECT s.id, s.starts_at
        FROM slots s
        WHERE s.doctor_id = d.id
          AND (%(starts_from)s::timestamptz IS NULL OR s.starts_at >= %(starts_from)s::timestamptz)
          AND (%(starts_before)s::timestamptz IS NULL OR s.starts_at < %(starts_before)s::timestamptz)
          AND NOT EXISTS (SELECT FROM active_bookings b WHERE b.slot_id = s.id OFFSET 0)
        ORDER BY s.starts_at
        LIMIT %(limit)s::bigint + 1
    ) AS s
    WHERE d.active AND lower(d.specialization) = lower(%(specialization)s::text)
      AND (SELECT count(*) FROM soon) <= %(limit)s::bigint
    ORDER BY s.starts_at, s.id
    LIMIT %(limit)s::bigint + 1
), found AS (
    SELECT id FROM soon WHERE (SELECT count(*) FROM soon) > %(limit)s::bigint
    UNION ALL
    SELECT id FROM of_each_doctor
)
SELECT s.*, NULL::bigint AS booking_id, 'free' AS status
FROM found
JOIN slot_details s ON s.id = found.id
ORDER BY s.starts_at, s.id;

-- name: add
-- Add future slots of an active doctor, without those that overlap others; the exclusion constraint decides.
WITH created AS (
    INSERT INTO slots (doctor_id, starts_at, ends_at)
    SELECT d.id, to_timestamp(epoch), to_timestamp(epoch) + %(minutes)s::integer * interval '1 minute'
    FROM doctors d, unnest(%(epochs)s::bigint[]) AS wanted (epoch)
    WHERE d.id = %(doctor_id)s::bigint AND d.active AND to_timestamp(epoch) > now()
    ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT s.*, d.name AS doctor_name, d.specialization, %(minutes)s::integer AS minutes, NULL::bigint AS booking_id, 'free' AS status
FROM created s
JOIN doctors d ON d.id = s.doctor_id
ORDER BY s.starts_at;

-- name: preview
-- Which of the given times are past, have the same slot already, or overlap another slot of the doctor.
SELECT count(*) FILTER (WHERE wanted.starts_at <= now()) AS past,
       count(*) FILTER (WHERE wanted.starts_at > now() AND same.id IS NOT NULL) AS existing,
       count(*) FILTER (WHERE wanted.starts_at > now() AND same.id IS NULL AND EXISTS (
           SELECT FROM slots other
           WHERE other.doctor_id = %(doctor_id)s::bigint
             AND tstzrange(other.starts_at, other.ends_at) && tstzrange(
                     wanted.starts_at, wanted.starts_at + %(minutes)s::integer * interval '1 minute')
       )) AS conflicts
FROM (SELECT to_timestamp(epoch) AS starts_at FROM unnest(%(epochs)s::bigint[]) AS given (epoch)) AS wanted
LEFT JOIN slots same
    ON same.doctor_id = %(doctor_id)s::bigint
   AND same.starts_at = wanted.starts_at
   AND same.ends_at = wanted.starts_at + %(minutes)s::integer * interval '1 minute';

-- name: find_overlap
-- The first slot of a doctor that overlaps a time.
SELECT id, starts_at, ends_at
FROM slots
WHERE doctor_id = %(doctor_id)s::bigint
  AND tstzrange(starts_at, ends_at)
      && tstzrange(%(starts_at)s::timestamptz, %(starts_at)s::timestamptz + %(minutes)s::integer * interval '1 minute')
ORDER BY starts_at
LIMIT 1;

-- name: delete
-- Delete a slot; the foreign key of the bookings refuses one that has bookings.
DELETE FROM slots
WHERE id = %(id)s::bigint
RETURNING id;

-- name: count_bookings
-- The bookings of a slot, and how many of them are active.
SELECT count(*) AS bookings, (SELECT count(*) FROM active_bookings WHERE slot_id = %(id)s::bigint) AS active
FROM bookings
WHERE slot_id = %(id)s::bigint;
