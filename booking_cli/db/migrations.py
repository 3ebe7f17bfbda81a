"""Applies `sql/migrations/`: forward only, in order, one per transaction, each recorded with its checksum.

Migrations run at READ COMMITTED under an advisory lock that ends with the transaction. At SERIALIZABLE, a run that waited for
the lock would still see the snapshot from before the other run's migration.
"""

import hashlib
import logging
import re
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import errors as pg

from booking_cli.db import queries, roles
from booking_cli.db.connections import Connection, Row
from booking_cli.db.error_translation import raise_translated
from booking_cli.db.transaction import settings, transaction
from booking_cli.domain.errors import Busy, DatabaseUnavailable, NotSetUp
from booking_cli.domain.models import Migration

log = logging.getLogger("booking.migrations")

OLDEST_SERVER = 150_000
# A migration may have to rewrite a large table, or wait for another run.
STATEMENT_SECONDS = 3600
# Bookings queue behind a migration that waits for a table lock, for example during a backup.
LOCK_SECONDS = 10.0
# The advisory lock that serializes two runs: the bytes of "booking".
_LOCK = 0x626F6F6B696E67
_FILE_NAME = re.compile(r"([0-9]{4})_(\w+)\.sql")


class _File(NamedTuple):
    version: int
    name: str
    path: Path

    def checksum(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def latest_version() -> int:
    """Return the version of the schema that this program works with."""
    return max(file.version for file in _files())


def too_new(version: int) -> NotSetUp:
    """Return the error for a schema of a later release."""
    return NotSetUp(
        f"The database is at version {version} of the schema, and this release of booking works with {latest_version()}. "
        "Upgrade booking."
    )


def migrate(connection: Connection, schema: str) -> list[Migration]:
    """Apply pending migrations and return them; set up a new clinic, and grant the rights of this release to existing roles.

    Raises NotSetUp where an applied file was edited or the schema is newer than this program, and Busy where a table is locked.
    """
    try:
        _check_server(connection)
        applied = {file.version for file in _files() if _apply(connection, schema, file)}
        _set_up_clinic(connection, schema)
    except pg.InsufficientPrivilege as error:
        raise DatabaseUnavailable(
            f"The database does not allow the migration: {str(error).splitlines()[0]}. "
            "Run it as the owner of the database; the extension btree_gist may need a superuser."
        ) from error
    except (pg.LockNotAvailable, pg.DeadlockDetected) as error:
        raise Busy("A table is locked, such as by a backup. Nothing was changed; run it again later.") from error
    except psycopg.Error as error:
        raise_translated(error)
    roles.refresh(connection, schema)
    return [migration for migration in list_migrations(connection, schema) if migration.version in applied]


def list_migrations(connection: Connection, schema: str) -> list[Migration]:
    """Return every migration with the time when it was applied; raises NotSetUp as `migrate` does."""
    _check_server(connection)
    try:
        with connection.transaction():
            connection.execute(settings(STATEMENT_SECONDS, schema).encode())
            recorded = _recorded(connection, schema)
    except psycopg.Error as error:
        raise_translated(error)
    return [Migration(file.version, file.name, recorded.get(file.version, {}).get("applied_at")) for file in _files()]


def _files() -> list[_File]:
    paths = sorted((queries.sql_folder() / "migrations").iterdir())
    return [_File(int(name[1]), name[2], path) for path in paths if (name := _FILE_NAME.fullmatch(path.name))]


def _check_server(connection: Connection) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise NotSetUp(f"PostgreSQL {connection.info.server_version // 10_000} is too old; booking needs 15 or later.")
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        raise NotSetUp(f"The database stores text as {encoding}; booking needs one that was created with UTF8.")


def _recorded(connection: Connection, schema: str) -> dict[int, Row]:
    """Return the applied migrations by version, after comparing them with the files; runs in a transaction."""
    table = f'"{schema}".schema_migrations'
    if connection.execute("SELECT WHERE to_regclass(%s) IS NOT NULL", [table]).fetchone() is None:
        return {}
    rows = connection.execute("SELECT version, checksum, applied_at FROM schema_migrations", binary=True).fetchall()
    recorded = {row["version"]: row for row in rows}
    if recorded and max(recorded) > latest_version():
        raise too_new(max(recorded))
    for file in _files():
        if file.version in recorded and recorded[file.version]["checksum"] != file.checksum():
            raise NotSetUp(
                f"The migration {file.path.name} was edited after it was applied. Restore the released file; "
                "a change to the schema belongs in a new migration."
            )
    return recorded


def _apply(connection: Connection, schema: str, file: _File) -> bool:
    """Apply a migration and return whether it was pending."""
    with transaction(connection, STATEMENT_SECONDS, schema, "public"):
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'.encode())
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            " version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        if file.version in _recorded(connection, schema):
            return False
        connection.execute(f"SET LOCAL lock_timeout = {round(LOCK_SECONDS * 1000)}".encode())
        log.info("Applying migration %04d_%s.", file.version, file.name)
        connection.execute(file.path.read_bytes())
        values = [file.version, file.name, file.checksum()]
        connection.execute("INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, %s, %s)", values)
        return True


def _set_up_clinic(connection: Connection, schema: str) -> None:
    """Add the settings of a new clinic, with the time zone of this machine."""
    with transaction(connection, STATEMENT_SECONDS, schema):
        from tzlocal import get_localzone_name

        try:
            zone = get_localzone_name()
        except Exception:  # tzlocal raises many kinds of errors (files, links, contradictory settings)
            zone = "UTC"
        new = connection.execute(
            "INSERT INTO clinic (timezone) SELECT coalesce((SELECT name FROM pg_timezone_names WHERE name = %s), 'UTC')"
            " ON CONFLICT DO NOTHING RETURNING timezone",
            [zone],
        ).fetchone()
    if new:
        log.warning(
            "Set up a new appointment book. Its time zone is %s, from this machine; "
            "'booking clinic set --timezone ZONE' changes it.",
            new["timezone"],
        )
