-- Which request made a change, so that whoever repeats a confirmation or a cancellation gets its first answer again, and so
-- that it can be found out whether a change stands whose COMMIT was never answered. The first change of a booking has the
-- request id of the booking itself, and is not given a second copy. States only go forward, each at most once, so that a
-- request needs no index of its own to happen once.

ALTER TABLE booking_history ADD COLUMN request_id text;
