"""A connection that breaks during COMMIT: the change is made once, or the error has the command that makes it once."""

import shlex
import subprocess
import threading
from typing import Any, NamedTuple

import pytest

from booking_cli.db import queries, runner
from booking_cli.db.transaction import Transaction
from tests.support.waiting import PATIENCE_SECONDS, wait_for_lock_waiter

# Booking 1 holds slot 1, the holds of bookings 2 and 3 on slots 2 and 3 have lapsed, and slot 4 is free.
pytestmark = pytest.mark.usefixtures("held", "sound_afterwards")

BOOK = """book 4 --name "Pat O'Neill" --email pat@example.com"""
HISTORY = "SELECT string_agg(to_status, ' ' ORDER BY id) FROM booking_history WHERE booking_id IN "
CUTS = pytest.mark.parametrize("cut", ["cut_before_commit", "cut_after_commit"])


class Change(NamedTuple):
    """A command, a part of its result, and a query with what it returns where the change was made once.

    `again` are the exit statuses of the command where the change was not made, and where it was made.
    """

    command: str
    result: dict[str, Any]
    query: str
    once: Any
    again: tuple[int, int] = (0, 0)


BULK = "slots bulk 1 --from +20d --start 09:00 --end 11:00"
ADD_DOCTOR = "doctors add --specialization x --email c@x.de -o json -- -Cleo"
COUNT = "SELECT count(*) FROM "
STATES = "SELECT string_agg(status, ' ' ORDER BY id) FROM bookings WHERE slot_id = "
CHANGES = [
    Change(BOOK, {"status": "PENDING"}, STATES + "4", "PENDING"),
    Change("book 2 --patient 3", {"status": "PENDING"}, STATES + "2", "FAILED PENDING"),
    Change("confirm 1", {"status": "CONFIRMED"}, HISTORY + "(1)", "PENDING CONFIRMED"),
    Change("cancel 1 --reason 'is ill'", {"reason": "is ill"}, HISTORY + "(1)", "PENDING CANCELLED"),
    Change("expire", {"expired": 2}, HISTORY + "(2, 3)", "PENDING PENDING FAILED FAILED"),
    Change("slots add 1 +20d 09:00", {"status": "free"}, COUNT + "slots", 5, (0, 4)),
    Change(BULK, {"created": 4, "existing": 0}, COUNT + "slots", 8),
    Change("slots delete 4", {"id": 4}, COUNT + "slots", 3, (0, 3)),
    Change(ADD_DOCTOR, {"version": 1}, COUNT + "doctors", 3, (0, 4)),
    Change("doctors update 1 --name Cleo", {"version": 2}, "SELECT name FROM doctors WHERE id = 1", "Cleo"),
    Change("doctors delete 2", {"email": "bo@x.de"}, COUNT + "doctors", 1, (0, 3)),
    Change("patients add Cleo --phone 030", {"version": 1}, COUNT + "patients", 4, (0, 4)),
    Change("patients update 1 --note new", {"version": 2}, "SELECT note FROM patients WHERE id = 1", "new"),
    Change("patients merge 2 1", {"version": 2}, COUNT + "patient_history", 1, (0, 2)),
    Change("clinic set --name New", {"name": "New"}, "SELECT name FROM clinic", "New"),
]
EACH_CHANGE = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.command[:15])


@pytest.fixture
def run(booking, proxy):
    """Runs a command through the proxy."""

    def run(command, **settings):
        words = shlex.split(command)
        return booking(*words, *([] if "-o" in words else ["-o", "json"]), BOOKING_DATABASE_URL=proxy.url, **settings)

    return run


@pytest.fixture
def assert_made_once(sql):
    def check(ran, change):
        assert (ran.status, ran.stderr) == (0, "")
        assert ran.json.items() >= change.result.items()
        assert list(sql(change.query)[0].values()) == [change.once]

    return check


@pytest.fixture
def database_stays_away(monkeypatch):
    monkeypatch.setattr(runner, "RECONNECT_SECONDS", 0.5)


@pytest.fixture
def next_writer(raw, sql):
    """Runs a statement of another program as soon as the rows that a transaction has changed are unlocked."""
    threads = []

    def start(statement):
        threads.append(threading.Thread(target=raw(autocommit=True).execute, args=[statement]))
        threads[-1].start()
        wait_for_lock_waiter(sql)

    yield start
    for thread in threads:
        thread.join()


@CUTS
@EACH_CHANGE
def test_change_whose_commit_broke_is_made_once(run, proxy, assert_made_once, change, cut):
    for _ in range(2):  # the second one cuts the read of the outcome, or the retry
        getattr(proxy, cut)()
    assert_made_once(run(change.command), change)


@EACH_CHANGE
def test_commit_that_reaches_the_server_late_is_waited_for(run, proxy, assert_made_once, change):
    proxy.delay_commit(until=lambda: proxy.asked.wait(PATIENCE_SECONDS))
    assert_made_once(run(change.command), change)
    assert proxy.asked.is_set()


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "of another"])
def test_transaction_number_after_a_crash_is_not_taken_for_the_outcome(
    run, proxy, sql, assert_made_once, monkeypatch, is_known
):
    """After a crash, or on a promoted standby, the number is unknown, or of another transaction that was committed."""
    number = sql("SELECT pg_current_xact_id()::text AS id")[0]["id"] if is_known else "999999999999"
    monkeypatch.setattr(Transaction, "id", number)
    proxy.cut_before_commit()
    [change] = [change for change in CHANGES if change.command.startswith("cancel")]
    assert_made_once(run(change.command), change)


