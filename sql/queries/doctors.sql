-- name: find
-- One doctor, by number or by email address.
SELECT id, name, specialization, email, phone, active, version, created_at, updated_at
FROM doctors
WHERE id = %(id)s::bigint OR lower(email) = lower(%(email)s::text);

-- name: list
-- Doctors by name: the active ones, unless all are wanted; one more than the limit, to see that there are more.
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
-- A new doctor; the unique index on the email address decides.
INSERT INTO doctors (name, specialization, email, phone)
VALUES (%(name)s::text, %(specialization)s::text, %(email)s::text, %(phone)s::text)
RETURNING id, name, specialization, email, phone, active, version, created_at, updated_at;

-- name: update
-- Change what is given and leave the rest, where the version is still the one that was read. An empty phone removes it.
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
-- A doctor without slots; the foreign key of the slots refuses any other.
DELETE FROM doctors
WHERE id = %(id)s::bigint
RETURNING id;

-- name: what_depends
-- What stands in the way of deleting a doctor.
SELECT (SELECT count(*) FROM slots s WHERE s.doctor_id = %(id)s::bigint) AS slots,
       (SELECT count(*) FROM slots s WHERE s.doctor_id = %(id)s::bigint AND s.starts_at > now()) AS future_slots,
       (SELECT count(*) FROM slots s JOIN bookings b ON b.slot_id = s.id
        WHERE s.doctor_id = %(id)s::bigint) AS bookings;
