-- name: sizes
-- The size of the database and of its tables.
SELECT pg_database_size(current_database()) AS database_bytes,
       (SELECT count(*) FROM doctors) AS doctors,
       (SELECT count(*) FROM slots) AS slots,
       (SELECT count(*) FROM bookings) AS bookings;

-- name: login_without_usage
-- The login, where the schema exists but this login has no USAGE on it: its tables then look missing.
SELECT current_user AS login
FROM pg_namespace
WHERE nspname = %(schema)s::text AND NOT has_schema_privilege(oid, 'USAGE');

-- name: transaction_status
-- Whether a transaction is still in progress. Its other results are not used: after a crash the server may assign the number
-- to another transaction.
SELECT pg_xact_status(%(id)s::text::xid8) AS status;

-- name: write_to_log
-- Write to the log, so that the end of this transaction waits for a synchronous standby, and return the time.
SELECT pg_logical_emit_message(true, 'booking', 'read after synchronous replication'), clock_timestamp() AS now;

-- name: use_default_syntax
-- For the rest of the transaction, read strings and write definitions of constraints as a server does by default.
SELECT set_config('standard_conforming_strings', 'on', true), set_config('quote_all_identifiers', 'off', true);

-- name: role
-- The name of the role of a kind of user, what the server has of that name, and a login's membership. A role that can log in,
-- or that is a member of the schema's owner, was created for another purpose.
SELECT wanted.role,
       r.oid IS NOT NULL AS exists,
       r.rolcanlogin OR pg_has_role(r.oid, n.nspowner, 'MEMBER') AS is_other_role,
       l.rolcanlogin AS can_login,
       m.member IS NOT NULL AND pg_has_role(l.oid, r.oid, 'USAGE') AS is_member
FROM (SELECT current_database()::text || '_' || current_schema()::text || '_' || %(kind)s::text AS role) AS wanted
JOIN pg_namespace n ON n.nspname = current_schema()
LEFT JOIN pg_roles r ON r.rolname::text = wanted.role
LEFT JOIN pg_roles l ON l.rolname::text = %(login)s::text
LEFT JOIN pg_auth_members m ON m.roleid = r.oid AND m.member = l.oid
LIMIT 1;
