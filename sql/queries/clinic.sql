-- name: open
-- What a session needs: the clinic's settings, the version of its schema, and the time.
SELECT c.name, c.timezone, c.hold_minutes, c.updated_at, now() AS now,
       (SELECT max(version) FROM schema_migrations) AS schema_version
FROM clinic c;

-- name: update
-- Change the given settings.
UPDATE clinic
SET name         = coalesce(%(name)s::text, name),
    timezone     = coalesce(%(timezone)s::text, timezone),
    hold_minutes = coalesce(%(hold_minutes)s::numeric, hold_minutes),
    updated_at   = now()
WHERE id = 1
RETURNING name, timezone, hold_minutes, updated_at;

-- name: find_timezone
-- A time zone that PostgreSQL has, spelled exactly like this.
SELECT name FROM pg_timezone_names WHERE name = %(timezone)s;
