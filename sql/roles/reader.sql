-- What a reader may do: see everything, change nothing. Formatted with the name of the role, and run in one transaction
-- with search_path set to the clinic's schema, by the owner of its tables.

-- Here alone the schema is named: there is no other way to grant a right on it, or to take away those on all that is in it.
REVOKE ALL ON ALL TABLES IN SCHEMA booking FROM {role} CASCADE;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA booking FROM {role} CASCADE;
REVOKE ALL ON ALL ROUTINES IN SCHEMA booking FROM {role} CASCADE;
REVOKE ALL ON SCHEMA booking FROM {role} CASCADE;
GRANT USAGE ON SCHEMA booking TO {role};

GRANT SELECT ON schema_migrations, clinic, doctors, slots, bookings, booking_history TO {role};
