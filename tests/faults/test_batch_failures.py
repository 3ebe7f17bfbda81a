"""`book --from` when something goes wrong on the way: what was booked is booked once, answered, and the last words are true."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import threading

import pytest

from booking_cli.commands import booking_import as batches
from booking_cli.importing import reader as line_files
from booking_cli.importing.rows import Wish
from booking_cli.importing.workers import Workers
from booking_cli.repository import batches as repository
from booking_cli.repository.ways import Apart
from tests.conftest import PROGRAM
from tests.support.threads import at_once
from tests.support.waiting import PATIENCE_SECONDS, wait_for_lock_waiter

pytestmark = pytest.mark.usefixtures("sound_afterwards")

HEADER = "slot_id,name,email\n"
WAYS = pytest.mark.parametrize("options", [(), ("--atomic",), ("--jobs", "2")], ids=["each", "atomic", "jobs"])
RIVAL = (
    "INSERT INTO bookings (reference, slot_id, patient_name, patient_email, status, hold_expires_at, request_id) "
    "SELECT 'RIVAL', id, 'Rival', 'r@x.de', 'PENDING', now() + interval '1 hour', 'rival' FROM slots WHERE id = 3"
)


@pytest.fixture
def path(slots, tmp_path):
    """A file with a line for each of four slots."""
    path = tmp_path / "wishes.csv"
    path.write_text(HEADER + "".join(f"{slot},Pat {slot},pat@example.com\n" for slot in slots))
    return path


@pytest.fixture
def by_twos(monkeypatch):
    """Two lines are one transaction."""
    monkeypatch.setattr(batches, "CHUNK", 2)


@pytest.fixture
def start(environment, tmp_path):
    """Starts the program and lets it run."""
    with contextlib.ExitStack() as running:

        def run(*arguments, stdout=subprocess.PIPE, **settings):
            pipes = {"stdin": subprocess.PIPE, "stdout": stdout, "stderr": subprocess.PIPE}
            words = [PROGRAM, *map(str, arguments)]
            process = subprocess.Popen(words, env={**environment, **settings}, cwd=tmp_path, text=True, **pipes)
            running.enter_context(process)
            running.callback(process.kill)
            return process

        yield run


def answers(stdout):
    return [json.loads(line) for line in stdout.splitlines()]


def booked(sql):
    return [row["slot_id"] for row in sql("SELECT slot_id FROM bookings ORDER BY slot_id")]


@WAYS
@pytest.mark.parametrize("cut", ["cut_before_commit", "cut_after_commit"])
def test_lines_whose_commit_broke_are_booked_once_and_answered_as_usual(
    booking, proxy, path, slots, sql, by_twos, options, cut
):
    getattr(proxy, cut)()
    ran = booking("book", "--from", path, "-o", "ndjson", *options, BOOKING_DATABASE_URL=proxy.url)
    assert ran.status == 0
    assert [answer["slot_id"] for answer in answers(ran.stdout)] == booked(sql) == slots


def test_where_the_database_stays_away_it_is_said_up_to_which_line_there_are_answers(
    booking, proxy, path, sql, by_twos, monkeypatch
):
    monkeypatch.setattr("booking_cli.db.runner.RECONNECT_SECONDS", 0.0)
    proxy.answer_commit(then=lambda: None)
    proxy.cut_after_commit(then=proxy.refuse)
    ran = booking("book", "--from", path, "-o", "json", "--jobs", 1, BOOKING_DATABASE_URL=proxy.url)
    assert (ran.status, ran.error["code"]) == (6, "outcome_unknown")
    assert "The lines up to 5 are answered." in ran.error["message"]
    assert "safe to run it again" in ran.error["message"]
    assert [answer["code"] or answer["status"] for answer in ran.json] == ["PENDING"] * 2 + ["outcome_unknown"] * 2


def test_atomic_lines_of_which_nobody_knows_are_not_answered(booking, proxy, path, monkeypatch):
    monkeypatch.setattr("booking_cli.db.runner.RECONNECT_SECONDS", 0.0)
    proxy.cut_after_commit(then=proxy.refuse)
    ran = booking("book", "--from", path, "-o", "json", "--atomic", BOOKING_DATABASE_URL=proxy.url)
    assert (ran.status, ran.json, ran.error["code"]) == (6, [], "outcome_unknown")


@WAYS
def test_ctrl_c_while_a_batch_waits_for_somebody_else(start, raw, sql, path, options):
    rival = raw()
    rival.execute(RIVAL)
    process = start("book", "--from", path, "-o", "ndjson", *options)
    wait_for_lock_waiter(sql)
    process.send_signal(signal.SIGINT)
    if options != ("--atomic",):  # what is in hand is waited for
        rival.rollback()
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    rival.rollback()
    assert (process.returncode, len(stderr.splitlines())) == (130, 1)
    assert [answer["slot_id"] for answer in answers(stdout)] == booked(sql)
    assert ("nothing was changed" in stderr) == (not booked(sql))


def test_the_second_ctrl_c_leaves_what_never_ends(booking, raw, sql, path, monkeypatch):
    rival, obeyed, threads = raw(), threading.Event(), []
    rival.execute(RIVAL)
    stop, run = Workers.stop, Workers._run
    monkeypatch.setattr(Workers, "stop", lambda self: (stop(self), obeyed.set()))
    monkeypatch.setattr(Workers, "_run", lambda self: (threads.append(threading.current_thread()), run(self)))

    def press_twice():
        wait_for_lock_waiter(sql)
        os.kill(os.getpid(), signal.SIGINT)
        assert obeyed.wait(PATIENCE_SECONDS)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press_twice)
    pressing.start()
    ran = booking("book", "--from", path, "-o", "json")
    pressing.join()
    rival.rollback()
    threads[0].join()
    assert (ran.status, ran.json) == (130, [])
    assert "it is not known which lines" in ran.error["message"]


def test_a_reader_that_goes_away_is_an_error_because_lines_were_not_tried(start, path):
    path.write_text(HEADER + "".join(f"{number},Pat,pat@example.com\n" for number in range(1, 20_001)))
    process = start("book", "--from", path, "-o", "ndjson")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE_SECONDS) == 1
    error = json.loads(process.stderr.read())["error"]
    assert error["code"] == "output_failed"
    assert "safe to run it again" in error["message"]


def test_two_batches_after_the_same_slots_book_each_slot_once(opened, sql, slots):
    sql(
        "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT 1, t, t + interval '30 minutes' FROM "
        "generate_series(now() + interval '20 days', now() + interval '24 days', interval '30 minutes') t"
    )
    numbers = [row["id"] for row in sql("SELECT id FROM slots ORDER BY id")]
    terms = repository.Terms(5, allow_overlap=False)

    def book(patient, order):
        wishes = [
            Wish(line, slot, f"{patient} {slot}", "p@x.de", None, False, f"{patient}-{slot}", False)
            for line, slot in enumerate(order, start=1)
        ]
        return repository.book(Apart(opened.database), opened, wishes, terms).answers

    one, other = at_once(lambda: book("Ana", numbers), lambda: book("Bo", numbers[::-1]))
    won = [answer.slot_id for answer in [*one, *other] if answer.code is None]
    assert sorted(won) == numbers == booked(sql)
    assert {answer.code for answer in [*one, *other]} == {None, "slot_taken"}


def test_lines_behind_somebody_who_locks_a_slot_are_busy_and_what_was_booked_stands(booking, raw, sql, path, by_twos):
    rival = raw()
    rival.execute(RIVAL)
    ran = booking("book", "--from", path, "-o", "json", "--jobs", 1, BOOKING_STATEMENT_TIMEOUT="0.5")
    rival.rollback()
    assert (ran.status, ran.error["code"]) == (6, "busy")
    assert [answer["code"] or answer["status"] for answer in ran.json] == ["PENDING", "PENDING", "busy", "busy"]
    assert "The lines up to 5 are answered." in ran.error["message"]
    assert booked(sql) == [1, 2]


def test_after_a_failure_no_later_line_is_booked(booking, raw, sql, path, by_twos):
    rival = raw()
    rival.execute(RIVAL.replace("id = 3", "id = 1"))
    ran = booking("book", "--from", path, "-o", "json", "--jobs", 1, BOOKING_STATEMENT_TIMEOUT="0.5")
    rival.rollback()
    assert [(answer["line"], answer["code"]) for answer in ran.json] == [(2, "busy"), (3, "busy")]
    assert booked(sql) == []


def test_what_was_booked_in_an_earlier_turn_is_answered_where_a_later_one_fails(booking, raw, sql, path, held):
    """Slot 2 has a hold that has lapsed, on which somebody else has a lock: it is only come to after the others."""
    rival = raw()
    rival.execute("SELECT FROM bookings WHERE slot_id = 2 FOR UPDATE")
    path.write_text(HEADER + "2,Ida,ida@example.com\n4,Tom,tom@example.com\n")
    ran = booking("book", "--from", path, "-o", "json", BOOKING_STATEMENT_TIMEOUT="0.5")
    rival.rollback()
    assert (ran.status, [answer["code"] for answer in ran.json]) == (6, ["busy", None])
    assert sql("SELECT patient_name FROM bookings WHERE slot_id = 4") == [{"patient_name": "Tom"}]


def test_ctrl_c_while_answers_are_written_waits_until_they_are(start, sql, slots, tmp_path):
    path = tmp_path / "many.csv"
    path.write_text(HEADER + "".join(f"{number},Pat,pat@example.com\n" for number in range(1, 20_001)))
    process = start("book", "--from", path, "-o", "json", "--allow-overlap")
    process.stdout.read(10)  # and then nothing, so that it waits for us
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    # The beginning was read above.
    shown = json.loads("[" + stdout[stdout.index("{", 1) :] if not stdout.startswith("[") else stdout)
    assert [answer["line"] for answer in shown][-1] < 20_001
    assert f"The lines up to {shown[-1]['line']} are answered." in json.loads(stderr)["error"]["message"]


@pytest.mark.parametrize("options", [(), ("--atomic",)], ids=["each", "atomic"])
def test_a_full_disk_is_told_with_what_became_of_the_lines(start, path, sql, options):
    with open("/dev/full", "w") as full:
        process = start("book", "--from", path, "-o", "csv", *options, stdout=full)
        _, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "The answers could not be written on: No space left on device. What was booked stays booked" in stderr
    assert len(booked(sql)) == 4


def test_lines_before_one_that_cannot_be_read_are_booked_and_answered(booking, path, slots, sql, monkeypatch):
    read = line_files._Source._readline

    def breaks(source):
        if source.number == 3:
            raise line_files.Unreadable("The file cannot be read on after line 3: Input/output error.")
        return read(source)

    monkeypatch.setattr(line_files._Source, "_readline", breaks)
    ran = booking("book", "--from", path, "-o", "json")
    assert (ran.status, [answer["line"] for answer in ran.json]) == (2, [2, 3])
    assert "The lines up to 3 are answered." in ran.error["message"]
    assert booked(sql) == slots[:2]


def test_of_a_file_that_cannot_be_read_on_nothing_is_booked_where_it_is_all_or_none(booking, path, sql, monkeypatch):
    def breaks(source):
        raise line_files.Unreadable("The file cannot be read on after line 3: Input/output error.")

    read = line_files._Source._readline
    monkeypatch.setattr(line_files._Source, "_readline", lambda source: (read, breaks)[source.number == 3](source))
    ran = booking("book", "--from", path, "-o", "json", "--atomic")
    assert (ran.status, ran.json) == (2, [])
    assert ran.error["message"].endswith("Input/output error. Nothing was booked.")
    assert booked(sql) == []


def test_a_bug_leaves_what_was_answered_before_it_whole(booking, path, sql, by_twos, monkeypatch):
    settle = repository.settle

    def buggy(*arguments):
        if arguments[2][0].line > 3:
            raise ZeroDivisionError
        settle(*arguments)

    monkeypatch.setattr(repository, "settle", buggy)
    ran = booking("book", "--from", path, "-o", "json", "--jobs", 1)
    assert (ran.status, [answer["line"] for answer in ran.json]) == (1, [2, 3])
    assert "This is a bug in booking" in ran.error["message"]


def test_where_there_is_no_room_for_temporary_files_nothing_is_booked(booking, path, sql, monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("booking_cli.repository.atomic_batches.pickle.dump", no_room)
    ran = booking("book", "--from", path, "-o", "json", "--atomic")
    assert (ran.status, ran.json, ran.error["code"]) == (1, [], "output_failed")
    assert "Nothing was booked: there is no room" in ran.error["message"]
    assert booked(sql) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--jobs", "11"], "BOOKING_POOL_SIZE, which is 10"),
        (["--jobs", "21"], "from 1 to 20"),
        (["--jobs", "2", "--atomic"], "either --atomic or --jobs"),
        (["--name", "Pat"], "each line says itself"),
        (["--request-id", "r"], "each line says itself"),
        (["1"], "each line says itself"),
        (["--from", "missing.csv"], "No such file"),
        (["--from", "."], "cannot be read"),
    ],
)
def test_what_does_not_go_together_is_one_sentence_and_books_nothing(booking, path, sql, options, words):
    ran = booking("book", "--from", path, *options, "-o", "json")
    assert (ran.status, ran.stdout) == (2, "")
    assert words in ran.error["message"]
    assert booked(sql) == []
