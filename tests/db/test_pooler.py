"""Behind PgBouncer in transaction mode, where each transaction may run on another connection, everything works the same.

The fixture `database` also runs every test of the runner behind a pooler.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from booking_cli.db.runner import LONGEST_READ
from tests.support.commands import READS, READS_OF_THE_DATABASE, WRITES, listed
from tests.support.pooler import PROGRAM, pgbouncer
from tests.support.threads import at_once

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")

ROOT = Path(__file__).parents[2]
MANY_SLOTS = """
    INSERT INTO slots (doctor_id, starts_at, ends_at)
    SELECT 1, t, t + interval '5 minutes'
    FROM generate_series(1, %s) n, LATERAL (SELECT now() + interval '30 days' + n * interval '5 minutes') AS times (t)
    RETURNING id"""


@pytest.fixture(scope="module")
def narrow_pooler(server):
    """A pooler whose clients all share one connection, one transaction after another."""
    with pgbouncer(server, connections=1) as running:
        yield running


@pytest.fixture
def narrow_url(narrow_pooler, url):
    return narrow_pooler.through(url)


@pytest.mark.usefixtures("day")
def test_every_command_succeeds_behind_a_pooler(booking, pooler, url):
    before = pooler.transactions()
    for command in listed(READS + READS_OF_THE_DATABASE + WRITES):
        ran = booking(*shlex.split(command), BOOKING_DATABASE_URL=pooler.through(url))
        assert ran.status == 0, (command, ran.stderr)
    assert booking("verify").status == 0
    assert pooler.transactions() > before + 50


def test_races_have_the_same_results_behind_a_pooler(pooler, server, tmp_path):
    before = pooler.transactions()
    options = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", f"--basetemp={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests/concurrency/test_races.py"],
        cwd=ROOT,
        env={**os.environ, "BOOKING_TEST_DATABASE_URL": server, "BOOKING_TEST_POOLER_PORT": str(pooler.port)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert pooler.transactions() > before + 20


@pytest.mark.usefixtures("slots")
def test_long_list_and_large_file_work_behind_a_pooler(booking, pooler, url, sql, tmp_path):
    numbers = [row["id"] for row in sql(MANY_SLOTS, LONGEST_READ + 1)]
    rows = "".join(f"{number},Pat {number},{number}@x.de\n" for number in numbers)
    (tmp_path / "rows.csv").write_text(f"slot_id,name,email\n{rows}")
    address = {"BOOKING_DATABASE_URL": pooler.through(url)}
    booked = booking("book", "--from", "rows.csv", "--jobs", 4, "-o", "json", **address)
    assert (booked.status, len(booked.json)) == (0, len(numbers)), booked.stderr
    shown = booking("list", "--limit", len(numbers), "-o", "json", **address)
    assert (shown.status, len(shown.json)) == (0, len(numbers)), shown.stderr


def test_migrations_at_the_same_time_behind_a_pooler_all_succeed(program, pooler, empty_url):
    address = pooler.through(empty_url)
    ends = at_once(*[lambda: program("db", "migrate", BOOKING_DATABASE_URL=address)] * 2)
    assert [(end.status, "Error" in end.stderr) for end in ends] == [(0, False)] * 2
    assert program("verify", "-o", "json", BOOKING_DATABASE_URL=address).json == []


def test_temporary_tables_of_another_client_do_not_hide_the_tables_of_the_clinic(narrow_url, program, slot, sql):
    tables = [row["name"] for row in sql("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'booking'")]
    with psycopg.connect(narrow_url, autocommit=True, prepare_threshold=None) as stranger:
        for table in tables:
            stranger.execute(f"CREATE TEMPORARY TABLE {table} (LIKE booking.{table} INCLUDING ALL)")
        ran = program("book", slot, "--name", "Ida", "--email", "ida@x.de", BOOKING_DATABASE_URL=narrow_url)
        assert (ran.status, ran.stderr) == (0, "")
        again = program("db", "migrate", "-o", "json", BOOKING_DATABASE_URL=narrow_url)
        assert (again.status, again.json) == (0, [])
        assert stranger.execute("SELECT count(*) FROM bookings").fetchone() == (0,)
    assert len(sql("SELECT 1 FROM booking.bookings")) == 1


def test_missing_database_behind_a_pooler_ends_with_5(booking, pooler, url):
    nowhere = make_conninfo(pooler.through(url), dbname="no_such_database")
    ran = booking("slots", "list", "-o", "json", BOOKING_DATABASE_URL=nowhere)
    assert (ran.status, ran.stdout, ran.error["code"]) == (5, "", "database_unavailable")


def test_pooler_that_accepts_no_more_clients_ends_with_6(booking, server, url):
    with pgbouncer(server) as full:
        full.console("SET max_client_conn = 0")
        ran = booking("slots", "list", "-o", "json", BOOKING_DATABASE_URL=full.through(url))
    assert (ran.status, ran.stdout, ran.error["code"]) == (6, "", "busy")
