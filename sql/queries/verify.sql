-- Each statement checks one invariant and returns a sentence for each violation.

-- name: constraints_are_in_place
-- The indexes and constraints that enforce the promises, where one is missing, invalid or altered.
SELECT format('The constraint %%s is missing from the database or was altered.', wanted.name) AS message
FROM (VALUES
    ('bookings', 'bookings_one_active_per_slot',
     '(slot_id) WHERE (status = ANY (ARRAY[''PENDING''::text, ''CONFIRMED''::text]))'),
    ('bookings', 'bookings_reference_is_unique', '(reference)'),
    ('bookings', 'bookings_request_happens_once', '(request_id)'),
    ('patients', 'patients_are_registered_once', '(contact_key, name_key)'),
    ('doctors', 'doctors_email_is_unique', '(lower(email))')
) AS wanted (table_name, name, definition)
WHERE NOT EXISTS (
    SELECT
    FROM pg_class c
    JOIN pg_index i ON i.indexrelid = c.oid
    WHERE i.indrelid = to_regclass(wanted.table_name) AND starts_with(c.relname::text, wanted.name)
      AND i.indisvalid AND i.indisunique AND i.indimmediate
      AND right(regexp_replace(pg_get_indexdef(c.oid), ' INCLUDE \([^)]*\)', ''), length(wanted.definition))
          = wanted.definition
)
UNION ALL
SELECT format('The constraint %%s is missing from the database or was altered.', wanted.name)
FROM (VALUES
    ('slots', 'slots_of_a_doctor_never_overlap',
     'EXCLUDE USING gist (doctor_id WITH =, tstzrange(starts_at, ends_at) WITH &&)'),
    ('bookings', 'bookings_of_a_patient_never_overlap',
     'EXCLUDE USING gist (patient_id WITH =, tstzrange(starts_at, ends_at) WITH &&)'
     ' WHERE (((status = ANY (ARRAY[''PENDING''::text, ''CONFIRMED''::text])) AND (NOT overlap_allowed)))'),
    ('patients', 'patients_have_an_email_or_a_phone', 'CHECK (((email IS NOT NULL) OR (phone IS NOT NULL)))'),
    ('slots', 'slots_last_5_to_480_minutes',
     'CHECK ((((ends_at - starts_at) >= ''00:05:00''::interval) AND ((ends_at - starts_at) <= ''08:00:00''::interval)))'),
    ('slots', 'slots_belong_to_a_doctor', 'FOREIGN KEY (doctor_id) REFERENCES doctors(id)'),
    ('bookings', 'bookings_are_for_a_slot', 'FOREIGN KEY (slot_id) REFERENCES slots(id)'),
    ('bookings', 'bookings_that_failed_were_not_confirmed_or_cancelled',
     'CHECK (((failed_at IS NULL) OR ((confirmed_at IS NULL) AND (cancelled_at IS NULL))))'),
    ('bookings', 'bookings_have_the_status_of_their_timestamps',
     'CHECK ((NOT (status IS DISTINCT FROM CASE WHEN (failed_at IS NOT NULL) THEN ''FAILED''::text'
     ' WHEN (cancelled_at IS NOT NULL) THEN ''CANCELLED''::text WHEN (confirmed_at IS NOT NULL) THEN ''CONFIRMED''::text'
     ' WHEN (hold_expires_at IS NOT NULL) THEN ''PENDING''::text ELSE NULL::text END)))')
) AS wanted (table_name, name, definition)
WHERE NOT EXISTS (
    SELECT
    FROM pg_constraint c
    WHERE c.conrelid = to_regclass(wanted.table_name) AND starts_with(c.conname::text, wanted.name) AND c.convalidated
      AND regexp_replace(pg_get_constraintdef(c.oid), '\s+', ' ', 'g') = wanted.definition
);

-- name: one_active_booking_per_slot
-- Two or more bookings that hold or book the same slot.
SELECT format('Slot %%s has %%s active bookings: %%s.', slot_id, count(*), string_agg(reference, ', ' ORDER BY id)) AS message
FROM bookings
WHERE status IN ('PENDING', 'CONFIRMED')
GROUP BY slot_id
HAVING count(*) > 1
ORDER BY slot_id;

