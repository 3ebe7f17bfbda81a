"""The benchmark's server, with default settings, and filled databases of three sizes, which are kept between runs."""

import contextlib
import datetime as dt
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from booking_cli.db import queries
from booking_cli.db.connections import connect
from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.db.external_server import ExternalServer
from booking_cli.db.migrations import migrate
from booking_cli.db.runner import DEFAULT_SCHEMA, Database
from booking_cli.domain.patients import register_key
from booking_cli.session import ClinicSession, open_session

FOLDER = Path(__file__).resolve().parents[2] / ".bench"
SIZES = {"100k": 100_000, "1m": 1_000_000, "10m": 10_000_000}
# A doctor's half hours in three years.
SLOTS_OF_A_DOCTOR = 16 * 365 * 3
FILL = Path(__file__).with_name("fill.sql")
_TABLES = "ARRAY['slots', 'patients', 'bookings', 'booking_history']::regclass[]"
# Foreign keys are dropped first and created last.
_INDEXES_AND_CONSTRAINTS = f"""
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)),
           contype = 'f' AS is_foreign_key
    FROM pg_constraint
    WHERE conrelid = ANY ({_TABLES}) AND contype IN ('p', 'x', 'f', 'u')
    UNION ALL
    SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid), false
    FROM pg_index
    WHERE indrelid = ANY ({_TABLES}) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype <> 'f')
    ORDER BY is_foreign_key DESC"""


class BenchServer:
    """The server and its databases."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server

    def filled(self, size: str) -> str:
        """Return the connection string of a filled database, which is only read; `copy` returns one to change.

        It is filled again in another week, because the slots to come become fewer, and where its files were changed.
        """
        name, conninfo = f"book_{size}", self.server.conninfo(f"book_{size}")
        files = [FILL, *sorted((queries.sql_folder() / "migrations").glob("*.sql"))]
        checksum = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        label = f"{dt.date.today():%G week %V} {checksum}"
        with self._admin() as admin:
            comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
            if admin.execute(comment, [name]).fetchone() == (label,):
                return conninfo
            self.recreate(name, "template0")
            print(f"Filling a database of {size} slots …", flush=True)
            start = time.monotonic()
            fill(conninfo, SIZES[size])
            admin.execute(f"COMMENT ON DATABASE {name} IS '{label}'")
        print(f"Filled in {time.monotonic() - start:.0f} s.", flush=True)
        return conninfo

    @contextlib.contextmanager
    def copy(self, size: str, suffix: str = "") -> Iterator[str]:
        """Return the connection string of a copy, which is dropped at the end of the block."""
        self.filled(size)
        name = f"copy_{size}{suffix}"
        # Copying files is much faster than writing each page to the log.
        self.recreate(name, f"book_{size} STRATEGY file_copy")
        try:
            yield self.server.conninfo(name)
        finally:
            with self._admin() as admin:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def recreate(self, name: str, template: str) -> None:
        """Drop a database where there is one, and create it from a template."""
        with self._admin() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")

    def _admin(self) -> psycopg.Connection:
        return psycopg.connect(self.server.conninfo("postgres"), autocommit=True)


@contextlib.contextmanager
def bench_server() -> Iterator[BenchServer]:
    """Start the server for a block; its data are kept."""
    FOLDER.mkdir(exist_ok=True)
    server = EmbeddedServer(FOLDER / "data", creates=True)
    server.start()
    try:
        yield BenchServer(server)
    finally:
        server.stop()


@contextlib.contextmanager
def open_clinic(conninfo: str, pool_size: int = 0) -> Iterator[ClinicSession]:
    """Open a clinic as a command does, or with connections for several threads."""
    with Database(ExternalServer(conninfo), statement_timeout=30, pool_size=pool_size) as database:
        yield open_session(database)


def fill(conninfo: str, slots: int) -> None:
    """Migrate an empty database and fill it; indexes and constraints are dropped first and created again at the end."""
    with connect(conninfo) as connection:
        migrate(connection, DEFAULT_SCHEMA)
    options = (
        "-c search_path=booking,public -c timezone=UTC -c maintenance_work_mem=512MB -c work_mem=256MB -c synchronous_commit=off"
        f" -c bench.slots={slots} -c bench.doctors={slots // SLOTS_OF_A_DOCTOR}"
    )
    sample = "SELECT name, email, phone, name_key, contact_key FROM patients WHERE id % 1009 = 0"
    with psycopg.connect(conninfo, autocommit=True, options=options) as connection:
        connection.execute("UPDATE clinic SET timezone = 'UTC', name = 'Benchmark'")
        dropped = connection.execute(_INDEXES_AND_CONSTRAINTS).fetchall()
        for drop, _, _ in dropped:
            connection.execute(drop)
        for statement in FILL.read_text().split(";\n"):
            connection.execute(statement)
        for name, email, phone, *keys in connection.execute(sample):
            assert register_key(name, email, phone) == (*keys,)
        for _, create, _ in reversed(dropped):
            connection.execute(create)
        connection.execute("VACUUM (ANALYZE, FREEZE)")
        connection.execute("CHECKPOINT")
