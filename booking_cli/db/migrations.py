"""Applies `sql/migrations/`: forward only, in order, one per transaction, each recorded with its checksum.

Migrations run at READ COMMITTED under a lock that ends with the transaction: at SERIALIZABLE, whoever waited for the lock
would still look at the book as it was before the other one's migration.
"""

import datetime as dt
import hashlib
import logging
import re
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import errors as pg

from booking_cli.db import queries
from booking_cli.db.connections import Connection, transaction
from booking_cli.db.error_translation import raise_translated
from booking_cli.db.runner import IDLE_IN_TRANSACTION_SECONDS, SCHEMA
from booking_cli.domain.errors import Busy, DatabaseUnavailable, NotSetUp
from booking_cli.domain.models import Migration

log = logging.getLogger("booking.migrations")

OLDEST_SERVER = 150_000
# A migration may have to rewrite a large table, or wait for another run.
STATEMENT_HOURS = 1
# Whoever books waits behind a migration that waits for a table, as behind a backup that reads it: then better not now.
LOCK_SECONDS = 10.0
# Two runs at once must follow one another. Any number will do that nothing else on the server takes ("booking").
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
    """Return the error that stands for a schema that a later release made."""
    return NotSetUp(
        f"The database is at version {version} of the schema, and this booking only knows {latest_version()}. "
        "Upgrade booking."
    )


def migrate(connection: Connection) -> list[Migration]:
    """Apply what is pending, give a new clinic its time zone, and return what was applied.

    Raises NotSetUp where an applied file was edited or the database is newer than this program, and Busy where a table is
    in use for long.
    """
    applied = []
    try:
        _check_server(connection)
        for file in _files():
            if migration := _apply(connection, file):
                applied.append(migration)
        _set_up_clinic(connection)
    except pg.InsufficientPrivilege as error:
        raise DatabaseUnavailable(
            f"The database does not allow the migration: {str(error).splitlines()[0]}. "
            "Run it as the owner of the database; the extension btree_gist may need a superuser."
        ) from error
    except (pg.LockNotAvailable, pg.DeadlockDetected) as error:
        raise Busy(
            "A table is in use, as by a backup, and the migration does not keep everybody waiting. Run it again later."
        ) from error
    except psycopg.Error as error:
        raise_translated(error)
    return applied


def listing(connection: Connection) -> list[Migration]:
    """Return every migration, with when it was applied; changes nothing. Raises NotSetUp as `migrate` does."""
    _check_server(connection)
    try:
        with connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            recorded = _recorded(connection)
    except psycopg.Error as error:
        raise_translated(error)
    return [
        Migration(file.version, file.name, recorded[file.version][1] if file.version in recorded else None)
        for file in _files()
    ]


def _files() -> list[_File]:
    files = []
    for path in sorted((queries.sql_folder() / "migrations").iterdir()):
        if match := _FILE_NAME.fullmatch(path.name):
            files.append(_File(int(match[1]), match[2], path))
    return files


def _check_server(connection: Connection) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise NotSetUp(f"PostgreSQL {connection.info.server_version // 10_000} is too old; booking needs 15 or later.")
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        raise NotSetUp(f"The database stores text as {encoding}; booking needs one that was created with UTF8.")


def _recorded(connection: Connection) -> dict[int, tuple[str, dt.datetime]]:
    """Return checksum and time of each applied migration, after comparing them with the files; within a transaction."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL AS there", [f"{SCHEMA}.schema_migrations"]).fetchone()
    if row is None or not row["there"]:
        return {}
    _enter_schema(connection)
    rows = connection.execute("SELECT version, checksum, applied_at FROM schema_migrations").fetchall()
    recorded = {row["version"]: (row["checksum"], row["applied_at"]) for row in rows}
    if recorded and max(recorded) > latest_version():
        raise too_new(max(recorded))
    for file in _files():
        if file.version in recorded and recorded[file.version][0] != file.checksum():
            raise NotSetUp(
                f"The migration {file.path.name} was edited after it was applied. Put the file back as it was released; "
                "a change to the schema belongs in a new migration."
            )
    return recorded


def _apply(connection: Connection, file: _File) -> Migration | None:
    with transaction(connection):
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}".encode())
        _enter_schema(connection)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            " version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        if file.version in _recorded(connection):
            return None
        connection.execute(f"SET LOCAL lock_timeout = {round(LOCK_SECONDS * 1000)}".encode())
        log.info("Applying migration %04d_%s.", file.version, file.name)
        connection.execute(file.path.read_bytes())
        row = connection.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, %s, %s) RETURNING applied_at",
            [file.version, file.name, file.checksum()],
        ).fetchone()
        assert row is not None
        return Migration(file.version, file.name, row["applied_at"])


def _set_up_clinic(connection: Connection) -> None:
    with transaction(connection):
        _enter_schema(connection)
        if connection.execute("SELECT FROM clinic").fetchone() is not None:
            return
        zone = _zone_of_this_machine(connection)
        new = connection.execute(
            "INSERT INTO clinic (timezone) VALUES (%s) ON CONFLICT DO NOTHING RETURNING timezone", [zone]
        ).fetchone()
    if new:
        log.warning(
            "Set up a new appointment book. Its time zone is %s, as on this machine; "
            "'booking clinic set --timezone ZONE' changes it.",
            zone,
        )


def _zone_of_this_machine(connection: Connection) -> str:
    from tzlocal import get_localzone_name

    try:
        zone = get_localzone_name()
    except Exception:
        # tzlocal raises whatever goes wrong on the way (files, links, contradictory settings): then nothing is known.
        return "UTC"
    known = connection.execute("SELECT 1 FROM pg_timezone_names WHERE name = %s", [zone]).fetchone()
    return zone if known else "UTC"


def _enter_schema(connection: Connection) -> None:
    connection.execute(
        f"SET LOCAL search_path = {SCHEMA}, public, pg_temp"
        "; SET LOCAL datestyle = ISO"
        f"; SET LOCAL statement_timeout = '{STATEMENT_HOURS}h'"
        f"; SET LOCAL idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'".encode()
    )
