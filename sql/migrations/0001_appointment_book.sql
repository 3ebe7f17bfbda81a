-- The appointment book: clinic, doctors, slots, patients, bookings and their history.
--
-- Every constraint is named after what it promises; the program tells errors apart by SQLSTATE and by the beginning of these
-- names. No statement names a schema: one schema is one clinic, and search_path selects it.

-- The exclusion constraints combine an equality with a range overlap, which needs GiST over bigint. The extension is the one
-- object outside the clinic's schema, because a database has it once.
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

-- One row of clinic-wide settings, so that two terminals with different environments see one book.
CREATE TABLE clinic (
    id           integer     PRIMARY KEY DEFAULT 1,
    name         text        NOT NULL DEFAULT '',
    timezone     text        NOT NULL,
    hold_minutes numeric     NOT NULL DEFAULT 2,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT clinic_is_one_row CHECK (id = 1),
    CONSTRAINT clinic_hold_is_up_to_a_day CHECK (hold_minutes > 0 AND hold_minutes <= 1440)
);

CREATE TABLE doctors (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text        NOT NULL,
    specialization text        NOT NULL,
    email          text        NOT NULL,
    phone          text,
    active         boolean     NOT NULL DEFAULT true,
    version        integer     NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX doctors_email_is_unique ON doctors (lower(email));
-- The planner takes the number of doctors of a specialization from this index's statistics. Without them it expects a few, and
-- compares every slot with every one of them.
CREATE INDEX doctors_by_specialization ON doctors (lower(specialization));
ANALYZE doctors;

-- A slot has no status of its own: free, held and booked follow from its bookings. A slot never moves.
--
-- Index-only scans read the table too where it changed after the last vacuum. By default a table is vacuumed when a fifth of it
-- has changed, and operators mostly look at the newest rows.
CREATE TABLE slots (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    doctor_id bigint      NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    CONSTRAINT slots_belong_to_a_doctor FOREIGN KEY (doctor_id) REFERENCES doctors (id),
    CONSTRAINT slots_last_5_to_480_minutes
        CHECK (ends_at - starts_at BETWEEN interval '5 minutes' AND interval '480 minutes'),
    CONSTRAINT slots_of_a_doctor_never_overlap
        EXCLUDE USING gist (doctor_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01);

CREATE INDEX slots_by_doctor_and_start ON slots (doctor_id, starts_at) INCLUDE (id, ends_at);
CREATE INDEX slots_by_start ON slots (starts_at);

-- The keys are the normalized name and the normalized email address or, without one, the digits of the phone number. The
-- program computes them, so that they are the same on every server, whatever its locale.
--
-- A booking by a registered patient updates the row without changing it; the free space keeps that update on its page.
CREATE TABLE patients (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text        NOT NULL,
    email         text,
    phone         text,
    note          text,
    name_key      text        NOT NULL,
    contact_key   text        NOT NULL,
    registered_by text        NOT NULL,
    version       integer     NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT patients_have_an_email_or_a_phone CHECK (email IS NOT NULL OR phone IS NOT NULL)
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX patients_are_registered_once ON patients (contact_key, name_key);
CREATE INDEX patients_by_phone ON patients (regexp_replace(phone, '[^0-9]', '', 'g')) WHERE phone IS NOT NULL;

-- Corrections and merges of a patient's record, with the number and the keys that the changed record had before. The
-- registration itself is in the record.
CREATE TABLE patient_history (
    id                 bigint      GENERATED ALWAYS AS IDENTITY,
    patient_id         bigint      NOT NULL,
    at                 timestamptz NOT NULL DEFAULT now(),
    actor              text        NOT NULL,
    change             text        NOT NULL,
    details            text        NOT NULL,
    former_id          bigint      NOT NULL,
    former_name_key    text        NOT NULL,
    former_contact_key text        NOT NULL,
    PRIMARY KEY (patient_id, id)
);

CREATE INDEX patient_history_by_former_id ON patient_history (former_id);

-- starts_at and ends_at are copied from the slot, for the exclusion constraint; 'booking verify' compares them.
--
-- There is no foreign key to patients: its check reads the newest page of that primary key, where every registration inserts,
-- and at SERIALIZABLE both transactions then abort. 'booking verify' finds a booking without its patient.
CREATE TABLE bookings (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference       text        NOT NULL,
    slot_id         bigint      NOT NULL,
    patient_id      bigint      NOT NULL,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    overlap_allowed boolean     NOT NULL DEFAULT false,
    status          text        NOT NULL,
    hold_expires_at timestamptz,
    booked_at       timestamptz NOT NULL DEFAULT now(),
    confirmed_at    timestamptz,
    cancelled_at    timestamptz,
    failed_at       timestamptz,
    reason          text,
    version         integer     NOT NULL DEFAULT 1,
    request_id      text        NOT NULL,
    CONSTRAINT bookings_are_for_a_slot FOREIGN KEY (slot_id) REFERENCES slots (id),
    CONSTRAINT bookings_have_the_status_of_their_timestamps CHECK (
        status IS NOT DISTINCT FROM CASE
            WHEN failed_at IS NOT NULL THEN 'FAILED'
            WHEN cancelled_at IS NOT NULL THEN 'CANCELLED'
            WHEN confirmed_at IS NOT NULL THEN 'CONFIRMED'
            WHEN hold_expires_at IS NOT NULL THEN 'PENDING'
        END
    ),
    CONSTRAINT bookings_that_failed_were_not_confirmed_or_cancelled
        CHECK (failed_at IS NULL OR confirmed_at IS NULL AND cancelled_at IS NULL),
    -- The promise that a patient is never in two places at once, unless it was allowed.
    CONSTRAINT bookings_of_a_patient_never_overlap
        EXCLUDE USING gist (patient_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
        WHERE (status IN ('PENDING', 'CONFIRMED') AND NOT overlap_allowed)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01);

-- The promise that no slot is held or booked twice. It holds against every writer, at every isolation level. The included
-- columns let a search for free slots skip taken ones without reading the table.
CREATE UNIQUE INDEX bookings_one_active_per_slot ON bookings (slot_id) INCLUDE (status, hold_expires_at)
    WHERE status IN ('PENDING', 'CONFIRMED');
CREATE UNIQUE INDEX bookings_reference_is_unique ON bookings (reference);
CREATE UNIQUE INDEX bookings_request_happens_once ON bookings (request_id);

CREATE INDEX bookings_by_slot ON bookings (slot_id);
CREATE INDEX bookings_by_patient ON bookings (patient_id);
CREATE INDEX bookings_by_hold_deadline ON bookings (hold_expires_at) WHERE status = 'PENDING';

-- Every change of a booking: when, who, from which state to which, and why. Written in the transaction of the change.
--
-- request_id is the idempotency key of a confirmation, a cancellation or a run of 'expire'; the first entry of a booking has
-- none, because the booking has it. States only go forward, each at most once, so it needs no index.
--
-- There is no foreign key to bookings, for the same reason as above: with it 70 % of bookings that do not compete were aborted.
-- 'booking verify' finds a history without its booking.
CREATE TABLE booking_history (
    id          bigint      GENERATED ALWAYS AS IDENTITY,
    booking_id  bigint      NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    actor       text        NOT NULL,
    from_status text,
    to_status   text        NOT NULL,
    reason      text,
    request_id  text,
    PRIMARY KEY (booking_id, id)
);

-- A slot with its doctor.
CREATE VIEW slot_details AS
SELECT s.id, s.doctor_id, d.name AS doctor_name, d.specialization, s.starts_at, s.ends_at,
       (date_part('epoch', s.ends_at - s.starts_at) / 60)::integer AS minutes, d.active AS doctor_active
FROM slots s
JOIN doctors d ON d.id = s.doctor_id;

-- The bookings that hold or book their slot now; a hold that has lapsed does neither.
CREATE VIEW active_bookings AS
SELECT id, slot_id, status, hold_expires_at
FROM bookings
WHERE status IN ('PENDING', 'CONFIRMED') AND (status = 'CONFIRMED' OR hold_expires_at > now());

-- A slot with what holds or books it.
CREATE VIEW slot_status AS
SELECT s.*, b.id AS booking_id, b.status AS booking_status,
       CASE b.status WHEN 'CONFIRMED' THEN 'booked' WHEN 'PENDING' THEN 'held' ELSE 'free' END AS status
FROM slot_details s
LEFT JOIN active_bookings b ON b.slot_id = s.id;

-- A booking with its slot, doctor and patient. Without its patient, which only other programs can remove, it has no name.
CREATE VIEW booking_details AS
SELECT b.id, b.reference, b.slot_id, s.doctor_id, s.doctor_name, s.specialization, s.starts_at, s.minutes,
       b.patient_id, coalesce(p.name, '') AS patient_name, p.email AS patient_email, p.phone AS patient_phone,
       b.status, b.hold_expires_at, b.booked_at, b.confirmed_at, b.cancelled_at, b.failed_at, b.reason, b.version, b.request_id
FROM bookings b
JOIN slot_details s ON s.id = b.slot_id
LEFT JOIN patients p ON p.id = b.patient_id;
