"""The ground that tests stand on: a server for the session, a migrated database for each test, and the program itself."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

# These two stay in the environment, from which the processes of pytest-xdist take them in their turn.
TEST_DATABASE_URL = os.environ.get("BOOKING_TEST_DATABASE_URL")
TEST_POOLER_PORT = os.environ.get("BOOKING_TEST_POOLER_PORT")
# Before anything of booking is imported: no setting of whoever runs the tests may change their outcome.
for _name in [
    name for name in os.environ if name.startswith(("BOOKING_", "PG")) and not name.startswith("BOOKING_TEST_")
]:
    del os.environ[_name]

from booking_cli import session as books  # noqa: E402  # after the settings are gone
from booking_cli import settings  # noqa: E402
from booking_cli.cli import application as cli  # noqa: E402
from booking_cli.db.connections import connect  # noqa: E402
from booking_cli.db.migrations import migrate  # noqa: E402
from booking_cli.db.runner import Database  # noqa: E402
from tests.support.pooler import Pooler  # noqa: E402
from tests.support.proxy import Proxy  # noqa: E402
from tests.support.server import embedded_server, postgres_container  # noqa: E402

pytest_plugins = ["tests.support.logins"]

PROGRAM = Path(sys.executable).with_name("booking")


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def error(self) -> dict[str, str]:
        """The error of a command that ran with `-o json`; other lines may come before it."""
        error: dict[str, str] = json.loads(self.stderr.splitlines()[-1])["error"]
        return error


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A connection string of a server on which databases can be made."""
    if TEST_DATABASE_URL:
        yield TEST_DATABASE_URL
        return
    with postgres_container() as url:
        if url:
            yield url
            return
    with embedded_server() as url:
        yield url


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """The name of a migrated database that others are copied from; its clinic is in UTC."""
    name = f"booking_test_template_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'".encode())
    with connect(make_conninfo(server, dbname=name)) as connection:
        migrate(connection)
        connection.execute("UPDATE booking.clinic SET timezone = 'UTC'")
    yield name
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def new_database(server: str) -> Iterator[Callable[[str], str]]:
    """Makes databases from a template and returns their connection strings; they are dropped after the test."""
    made: list[str] = []

    def make(source: str) -> str:
        name = f"booking_test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {source}".encode())
        made.append(name)
        return make_conninfo(server, dbname=name)

    yield make
    with psycopg.connect(server, autocommit=True) as admin:
        for name in made:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def url(new_database: Callable[[str], str], template: str) -> str:
    """The connection string of a migrated database of the test's own."""
    return new_database(template)


@pytest.fixture
def empty_url(new_database: Callable[[str], str]) -> str:
    """The connection string of a database without any tables."""
    return new_database("template0")


@pytest.fixture
def program_url(url: str) -> str:
    """Where the program finds the test's database: at its `url`, or by way of the pooler that test_pooler.py has started."""
    return Pooler(int(TEST_POOLER_PORT)).through(url) if TEST_POOLER_PORT else url


@pytest.fixture
def environment(program_url: str, tmp_path: Path) -> dict[str, str]:
    """The environment in which the program runs: the test's database, and an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "BOOKING_DATABASE_URL": program_url,
        "BOOKING_ACTOR": "tester",
    }


@pytest.fixture
def program(environment: dict[str, str], tmp_path: Path) -> Callable[..., Ran]:
    """Runs the installed program in a process of its own: `program("slots", "list", BOOKING_ACTOR="ana")`."""

    def run(*arguments: object, **settings: str) -> Ran:
        done = subprocess.run(
            [str(PROGRAM), *map(str, arguments)],
            env={**environment, **settings},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def booking(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Ran]]:
    """Runs a command in this process, which is faster: `booking("slots", "list", "-o", "json")`."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, **changes: str) -> Ran:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            for name, value in changes.items():
                patch.setenv(name, value)
            settings.load.cache_clear()
            status = cli.run([str(argument) for argument in arguments])
        output = capsys.readouterr()
        return Ran(status, output.out, output.err)

    yield run
    settings.load.cache_clear()


