-- Each statement looks for one kind of broken promise and returns a sentence for each case it finds.

-- name: one_active_booking_per_slot
-- Two or more bookings that hold or book the same slot.
SELECT format('Slot %%s has %%s active bookings: %%s.', slot_id, count(*), string_agg(reference, ', ' ORDER BY id)) AS message
FROM bookings
WHERE status IN ('PENDING', 'CONFIRMED')
GROUP BY slot_id
HAVING count(*) > 1
ORDER BY slot_id;

-- name: slots_never_overlap
-- Slots of one doctor that begin before an earlier one of the same doctor has ended.
SELECT format('Slot %%s of doctor %%s overlaps an earlier one.', id, doctor_id) AS message
FROM (
    SELECT id, doctor_id, starts_at,
           max(ends_at) OVER (PARTITION BY doctor_id ORDER BY starts_at, id
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_end
    FROM slots
) AS in_order
WHERE starts_at < earlier_end
ORDER BY id;

-- name: states_have_their_timestamps
-- Bookings whose state lacks its timestamp, or has one of a state that it cannot have been in.
SELECT format('Booking %%s is %%s, and its timestamps say otherwise.', reference, status) AS message
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
-- Bookings whose history does not lead, step by legal step, from nothing to the state they are in; a step for a version.
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
-- What refers to something that is not there.
SELECT format('Slot %%s belongs to doctor %%s, who does not exist.', s.id, s.doctor_id) AS message
FROM slots s
WHERE NOT EXISTS (SELECT FROM doctors d WHERE d.id = s.doctor_id)
UNION ALL
SELECT format('Booking %%s is for slot %%s, which does not exist.', b.reference, b.slot_id)
FROM bookings b
WHERE NOT EXISTS (SELECT FROM slots s WHERE s.id = b.slot_id)
UNION ALL
SELECT format('The history has an entry for booking %%s, which does not exist.', h.booking_id)
FROM booking_history h
WHERE NOT EXISTS (SELECT FROM bookings b WHERE b.id = h.booking_id);

-- name: guards_are_in_place
-- The indexes and constraints that keep the promises, where one is missing, not valid, or not what it should be.
SELECT format('%%s is missing from the database, and nothing else keeps that promise.', guard.name) AS message
FROM (VALUES
    ('bookings', 'bookings_one_active_per_slot',
     '(slot_id) WHERE (status = ANY (ARRAY[''PENDING''::text, ''CONFIRMED''::text]))'),
    ('bookings', 'bookings_reference_is_unique', '(reference)'),
    ('bookings', 'bookings_request_happens_once', '(request_id)'),
    ('doctors', 'doctors_email_is_unique', '(lower(email))')
) AS guard (table_name, name, definition)
WHERE NOT EXISTS (
    SELECT
    FROM pg_class c
    JOIN pg_index i ON i.indexrelid = c.oid
    WHERE i.indrelid = to_regclass(guard.table_name) AND starts_with(c.relname::text, guard.name)
      AND i.indisvalid AND i.indisunique AND i.indimmediate
      AND right(regexp_replace(pg_get_indexdef(c.oid), ' INCLUDE \([^)]*\)', ''), length(guard.definition))
          = guard.definition
)
UNION ALL
SELECT format('%%s is missing from the database, and nothing else keeps that promise.', guard.name)
FROM (VALUES
    ('slots', 'slots_of_a_doctor_never_overlap',
     'EXCLUDE USING gist (doctor_id WITH =, tstzrange(starts_at, ends_at) WITH &&)'),
    ('slots', 'slots_belong_to_a_doctor', 'FOREIGN KEY (doctor_id) REFERENCES doctors(id)'),
    ('bookings', 'bookings_are_for_a_slot', 'FOREIGN KEY (slot_id) REFERENCES slots(id)'),
    ('bookings', 'bookings_have_a_known_status',
     'CHECK ((status = ANY (ARRAY[''PENDING''::text, ''CONFIRMED''::text, ''CANCELLED''::text, ''FAILED''::text])))'),
    ('bookings', 'bookings_have_the_timestamps_of_their_status',
     'CHECK ( CASE status'
     ' WHEN ''PENDING''::text THEN ((hold_expires_at IS NOT NULL) AND (confirmed_at IS NULL)'
     ' AND (cancelled_at IS NULL) AND (failed_at IS NULL))'
     ' WHEN ''CONFIRMED''::text THEN ((confirmed_at IS NOT NULL) AND (cancelled_at IS NULL) AND (failed_at IS NULL))'
     ' WHEN ''CANCELLED''::text THEN ((cancelled_at IS NOT NULL) AND (failed_at IS NULL))'
     ' WHEN ''FAILED''::text THEN ((failed_at IS NOT NULL) AND (confirmed_at IS NULL) AND (cancelled_at IS NULL))'
     ' ELSE NULL::boolean END)')
) AS guard (table_name, name, definition)
WHERE NOT EXISTS (
    SELECT
    FROM pg_constraint c
    WHERE c.conrelid = to_regclass(guard.table_name) AND starts_with(c.conname::text, guard.name) AND c.convalidated
      AND regexp_replace(pg_get_constraintdef(c.oid), '\s+', ' ', 'g') = guard.definition
);