def test_same_change_by_another_program_meanwhile_is_not_taken_for_the_outcome(run, proxy, next_writer):
    confirmed_by_another = """
        WITH confirmed AS (
            UPDATE bookings SET status = 'CONFIRMED', confirmed_at = now(), version = 2 WHERE id = 1 RETURNING id
        )
        INSERT INTO booking_history (booking_id, actor, from_status, to_status, request_id)
        SELECT id, 'another', 'PENDING', 'CONFIRMED', 'another' FROM confirmed"""
    proxy.cut_before_commit(then=lambda: next_writer(confirmed_by_another))
    ran = run("confirm 1")
    assert (ran.status, ran.error["code"]) == (4, "wrong_state")


@pytest.mark.parametrize("noun", ["doctors", "patients"])
@pytest.mark.parametrize(
    ("cut", "code", "version"),
    [("cut_before_commit", "version_conflict", 2), ("cut_after_commit", "outcome_unknown", 3)],
)
def test_record_that_another_program_changed_since_is_not_changed_again(
    run, proxy, sql, next_writer, noun, cut, code, version
):
    change = f"UPDATE {noun} SET name = 'Dora', version = version + 1, updated_at = now() WHERE id = 1"
    getattr(proxy, cut)(then=lambda: (next_writer if cut == "cut_before_commit" else sql)(change))
    ran = run(f"{noun} update 1 --name Cleo --if-version 1")
    assert ran.error["code"] == code
    assert f"booking {noun} show 1" in ran.error["message"]
    assert f"booking {noun} update" not in ran.error["message"]
    assert sql(f"SELECT name, version FROM {noun} WHERE id = 1") == [{"name": "Dora", "version": version}]


@pytest.mark.parametrize(
    ("cut", "at"), [("cut_after_commit", "now()"), ("cut_before_commit", "now() - interval '1 s'")]
)
def test_clinic_that_another_program_changed_meanwhile_is_not_changed_again(run, proxy, sql, cut, at):
    """Of two changes, the one that began first can be the last."""
    getattr(proxy, cut)(then=lambda: sql(f"UPDATE clinic SET name = 'Another', updated_at = {at}"))
    ran = run("clinic set --name New")
    assert (ran.status, ran.error["code"]) == (6, "outcome_unknown")
    assert sql("SELECT name FROM clinic") == [{"name": "Another"}]


def test_outcome_is_unknown_where_reading_it_takes_too_long(run, proxy, raw, sql):
    locker = raw()
    proxy.cut_after_commit(then=lambda: locker.execute("LOCK TABLE bookings"))
    ran = run(BOOK, BOOKING_STATEMENT_TIMEOUT="0.2")
    locker.rollback()
    assert (ran.status, ran.error["code"]) == (6, "outcome_unknown")
    assert len(sql("SELECT id FROM bookings WHERE slot_id = 4")) == 1


def test_outcome_is_unknown_where_reading_it_fails_for_an_unexpected_reason(run, proxy, monkeypatch):
    statement = queries.statement
    broken = {"db.transaction_status": "SELECT 1 / 0 AS status"}
    monkeypatch.setattr(queries, "statement", lambda name: broken.get(name) or statement(name))
    proxy.cut_after_commit()
    assert run(BOOK).error["code"] == "outcome_unknown"


def test_too_many_broken_commits_end_with_busy_and_change_nothing(run, proxy, contents, monkeypatch):
    monkeypatch.setattr(runner, "MAX_AMBIGUOUS_COMMITS", 1)
    before = contents()
    proxy.cut_before_commit()
    assert run(BOOK).error["code"] == "busy"
    assert contents() == before


@pytest.mark.parametrize("was_made", [False, True], ids=["not made", "made"])
@EACH_CHANGE
@pytest.mark.usefixtures("database_stays_away")
def test_unknown_outcome_names_the_command_that_makes_the_change_once(run, booking, proxy, sql, change, was_made):
    (proxy.cut_after_commit if was_made else proxy.cut_before_commit)(then=proxy.refuse)
    cut_off = run(change.command)
    assert (cut_off.status, cut_off.error["code"], cut_off.stdout) == (6, "outcome_unknown", "")
    words = shlex.split(cut_off.error["message"].partition(": booking ")[2])
    has_request_id = change.command.startswith(("book", "confirm", "cancel"))
    assert ("--request-id" in words) == has_request_id
    again = booking(*words)
    assert again.status == change.again[was_made]
    if has_request_id:
        assert booking(*words).stdout == again.stdout
    assert list(sql(change.query)[0].values()) == [change.once]


@pytest.mark.usefixtures("database_stays_away")
def test_command_of_an_unknown_outcome_keeps_its_request_id_and_can_be_pasted_into_a_shell(run, proxy):
    proxy.cut_after_commit(then=proxy.refuse)
    name = "Zoe\u00ad 'Z' \\Q"  # with a soft hyphen, which is invisible
    words = ["book", "4", "--name", name, "--email", "z@x.de", "--request-id=call 7", "-o", "json"]
    ran = run(shlex.join(words))
    command = f"printf '%s\\n' {ran.error['message'].partition(': booking ')[2]}"
    environment = {"LC_ALL": "C.UTF-8"}
    shell = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, env=environment)
    assert shell.stdout.splitlines() == words
