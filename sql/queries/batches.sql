-- name: find_requests
-- The bookings that some requests made, and the state that each had at first.
SELECT b.request_id, b.id, b.reference, b.slot_id, b.patient_name, b.patient_email, b.hold_expires_at,
       coalesce(h.to_status, b.status) AS first_status, b.xmin = pg_current_xact_id_if_assigned()::xid AS made_here
FROM bookings b
LEFT JOIN booking_history h ON h.booking_id = b.id AND h.from_status IS NULL
WHERE b.request_id = ANY (%(request_ids)s::text[]);

-- name: find_overlaps
-- For each line whose patient is busy at that time: a booking that overlaps.
SELECT DISTINCT ON (l.n) l.n, b.reference, b.status, s.starts_at, d.name AS doctor_name,
       b.xmin = pg_current_xact_id_if_assigned()::xid AS made_here
FROM ROWS FROM (
    json_to_recordset(%(lines)s::json) AS (slot_id bigint, name text, email text)
) WITH ORDINALITY AS l (slot_id, name, email, n)
JOIN slots wanted ON wanted.id = l.slot_id
JOIN bookings b ON lower(b.patient_email) = lower(l.email) AND lower(b.patient_name) = lower(l.name)
               AND (b.status = 'CONFIRMED' OR b.status = 'PENDING' AND b.hold_expires_at > now())
JOIN slots s ON s.id = b.slot_id AND s.id <> wanted.id
            AND s.starts_at < wanted.ends_at AND s.ends_at > wanted.starts_at
JOIN doctors d ON d.id = s.doctor_id
ORDER BY l.n, s.starts_at, b.id;

-- name: spans
-- Who is to be where on some lines, and when: who is the same patient, case aside, is for the database to say.
SELECT l.n, lower(l.email) AS email, lower(l.name) AS name, s.starts_at, s.ends_at
FROM ROWS FROM (
    json_to_recordset(%(lines)s::json) AS (slot_id bigint, name text, email text)
) WITH ORDINALITY AS l (slot_id, name, email, n)
JOIN slots s ON s.id = l.slot_id;

-- name: book
-- Hold or book the slots of many lines, as `bookings.book` does for one: without those that are past, or of a doctor who is
-- not active. An error where one is taken. In the order of the slots, so that two batches do not wait for each other.
WITH booked AS (
    INSERT INTO bookings (reference, slot_id, patient_name, patient_email, patient_phone, request_id,
                          status, hold_expires_at, confirmed_at)
    SELECT l.reference, s.id, l.name, l.email, l.phone, l.request_id,
           CASE WHEN l.confirm THEN 'CONFIRMED' ELSE 'PENDING' END,
           CASE WHEN l.confirm THEN NULL ELSE now() + %(hold_minutes)s::float8 * interval '1 minute' END,
           CASE WHEN l.confirm THEN now() END
    FROM json_to_recordset(%(lines)s::json) AS l (
        slot_id bigint, name text, email text, phone text, confirm boolean, request_id text, reference text
    )
    JOIN slots s ON s.id = l.slot_id
    JOIN doctors d ON d.id = s.doctor_id
    WHERE s.starts_at > now() AND d.active
    ORDER BY s.id
    RETURNING id, reference, status, hold_expires_at
), recorded AS (
    INSERT INTO booking_history (booking_id, actor, to_status)
    SELECT id, %(actor)s::text, status FROM booked
)
SELECT id, reference, status, hold_expires_at FROM booked;

-- name: book_around
-- The same without those that are taken; to be asked for each line takes longer.
WITH booked AS (
    INSERT INTO bookings (reference, slot_id, patient_name, patient_email, patient_phone, request_id,
                          status, hold_expires_at, confirmed_at)
    SELECT l.reference, s.id, l.name, l.email, l.phone, l.request_id,
           CASE WHEN l.confirm THEN 'CONFIRMED' ELSE 'PENDING' END,
           CASE WHEN l.confirm THEN NULL ELSE now() + %(hold_minutes)s::float8 * interval '1 minute' END,
           CASE WHEN l.confirm THEN now() END
    FROM json_to_recordset(%(lines)s::json) AS l (
        slot_id bigint, name text, email text, phone text, confirm boolean, request_id text, reference text
    )
    JOIN slots s ON s.id = l.slot_id
    JOIN doctors d ON d.id = s.doctor_id
    WHERE s.starts_at > now() AND d.active
    ORDER BY s.id
    ON CONFLICT DO NOTHING
    RETURNING id, reference, status, hold_expires_at
), recorded AS (
    INSERT INTO booking_history (booking_id, actor, to_status)
    SELECT id, %(actor)s::text, status FROM booked
)
SELECT id, reference, status, hold_expires_at FROM booked;

-- name: why_not_booked
-- Why the slots of some lines could not be booked: what their time, their doctor and their active booking are.
SELECT l.n, s.starts_at > now() AS to_come, s.doctor_id, d.active, d.name AS doctor_name, s.starts_at,
       b.reference, b.status, b.hold_expires_at, b.hold_expires_at <= now() AND b.status = 'PENDING' AS lapsed,
       lower(b.patient_email) = lower(l.email) AND lower(b.patient_name) = lower(l.name) AS same_patient,
       b.xmin = pg_current_xact_id_if_assigned()::xid AS made_here
FROM ROWS FROM (
    json_to_recordset(%(lines)s::json) AS (slot_id bigint, name text, email text)
) WITH ORDINALITY AS l (slot_id, name, email, n)
JOIN slots s ON s.id = l.slot_id
JOIN doctors d ON d.id = s.doctor_id
LEFT JOIN bookings b ON b.slot_id = s.id AND b.status IN ('PENDING', 'CONFIRMED');

-- name: release_lapsed_holds
-- Let the holds on some slots fail that have lapsed, so that others can book the slots before 'expire' has run. In the order
-- of the slots, so that two batches do not wait for each other.
WITH lapsed AS (
    SELECT b.id, taker.request_id
    FROM json_to_recordset(%(takers)s::json) AS taker (slot_id bigint, request_id text)
    JOIN bookings b ON b.slot_id = taker.slot_id AND b.status = 'PENDING' AND b.hold_expires_at <= now()
    ORDER BY b.slot_id
    FOR UPDATE OF b
), failed AS (
    UPDATE bookings b
    SET status = 'FAILED', failed_at = now(), reason = 'hold lapsed', version = b.version + 1
    FROM lapsed
    WHERE b.id = lapsed.id
    RETURNING b.id, b.reason, lapsed.request_id
)
INSERT INTO booking_history (booking_id, actor, from_status, to_status, reason, request_id)
SELECT id, %(actor)s::text, 'PENDING', 'FAILED', reason, request_id FROM failed
RETURNING booking_id;
