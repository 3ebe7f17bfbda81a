"""Ctrl-C leaves nothing half done and says the truth in one line; a closed pipe is no error."""

import contextlib
import json
import os
import signal
import subprocess
import threading

import pytest

from booking_cli import signals as interrupts
from tests.conftest import PROGRAM
from tests.support.waiting import PATIENCE_SECONDS, wait_for_lock_waiter, wait_until

PATIENT = ("--name", "Pat", "--email", "pat@example.com")
RIVAL = (
    "INSERT INTO bookings (reference, slot_id, patient_name, patient_email, status, hold_expires_at, request_id) "
    "SELECT 'RIVAL', id, 'Rival', 'r@x.de', 'PENDING', now() + interval '1 hour', 'rival' FROM slots"
)
# Stands for a slow import: presses Ctrl-C at the moment when the program begins to import a package.
PRESS_AT_IMPORT = """
import importlib.abc, os, signal, sys
class Press(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == os.environ["PRESS_AT"]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
"""


@pytest.fixture
def slot(sql):
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana', 'x', 'a@x.de')")
    return sql(
        "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT id, now() + interval '1 day', "
        "now() + interval '25 hours' FROM doctors RETURNING id"
    )[0]["id"]


@pytest.fixture
def start(environment, tmp_path):
    """Starts the program and lets it run."""
    with contextlib.ExitStack() as running:

        def run(*arguments, **options):
            settings = options.pop("settings", {})
            options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
            process = subprocess.Popen(
                [PROGRAM, *map(str, arguments)], env={**environment, **settings}, cwd=tmp_path, text=True, **options
            )
            running.enter_context(process)
            running.callback(process.kill)
            return process

        yield run


@pytest.fixture
def own_handler():
    """This module's Ctrl-C in this process, and pytest's again afterwards."""
    before = signal.getsignal(signal.SIGINT)
    interrupts.install()
    yield
    interrupts.install()
    signal.signal(signal.SIGINT, before)


def press():
    signal.raise_signal(signal.SIGINT)


def interrupt(started):
    wait_until(lambda: started, "the program has been started")
    started[0].send_signal(signal.SIGINT)


@pytest.mark.parametrize("output", ["table", "json"])
def test_ctrl_c_while_waiting_for_somebody_else_changes_nothing(start, raw, sql, slot, output):
    rival = raw()
    rival.execute(RIVAL)
    process = start("book", slot, *PATIENT, "-o", output)
    wait_for_lock_waiter(sql)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    rival.rollback()
    assert (process.returncode, stdout, len(stderr.splitlines())) == (130, "", 1)
    assert "nothing was changed" in stderr
    assert "Traceback" not in stderr
    assert output != "json" or json.loads(stderr)["error"]["code"] == "interrupted"
    assert sql("SELECT 1 FROM bookings") == []
    assert sql("SELECT 1 FROM booking_history") == []


@pytest.mark.parametrize("package", ["typer", "psycopg", "pydantic_settings"])
def test_ctrl_c_while_the_program_still_starts_is_one_line_too(start, tmp_path, package):
    (tmp_path / "sitecustomize.py").write_text(PRESS_AT_IMPORT)
    process = start("slots", "list", settings={"PYTHONPATH": str(tmp_path), "PRESS_AT": package})
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, stdout, len(stderr.splitlines())) == (130, "", 1)


@pytest.mark.usefixtures("own_handler")
def test_ctrl_c_is_obeyed_at_once_where_nothing_is_held_back():
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.usefixtures("own_handler")
def test_ctrl_c_is_held_back_and_obeyed_afterwards():
    interrupts.hold_back()
    press()
    with pytest.raises(KeyboardInterrupt):
        interrupts.release()


@pytest.mark.usefixtures("own_handler")
def test_ctrl_c_is_obeyed_once_and_not_again_by_the_next_release():
    interrupts.hold_back()
    press()
    with pytest.raises(KeyboardInterrupt):
        interrupts.release()
    interrupts.release()


@pytest.mark.usefixtures("own_handler")
def test_ctrl_c_that_is_held_back_is_obeyed_on_the_second_press():
    interrupts.hold_back()
    press()
    with pytest.raises(KeyboardInterrupt):
        press()


@pytest.mark.usefixtures("own_handler")
def test_after_the_second_press_every_further_one_is_obeyed():
    interrupts.hold_back()
    press()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            press()


@pytest.mark.usefixtures("own_handler")
def test_the_last_words_are_true_before_during_and_after_a_commit():
    assert "nothing was changed" in interrupts.last_words()
    interrupts.hold_back()
    assert interrupts.in_doubt()
    assert "not known" in interrupts.last_words()
    interrupts.note_outcome(committed=False)
    assert not interrupts.in_doubt()
    assert "nothing was changed" in interrupts.last_words()
    interrupts.note_outcome(committed=True)
    assert "what was done before is whole and stays" in interrupts.last_words()
    interrupts.install()
    assert "nothing was changed" in interrupts.last_words()


