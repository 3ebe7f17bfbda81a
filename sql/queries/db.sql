-- name: sizes
-- What the keeper of the database wants to know first.
SELECT pg_database_size(current_database()) AS database_bytes,
       (SELECT count(*) FROM doctors) AS doctors,
       (SELECT count(*) FROM slots) AS slots,
       (SELECT count(*) FROM bookings) AS bookings;
