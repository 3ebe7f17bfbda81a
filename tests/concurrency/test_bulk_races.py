"""Slots that several processes make at the same moment: each is there once, none overlap, and nobody fails."""

import contextlib
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.commands.test_slots import DAY, add_doctor
from tests.conftest import PROGRAM
from tests.support.waiting import wait_until

PROCESSES = 4
A_WEEK = ("slots", "bulk", 1, "--from", DAY, "--to", DAY.fromordinal(DAY.toordinal() + 6), "-o", "json")


@pytest.fixture(autouse=True)
def doctor(booking):
    return add_doctor(booking, "ana", "Skin")


@pytest.fixture
def closed_slots(url):
    """Keeps everybody from writing slots until the block ends; by then each has read what was there."""

    @contextlib.contextmanager
    def closed():
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE booking.slots IN EXCLUSIVE MODE")
            yield

    return closed


@pytest.fixture
def at_once(program, closed_slots, sql):
    """Runs commands in processes of their own that all come to write slots at the same moment."""

    def run(*commands):
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with ThreadPoolExecutor(len(commands)) as pool:
            with closed_slots():
                runs = [pool.submit(program, *command) for command in commands]
                wait_until(
                    lambda: sql(waiting)[0]["count"] == len(commands) or any(run.done() for run in runs),
                    "all come to write",
                )
            return [run.result() for run in runs]

    return run


def total(done, name):
    return sum(run.json[name] for run in done)


def test_identical_runs_at_the_same_moment_make_each_slot_once(at_once, booking, sql):
    done = at_once(*[(*A_WEEK, "--start", "09:00", "--end", "17:00")] * PROCESSES)
    assert [run.status for run in done] == [0] * PROCESSES, done
    assert total(done, "created") == 7 * 16
    assert total(done, "existing") == (PROCESSES - 1) * 7 * 16
    assert total(done, "conflicts") == 0
    assert sql("SELECT count(*), count(DISTINCT starts_at) AS starts FROM slots") == [{"count": 112, "starts": 112}]
    assert booking("verify").status == 0


def test_a_run_that_overlaps_another_at_the_same_moment_reports_conflicts_and_does_not_fail(at_once, booking, sql):
    done = at_once(
        (*A_WEEK, "--start", "09:00", "--end", "17:00"),
        (*A_WEEK, "--start", "09:15", "--end", "16:45"),
        (*A_WEEK, "--start", "09:00", "--end", "17:00", "--minutes", "60"),
    )
    assert [run.status for run in done] == [0, 0, 0], done
    for run in done:
        assert run.json["planned"] == sum(run.json[name] for name in ("created", "existing", "conflicts", "past"))
        assert run.json["created"] == len(run.json["slots"])
    assert total(done, "conflicts") > 0
    assert sql("SELECT count(*) FROM slots")[0]["count"] == total(done, "created") > 0
    assert booking("verify").status == 0


def test_with_strict_one_of_two_overlapping_runs_makes_all_and_the_other_nothing(at_once, sql):
    done = at_once(
        (*A_WEEK, "--start", "09:00", "--end", "17:00", "--strict"),
        (*A_WEEK, "--start", "09:15", "--end", "17:15", "--strict"),
    )
    assert sorted(run.status for run in done) == [0, 4], done
    assert next(run.error["code"] for run in done if run.status) == "slot_overlap"
    assert sql("SELECT count(*) FROM slots")[0]["count"] == 7 * 16


def test_of_overlapping_slots_added_at_the_same_moment_one_is_made(at_once, sql):
    done = at_once(*(("slots", "add", 1, DAY, f"09:{minute}", "-o", "json") for minute in ("00", "10", "20", "29")))
    assert sorted(run.status for run in done) == [0, 4, 4, 4], done
    assert {run.error["code"] for run in done if run.status} == {"slot_overlap"}
    assert sql("SELECT count(*) FROM slots")[0]["count"] == 1


def test_a_bar_appears_on_a_terminal_when_it_takes_long(closed_slots, environment, tmp_path):
    ours, its = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        with closed_slots():
            running = subprocess.Popen(
                [str(PROGRAM), *map(str, A_WEEK), "--start", "09:00", "--end", "17:00"],
                env=environment | {"TERM": "xterm"},
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=its,
            )
            os.close(its)
            shown = b""
            with contextlib.suppress(OSError):  # so a terminal tells that nobody writes to it any more
                while b"Creating 112 slots" not in shown and (more := terminal.read(1024)):
                    shown += more
        result, _ = running.communicate(timeout=60)
    assert b"Creating 112 slots" in shown
    assert json.loads(result)["created"] == 112
