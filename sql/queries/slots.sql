-- name: find
-- One slot, with what holds or books it; a hold that has lapsed does neither.
SELECT s.id, s.doctor_id, d.name AS doctor_name, d.specialization, s.starts_at, s.ends_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, b.id AS booking_id,
       CASE b.status WHEN 'CONFIRMED' THEN 'booked' WHEN 'PENDING' THEN 'held' ELSE 'free' END AS status
FROM slots s
JOIN doctors d ON d.id = s.doctor_id
LEFT JOIN bookings b ON b.slot_id = s.id AND b.status IN ('PENDING', 'CONFIRMED')
                    AND (b.status = 'CONFIRMED' OR b.hold_expires_at > now())
WHERE s.id = %(id)s::bigint;

-- name: list
-- Slots by start, filtered, whether free or not; one more than the limit, to see that there are more.
SELECT s.id, s.doctor_id, d.name AS doctor_name, d.specialization, s.starts_at, s.ends_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, b.id AS booking_id,
       CASE b.status WHEN 'CONFIRMED' THEN 'booked' WHEN 'PENDING' THEN 'held' ELSE 'free' END AS status
FROM slots s
JOIN doctors d ON d.id = s.doctor_id
LEFT JOIN bookings b ON b.slot_id = s.id AND b.status IN ('PENDING', 'CONFIRMED')
                    AND (b.status = 'CONFIRMED' OR b.hold_expires_at > now())
WHERE (%(doctor_id)s::bigint IS NULL OR s.doctor_id = %(doctor_id)s::bigint)
  AND (%(specialization)s::text IS NULL OR lower(d.specialization) = lower(%(specialization)s::text))
  AND (%(starts_from)s::timestamptz IS NULL OR s.starts_at >= %(starts_from)s::timestamptz)
  AND (%(starts_before)s::timestamptz IS NULL OR s.starts_at < %(starts_before)s::timestamptz)
  AND CASE %(status)s::text
          WHEN 'held'   THEN b.status = 'PENDING'
          WHEN 'booked' THEN b.status = 'CONFIRMED'
          ELSE true
      END
ORDER BY s.starts_at, s.id
LIMIT %(limit)s::bigint + 1;

-- name: list_free
-- Free slots by start, filtered; one more than the limit. Free means that it can be booked: the slots of a doctor who is not
-- active are left out. OFFSET 0 keeps the planner from joining all bookings where the first few slots are wanted.
SELECT s.id, s.doctor_id, d.name AS doctor_name, d.specialization, s.starts_at, s.ends_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, NULL::bigint AS booking_id, 'free' AS status
FROM slots s
JOIN doctors d ON d.id = s.doctor_id
WHERE d.active
  AND (%(doctor_id)s::bigint IS NULL OR s.doctor_id = %(doctor_id)s::bigint)
  AND (%(specialization)s::text IS NULL OR lower(d.specialization) = lower(%(specialization)s::text))
  AND (%(starts_from)s::timestamptz IS NULL OR s.starts_at >= %(starts_from)s::timestamptz)
  AND (%(starts_before)s::timestamptz IS NULL OR s.starts_at < %(starts_before)s::timestamptz)
  AND NOT EXISTS (
      SELECT FROM bookings b
      WHERE b.slot_id = s.id AND b.status IN ('PENDING', 'CONFIRMED')
        AND (b.status = 'CONFIRMED' OR b.hold_expires_at > now())
      OFFSET 0
  )
ORDER BY s.starts_at, s.id
LIMIT %(limit)s::bigint + 1;

-- name: next_free
-- The free slots of a specialization by start; one more than the limit. Mostly they are among the next slots of all doctors.
-- Where they are not, each doctor's own next free slots are looked up, so that others' slots are not gone through for months.
WITH soon AS (
    SELECT s.id, s.doctor_id, d.name AS doctor_name, d.specialization, s.starts_at, s.ends_at
    FROM (
        SELECT id, doctor_id, starts_at, ends_at
        FROM slots
        WHERE (%(starts_from)s::timestamptz IS NULL OR starts_at >= %(starts_from)s::timestamptz)
          AND (%(starts_before)s::timestamptz IS NULL OR starts_at < %(starts_before)s::timestamptz)
        ORDER BY starts_at, id
        LIMIT 2000
    ) AS s
    JOIN doctors d ON d.id = s.doctor_id
    WHERE d.active AND lower(d.specialization) = lower(%(specialization)s::text)
      AND NOT EXISTS (
          SELECT FROM bookings b
          WHERE b.slot_id = s.id AND b.status IN ('PENDING', 'CONFIRMED')
            AND (b.status = 'CONFIRMED' OR b.hold_expires_at > now())
          OFFSET 0
      )
    ORDER BY s.starts_at, s.id
    LIMIT %(limit)s::bigint + 1
), of_each_doctor AS (
    SELECT s.id, s.doctor_id, d.name AS doctor_name, d.specialization, s.starts_at, s.ends_at
    FROM doctors d
    CROSS JOIN LATERAL (
        SELECT s.id, s.doctor_id, s.starts_at, s.ends_at
        FROM slots s
        WHERE s.doctor_id = d.id
          AND (%(starts_from)s::timestamptz IS NULL OR s.starts_at >= %(starts_from)s::timestamptz)
          AND (%(starts_before)s::timestamptz IS NULL OR s.starts_at < %(starts_before)s::timestamptz)
          AND NOT EXISTS (
              SELECT FROM bookings b
              WHERE b.slot_id = s.id AND b.status IN ('PENDING', 'CONFIRMED')
                AND (b.status = 'CONFIRMED' OR b.hold_expires_at > now())
              OFFSET 0
          )
        ORDER BY s.starts_at
        LIMIT %(limit)s::bigint + 1
    ) AS s
    WHERE d.active AND lower(d.specialization) = lower(%(specialization)s::text)
      AND (SELECT count(*) FROM soon) <= %(limit)s::bigint
    ORDER BY s.starts_at, s.id
    LIMIT %(limit)s::bigint + 1
)
SELECT found.*, (date_part('epoch', ends_at - starts_at) / 60)::integer AS minutes,
       NULL::bigint AS booking_id, 'free' AS status