@pytest.fixture
def sql(url: str) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Runs plain SQL on the test's database, each statement on its own: `sql("UPDATE slots SET ...")`."""
    with connect(url) as connection:
        connection.execute("SET search_path = booking, public")

        def run(statement: str, *parameters: object) -> list[dict[str, Any]]:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture
def slots(sql: Callable[..., list[dict[str, Any]]]) -> list[int]:
    """The numbers of four half hours of one doctor, in a week from 09:00 on."""
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana Lima', 'Cardiology', 'ana@clinic.example')")
    made = sql("""
        INSERT INTO slots (doctor_id, starts_at, ends_at)
        SELECT 1, t, t + interval '30 minutes'
        FROM (SELECT date_trunc('day', now(), 'UTC') + interval '7 days 9 hours' + n * interval '30 minutes' AS t
              FROM generate_series(0, 3) n) AS times
        RETURNING id""")
    return [row["id"] for row in made]


@pytest.fixture
def slot(slots: list[int]) -> int:
    """The number of a slot in a week."""
    return slots[0]


@pytest.fixture
def held(slots: list[int], sql: Callable[..., list[dict[str, Any]]]) -> None:
    """Booking 1 holds slot 1; the holds of bookings 2 and 3 have lapsed; slot 4 is free, and doctor 2 has no slots."""
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Bo', 'x', 'bo@x.de')")
    sql("""
        WITH held AS (
            INSERT INTO bookings (reference, slot_id, patient_name, patient_email, status, hold_expires_at, request_id)
            SELECT 'HELD-' || id, id, 'Pat ' || id, 'pat@example.com', 'PENDING',
                   now() + interval '1 hour' * (1.5 - id), 'hold ' || id
            FROM slots WHERE id <= 3 ORDER BY id
            RETURNING id
        )
        INSERT INTO booking_history (booking_id, actor, to_status) SELECT id, 'tester', 'PENDING' FROM held""")


@pytest.fixture
def contents(sql: Callable[..., list[dict[str, Any]]]) -> Callable[[], object]:
    """What is in the tables that a booking changes, to see that nothing did."""
    return lambda: [sql(f"SELECT * FROM {table} ORDER BY id") for table in ("bookings", "booking_history")]


@pytest.fixture
def open_book(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., books.Book]]:
    """Opens the book at an address, for calls of the repository: `open_book(url, pool_size=4)`.

    Ask for it after the fixture that makes the address, so that the book is closed before its server goes.
    """
    monkeypatch.setenv("BOOKING_ACTOR", "tester")
    settings.load.cache_clear()
    with contextlib.ExitStack() as made:

        def run(address: str, *, statement_timeout: float = 30, pool_size: int) -> books.Book:
            server = books.OwnServer(address)
            database = Database(server, statement_timeout=statement_timeout, pool_size=pool_size)
            return books.open_book(made.enter_context(database))

        yield run
    settings.load.cache_clear()


@pytest.fixture
def opened(program_url: str, open_book: Callable[..., books.Book]) -> books.Book:
    """The test's book, opened on a pool of connections, for calls of the repository from several threads."""
    return open_book(program_url, pool_size=16)


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """A way to the test's database on which a COMMIT can be cut off."""
    with Proxy(url) as opened:
        yield opened


@pytest.fixture
def raw(url: str) -> Iterator[Callable[..., psycopg.Connection[Any]]]:
    """Makes connections of a program that knows nothing of booking; PostgreSQL's own isolation level is READ COMMITTED."""
    with contextlib.ExitStack() as made:

        def connect(
            level: psycopg.IsolationLevel | None = None, *, autocommit: bool = False
        ) -> psycopg.Connection[Any]:
            options = "-c search_path=booking -c deadlock_timeout=20ms"
            connection = made.enter_context(psycopg.connect(url, options=options, autocommit=autocommit))
            made.callback(connection.close)  # before the end of its `with`, which would commit
            connection.isolation_level = level
            return connection

        yield connect


@pytest.fixture
def sound_afterwards(booking: Callable[..., Ran]) -> Iterator[None]:
    """Fails a test that leaves a book that does not keep its promises."""
    yield
    ran = booking("verify", "-o", "json")
    assert (ran.status, ran.json) == (0, [])


_numbers = iter(range(1, 1_000_000))
