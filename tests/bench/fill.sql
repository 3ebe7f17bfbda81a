-- Three years, two of them past: sixteen half hours a day, half of them booked, and as many patients as slots. bench.slots and
-- bench.doctors set the size. Doctors in Oncology are fully booked for three months. The last two months have no bookings: the
-- benchmark books there.

INSERT INTO doctors (name, specialization, email)
SELECT 'Doctor ' || n, (ARRAY['Cardiology', 'Oncology', 'Dermatology', 'Neurology', 'Paediatrics'])[1 + n % 5],
       'doctor' || n || '@clinic.example'
FROM generate_series(1, current_setting('bench.doctors')::integer) AS n;

-- In the order of 'slots bulk': a year of one doctor after the other. The slots of the last two months are inserted last, so
-- that their numbers are consecutive.
INSERT INTO slots (doctor_id, starts_at, ends_at)
SELECT doctor_id, starts_at, starts_at + interval '30 minutes'
FROM (
    SELECT 1 + n % doctors AS doctor_id,
           CASE WHEN n / doctors / 16 < slots / doctors / 16 - 60 THEN n / doctors / 16 / 365 END AS year,
           (current_date - 730 + (n / doctors / 16)::integer)::timestamptz + interval '8 hours'
               + (n / doctors % 16) * interval '30 minutes' AS starts_at
    FROM (
        SELECT current_setting('bench.doctors')::bigint AS doctors, current_setting('bench.slots')::bigint AS slots
    ) AS size, generate_series(0, slots - 1) AS n
) AS wanted
ORDER BY year NULLS LAST, CASE WHEN year IS NOT NULL THEN doctor_id END, starts_at, doctor_id;

-- The keys are those of booking_cli.domain.patients. Three of four patients have an email address, every second a phone number.
INSERT INTO patients (name, email, phone, name_key, contact_key, registered_by)
SELECT 'Patient ' || n, email, '+' || digits, 'patient ' || n, coalesce(email, digits), 'operator'
FROM generate_series(1, current_setting('bench.slots')::bigint) AS n,
     LATERAL (SELECT CASE WHEN n % 4 > 0 THEN 'patient' || n || '@example.org' END AS email,
                     CASE WHEN n % 2 = 0 THEN '4930' || lpad(n::text, 8, '0') END AS digits) AS contact
ORDER BY n;

-- A patient's bookings are about nine months apart, so that they never overlap. The references are unique and in no order, as
-- those of the program, but without a check character.
INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, status, hold_expires_at, booked_at, confirmed_at,
                      cancelled_at, failed_at, reason, version, request_id)
SELECT regexp_replace(lpad(to_hex(number * 2654435761 % 4294967296), 8, '0'), '^....', '\&-'),
       slot_id, 1 + number * 7919 % (current_setting('bench.slots')::bigint / 8) * 7, starts_at, ends_at,
       CASE WHEN chance < 44 THEN 'CONFIRMED' WHEN chance < 48 THEN 'CANCELLED' ELSE 'FAILED' END,
       CASE WHEN held THEN booked_at + interval '2 minutes' END,
       booked_at,
       CASE WHEN chance < 48 THEN booked_at + CASE WHEN held THEN interval '1 minute' ELSE interval '0' END END,
       CASE WHEN chance >= 44 AND chance < 48 THEN booked_at + interval '1 day' END,
       CASE WHEN chance >= 48 THEN booked_at + interval '3 minutes' END,
       CASE WHEN chance >= 48 THEN 'hold lapsed' END,
       CASE WHEN chance >= 48 THEN 2 WHEN chance >= 44 THEN 3 WHEN held THEN 2 ELSE 1 END,
       md5(number::text)
FROM (
    SELECT slot_id, starts_at, ends_at, row_number() OVER (ORDER BY starts_at, slot_id) AS number,
           CASE WHEN fully_booked THEN 0 ELSE chance END AS chance,
           NOT fully_booked AND (chance >= 44 OR hashint8extended(slot_id, 2) % 2 = 0) AS held,
           least(starts_at, now()) - (1 + abs(hashint8extended(slot_id, 3) % 40000)) * interval '1 minute'
               - interval '1 day' AS booked_at
    FROM (
        SELECT s.id AS slot_id, s.starts_at, s.ends_at, abs(hashint8extended(s.id, 1) % 100) AS chance,
               d.specialization = 'Oncology' AND s.starts_at BETWEEN current_date AND current_date + 90 AS fully_booked
        FROM slots s
        JOIN doctors d ON d.id = s.doctor_id
        WHERE s.starts_at < (SELECT max(starts_at) FROM slots) - interval '61 days'
    ) AS slot
    WHERE fully_booked OR chance < 52
) AS booking
ORDER BY booked_at;

INSERT INTO booking_history (booking_id, at, actor, from_status, to_status, reason)
SELECT b.id, step.at, 'operator', step.from_status, step.to_status, step.reason
FROM bookings b,
     LATERAL (VALUES
         (1, b.booked_at, NULL, CASE WHEN b.hold_expires_at IS NULL THEN 'CONFIRMED' ELSE 'PENDING' END, NULL),
         (2, b.confirmed_at, 'PENDING', CASE WHEN b.hold_expires_at IS NOT NULL THEN 'CONFIRMED' END, NULL),
         (3, b.failed_at, 'PENDING', 'FAILED', b.reason),
         (4, b.cancelled_at, 'CONFIRMED', 'CANCELLED', b.reason)
     ) AS step (number, at, from_status, to_status, reason)
WHERE step.at IS NOT NULL AND step.to_status IS NOT NULL
ORDER BY step.at, b.id, step.number;
