-- name: find
-- The patients with a number, also one from before a merge, a normalized email address or the digits of a phone number; the
-- first few of them.
SELECT id, name, email, phone, note, version, created_at, updated_at
FROM patients
WHERE id = ANY (%(id)s::bigint || ARRAY(SELECT patient_id FROM patient_history WHERE former_id = %(id)s::bigint))
   OR contact_key = %(contact_key)s::text
   OR regexp_replace(phone, '[^0-9]', '', 'g') = %(phone_digits)s::text
ORDER BY name_key, id
LIMIT %(limit)s::bigint;

-- name: list
-- Patients by name; with a search text, those who have it in the name, the email address or the phone number. One more than
-- the limit, to show that there are more.
SELECT id, name, email, phone, note, version, created_at, updated_at
FROM patients
WHERE %(search)s::text IS NULL
   OR strpos(name_key, %(search)s::text) > 0
   OR email IS NOT NULL AND strpos(contact_key, %(search)s::text) > 0
   OR strpos(regexp_replace(phone, '[^0-9]', '', 'g'), %(search_digits)s::text) > 0
ORDER BY name_key, id
LIMIT %(limit)s::bigint + 1;

-- name: bookings
-- The active bookings of a patient that are to come, or all others; the nearest to now first.
SELECT *
FROM booking_details b
WHERE patient_id = %(id)s::bigint
  AND (starts_at > now() AND EXISTS (SELECT FROM active_bookings a WHERE a.id = b.id)) = %(coming)s::boolean
ORDER BY CASE WHEN %(coming)s::boolean THEN starts_at - now() ELSE now() - starts_at END, id;

-- name: add
-- Register a patient; no row where the patient is registered already.
INSERT INTO patients (name, email, phone, note, name_key, contact_key, registered_by)
VALUES (%(name)s::text, %(email)s::text, %(phone)s::text, %(note)s::text, %(name_key)s::text, %(contact_key)s::text,
        %(actor)s::text)
ON CONFLICT (contact_key, name_key) DO NOTHING
RETURNING id, name, email, phone, note, version, created_at, updated_at;

-- name: find_by_key
-- The patient with a normalized name and contact.
SELECT id, name, email, phone, note, version, created_at, updated_at
FROM patients
WHERE contact_key = %(contact_key)s::text AND name_key = %(name_key)s::text;

-- name: update
-- Write a patient's record, and what changed in it. The unique index on the keys refuses the record of another patient.
WITH updated AS (
    UPDATE patients
    SET name = %(name)s::text, email = %(email)s::text, phone = %(phone)s::text, note = %(note)s::text,
        name_key = %(name_key)s::text, contact_key = %(contact_key)s::text,
        version = version + 1, updated_at = now()
    WHERE id = %(id)s::bigint
    RETURNING id, name, email, phone, note, version, created_at, updated_at
), recorded AS (
    INSERT INTO patient_history (patient_id, actor, change, details, former_id, former_name_key, former_contact_key)
    SELECT id, %(actor)s::text, %(change)s::text, %(details)s::text, %(former_id)s::bigint, %(former_name_key)s::text,
           %(former_contact_key)s::text
    FROM updated
)
SELECT * FROM updated;

-- name: move_bookings
-- Move the bookings and the history of one patient to another. The exclusion constraint refuses active bookings that overlap.
WITH moved AS (
    UPDATE bookings SET patient_id = %(into_id)s::bigint WHERE patient_id = %(id)s::bigint
)
UPDATE patient_history SET patient_id = %(into_id)s::bigint WHERE patient_id = %(id)s::bigint;

-- name: find_overlap
-- Two active bookings of two patients that overlap.
SELECT one.reference, other.reference AS other_reference, one.starts_at
FROM bookings one
JOIN bookings other ON other.patient_id = %(into_id)s::bigint AND other.status IN ('PENDING', 'CONFIRMED')
                   AND NOT other.overlap_allowed
                   AND tstzrange(other.starts_at, other.ends_at) && tstzrange(one.starts_at, one.ends_at)
WHERE one.patient_id = %(id)s::bigint AND one.status IN ('PENDING', 'CONFIRMED') AND NOT one.overlap_allowed
ORDER BY one.starts_at
LIMIT 1;

-- name: delete
-- Remove the record of a patient whose bookings were moved to another.
DELETE FROM patients
WHERE id = %(id)s::bigint
RETURNING id;

-- name: delete_unused
-- Remove the patients whom this transaction registered for bookings that were rejected.
DELETE FROM patients p
WHERE p.id = ANY (%(ids)s::bigint[]) AND p.created_at = now()
  AND NOT EXISTS (SELECT FROM bookings b WHERE b.patient_id = p.id);

-- name: history
-- The registration of a patient, and every correction and merge of the record.
SELECT id AS patient_id, created_at AS at, registered_by AS actor, 'registered' AS change, '' AS details
FROM patients
WHERE id = %(id)s::bigint
UNION ALL
SELECT patient_id, at, actor, change, details
FROM patient_history
WHERE patient_id = %(id)s::bigint
ORDER BY at;
