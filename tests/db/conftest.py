"""Fixtures for the tests of the database layer."""

import shutil

import psycopg
import pytest

from booking_cli.db import queries
from booking_cli.db.external_server import ExternalServer
from booking_cli.db.runner import Database
from tests.support.commands import FILES
from tests.support.pooler import PROGRAM, pgbouncer

PROBES = {
    "probe.pid": "SELECT pg_backend_pid() AS pid",
    "probe.settings": "SELECT name, setting FROM pg_settings WHERE name = ANY (%(names)s::text[])",
    "probe.clinic": "SELECT name FROM clinic",
    "probe.rename_clinic": "UPDATE clinic SET name = %(name)s::text RETURNING name",
    "probe.doctor": "SELECT name FROM doctors WHERE id = 1",
    "probe.rename_doctor": "UPDATE doctors SET name = %(name)s::text WHERE id = %(id)s::bigint RETURNING name",
    "probe.invalid": "INSERT INTO doctors (name) VALUES (NULL)",
    "probe.40001": "DO $$ BEGIN RAISE 'could not serialize' USING ERRCODE = '40001'; END $$",
    "probe.40P01": "DO $$ BEGIN RAISE 'deadlock detected' USING ERRCODE = '40P01'; END $$",
}


@pytest.fixture
def sql_files(tmp_path, monkeypatch):
    """A copy of the SQL files, which the program in this process uses and a test can change."""
    folder = shutil.copytree(queries.sql_folder(), tmp_path / "sql")
    monkeypatch.setattr(queries, "sql_folder", lambda: folder)
    return folder


@pytest.fixture
def probes(monkeypatch):
    """Adds the statements of the tests to those of the program."""
    original = queries.statement
    monkeypatch.setattr(queries, "statement", lambda name: PROBES.get(name) or original(name))


@pytest.fixture(scope="session")
def pooler(server):
    """A pooler in front of the test server."""
    if PROGRAM is None:
        pytest.skip("pgbouncer is not installed")
    with pgbouncer(server) as running:
        yield running


@pytest.fixture(params=["one connection", "pool", "pooler"])
def database(request, url, probes):
    """The test's database on one connection, on a pool, and on a pool behind a pooler in transaction mode."""
    if request.param == "pooler":
        url = request.getfixturevalue("pooler").through(url)
    pool_size = 0 if request.param == "one connection" else 4
    with Database(ExternalServer(url), statement_timeout=30, pool_size=pool_size) as opened:
        yield opened


@pytest.fixture
def other(url):
    """The connection of another program, with transactions of its own."""
    with psycopg.connect(url, options="-c search_path=booking") as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def import_files(tmp_path):
    """The files of the commands that book from a file, in the folder where commands run."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)


@pytest.fixture
def day(booking, sql, import_files):
    """Two doctors, twelve slots of the first, a hold, a confirmed booking, a lapsed hold, and import files."""
    booking("doctors", "add", "Ana", "--specialization", "x", "--email", "ana@x.de")
    booking("doctors", "add", "Ben", "--specialization", "x", "--email", "ben@x.de")
    booking("slots", "bulk", 1, "--from", "+7d", "--start", "09:00", "--end", "15:00")
    booking("book", 1, "--name", "Tom", "--email", "tom@x.de", "--hold", 60)
    booking("book", 2, "--name", "Maria", "--email", "maria@x.de", "--confirm")
    booking("book", 3, "--name", "Leo", "--email", "leo@x.de")
    sql("UPDATE bookings SET hold_expires_at = booked_at WHERE id = 3")
