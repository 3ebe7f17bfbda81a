-- name: find
-- One booking, by number or by reference.
SELECT b.*, s.doctor_id, s.starts_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, d.name AS doctor_name, d.specialization
FROM bookings b
JOIN slots s ON s.id = b.slot_id
JOIN doctors d ON d.id = s.doctor_id
WHERE b.id = %(id)s::bigint OR b.reference = %(reference)s::text;

-- name: list
-- Bookings by start of their slot, filtered; one more than the limit, to see that there are more.
SELECT b.*, s.doctor_id, s.starts_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, d.name AS doctor_name, d.specialization
FROM bookings b
JOIN slots s ON s.id = b.slot_id
JOIN doctors d ON d.id = s.doctor_id
WHERE (%(status)s::text IS NULL OR b.status = %(status)s::text)
  AND (%(email)s::text IS NULL OR lower(b.patient_email) = lower(%(email)s::text))
  AND (%(doctor_id)s::bigint IS NULL OR s.doctor_id = %(doctor_id)s::bigint)
  AND (%(starts_from)s::timestamptz IS NULL OR s.starts_at >= %(starts_from)s::timestamptz)
  AND (%(starts_before)s::timestamptz IS NULL OR s.starts_at < %(starts_before)s::timestamptz)
ORDER BY s.starts_at, b.id
LIMIT %(limit)s::bigint + 1;

-- name: find_request
-- The booking that a request made, and the state it had at first.
SELECT b.*, s.doctor_id, s.starts_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, d.name AS doctor_name, d.specialization,
       coalesce(h.to_status, b.status) AS first_status
FROM bookings b
JOIN slots s ON s.id = b.slot_id
JOIN doctors d ON d.id = s.doctor_id
LEFT JOIN booking_history h ON h.booking_id = b.id AND h.from_status IS NULL
WHERE b.request_id = %(request_id)s::text;

-- name: find_change
-- The booking, by number or by reference, where a request brought it into a state.
SELECT b.*, s.doctor_id, s.starts_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, d.name AS doctor_name, d.specialization
FROM bookings b
JOIN booking_history h ON h.booking_id = b.id
                      AND h.to_status = %(status)s::text AND h.request_id = %(request_id)s::text
JOIN slots s ON s.id = b.slot_id
JOIN doctors d ON d.id = s.doctor_id
WHERE b.id = %(id)s::bigint OR b.reference = %(reference)s::text;

-- name: find_overlap
-- A booking that the same patient has at a time that overlaps the slot's; the slot itself is left to who books it.
SELECT b.reference, b.status, s.starts_at, d.name AS doctor_name
FROM slots wanted
JOIN bookings b ON lower(b.patient_email) = lower(%(patient_email)s::text)
               AND lower(b.patient_name) = lower(%(patient_name)s::text)
               AND (b.status = 'CONFIRMED' OR b.status = 'PENDING' AND b.hold_expires_at > now())
JOIN slots s ON s.id = b.slot_id AND s.id <> wanted.id
            AND s.starts_at < wanted.ends_at AND s.ends_at > wanted.starts_at
JOIN doctors d ON d.id = s.doctor_id
WHERE wanted.id = %(slot_id)s::bigint
ORDER BY s.starts_at, b.id
LIMIT 1;

-- name: book
-- Hold or book a slot that is to come, of an active doctor. The unique index on active bookings decides: no row where it
-- is taken, or where the request or the reference is already there. Reads nothing but the slot and its doctor.
WITH booked AS (
    INSERT INTO bookings (reference, slot_id, patient_name, patient_email, patient_phone, request_id,
                          status, hold_expires_at, confirmed_at)
    SELECT %(reference)s::text, s.id, %(patient_name)s::text, %(patient_email)s::text, %(patient_phone)s::text,
           %(request_id)s::text,
           CASE WHEN %(confirm)s::boolean THEN 'CONFIRMED' ELSE 'PENDING' END,
           CASE WHEN %(confirm)s::boolean THEN NULL ELSE now() + %(hold_minutes)s::float8 * interval '1 minute' END,
           CASE WHEN %(confirm)s::boolean THEN now() END
    FROM slots s
    JOIN doctors d ON d.id = s.doctor_id
    WHERE s.id = %(slot_id)s::bigint AND s.starts_at > now() AND d.active
    ON CONFLICT DO NOTHING
    RETURNING *
), recorded AS (
    INSERT INTO booking_history (booking_id, actor, to_status)
    SELECT id, %(actor)s::text, status FROM booked
)
SELECT b.*, s.doctor_id, s.starts_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, d.name AS doctor_name, d.specialization
FROM booked b
JOIN slots s ON s.id = b.slot_id
JOIN doctors d ON d.id = s.doctor_id;

