-- name: sizes
-- What the keeper of the database wants to know first.
SELECT pg_database_size(current_database()) AS database_bytes,
       (SELECT count(*) FROM doctors) AS doctors,
       (SELECT count(*) FROM slots) AS slots,
       (SELECT count(*) FROM bookings) AS bookings;

-- name: hidden_from
-- The login, where the schema is there but this login may not look into it: to PostgreSQL, its tables are then not there.
SELECT current_user AS login
FROM pg_namespace
WHERE nspname = %(schema)s::text AND NOT has_schema_privilege(oid, 'USAGE');

-- name: transaction_status
-- Whether a transaction is still in progress. What it says of one that ended is not relied on: after a crash the server
-- may give its number to another.
SELECT pg_xact_status(%(id)s::text::xid8) AS status;

-- name: write_to_log
-- Make this transaction one that writes, so that its COMMIT waits for a synchronous standby; nobody reads the message.
SELECT pg_logical_emit_message(true, 'booking', 'an outcome was in doubt');

-- name: role
-- The name of this database's role of a kind, what the server knows about that role, and about a login where one is meant.
-- A role that can log in, or can become the owner of the schema, is one that somebody made for something else.
SELECT wanted.role,
       r.oid IS NOT NULL AS is_there,
       r.rolcanlogin OR pg_has_role(r.oid, n.nspowner, 'MEMBER') AS is_something_else,
       l.rolcanlogin AS can_login,
       m.member IS NOT NULL AND pg_has_role(l.oid, r.oid, 'USAGE') AS is_member
FROM (SELECT current_database()::text || '_' || %(kind)s::text AS role) AS wanted
JOIN pg_namespace n ON n.nspname = current_schema()
LEFT JOIN pg_roles r ON r.rolname::text = wanted.role
LEFT JOIN pg_roles l ON l.rolname::text = %(login)s::text
LEFT JOIN pg_auth_members m ON m.roleid = r.oid AND m.member = l.oid
LIMIT 1;
