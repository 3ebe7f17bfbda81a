"""Behind a PgBouncer in transaction mode, where each transaction may get another connection, everything works the same."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from booking_cli import session as books
from booking_cli.db import connections
from booking_cli.db.runner import Database
from tests.support.pooler import PROGRAM, pgbouncer
from tests.support.threads import at_once
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")

ROOT = Path(__file__).resolve().parents[2]
# The commands, and the races.
ROOMS = [
    "test_doctors",
    "test_slots",
    "test_slot_list",
    "test_bulk",
    "test_bulk_races",
    "test_book",
    "test_states",
    "test_expire",
    "test_history",
    "test_lists",
    "test_patient_overlap",
    "test_request_id",
    "test_stats",
    "test_races",
    "test_batches",
]
SETTINGS = "SELECT name, setting FROM pg_settings WHERE name <> 'application_name' ORDER BY name"


@pytest.fixture(scope="module")
def pooler(server):
    with pgbouncer(server) as running:
        yield running


@pytest.fixture(scope="module")
def narrow_pooler(server):
    """A pooler that gives all its clients the same connection, one transaction after another."""
    with pgbouncer(server, connections=1) as running:
        yield running


@pytest.fixture
def narrow_url(narrow_pooler, url):
    return narrow_pooler.through(url)


def opened(url, pool_size=0):
    return Database(books.OwnServer(url), statement_timeout=30, pool_size=pool_size)


def open_clinic(database):
    return database.read(lambda tx: tx.one("clinic.open"))


@pytest.mark.parametrize("room", ROOMS)
def test_the_tests_of_the_book_pass_behind_a_pooler(pooler, server, tmp_path, room):
    before = pooler.transactions()
    options = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'within'}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"tests/{room}.py"],
        cwd=ROOT,
        env={
            **os.environ,
            "BOOKING_TEST_DATABASE_URL": server,
            "BOOKING_TEST_POOLER_PORT": str(pooler.port),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert pooler.transactions() > before + 20


def test_an_empty_database_is_set_up_through_a_pooler(program, pooler, empty_url):
    address = pooler.through(empty_url)
    ends = at_once(*[lambda: program("db", "migrate", BOOKING_DATABASE_URL=address)] * 2)
    assert [(end.status, "Error" in end.stderr) for end in ends] == [(0, False)] * 2
    assert program("doctors", "list", "-o", "json", BOOKING_DATABASE_URL=address).json == []
    assert program("verify", "-o", "json", BOOKING_DATABASE_URL=address).json == []


@pytest.mark.parametrize("pool_size", [0, 1], ids=["one connection", "pool"])
def test_the_next_client_of_a_connection_finds_nothing_of_the_one_before(narrow_url, url, pool_size):
    with psycopg.connect(narrow_url, autocommit=True, prepare_threshold=None) as stranger:
        pid = stranger.execute("SELECT pg_backend_pid()").fetchone()
        before = stranger.execute(SETTINGS).fetchall()
        with opened(narrow_url, pool_size) as database:
            for _ in range(10):
                open_clinic(database)
            database.write(lambda tx: tx.one("clinic.open"), stands=lambda *_: True)
        assert stranger.execute("SELECT pg_backend_pid()").fetchone() == pid
        assert stranger.execute(SETTINGS).fetchall() == before
        assert stranger.execute("SELECT * FROM pg_prepared_statements").fetchall() == []
        assert stranger.execute("SELECT * FROM pg_locks WHERE locktype = 'advisory'").fetchall() == []


def test_a_table_that_a_stranger_left_in_the_session_is_not_taken_for_the_books(narrow_url, url, program, slot, sql):
    with psycopg.connect(narrow_url, autocommit=True, prepare_threshold=None) as stranger:
        for table in ("clinic", "doctors", "slots", "bookings", "booking_history", "schema_migrations"):
            stranger.execute(f"CREATE TEMPORARY TABLE {table} (LIKE booking.{table} INCLUDING ALL)")
        ran = program("book", slot, "--name", "Ida", "--email", "ida@x.de", BOOKING_DATABASE_URL=narrow_url)
        assert (ran.status, ran.stderr) == (0, "")
        again = program("db", "migrate", "-o", "json", BOOKING_DATABASE_URL=narrow_url)
        assert (again.status, again.json) == (0, [])
        assert stranger.execute("SELECT count(*) FROM bookings").fetchone() == (0,)
    assert len(sql("SELECT 1 FROM booking.bookings")) == 1


def test_clients_that_prepared_their_statements_would_stumble_over_one_another(narrow_url, monkeypatch):
    """Why the driver is told not to prepare any."""

    def work(first, second):
        return [open_clinic(database)["timezone"] for database in (first, second) for _ in range(10)]

    with opened(narrow_url) as first, opened(narrow_url) as second:
        assert work(first, second) == ["UTC"] * 20
    monkeypatch.delitem(connections.OPTIONS, "prepare_threshold")
    with (
        opened(narrow_url) as first,
        opened(narrow_url) as second,
        pytest.raises(psycopg.ProgrammingError, match="_pg3_"),
    ):
        work(first, second)


def test_a_connection_that_the_pooler_loses_in_a_transaction_is_replaced(narrow_url, sql):
    ended = []

    def work(tx):
        if not ended:
            others = "datname = current_database() AND application_name = 'booking' AND pid <> pg_backend_pid()"
            ended.extend(sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        return tx.one("clinic.open")["timezone"]

    with opened(narrow_url) as database:
        assert database.write(work, stands=lambda *_: False) == "UTC"
    assert ended


def test_a_database_that_is_not_there_behind_the_pooler_ends_with_5(booking, pooler, url):
    nowhere = make_conninfo(pooler.through(url), dbname="no_such_database")
    ran = booking("slots", "list", "-o", "json", BOOKING_DATABASE_URL=nowhere)
    assert (ran.status, ran.stdout, ran.error["code"]) == (5, "", "database_unavailable")


def only_client(url):
    """Connect as the one client there is room for, as soon as the pooler has noticed that whoever looked for it is gone."""
    made = []

    def connect():
        with contextlib.suppress(psycopg.OperationalError):
            made.append(psycopg.connect(url))
        return made

    wait_until(connect, "there is room for a client")
    return made[0]


def test_a_pooler_that_has_no_room_for_another_client_ends_with_6(booking, server, url):
    with pgbouncer(server, clients=1) as full, only_client(full.through(url)):
        ran = booking("slots", "list", "-o", "json", BOOKING_DATABASE_URL=full.through(url))
    assert (ran.status, ran.stdout, ran.error["code"]) == (6, "", "busy")
