-- name: find
-- One booking, by number or by reference.
SELECT *
FROM booking_details
WHERE id = %(id)s::bigint OR reference = %(reference)s::text;

-- name: list
-- Bookings by the start of their slot, filtered; one more than the limit, to show that there are more.
SELECT *
FROM booking_details
WHERE (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s::text[]))
  AND (%(contact_key)s::text IS NULL
       OR patient_id = ANY (ARRAY(SELECT id FROM patients WHERE contact_key = %(contact_key)s::text)))
  AND (%(doctor_id)s::bigint IS NULL OR doctor_id = %(doctor_id)s::bigint)
  AND (%(starts_from)s::timestamptz IS NULL OR starts_at >= %(starts_from)s::timestamptz)
  AND (%(starts_before)s::timestamptz IS NULL OR starts_at < %(starts_before)s::timestamptz)
ORDER BY starts_at, id
LIMIT %(limit)s::bigint + 1;

-- name: find_by_request
-- The bookings that some requests made, each with its first state, and with every number and key of the patient: those of the
-- record, those from before it was corrected, and those of records that were merged into it.
SELECT b.*, coalesce(h.to_status, b.status) AS first_status, b.booked_at = now() AS made_here,
       b.patient_id || ARRAY(SELECT former_id FROM patient_history WHERE patient_id = b.patient_id) AS patient_ids,
       ARRAY(
           SELECT name_key || E'\n' || contact_key FROM patients WHERE id = b.patient_id
           UNION ALL
           SELECT former_name_key || E'\n' || former_contact_key FROM patient_history WHERE patient_id = b.patient_id
       ) AS patient_keys
FROM booking_details b
LEFT JOIN booking_history h ON h.booking_id = b.id AND h.from_status IS NULL
WHERE b.request_id = ANY (%(request_ids)s::text[]);

-- name: find_change
-- The booking, by number or by reference, where a request brought it into a state.
SELECT b.*
FROM booking_details b
JOIN booking_history h ON h.booking_id = b.id
                      AND h.to_status = %(status)s::text AND h.request_id = %(request_id)s::text
WHERE b.id = %(id)s::bigint OR b.reference = %(reference)s::text;

-- name: book
-- Hold or book the requested slots, where they are in the future and their doctor is active, and register the patients. The
-- constraints decide, in the order of the lines. One row for each request with such a slot; without a booking id where a
-- constraint rejected it.
--
-- Reads only the slots, their doctors, and the patients given by number: OFFSET 0 makes each of these a look-up by its number,
-- however small the table. Reading a whole table would conflict with every change of it.
--
-- A request has either keys or a patient's number. The planner expects "IS NOT NULL" to be true for most rows. It would expect
-- "number IS NULL" to be true for few, and join them in a nested loop.
WITH wanted AS (
    SELECT r.*, s.doctor_id, s.doctor_name, s.specialization, s.starts_at, s.ends_at, s.minutes
    FROM json_to_recordset(%(requests)s::json) AS r (
        line integer, slot_id bigint, known_patient_id bigint, name text, email text, phone text,
        name_key text, contact_key text, hold_minutes float8, allow_overlap boolean, request_id text, reference text
    )
    CROSS JOIN LATERAL (
        SELECT * FROM slot_details WHERE id = r.slot_id AND starts_at > now() AND doctor_active OFFSET 0
    ) s
), registered AS (
    INSERT INTO patients (name, email, phone, name_key, contact_key, registered_by)
    SELECT DISTINCT ON (contact_key, name_key) name, email, phone, name_key, contact_key, %(actor)s::text
    FROM wanted
    WHERE name_key IS NOT NULL
    ORDER BY contact_key, name_key, line
    ON CONFLICT (contact_key, name_key) DO UPDATE SET name_key = excluded.name_key
    RETURNING id, name, email, phone, name_key, contact_key
), request AS (
    SELECT w.line, w.slot_id, w.doctor_id, w.doctor_name, w.specialization, w.starts_at, w.ends_at, w.minutes, w.hold_minutes,
           w.allow_overlap, w.request_id, w.reference, coalesce(p.id, known.id) AS patient_id,
           coalesce(p.name, known.name) AS patient_name, coalesce(p.email, known.email) AS patient_email,
           coalesce(p.phone, known.phone) AS patient_phone
    FROM wanted w
    LEFT JOIN registered p ON p.contact_key = w.contact_key AND p.name_key = w.name_key
    LEFT JOIN LATERAL (SELECT * FROM patients WHERE id = w.known_patient_id OFFSET 0) known ON true
    WHERE coalesce(p.id, known.id) IS NOT NULL
), booked AS (
    INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, overlap_allowed, request_id,
                          status, hold_expires_at, confirmed_at)
    SELECT reference, slot_id, patient_id, starts_at, ends_at, allow_overlap, request_id,
           CASE WHEN hold_minutes IS NULL THEN 'CONFIRMED' ELSE 'PENDING' END,
           now() + hold_minutes * interval '1 minute',
           CASE WHEN hold_minutes IS NULL THEN now() END
    FROM request
    ORDER BY line
    ON CONFLICT DO NOTHING
    RETURNING *
), recorded AS (
    INSERT INTO booking_history (booking_id, actor, to_status)
    SELECT id, %(actor)s::text, status FROM booked
)
SELECT r.line, b.id, b.reference, r.slot_id, r.doctor_id, r.doctor_name, r.specialization, r.starts_at, r.minutes,
       r.patient_id, r.patient_name, r.patient_email, r.patient_phone, b.status, b.hold_expires_at, b.booked_at,
       b.confirmed_at, b.cancelled_at, b.failed_at, b.reason, b.version
