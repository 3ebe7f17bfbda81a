-- What an operator may do: everything but migrations. Formatted with the name of the role, and run in one transaction
-- with search_path set to the clinic's schema, by the owner of its tables.
--
-- What may be written is granted column by column. A number that the database gives, or the time of a booking or of an
-- entry in the history, is then nothing that an operator's own SQL could forge, and no booking and no history is ever
-- deleted. SELECT ... FOR UPDATE needs no more than the right to change one column, and identity columns need none on
-- their sequences. The right to delete from a table is also one to lock it, until the transaction ends.

-- Here alone the schema is named: there is no other way to grant a right on it, or to take away those on all that is in it.
REVOKE ALL ON ALL TABLES IN SCHEMA booking FROM {role} CASCADE;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA booking FROM {role} CASCADE;
REVOKE ALL ON ALL ROUTINES IN SCHEMA booking FROM {role} CASCADE;
REVOKE ALL ON SCHEMA booking FROM {role} CASCADE;
GRANT USAGE ON SCHEMA booking TO {role};

GRANT SELECT ON schema_migrations, clinic, doctors, slots, bookings, booking_history TO {role};

GRANT UPDATE (name, timezone, hold_minutes, updated_at) ON clinic TO {role};

GRANT INSERT (name, specialization, email, phone),
      UPDATE (name, specialization, email, phone, active, version, updated_at),
      DELETE
    ON doctors TO {role};

GRANT INSERT (doctor_id, starts_at, ends_at),
      DELETE
    ON slots TO {role};

GRANT INSERT (reference, slot_id, patient_name, patient_email, patient_phone, request_id,
              status, hold_expires_at, confirmed_at),
      UPDATE (status, confirmed_at, cancelled_at, failed_at, reason, version)
    ON bookings TO {role};

GRANT INSERT (booking_id, actor, from_status, to_status, reason, request_id) ON booking_history TO {role};
