-- The rights of a reader: SELECT on everything. Formatted with the names of the role and the schema, and run in one
-- transaction by the owner of the tables.

REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role} CASCADE;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role} CASCADE;
REVOKE ALL ON ALL ROUTINES IN SCHEMA {schema} FROM {role} CASCADE;
REVOKE ALL ON SCHEMA {schema} FROM {role} CASCADE;
GRANT USAGE ON SCHEMA {schema} TO {role};

GRANT SELECT ON schema_migrations, clinic, doctors, slots, patients, patient_history, bookings, booking_history,
    slot_details, active_bookings, slot_status, booking_details
TO {role};