-- name: why_not_booked
-- Why a slot could not be booked: what its time, its doctor and its active booking are.
SELECT s.starts_at > now() AS to_come, s.doctor_id, d.active, d.name AS doctor_name, s.starts_at,
       b.reference, b.status, b.hold_expires_at, b.hold_expires_at <= now() AND b.status = 'PENDING' AS lapsed,
       lower(b.patient_email) = lower(%(patient_email)s::text)
           AND lower(b.patient_name) = lower(%(patient_name)s::text) AS same_patient
FROM slots s
JOIN doctors d ON d.id = s.doctor_id
LEFT JOIN bookings b ON b.slot_id = s.id AND b.status IN ('PENDING', 'CONFIRMED')
WHERE s.id = %(slot_id)s::bigint;

-- name: release_lapsed_hold
-- Let the hold on a slot fail if it has lapsed, so that somebody else can book the slot before 'expire' has run.
WITH failed AS (
    UPDATE bookings
    SET status = 'FAILED', failed_at = now(), reason = 'hold lapsed', version = version + 1
    WHERE slot_id = %(slot_id)s::bigint AND status = 'PENDING' AND hold_expires_at <= now()
    RETURNING id, reason
)
INSERT INTO booking_history (booking_id, actor, from_status, to_status, reason, request_id)
SELECT id, %(actor)s::text, 'PENDING', 'FAILED', reason, %(request_id)s::text FROM failed
RETURNING booking_id;

-- name: confirm
-- Confirm a hold that has not lapsed; otherwise no row.
WITH confirmed AS (
    UPDATE bookings
    SET status = 'CONFIRMED', confirmed_at = now(), version = version + 1
    WHERE (id = %(id)s::bigint OR reference = %(reference)s::text) AND status = 'PENDING' AND hold_expires_at > now()
    RETURNING *
), recorded AS (
    INSERT INTO booking_history (booking_id, actor, from_status, to_status, request_id)
    SELECT id, %(actor)s::text, 'PENDING', 'CONFIRMED', %(request_id)s::text FROM confirmed
)
SELECT b.*, s.doctor_id, s.starts_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, d.name AS doctor_name, d.specialization
FROM confirmed b
JOIN slots s ON s.id = b.slot_id
JOIN doctors d ON d.id = s.doctor_id;

-- name: cancel
-- Cancel a hold or a confirmed booking; otherwise no row. What was cancelled or has failed is final, and a hold that has
-- lapsed counts as failed whether or not 'expire' has found it yet.
WITH target AS (
    SELECT id, status
    FROM bookings
    WHERE (id = %(id)s::bigint OR reference = %(reference)s::text)
      AND (status = 'CONFIRMED' OR status = 'PENDING' AND hold_expires_at > now())
    FOR UPDATE
), cancelled AS (
    UPDATE bookings b
    SET status = 'CANCELLED', cancelled_at = now(), reason = %(reason)s::text, version = b.version + 1
    FROM target
    WHERE b.id = target.id
    RETURNING b.*, target.status AS from_status
), recorded AS (
    INSERT INTO booking_history (booking_id, actor, from_status, to_status, reason, request_id)
    SELECT id, %(actor)s::text, from_status, 'CANCELLED', reason, %(request_id)s::text FROM cancelled
)
SELECT b.*, s.doctor_id, s.starts_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, d.name AS doctor_name, d.specialization
FROM cancelled b
JOIN slots s ON s.id = b.slot_id
JOIN doctors d ON d.id = s.doctor_id;

-- name: any_lapsed
-- Whether a hold has lapsed: mostly none has, and then there is nothing to write.
SELECT EXISTS (SELECT FROM bookings WHERE status = 'PENDING' AND hold_expires_at <= now()) AS any_lapsed;

-- name: expire
-- Let a batch of lapsed holds fail, the oldest first; those that another run has in hand are skipped, never waited for.
WITH lapsed AS (
    SELECT b.id, s.doctor_id, s.starts_at,
           (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, d.name AS doctor_name, d.specialization
    FROM (
        SELECT id, slot_id
        FROM bookings
        WHERE status = 'PENDING' AND hold_expires_at <= now()
        ORDER BY hold_expires_at
        LIMIT %(batch)s::integer
        FOR UPDATE SKIP LOCKED
    ) AS b
    JOIN slots s ON s.id = b.slot_id
    JOIN doctors d ON d.id = s.doctor_id
), recorded AS (
    INSERT INTO booking_history (booking_id, actor, from_status, to_status, reason, request_id)
    SELECT id, %(actor)s::text, 'PENDING', 'FAILED', 'hold lapsed', %(request_id)s::text FROM lapsed
)
UPDATE bookings b
SET status = 'FAILED', failed_at = now(), reason = 'hold lapsed', version = b.version + 1
FROM lapsed
WHERE b.id = lapsed.id
RETURNING b.*, lapsed.doctor_id, lapsed.starts_at, lapsed.minutes, lapsed.doctor_name, lapsed.specialization;

-- name: history
-- What happened to a booking, the first change first.
SELECT id, booking_id, at, actor, from_status, to_status, reason
FROM booking_history
WHERE booking_id = %(id)s::bigint
ORDER BY id;