def test_ctrl_c_during_commit_waits_for_its_outcome(start, proxy, sql, slot):
    started = []
    proxy.answer_commit(then=lambda: interrupt(started))
    started.append(start("book", slot, *PATIENT, "-o", "json", settings={"BOOKING_DATABASE_URL": proxy.url}))
    process = started[0]
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert json.loads(stdout)["id"] == sql("SELECT id FROM bookings")[0]["id"]
    assert "what was done before is whole and stays" in stderr
    assert "Traceback" not in stderr


def test_ctrl_c_during_a_commit_that_breaks_does_not_say_that_nothing_was_changed(start, proxy, sql, slot):
    started = []
    proxy.cut_after_commit(then=lambda: interrupt(started))
    started.append(start("book", slot, *PATIENT, settings={"BOOKING_DATABASE_URL": proxy.url}))
    _, stderr = started[0].communicate(timeout=PATIENCE_SECONDS)
    assert sql("SELECT status FROM bookings") == [{"status": "PENDING"}]
    assert "nothing was changed" not in stderr
    assert "Traceback" not in stderr


def test_the_second_ctrl_c_leaves_a_commit_that_is_never_answered(booking, proxy, sql, slot):
    over, left_in_time = threading.Event(), []

    def press_twice():
        os.kill(os.getpid(), signal.SIGINT)
        wait_until(lambda: interrupts._pending, "the first press has been noticed")
        os.kill(os.getpid(), signal.SIGINT)
        left_in_time.append(over.wait(PATIENCE_SECONDS))

    proxy.answer_commit(then=press_twice)
    ran = booking("book", slot, *PATIENT, BOOKING_DATABASE_URL=proxy.url)
    over.set()
    wait_until(lambda: left_in_time, "the server has answered too late")
    assert (ran.status, left_in_time) == (130, [True])
    assert sql("SELECT status FROM bookings") == [{"status": "PENDING"}]
    assert "nothing was changed" not in ran.stderr
    assert f"--request-id {sql('SELECT request_id FROM bookings')[0]['request_id']}" in ran.stderr


@pytest.fixture
def nobody_reads():
    """The end of a pipe into which one can write, whose other end is closed."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    yield write_end
    os.close(write_end)


@pytest.mark.usefixtures("slot")
@pytest.mark.parametrize(
    "command",
    [
        ("--help",),
        ("book", "--help"),
        ("--version",),
        ("slots", "list"),
        ("slots", "list", "-o", "json"),
        ("slots", "list", "-o", "ndjson"),
        ("slots", "list", "-o", "csv"),
        ("book", "1", *PATIENT),
        ("db", "status"),
    ],
    ids=" ".join,
)
def test_a_closed_pipe_is_no_error(start, nobody_reads, command):
    process = start(*command, stdout=nobody_reads)
    _, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, stderr) == (0, "")


@pytest.fixture
def more_slots_than_a_pipe_holds(sql, slot):
    sql(
        "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT doctor_id, t, t + interval '30 minutes' FROM slots, "
        "generate_series(starts_at + interval '1 day', starts_at + interval '40 days', interval '30 minutes') t"
    )


@pytest.mark.usefixtures("more_slots_than_a_pipe_holds")
def test_a_reader_that_has_seen_enough_of_a_long_list_is_no_error(start, slot):
    process = start("slots", "list", "--limit", 1800, "-o", "ndjson")
    first = process.stdout.readline()
    process.stdout.close()
    stderr = process.stderr.read()
    assert (process.wait(PATIENCE_SECONDS), json.loads(first)["id"]) == (0, slot)
    assert "Error" not in stderr
    assert "Broken" not in stderr


@pytest.mark.usefixtures("more_slots_than_a_pipe_holds")
def test_in_a_shell_with_pipefail_too(environment):
    script = f"set -o pipefail; '{PROGRAM}' slots list --limit 1800 -o csv | head -1"
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout.split(",")[0]) == (0, "", "id")


@pytest.mark.parametrize(("command", "status"), [(("show", "1"), 3), (("show", "nonsense"), 2)], ids=["3", "2"])
@pytest.mark.parametrize("closed", [("stdout",), ("stderr",), ("stdout", "stderr")], ids=" and ".join)
def test_a_refusal_keeps_its_exit_status_though_nobody_reads_it(start, nobody_reads, command, status, closed):
    process = start(*command, **dict.fromkeys(closed, nobody_reads))
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == status
