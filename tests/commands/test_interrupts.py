"""Ctrl-C leaves no partial change, and the message says what was saved."""

import json
import os
import signal
import threading

import pytest

from tests.support.waiting import PATIENCE_SECONDS, wait_for_lock_waiter, wait_until

PATIENT = ("--name", "Pat", "--email", "pat@example.com")
BOOKINGS = "SELECT status FROM bookings"
# Sends SIGINT when the program begins to import a package, as if Ctrl-C was pressed during a slow import.
SIGINT_AT_IMPORT = """
import importlib.abc, os, signal, sys
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == os.environ["SIGINT_AT"]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""


def interrupt(started, number=signal.SIGINT):
    wait_until(lambda: started, "the program has been started")
    started[0].send_signal(number)


@pytest.mark.parametrize(
    ("number", "form"),
    [(signal.SIGINT, "table"), (signal.SIGINT, "json"), (signal.SIGTERM, "table"), (signal.SIGHUP, "json")],
)
def test_signal_while_waiting_for_a_lock_changes_nothing(start, open_booking, sql, slot, contents, number, form):
    other = open_booking(slot)
    process = start("book", slot, *PATIENT, "-o", form)
    wait_for_lock_waiter(sql)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    other.rollback()
    assert (process.returncode, stdout, len(stderr.splitlines())) == (128 + number, "", 1)
    assert "nothing was changed" in stderr
    assert form != "json" or json.loads(stderr)["error"]["code"] == "interrupted"
    assert contents() == [[], [], []]


@pytest.mark.parametrize("package", ["typer", "psycopg", "pydantic_settings"])
def test_ctrl_c_during_imports_is_reported_on_one_line(start, tmp_path, package):
    (tmp_path / "sitecustomize.py").write_text(SIGINT_AT_IMPORT)
    process = start("slots", "list", PYTHONPATH=str(tmp_path), SIGINT_AT=package)
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, stdout, len(stderr.splitlines())) == (130, "", 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_during_commit_is_deferred_until_the_result_is_shown(start, proxy, sql, slot, number):
    started = []
    proxy.answer_commit(then=lambda: interrupt(started, number))
    started.append(start("book", slot, *PATIENT, "-o", "json", BOOKING_DATABASE_URL=proxy.url))
    stdout, stderr = started[0].communicate(timeout=PATIENCE_SECONDS)
    assert started[0].returncode == 128 + number
    assert json.loads(stdout)["id"] == sql("SELECT id FROM bookings")[0]["id"]
    assert "are saved" in stderr


def test_ctrl_c_during_an_ambiguous_commit_does_not_report_that_nothing_was_changed(start, proxy, sql, slot):
    started = []
    proxy.cut_after_commit(then=lambda: interrupt(started))
    started.append(start("book", slot, *PATIENT, BOOKING_DATABASE_URL=proxy.url))
    _, stderr = started[0].communicate(timeout=PATIENCE_SECONDS)
    assert sql(BOOKINGS) == [{"status": "PENDING"}]
    assert "nothing was changed" not in stderr
    assert "Traceback" not in stderr


def test_second_ctrl_c_ends_a_commit_that_is_never_answered(booking, proxy, sql, slot, sigint_handled):
    ended, ended_in_time = threading.Event(), []

    def press_twice():
        os.kill(os.getpid(), signal.SIGINT)
        assert sigint_handled.wait(PATIENCE_SECONDS)
        os.kill(os.getpid(), signal.SIGINT)
        ended_in_time.append(ended.wait(PATIENCE_SECONDS))

    proxy.answer_commit(then=press_twice)
    ran = booking("book", slot, *PATIENT, BOOKING_DATABASE_URL=proxy.url)
    ended.set()
    wait_until(lambda: ended_in_time, "the proxy has answered")
    assert (ran.status, ended_in_time, sql(BOOKINGS)) == (130, [True], [{"status": "PENDING"}])
    assert "nothing was changed" not in ran.stderr
    assert f"--request-id {sql('SELECT request_id FROM bookings')[0]['request_id']}" in ran.stderr
