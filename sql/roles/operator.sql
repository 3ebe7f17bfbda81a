-- The rights of an operator: everything but migrations. Formatted with the names of the role and the schema, and run in one
-- transaction by the owner of the tables.
--
-- Writes are granted column by column, so that an operator's own SQL can neither forge a number, the time of a booking or of a
-- history entry, nor delete a booking or its history. SELECT ... FOR UPDATE needs the right to update one column; identity columns
-- need no right on their sequences.

REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role} CASCADE;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role} CASCADE;
REVOKE ALL ON ALL ROUTINES IN SCHEMA {schema} FROM {role} CASCADE;
REVOKE ALL ON SCHEMA {schema} FROM {role} CASCADE;
GRANT USAGE ON SCHEMA {schema} TO {role};

GRANT SELECT ON schema_migrations, clinic, doctors, slots, patients, patient_history, bookings, booking_history,
    slot_details, active_bookings, slot_status, booking_details
TO {role};

GRANT UPDATE (name, timezone, hold_minutes, updated_at) ON clinic TO {role};

GRANT INSERT (name, specialization, email, phone),
      UPDATE (name, specialization, email, phone, active, version, updated_at),
      DELETE
    ON doctors TO {role};

GRANT INSERT (doctor_id, starts_at, ends_at),
      DELETE
    ON slots TO {role};

GRANT INSERT (name, email, phone, note, name_key, contact_key, registered_by),
      UPDATE (name, email, phone, note, name_key, contact_key, version, updated_at),
      DELETE
    ON patients TO {role};

GRANT INSERT (patient_id, actor, change, details, former_id, former_name_key, former_contact_key), UPDATE (patient_id)
    ON patient_history TO {role};

GRANT INSERT (reference, slot_id, patient_id, starts_at, ends_at, overlap_allowed, request_id,
              status, hold_expires_at, confirmed_at),
      UPDATE (patient_id, status, confirmed_at, cancelled_at, failed_at, reason, version)
    ON bookings TO {role};

GRANT INSERT (booking_id, actor, from_status, to_status, reason, request_id) ON booking_history TO {role};
