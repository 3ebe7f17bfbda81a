-- The appointment book: clinic, doctors, slots, bookings and their history.
--
-- Every constraint is named after what it promises; the program tells errors apart by these names and by SQLSTATE.
-- No statement names a schema: one schema is one clinic, and search_path says which.

-- The exclusion constraint on slots combines an equality with a range overlap, which needs GiST over bigint. The extension
-- is the one thing outside the clinic's schema, because a database has it once.
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

-- One row: what holds for the whole clinic, so that two terminals with different settings see one book.
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

-- A slot has no status of its own: whether it is free, held or booked follows from its bookings.
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
);

CREATE INDEX slots_by_doctor_and_start ON slots (doctor_id, starts_at);
CREATE INDEX slots_by_start ON slots (starts_at);

CREATE TABLE bookings (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference       text        NOT NULL,
    slot_id         bigint      NOT NULL,
    patient_name    text        NOT NULL,
    patient_email   text        NOT NULL,
    patient_phone   text,
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
    CONSTRAINT bookings_have_a_known_status CHECK (status IN ('PENDING', 'CONFIRMED', 'CANCELLED', 'FAILED')),
    CONSTRAINT bookings_have_the_timestamps_of_their_status CHECK (
        CASE status
            WHEN 'PENDING'   THEN hold_expires_at IS NOT NULL
                              AND confirmed_at IS NULL AND cancelled_at IS NULL AND failed_at IS NULL
            WHEN 'CONFIRMED' THEN confirmed_at IS NOT NULL AND cancelled_at IS NULL AND failed_at IS NULL
            WHEN 'CANCELLED' THEN cancelled_at IS NOT NULL AND failed_at IS NULL
            WHEN 'FAILED'    THEN failed_at IS NOT NULL AND confirmed_at IS NULL AND cancelled_at IS NULL
        END
    )
);

-- The promise that no slot is held or booked twice. It holds against every writer, at every isolation level.
CREATE UNIQUE INDEX bookings_one_active_per_slot ON bookings (slot_id) WHERE status IN ('PENDING', 'CONFIRMED');
CREATE UNIQUE INDEX bookings_reference_is_unique ON bookings (reference);
CREATE UNIQUE INDEX bookings_request_happens_once ON bookings (request_id);

CREATE INDEX bookings_by_slot ON bookings (slot_id);
CREATE INDEX bookings_by_patient ON bookings (lower(patient_email));
CREATE INDEX bookings_by_hold_deadline ON bookings (hold_expires_at) WHERE status = 'PENDING';

-- Who changed a booking, when, from which state to which, and why. Written in the transaction of the change.
-- There is no foreign key to bookings on purpose: its check reads the newest page of bookings' primary key, where
-- everybody inserts, and at SERIALIZABLE that made 70 % of bookings that did not compete at all fail and start again.
-- 'booking verify' finds a history without its booking.
CREATE TABLE booking_history (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_id  bigint      NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    actor       text        NOT NULL,
    from_status text,
    to_status   text        NOT NULL,
    reason      text
);

CREATE INDEX booking_history_by_booking ON booking_history (booking_id);
