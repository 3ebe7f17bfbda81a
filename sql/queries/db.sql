-- name: sizes
-- What the keeper of the database wants to know first.
SELECT pg_database_size(current_database()) AS database_bytes,
       (SELECT count(*) FROM doctors) AS doctors,
       (SELECT count(*) FROM slots) AS slots,
       (SELECT count(*) FROM bookings) AS bookings;

-- name: transaction_status
-- Whether a transaction is still in progress. What it says of one that ended is not relied on: after a crash the server
-- may give its number to another.
SELECT pg_xact_status(%(id)s::text::xid8) AS status;

-- name: write_to_log
-- Make this transaction one that writes, so that its COMMIT waits for a synchronous standby; nobody reads the message.
SELECT pg_logical_emit_message(true, 'booking', 'an outcome was in doubt');