-- name: slots_never_overlap
-- Slots that begin before an earlier slot of the same doctor has ended.
SELECT format('Slot %%s of doctor %%s overlaps an earlier one.', id, doctor_id) AS message
FROM (
    SELECT id, doctor_id, starts_at,
           max(ends_at) OVER (PARTITION BY doctor_id ORDER BY starts_at, id
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_end
    FROM slots
) AS in_order
WHERE starts_at < earlier_end
ORDER BY id;

-- name: patients_never_overlap
-- Active bookings that begin before an earlier one of the same patient has ended, without --allow-overlap.
SELECT format('Booking %%s of patient %%s overlaps an earlier one.', reference, patient_id) AS message
FROM (
    SELECT id, reference, patient_id, starts_at,
           max(ends_at) OVER (PARTITION BY patient_id ORDER BY starts_at, id
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_end
    FROM bookings
    WHERE status IN ('PENDING', 'CONFIRMED') AND NOT overlap_allowed
) AS in_order
WHERE starts_at < earlier_end
ORDER BY id;

-- name: bookings_have_the_times_of_their_slots
-- Bookings whose copy of their slot's times differs from the slot.
SELECT format('Booking %%s has other times than its slot %%s.', b.reference, b.slot_id) AS message
FROM bookings b
JOIN slots s ON s.id = b.slot_id
WHERE (b.starts_at, b.ends_at) <> (s.starts_at, s.ends_at)
ORDER BY b.id;

-- name: states_have_their_timestamps
-- Bookings that lack the timestamp of their state, or have one of a state that they cannot have been in.
SELECT format('Booking %%s is %%s, but its timestamps contradict that.', reference, status) AS message
FROM bookings
WHERE NOT CASE status
    WHEN 'PENDING'   THEN hold_expires_at IS NOT NULL
                      AND confirmed_at IS NULL AND cancelled_at IS NULL AND failed_at IS NULL
    WHEN 'CONFIRMED' THEN confirmed_at IS NOT NULL AND cancelled_at IS NULL AND failed_at IS NULL
    WHEN 'CANCELLED' THEN cancelled_at IS NOT NULL AND failed_at IS NULL
    WHEN 'FAILED'    THEN failed_at IS NOT NULL AND confirmed_at IS NULL AND cancelled_at IS NULL
    ELSE false
END
ORDER BY id;

-- name: histories_add_up
-- Bookings whose history is not a sequence of legal transitions to their state, one for each version.
SELECT format('Booking %%s is %%s at version %%s, and its history says: %%s.', b.reference, b.status, b.version,
              coalesce(h.steps, 'nothing')) AS message
FROM bookings b
LEFT JOIN (
    SELECT booking_id,
           string_agg(to_status, ' ' ORDER BY id) AS steps,
           count(*) AS changes,
           bool_and(from_status IS NOT DISTINCT FROM before) AS unbroken
    FROM (
        SELECT id, booking_id, from_status, to_status,
               lag(to_status) OVER (PARTITION BY booking_id ORDER BY id) AS before
        FROM booking_history
    ) AS step
    GROUP BY booking_id
) AS h ON h.booking_id = b.id
WHERE h.booking_id IS NULL
   OR NOT h.unbroken
   OR h.changes <> b.version
   OR h.steps NOT IN ('PENDING', 'CONFIRMED', 'PENDING CONFIRMED', 'PENDING CANCELLED', 'PENDING FAILED',
                      'CONFIRMED CANCELLED', 'PENDING CONFIRMED CANCELLED')
   OR h.steps NOT LIKE '%%' || b.status
ORDER BY b.id;

-- name: nothing_is_orphaned
-- References to records that do not exist.
SELECT format('Slot %%s belongs to doctor %%s, who does not exist.', s.id, s.doctor_id) AS message
FROM slots s
WHERE NOT EXISTS (SELECT FROM doctors d WHERE d.id = s.doctor_id)
UNION ALL
SELECT format('Booking %%s is for slot %%s, which does not exist.', b.reference, b.slot_id)
FROM bookings b
WHERE NOT EXISTS (SELECT FROM slots s WHERE s.id = b.slot_id)
UNION ALL
SELECT format('Booking %%s is for patient %%s, who does not exist.', b.reference, b.patient_id)
FROM bookings b
WHERE NOT EXISTS (SELECT FROM patients p WHERE p.id = b.patient_id)
UNION ALL
SELECT format('The history has an entry for booking %%s, which does not exist.', h.booking_id)
FROM booking_history h
WHERE NOT EXISTS (SELECT FROM bookings b WHERE b.id = h.booking_id);
