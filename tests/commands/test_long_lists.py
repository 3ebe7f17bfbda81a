"""A long list is shown as it comes from the server: all of it, from one snapshot, in the memory of a short one."""

import itertools
import json
import subprocess
import sys
import time

import pytest

from booking_cli.db import runner
from booking_cli.domain.errors import DatabaseUnavailable
from booking_cli.repository import slots
from tests.conftest import PROGRAM

MANY = 30_000
ALL = ("slots", "list", "--status", "all", "--from", "2020-01-01", "--limit")
# Runs a command, and writes to stderr how much memory it held at most, in kB.
TELL_THE_PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""


@pytest.fixture
def many_slots(sql):
    sql(
        "INSERT INTO doctors (name, specialization, email) SELECT 'Dr ' || n, 'X', n || '@x.de' FROM generate_series(1, 30) n"
    )
    sql(
        "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT d.id, t, t + interval '5 minutes' FROM doctors d,"
        " generate_series(now() + interval '1 day', now() + interval '1 day' + interval '5 minutes' * %s, '5 minutes') t",
        MANY / 30 - 1,
    )


def listing(book, limit):
    return slots.listing(
        book, doctor_id=None, specialization=None, starts_from=None, starts_before=None, status="all", limit=limit
    )


@pytest.mark.usefixtures("many_slots")
@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_all_of_a_long_list_is_shown_in_order(program, form):
    ran = program(*ALL, MANY, "-o", form)
    assert (ran.status, ran.stderr) == (0, "")
    match form:
        case "json":
            starts = [(slot["starts_at"], slot["id"]) for slot in ran.json]
        case "ndjson":
            starts = [(slot["starts_at"], slot["id"]) for slot in map(json.loads, ran.stdout.splitlines())]
        case _:
            starts = [(line.split(",")[7], int(line.split(",")[0])) for line in ran.stdout.splitlines()[1:]]
    assert len(starts) == MANY
    assert starts == sorted(starts)


@pytest.mark.usefixtures("many_slots")
def test_that_there_are_more_is_said_after_a_long_list_too(program):
    ran = program(*ALL, MANY - 1, "-o", "ndjson")
    assert len(ran.stdout.splitlines()) == MANY - 1
    assert ran.stderr.startswith(f"There are more than {MANY - 1} slots")


@pytest.mark.usefixtures("many_slots")
def test_a_long_list_takes_no_more_memory_than_a_short_one(environment, tmp_path):
    def peak(limit):
        command = [PROGRAM, *ALL, str(limit), "-o", "ndjson"]
        done = subprocess.run(
            [sys.executable, "-c", TELL_THE_PEAK, *command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stderr.split()[-1]) / 1024

    assert peak(MANY) < peak(1) + 10


@pytest.mark.usefixtures("many_slots")
def test_whoever_reads_only_the_beginning_hears_nothing_of_the_rest(environment, tmp_path):
    pipeline = f"{PROGRAM} {' '.join(ALL)} {MANY} -o csv | head -2; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", pipeline], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.usefixtures("many_slots")
def test_a_long_list_shows_one_moment(opened, sql):
    found = iter(listing(opened, MANY))
    first = next(found)
    sql("DELETE FROM slots")
    assert len({first.id, *(slot.id for slot in found)}) == MANY


@pytest.mark.usefixtures("many_slots")
def test_a_connection_that_breaks_in_the_middle_ends_the_list_with_an_error(open_book, url, sql):
    found = iter(listing(open_book(url, pool_size=0), MANY))
    next(found)
    others = "application_name = 'booking' AND datname = current_database() AND pid <> pg_backend_pid()"
    sql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
    with pytest.raises(DatabaseUnavailable):
        list(found)


@pytest.mark.usefixtures("many_slots")
@pytest.mark.parametrize("pool_size", [0, 1])
def test_after_a_list_that_was_left_in_the_middle_the_connection_is_used_again(open_book, url, pool_size):
    book = open_book(url, pool_size=pool_size)
    found = iter(listing(book, MANY))
    assert len(list(itertools.islice(found, 10))) == 10
    found.close()
    assert len(list(listing(book, 10))) == 11


@pytest.mark.usefixtures("many_slots")
def test_a_reader_who_pauses_before_the_end_gets_the_end_too(opened, monkeypatch):
    """The server has sent everything by then, and ends a session that does nothing."""
    monkeypatch.setattr(runner, "IDLE_IN_TRANSACTION_SECONDS", 0.05)
    found = iter(listing(opened, MANY))
    before = list(itertools.islice(found, MANY - 100))
    time.sleep(0.5)
    assert len(before) + len(list(found)) == MANY
