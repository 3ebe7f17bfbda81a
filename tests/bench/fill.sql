-- A book of three years, two of them past: half an hour for each slot, sixteen a day, every day, half of them booked.
--
-- bench.slots and bench.doctors say how much. Doctors are of five specializations, and those in Oncology are booked out for
-- the next three months. Nothing is booked in the last two months: there the benchmark books.

INSERT INTO doctors (name, specialization, email)
SELECT 'Doctor ' || n, (ARRAY['Cardiology', 'Oncology', 'Dermatology', 'Neurology', 'Paediatrics'])[1 + n % 5],
       'doctor' || n || '@clinic.example'
FROM generate_series(1, current_setting('bench.doctors')::integer) AS n;

-- In the order in which they would be loaded: a year of one doctor after the other. The last two months come after all
-- others, so that their numbers follow one another.
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

INSERT INTO bookings (reference, slot_id, patient_name, patient_email, status, hold_expires_at, booked_at, confirmed_at,
                      cancelled_at, failed_at, reason, version, request_id)
SELECT substr(letters, 1 + r1, 1) || substr(letters, 1 + r2, 1) || substr(letters, 1 + r3, 1) || substr(letters, 1 + r4, 1)
           || '-' || substr(letters, 1 + r5, 1) || substr(letters, 1 + r6, 1) || substr(letters, 1 + r7, 1)
           || substr(letters, 1 + r8, 1),
       slot_id, 'Patient ' || patient, 'patient' || patient || '@example.org',
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
    SELECT *, '123456789ABCDEFGHJKMNPQRSTVWXYZ'::text AS letters,
           -- The check character, as booking_cli.references computes it: 8 times 4 is 1 modulo 31.
           (31 * 31 - (r1 + 2 * r2 + 3 * r3 + 4 * r4 + 5 * r5 + 6 * r6 + 7 * r7)) % 31 * 4 % 31 AS r8
    FROM (
        SELECT *, (number * 7 % 31)::integer AS r1, (number / 31 % 31)::integer AS r2, (number / 961 % 31)::integer AS r3,
               (number / 29791 % 31)::integer AS r4, (number / 923521 % 31)::integer AS r5,
               ((number * 13 + 5) % 31)::integer AS r6,
               -- Never all digits, for that would be a number.
               (9 + number % 22)::integer AS r7
        FROM (
            SELECT s.id AS slot_id, row_number() OVER (ORDER BY s.starts_at, s.id) AS number,
                   (hashint8(s.id)::bigint & 2147483647) % (current_setting('bench.slots')::bigint / 16) AS patient,
                   CASE WHEN full_up THEN 0 ELSE (hashint8extended(s.id, 1) & 2147483647) % 100 END AS chance,
                   CASE WHEN full_up THEN false
                        ELSE (hashint8extended(s.id, 1) & 2147483647) % 100 >= 44 OR (hashint8extended(s.id, 2) & 2147483647) % 2 = 0 END AS held,
                   least(s.starts_at, now()) - (1 + (hashint8extended(s.id, 3) & 2147483647) % 40000) * interval '1 minute'
                       - interval '1 day' AS booked_at
            FROM (
                SELECT s.*, d.specialization = 'Oncology'
                            AND s.starts_at BETWEEN current_date AND current_date + 90 AS full_up
                FROM slots s
                JOIN doctors d ON d.id = s.doctor_id
                WHERE s.starts_at < (SELECT max(starts_at) FROM slots) - interval '61 days'
            ) AS s
        ) AS wanted
        WHERE chance < 52
    ) AS numbered
) AS lettered
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