FROM request r
LEFT JOIN booked b ON b.reference = r.reference;

-- name: explain_rejections
-- Why the slots of some requests could not be booked: their slots and doctors, and each active booking that blocks them, on
-- the slot itself or of the same patient at an overlapping time. OFFSET 0 is there for the same reason as above.
WITH request AS (
    SELECT r.line, r.slot_id, r.allow_overlap, coalesce(known.id, p.id) AS patient_id
    FROM json_to_recordset(%(requests)s::json) AS r (
        line integer, slot_id bigint, known_patient_id bigint, name_key text, contact_key text, allow_overlap boolean
    )
    LEFT JOIN LATERAL (
        SELECT id FROM patients WHERE contact_key = r.contact_key AND name_key = r.name_key OFFSET 0
    ) p ON true
    LEFT JOIN LATERAL (SELECT id FROM patients WHERE id = r.known_patient_id OFFSET 0) known ON true
), blocking AS (
    SELECT r.line, b.id
    FROM request r
    CROSS JOIN LATERAL (
        SELECT id FROM bookings WHERE slot_id = r.slot_id AND status IN ('PENDING', 'CONFIRMED') OFFSET 0
    ) b
    UNION
    SELECT r.line, b.id
    FROM request r
    CROSS JOIN LATERAL (SELECT * FROM slots WHERE id = r.slot_id OFFSET 0) s
    CROSS JOIN LATERAL (
        SELECT id
        FROM bookings
        WHERE patient_id = r.patient_id AND status IN ('PENDING', 'CONFIRMED') AND NOT overlap_allowed
          AND tstzrange(starts_at, ends_at) && tstzrange(s.starts_at, s.ends_at)
        OFFSET 0
    ) b
    WHERE NOT r.allow_overlap
)
SELECT r.line, r.patient_id, s.id AS slot_id, s.starts_at, s.starts_at > now() AS is_future, s.doctor_id, s.doctor_name,
       s.doctor_active, b.id AS booking_id, b.reference, b.status, b.hold_expires_at,
       b.status = 'PENDING' AND b.hold_expires_at <= now() AS lapsed, b.slot_id = r.slot_id AS same_slot,
       b.patient_id = r.patient_id AS same_patient, b.starts_at AS blocking_starts_at, b.doctor_name AS blocking_doctor_name,
       b.booked_at = now() AS made_here
FROM request r
LEFT JOIN LATERAL (SELECT * FROM slot_details WHERE id = r.slot_id OFFSET 0) s ON true
LEFT JOIN blocking ON blocking.line = r.line
LEFT JOIN LATERAL (SELECT * FROM booking_details WHERE id = blocking.id OFFSET 0) b ON true
ORDER BY r.line, same_slot, b.starts_at, b.id;

-- name: lock_lapsed_holds
-- A batch of lapsed holds, the oldest first. Holds that another run has locked are skipped.
SELECT id
FROM bookings
WHERE status = 'PENDING' AND hold_expires_at <= now()
ORDER BY hold_expires_at
LIMIT %(batch)s::integer
FOR UPDATE SKIP LOCKED;

-- name: release_lapsed_holds
-- Mark some holds as failed that have lapsed.
WITH failed AS (
    UPDATE bookings
    SET status = 'FAILED', failed_at = now(), reason = 'hold lapsed', version = version + 1
    WHERE id = ANY (%(ids)s::bigint[]) AND status = 'PENDING' AND hold_expires_at <= now()
    RETURNING id, status, failed_at, reason, version
), recorded AS (
    INSERT INTO booking_history (booking_id, actor, from_status, to_status, reason, request_id)
    SELECT id, %(actor)s::text, 'PENDING', 'FAILED', reason, %(request_id)s::text FROM failed
)
SELECT changed.*, before.*
FROM failed changed
JOIN booking_details before ON before.id = changed.id;

-- name: confirm
-- Confirm a hold that has not lapsed; otherwise no row.
WITH confirmed AS (
    UPDATE bookings
    SET status = 'CONFIRMED', confirmed_at = now(), version = version + 1
    WHERE (id = %(id)s::bigint OR reference = %(reference)s::text) AND status = 'PENDING' AND hold_expires_at > now()
    RETURNING id, status, confirmed_at, version
), recorded AS (
    INSERT INTO booking_history (booking_id, actor, from_status, to_status, request_id)
    SELECT id, %(actor)s::text, 'PENDING', 'CONFIRMED', %(request_id)s::text FROM confirmed
)
SELECT changed.*, before.*
FROM confirmed changed
JOIN booking_details before ON before.id = changed.id;

-- name: cancel
-- Cancel a hold or a confirmed booking; otherwise no row. Cancelled and failed bookings are final, and a hold that has lapsed
-- counts as failed, even before 'expire' has run.
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
    RETURNING b.id, b.status, b.cancelled_at, b.reason, b.version, target.status AS from_status
), recorded AS (
    INSERT INTO booking_history (booking_id, actor, from_status, to_status, reason, request_id)
    SELECT id, %(actor)s::text, from_status, 'CANCELLED', reason, %(request_id)s::text FROM cancelled
)
SELECT changed.*, before.*
FROM cancelled changed
JOIN booking_details before ON before.id = changed.id;

-- name: history
-- The changes of a booking, the oldest first.
SELECT id, booking_id, at, actor, from_status, to_status, reason
FROM booking_history
WHERE booking_id = %(id)s::bigint
ORDER BY id;
