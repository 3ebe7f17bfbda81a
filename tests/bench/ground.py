"""The benchmark's own server, on default settings, and books of three sizes that are kept between runs."""

import contextlib
import datetime as dt
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from booking_cli.db import queries
from booking_cli.db.connections import connect
from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.db.migrations import migrate
from booking_cli.db.runner import Database
from booking_cli.session import Book, OwnServer, open_book

FOLDER = Path(__file__).resolve().parents[2] / ".bench"
SIZES = {"100k": 100_000, "1m": 1_000_000, "10m": 10_000_000}
# A doctor's half hours in three years.
SLOTS_OF_A_DOCTOR = 16 * 365 * 3
FILL = Path(__file__).with_name("fill.sql")
# "From now on" moves; after a week a book is made anew.
_KEPT_DAYS = 7


class Ground:
    """The server, and the databases on it."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server

    def book(self, size: str) -> str:
        """Return the connection string of a book of a size, filled; whoever changes it takes a `copy`."""
        name = f"book_{size}"
        with self._admin() as admin:
            row = admin.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
            )
            known_as = row.fetchone()
            if known_as and _is_fresh(known_as[0]):
                return self.server.conninfo(name)
            begun, recipe = time.monotonic(), _recipe()
            print(f"Building a book of {size} slots …", flush=True)
            self._drop(admin, name)
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        fill(self.server.conninfo(name), SIZES[size])
        with self._admin() as admin:
            label = sql.Literal(f"{dt.date.today()} {recipe}")
            admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), label))
        print(f"Built in {time.monotonic() - begun:.0f} s.", flush=True)
        return self.server.conninfo(name)

    @contextlib.contextmanager
    def copy(self, size: str) -> Iterator[str]:
        """Lend a copy of a book that may be changed."""
        self.book(size)
        name = f"copy_{size}"
        with self._admin() as admin:
            self._drop(admin, name)
            # Copying files is much faster than writing each page to the log.
            statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
            admin.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(f"book_{size}")))
        try:
            yield self.server.conninfo(name)
        finally:
            with self._admin() as admin:
                self._drop(admin, name)

    def _admin(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.server.conninfo("postgres"), autocommit=True)

    @staticmethod
    def _drop(admin: "psycopg.Connection[tuple[object, ...]]", name: str) -> None:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def opened(conninfo: str, pool_size: int = 0) -> Book:
    """Open a book as a command does, or with connections for several threads."""
    return open_book(Database(OwnServer(conninfo), statement_timeout=30, pool_size=pool_size))


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """Lend the ground; the server is stopped afterwards, its data stay."""
    FOLDER.mkdir(exist_ok=True)
    server = EmbeddedServer(FOLDER / "data")
    server.start()
    try:
        yield Ground(server)
    finally:
        server.stop()


def _recipe() -> str:
    """Return a text that changes with whatever a book is made from."""
    files = [FILL, *sorted((queries.sql_folder() / "migrations").glob("*.sql"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _is_fresh(label: object) -> bool:
    made_on, _, recipe = str(label or "").partition(" ")
    return recipe == _recipe() and (dt.date.today() - dt.date.fromisoformat(made_on)).days < _KEPT_DAYS


def fill(conninfo: str, slots: int) -> None:
    """Migrate an empty database and fill it; what guards the tables is taken off meanwhile and made again."""
    with connect(conninfo) as connection:
        migrate(connection)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for name, value in {
            "search_path": "booking, public",
            "timezone": "UTC",
            "maintenance_work_mem": "512MB",
            "work_mem": "256MB",
            "synchronous_commit": "off",
            "bench.slots": str(slots),
            "bench.doctors": str(slots // SLOTS_OF_A_DOCTOR),
        }.items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        connection.execute("UPDATE clinic SET timezone = 'UTC', name = 'Benchmark'")
        again = _take_off(connection)
        for statement in FILL.read_text().split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
        for statement in again:
            connection.execute(statement.encode())
        connection.execute("VACUUM (ANALYZE, FREEZE)")
        connection.execute("CHECKPOINT")


def _take_off(connection: "psycopg.Connection[tuple[object, ...]]") -> list[str]:
    """Drop indexes and constraints of the tables that are filled, and return the statements that make them again."""
    tables = "('slots'::regclass, 'bookings'::regclass, 'booking_history'::regclass)"
    constraints = connection.execute(
        f"""SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)
        FROM pg_constraint WHERE conrelid IN {tables} AND contype IN ('p', 'x', 'f', 'u')
        ORDER BY contype = 'f' DESC""".encode()
    ).fetchall()
    for table, name, _ in constraints:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
    indexes = connection.execute(
        f"SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid IN {tables}".encode()
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
    return [
        *(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
            for table, name, definition in reversed(constraints)
        ),
        *(str(definition) for _, definition in indexes),
    ]
