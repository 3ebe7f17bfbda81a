"""Fixtures for all tests: a server for the session, a migrated database for each test, and the program."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

# These two stay in the environment, which the processes of pytest-xdist inherit.
TEST_DATABASE_URL = os.environ.get("BOOKING_TEST_DATABASE_URL")
TEST_POOLER_PORT = os.environ.get("BOOKING_TEST_POOLER_PORT")
# Before booking is imported: settings in the environment must not change the outcome of a test.
for _name in [
    name for name in os.environ if name.startswith(("BOOKING_", "PG")) and not name.startswith("BOOKING_TEST_")
]:
    del os.environ[_name]

from booking_cli import settings, signals  # noqa: E402
from booking_cli.cli import application as cli  # noqa: E402
from booking_cli.db.connections import connect  # noqa: E402
from booking_cli.db.external_server import ExternalServer  # noqa: E402
from booking_cli.db.migrations import migrate  # noqa: E402
from booking_cli.db.runner import Database  # noqa: E402
from booking_cli.session import ClinicSession, open_session  # noqa: E402
from tests.support.pooler import Pooler  # noqa: E402
from tests.support.proxy import Proxy  # noqa: E402
from tests.support.server import embedded_server, postgres_container  # noqa: E402

pytest_plugins = ["tests.support.appointments", "tests.support.logins"]

# For tests that write bookings with plain SQL: `make_patient('Pat', 'pat@example.com')` returns a patient's number.
MAKE_PATIENT = b"""
    CREATE FUNCTION public.make_patient(name text, email text) RETURNS bigint LANGUAGE sql AS $$
        INSERT INTO booking.patients AS p (name, email, name_key, contact_key, registered_by)
        VALUES (name, email, lower(name), lower(email), 'tester')
        ON CONFLICT (contact_key, name_key) DO UPDATE SET name_key = excluded.name_key
        RETURNING p.id
    $$"""
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

    @property
    def suggestions(self) -> list[list[str]]:
        """The arguments of every `booking ...` command in the output, quoted or at the end of a line."""
        found = re.findall(r"'booking ([^']+)'|: booking (.+?)\.?$", self.stdout + self.stderr, re.MULTILINE)
        return [shlex.split(quoted or at_the_end) for quoted, at_the_end in found]


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
        migrate(connection, "booking")
        connection.execute("UPDATE booking.clinic SET timezone = 'UTC'")
        connection.execute(MAKE_PATIENT)
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
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts the program and returns its process: `start("slots", "list", stdout=file, BOOKING_ACTOR="ana")`."""
    with contextlib.ExitStack() as started:

        def run(*arguments: object, stdout: Any = PIPE, stderr: Any = PIPE, **settings: str) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                [str(PROGRAM), *map(str, arguments)],
                env={**environment, **settings},
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                text=True,
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield run


@pytest.fixture
def program(start: Callable[..., "subprocess.Popen[str]"]) -> Callable[..., Ran]:
    """Runs the installed program in a process of its own: `program("slots", "list", BOOKING_ACTOR="ana")`."""

    def run(*arguments: object, **settings: str) -> Ran:
        process = start(*arguments, **settings)
        stdout, stderr = process.communicate(timeout=120)
        return Ran(process.returncode, stdout, stderr)

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
def open_clinic(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ClinicSession]]:
    """Opens the clinic at an address, for calls of the repository: `open_clinic(url, pool_size=4)`.

    Request it after the fixture that makes the address, so that the session is closed before its server stops.
    """
    monkeypatch.setenv("BOOKING_ACTOR", "tester")
    settings.load.cache_clear()
    with contextlib.ExitStack() as made:

        def run(
            address: str, *, statement_timeout: float = 30, pool_size: int, schema: str = "booking"
        ) -> ClinicSession:
            server = ExternalServer(address)
            database = Database(server, statement_timeout=statement_timeout, pool_size=pool_size, schema=schema)
            return open_session(made.enter_context(database))

        yield run
    settings.load.cache_clear()


@pytest.fixture
def opened(program_url: str, open_clinic: Callable[..., ClinicSession]) -> ClinicSession:
    """The test's clinic, opened on a pool of connections, for calls of the repository from several threads."""
    return open_clinic(program_url, pool_size=16)


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """A way to the test's database on which a COMMIT can be cut off."""
    with Proxy(url) as opened:
        yield opened


@pytest.fixture
def raw(url: str) -> Iterator[Callable[..., psycopg.Connection[Any]]]:
    """Makes connections of another program, by default at READ COMMITTED, the default of PostgreSQL."""
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
def sigint_handled(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """An event that is set when the program's handler of SIGINT has run in this process."""
    handled, install = threading.Event(), signals.install

    def install_and_note() -> None:
        install()
        handler: Any = signal.getsignal(signal.SIGINT)

        def handle(*arguments: object) -> None:
            try:
                handler(*arguments)
            finally:
                handled.set()

        signal.signal(signal.SIGINT, handle)

    monkeypatch.setattr(signals, "install", install_and_note)
    return handled


@pytest.fixture
def sound_afterwards(booking: Callable[..., Ran]) -> Iterator[None]:
    """Fails a test after which 'verify' finds violations."""
    yield
    ran = booking("verify", "-o", "json")
    assert (ran.status, ran.json) == (0, [])


_numbers = iter(range(1, 1_000_000))
