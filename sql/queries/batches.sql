-- name: find_requests
-- The bookings that some requests made, and the state that each had at first.
SELECT b.request_id, b.id, b.reference, b.slot_id, b.patient_name, b.patient_email, b.hold_expires_at,
       coalesce(h.to_status, b.status) AS first_status, b.xmin = pg_current_xact_id_if_assigned()::xid AS made_here
FROM bookings b
LEFT JOIN booking_history h ON h.booking_id = b.id AND h.from_status IS NULL
WHERE b.request_id = ANY (%(request_ids)s::text[]);

-- name: find_overlaps
-- For each line whose patient is busy at that time: a booking that overlaps, or the first earlier line whose slot does.
WITH lines AS MATERIALIZED (
    SELECT l.n, l.slot_id, lower(l.name) AS name, lower(l.email) AS email, s.starts_at, s.ends_at
    FROM ROWS FROM (
        json_to_recordset(%(lines)s::json) AS (slot_id bigint, name text, email text)
    ) WITH ORDINALITY AS l (slot_id, name, email, n)
    JOIN slots s ON s.id = l.slot_id
), with_bookings AS (
    SELECT DISTINCT ON (l.n) l.n, b.reference, b.status, s.starts_at, d.name AS doctor_name,
           b.xmin = pg_current_xact_id_if_assigned()::xid AS made_here
    FROM lines l
    JOIN bookings b ON lower(b.patient_email) = l.email AND lower(b.patient_name) = l.name
                   AND (b.status = 'CONFIRMED' OR b.status = 'PENDING' AND b.hold_expires_at > now())
    JOIN slots s ON s.id = b.slot_id AND s.id <> l.slot_id AND s.starts_at < l.ends_at AND s.ends_at > l.starts_at
    JOIN doctors d ON d.id = s.doctor_id
    ORDER BY l.n, s.starts_at, b.id
), with_lines AS (
    SELECT l.n, min(earlier.n) AS earlier_n
    FROM lines l
    JOIN lines earlier ON earlier.email = l.email AND earlier.name = l.name AND earlier.n < l.n
                      AND earlier.slot_id <> l.slot_id
                      AND earlier.starts_at < l.ends_at AND earlier.ends_at > l.starts_at
    GROUP BY l.n
)
SELECT n, reference, status, starts_at, doctor_name, made_here, earlier_n
FROM with_bookings
FULL JOIN with_lines USING (n);

-- name: book
-- Hold or book the slots of many lines, as `bookings.book` does for one: what cannot be booked is left out. Where two lines
-- want the same slot, the earlier one gets it. In the order of the slots, so that two batches do not wait for each other.
WITH booked AS (
    INSERT INTO bookings (reference, slot_id, patient_name, patient_email, patient_phone, request_id,
                          status, hold_expires_at, confirmed_at)
    SELECT l.reference, s.id, l.name, l.email, l.phone, l.request_id,
           CASE WHEN l.confirm THEN 'CONFIRMED' ELSE 'PENDING' END,
           CASE WHEN l.confirm THEN NULL ELSE now() + %(hold_minutes)s::float8 * interval '1 minute' END,
           CASE WHEN l.confirm THEN now() END
    FROM ROWS FROM (
        json_to_recordset(%(lines)s::json) AS (
            slot_id bigint, name text, email text, phone text, confirm boolean, request_id text, reference text
        )
    ) WITH ORDINALITY AS l (slot_id, name, email, phone, confirm, request_id, reference, n)
    JOIN slots s ON s.id = l.slot_id
    JOIN doctors d ON d.id = s.doctor_id
    WHERE s.starts_at > now() AND d.active
    ORDER BY s.id, l.n
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
-- Let the holds on some slots fail that have lapsed, so that others can book the slots before 'expire' has run.
WITH failed AS (
    UPDATE bookings b
    SET status = 'FAILED', failed_at = now(), reason = 'hold lapsed', version = b.version + 1
    FROM json_to_recordset(%(takers)s::json) AS taker (slot_id bigint, request_id text)
    WHERE b.slot_id = taker.slot_id AND b.status = 'PENDING' AND b.hold_expires_at <= now()
    RETURNING b.id, b.reason, taker.request_id
)
INSERT INTO booking_history (booking_id, actor, from_status, to_status, reason, request_id)
SELECT id, %(actor)s::text, 'PENDING', 'FAILED', reason, request_id FROM failed
RETURNING booking_id;
