-- name: find
-- One doctor, by number or by email address.
SELECT id, name, specialization, email, phone, active, version, created_at, updated_at
FROM doctors
WHERE id = %(id)s::bigint OR lower(email) = lower(%(email)s::text);

-- name: list
-- Active doctors by name, or all; one more than the limit, to show that there are more.
SELECT id, name, specialization, email, phone, active, version, created_at, updated_at
FROM doctors
WHERE (active OR %(all)s::boolean)
  AND (%(specialization)s::text IS NULL OR lower(specialization) = lower(%(specialization)s::text))
  AND (%(search)s::text IS NULL
       OR strpos(lower(name), lower(%(search)s::text)) > 0
       OR strpos(lower(email), lower(%(search)s::text)) > 0)
ORDER BY lower(name), id
LIMIT %(limit)s::bigint + 1;

-- name: add
-- Add a doctor; the unique index refuses an email address that another doctor has.
INSERT INTO doctors (name, specialization, email, phone)
VALUES (%(name)s::text, %(specialization)s::text, %(email)s::text, %(phone)s::text)
RETURNING id, name, specialization, email, phone, active, version, created_at, updated_at;

-- name: update
-- Change the given fields, where the version is the expected one. An empty phone removes it.
UPDATE doctors
SET name           = coalesce(%(name)s::text, name),
    specialization = coalesce(%(specialization)s::text, specialization),
    email          = coalesce(%(email)s::text, email),
    phone          = CASE WHEN %(phone)s::text IS NULL THEN phone ELSE nullif(%(phone)s::text, '') END,
    active         = coalesce(%(active)s::boolean, active),
    version        = version + 1,
    updated_at     = now()
WHERE id = %(id)s::bigint AND (%(if_version)s::integer IS NULL OR version = %(if_version)s::integer)
RETURNING id, name, specialization, email, phone, active, version, created_at, updated_at;

-- name: delete
-- Delete a doctor; the foreign key of the slots refuses one who has slots.
DELETE FROM doctors
WHERE id = %(id)s::bigint
RETURNING id;

-- name: count_dependents
-- The records that keep a doctor from being deleted; the columns are named as the message names them.
SELECT (SELECT count(*) FROM slots s JOIN bookings b ON b.slot_id = s.id WHERE s.doctor_id = %(id)s::bigint) AS booking,
       (SELECT count(*) FROM slots s WHERE s.doctor_id = %(id)s::bigint AND s.starts_at > now()) AS "future slot",
       (SELECT count(*) FROM slots s WHERE s.doctor_id = %(id)s::bigint) AS "past slot";
