"""A list of more than 2,000 rows is streamed: complete, from one snapshot, without waiting, and in little memory."""

import csv
import itertools
import json
import subprocess
import sys
import time

import psycopg
import pytest

from booking_cli.db import runner, transaction
from booking_cli.domain.dates import Period
from booking_cli.domain.errors import DatabaseUnavailable
from booking_cli.repository import slots
from tests.conftest import PROGRAM

MANY = 30_000
ALL = ("slots", "list", "--status", "all", "--from", "2020-01-01", "--limit")
# Runs a command, and writes to stderr its largest resident set, in kB.
MEASURE_MEMORY = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""


@pytest.fixture(autouse=True)
def many_slots(sql):
    sql(
        "INSERT INTO doctors (name, specialization, email) SELECT 'Ana', 'X', n || '@x.de' FROM generate_series(1, 30) n"
    )
    sql(f"""
        INSERT INTO slots (doctor_id, starts_at, ends_at)
        SELECT d.id, now() + n * interval '5 minutes', now() + (n + 1) * interval '5 minutes'
        FROM doctors d, generate_series(1, {MANY // 30}) n""")


def list_slots(session, limit):
    found = slots.list_slots(session, Period(), doctor_id=None, specialization=None, status="all", limit=limit)
    return iter(found)


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_a_long_list_is_complete_in_order_and_reports_that_there_are_more(program, form):
    ran = program(*ALL, MANY - 1, "-o", form)
    assert ran.status == 0
    assert f"more slots; raise --limit above {MANY - 1}," in ran.stderr
    lines = ran.stdout.splitlines()
    rows = {"json": lambda: ran.json, "ndjson": lambda: map(json.loads, lines), "csv": lambda: csv.DictReader(lines)}
    starts = [(slot["starts_at"], int(slot["id"])) for slot in rows[form]()]
    assert len(starts) == MANY - 1
    assert starts == sorted(starts)


def test_a_long_list_takes_no_more_memory_than_a_short_one(environment, tmp_path):
    def peak(limit):
        command = [sys.executable, "-c", MEASURE_MEMORY, PROGRAM, *ALL, str(limit), "-o", "ndjson"]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        return int(done.stderr.split()[-1]) / 1024

    assert peak(MANY) < peak(1) + 10


def test_a_reader_who_closes_the_pipe_early_gets_no_error(environment, tmp_path):
    pipeline = f"{PROGRAM} {' '.join(ALL)} {MANY} -o csv | head -2; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", pipeline], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2


def test_a_long_list_does_not_wait_behind_an_open_write_and_is_one_snapshot(open_clinic, url, raw, monkeypatch):
    monkeypatch.setattr(runner, "STREAM_SECONDS", 5)  # a list that waits ends with an error
    writer = raw(psycopg.IsolationLevel.SERIALIZABLE)
    writer.execute("DELETE FROM slots")
    found = list_slots(open_clinic(url, pool_size=1, statement_timeout=5), runner.LONGEST_READ + 1)
    first = next(found)
    writer.commit()
    assert len({first.id, *(slot.id for slot in found)}) == runner.LONGEST_READ + 2


def test_a_connection_that_breaks_in_the_middle_ends_the_list_with_an_error(open_clinic, url, sql):
    found = list_slots(open_clinic(url, pool_size=0), MANY)
    next(found)
    others = "application_name = 'booking' AND datname = current_database() AND pid <> pg_backend_pid()"
    sql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
    with pytest.raises(DatabaseUnavailable):
        list(found)


@pytest.mark.parametrize("pool_size", [0, 1])
def test_a_list_that_is_closed_in_the_middle_releases_its_connection(open_clinic, url, pool_size):
    session = open_clinic(url, pool_size=pool_size)
    found = list_slots(session, MANY)
    assert len(list(itertools.islice(found, 10))) == 10
    found.close()
    assert len(list(list_slots(session, 10))) == 11


def test_a_reader_who_pauses_after_the_server_has_sent_everything_gets_all_rows(opened, monkeypatch):
    monkeypatch.setattr(transaction, "IDLE_IN_TRANSACTION_SECONDS", 0.05)  # the server ends the session in the pause
    found = list_slots(opened, MANY)
    before = list(itertools.islice(found, MANY - 100))
    time.sleep(0.5)
    assert len(before) + len(list(found)) == MANY
