"""`book --from` when something goes wrong on the way: what was booked is booked once, answered, and the last words are true."""

import contextlib
import json
import os
import signal
import subprocess
import threading

import pytest

from booking_cli.commands import batches
from booking_cli.lines import Wish
from booking_cli.repository import batches as repository
from booking_cli.workers import Workers
from tests.conftest import PROGRAM
from tests.threads import at_once
from tests.waiting import PATIENCE_SECONDS, wait_for_lock_waiter

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

        def run(*arguments, **settings):
            pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
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
    monkeypatch.setattr("booking_cli.database.RECONNECT_SECONDS", 0.0)
    proxy.answer_commit(then=lambda: None)
    proxy.cut_after_commit(then=proxy.refuse)
    ran = booking("book", "--from", path, "-o", "json", BOOKING_DATABASE_URL=proxy.url)
    assert (ran.status, ran.error["code"]) == (6, "outcome_unknown")
    assert "The lines up to 3 are answered." in ran.error["message"]
    assert "safe to run it again" in ran.error["message"]
    assert [answer["line"] for answer in ran.json] == [2, 3]


def test_atomic_lines_of_which_nobody_knows_are_not_answered(booking, proxy, path, monkeypatch):
    monkeypatch.setattr("booking_cli.database.RECONNECT_SECONDS", 0.0)
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


def test_a_reader_that_has_seen_enough_is_no_error(start, slots):
    process = start("book", "--from", "-", "-o", "ndjson")
    lines = "".join(f"{number},Pat,pat@example.com\n" for number in range(10_000, 20_000))

    process.stdin.write(HEADER + lines[:100_000])
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(lines[100_000:])
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    assert (process.stderr.read(), process.wait(PATIENCE_SECONDS)) == ("", 0)


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
        return repository.book(opened, wishes, terms)

    one, other = at_once(lambda: book("Ana", numbers), lambda: book("Bo", numbers[::-1]))
    won = [answer.slot_id for answer in [*one, *other] if answer.code is None]
    assert sorted(won) == numbers == booked(sql)
    assert {answer.code for answer in [*one, *other]} == {None, "slot_taken"}


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