FROM (
    SELECT * FROM soon WHERE (SELECT count(*) FROM soon) > %(limit)s::bigint
    UNION ALL
    SELECT * FROM of_each_doctor
) AS found
ORDER BY starts_at, id;

-- name: add
-- One slot, where the doctor is active, the time is to come and nothing overlaps; otherwise no row.
WITH created AS (
    INSERT INTO slots (doctor_id, starts_at, ends_at)
    SELECT d.id, %(starts_at)s::timestamptz, %(starts_at)s::timestamptz + %(minutes)s::integer * interval '1 minute'
    FROM doctors d
    WHERE d.id = %(doctor_id)s::bigint AND d.active AND %(starts_at)s::timestamptz > now()
    ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT s.id, s.doctor_id, d.name AS doctor_name, d.specialization, s.starts_at, s.ends_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, NULL::bigint AS booking_id, 'free' AS status
FROM created s
JOIN doctors d ON d.id = s.doctor_id;

-- name: why_not_added
-- Why a slot could not be added: the doctor, the time, or the slots that overlap.
SELECT d.active, %(starts_at)s::timestamptz > now() AS to_come, s.id AS slot_id, s.starts_at, s.ends_at
FROM doctors d
LEFT JOIN slots s ON s.doctor_id = d.id
    AND tstzrange(s.starts_at, s.ends_at)
        && tstzrange(%(starts_at)s::timestamptz, %(starts_at)s::timestamptz + %(minutes)s::integer * interval '1 minute')
WHERE d.id = %(doctor_id)s::bigint
ORDER BY s.starts_at
LIMIT 1;

-- name: bulk_add
-- All slots that start at the given times and are to come, where none of them overlaps anything; otherwise an error.
WITH created AS (
    INSERT INTO slots (doctor_id, starts_at, ends_at)
    SELECT d.id, to_timestamp(epoch), to_timestamp(epoch) + %(minutes)s::integer * interval '1 minute'
    FROM doctors d, unnest(%(epochs)s::bigint[]) AS wanted (epoch)
    WHERE d.id = %(doctor_id)s::bigint AND d.active AND to_timestamp(epoch) > now()
    RETURNING *
)
SELECT s.id, s.doctor_id, d.name AS doctor_name, d.specialization, s.starts_at, s.ends_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, NULL::bigint AS booking_id, 'free' AS status
FROM created s
JOIN doctors d ON d.id = s.doctor_id
ORDER BY s.starts_at;

-- name: bulk_add_around
-- The same of those that overlap nothing; the exclusion constraint decides, and to be asked for each slot takes longer.
WITH created AS (
    INSERT INTO slots (doctor_id, starts_at, ends_at)
    SELECT d.id, to_timestamp(epoch), to_timestamp(epoch) + %(minutes)s::integer * interval '1 minute'
    FROM doctors d, unnest(%(epochs)s::bigint[]) AS wanted (epoch)
    WHERE d.id = %(doctor_id)s::bigint AND d.active AND to_timestamp(epoch) > now()
    ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT s.id, s.doctor_id, d.name AS doctor_name, d.specialization, s.starts_at, s.ends_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, NULL::bigint AS booking_id, 'free' AS status
FROM created s
JOIN doctors d ON d.id = s.doctor_id
ORDER BY s.starts_at;

-- name: bulk_outlook
-- What is already there for the given times: how many are past, there in the same form, or overlap a different slot.
SELECT count(*) FILTER (WHERE wanted.starts_at <= now()) AS past,
       count(*) FILTER (WHERE wanted.starts_at > now() AND same.id IS NOT NULL) AS existing,
       count(*) FILTER (WHERE wanted.starts_at > now() AND same.id IS NULL AND EXISTS (
           SELECT FROM slots other
           WHERE other.doctor_id = %(doctor_id)s::bigint
             AND tstzrange(other.starts_at, other.ends_at) && tstzrange(
                     wanted.starts_at, wanted.starts_at + %(minutes)s::integer * interval '1 minute')
       )) AS conflicts
FROM unnest(%(starts)s::timestamptz[]) AS wanted (starts_at)
LEFT JOIN slots same
    ON same.doctor_id = %(doctor_id)s::bigint
   AND same.starts_at = wanted.starts_at
   AND same.ends_at = wanted.starts_at + %(minutes)s::integer * interval '1 minute';

-- name: delete
-- A slot without bookings; the foreign key of the bookings refuses any other.
DELETE FROM slots
WHERE id = %(id)s::bigint
RETURNING id;

-- name: count_bookings
-- What stands in the way of deleting a slot.
SELECT count(*) AS bookings,
       count(*) FILTER (WHERE status = 'CONFIRMED' OR status = 'PENDING' AND hold_expires_at > now()) AS active
FROM bookings
WHERE slot_id = %(id)s::bigint;
