"""A connection that breaks during COMMIT: every change finds out what happened, and is made once and answered as usual."""

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from booking_cli import session as books
from booking_cli.db import queries, runner
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import Busy, OutcomeUnknown, VersionConflict, WrongState
from booking_cli.domain.validation import BookingKey, DoctorKey
from booking_cli.repository import bookings, clinic, doctors, slots
from booking_cli.repository.doctors import DoctorChange
from tests.support.waiting import PATIENCE_SECONDS, wait_for_lock_waiter

pytestmark = pytest.mark.usefixtures("sound_afterwards")

CUTS = ("cut_before_commit", "cut_after_commit")


@dataclass(frozen=True)
class Change:
    """A change of the book: how to make it, its answer, and a query with what it returns where the change was made once."""

    make: Callable[[books.Book], Any]
    answer: Any
    query: str
    once: Any


def request_for(slot, request_id="r-1"):
    return bookings.BookingRequest(slot, "Pat", "pat@example.com", None, 5, request_id)


def noon(book):
    return (book.now + dt.timedelta(days=20)).replace(hour=12, minute=0, second=0, microsecond=0)


def load(book):
    starts = [noon(book) + dt.timedelta(minutes=30 * number) for number in range(4)]
    return slots.add_many(book, doctors.find(book, DoctorKey(id=1)), starts, 30, strict=False)


def history_of(*ids):
    return f"SELECT string_agg(to_status, ' ' ORDER BY id) FROM booking_history WHERE booking_id IN ({', '.join(ids)})"


# Slot 1 is held by booking 1, the holds of bookings 2 and 3 on slots 2 and 3 have lapsed, slot 4 is free: see `held`.
CHANGES = {
    "book": Change(
        lambda book: bookings.book(book, request_for(4)).status_now,
        "PENDING",
        "SELECT count(*) FROM bookings WHERE slot_id = 4 AND request_id = 'r-1'",
        1,
    ),
    "take a slot over": Change(
        lambda book: bookings.book(book, request_for(2)).status_now,
        "PENDING",
        "SELECT string_agg(status, ' ' ORDER BY id) FROM bookings WHERE slot_id = 2",
        "FAILED PENDING",
    ),
    "confirm": Change(
        lambda book: bookings.confirm(book, BookingKey(id=1), "c-1").booking.status,
        "CONFIRMED",
        history_of("1"),
        "PENDING CONFIRMED",
    ),
    "cancel": Change(
        lambda book: bookings.cancel(book, BookingKey(id=1), "ill", "c-1").booking.reason,
        "ill",
        history_of("1"),
        "PENDING CANCELLED",
    ),
    "expire": Change(
        lambda book: [booking.id for booking in bookings.expire(book).bookings],
        [2, 3],
        history_of("2", "3"),
        "PENDING PENDING FAILED FAILED",
    ),
    "add a slot": Change(
        lambda book: slots.add(book, DoctorKey(id=1), noon(book), 30).status, "free", "SELECT count(*) FROM slots", 5
    ),
    "load slots": Change(
        lambda book: (load(book).created, load(book).existing), (4, 4), "SELECT count(*) FROM slots", 8
    ),
    "delete a slot": Change(lambda book: slots.delete(book, 4).id, 4, "SELECT count(*) FROM slots", 3),
    "add a doctor": Change(
        lambda book: doctors.add(book, name="Cleo", specialization="x", email="c@x.de", phone=None).version,
        1,
        "SELECT count(*) FROM doctors",
        3,
    ),
    "change a doctor": Change(
        lambda book: doctors.update(book, DoctorKey(id=1), DoctorChange(name="Cleo"), if_version=1).version,
        2,
        "SELECT version FROM doctors WHERE name = 'Cleo'",
        2,
    ),
    "delete a doctor": Change(
        lambda book: doctors.delete(book, DoctorKey(id=2)).email, "bo@x.de", "SELECT count(*) FROM doctors", 1
    ),
    "set the clinic": Change(
        lambda book: clinic.update(book, name="New", timezone=None, hold_minutes=None).name,
        "New",
        "SELECT name FROM clinic",
        "New",
    ),
}


@pytest.fixture(params=[0, 4], ids=["one connection", "pool"])
def book(request, proxy, open_book):
    """The book, opened through the proxy."""
    return open_book(proxy.url, statement_timeout=5, pool_size=request.param)


@pytest.fixture
def value(sql):
    return lambda query: next(iter(sql(query)[0].values()))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.usefixtures("held")
def test_a_change_whose_commit_broke_is_made_once_and_answered_as_usual(book, proxy, value, change, cut):
    for _ in range(2):  # what finds out can be cut off as well
        getattr(proxy, cut)()
    assert change.make(book) == change.answer
    assert value(change.query) == change.once


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.usefixtures("held")
def test_a_commit_that_reaches_the_server_late_is_waited_for(book, proxy, value, change):
    proxy.delay_commit(until=lambda: proxy.asked.wait(PATIENCE_SECONDS))
    assert change.make(book) == change.answer
    assert proxy.asked.is_set()
    assert value(change.query) == change.once


@pytest.mark.usefixtures("held")
def test_a_transaction_that_the_server_has_never_heard_of_has_ended(book, proxy, value, monkeypatch):
    """As after a crash, or on a standby that took over: the number was given, and is not known any more."""
    monkeypatch.setattr(Transaction, "id", "999999999999")
    proxy.cut_before_commit()
    assert CHANGES["confirm"].make(book) == "CONFIRMED"
    assert value(history_of("1")) == "PENDING CONFIRMED"


@pytest.mark.usefixtures("held")
def test_a_transaction_whose_number_another_got_after_a_crash_is_not_taken_for_done(
    book, proxy, sql, value, monkeypatch
):
    committed = sql("SELECT pg_current_xact_id()::text AS id")[0]["id"]
    monkeypatch.setattr(Transaction, "id", committed)
    proxy.cut_before_commit()
    assert CHANGES["cancel"].make(book) == "ill"
    assert value(history_of("1")) == "PENDING CANCELLED"


@pytest.fixture
def next_in_line(raw, sql):
    """Lets another program make a change as soon as the rows are free that a transaction has in hand."""
    threads = []

    def queue(statement):
        threads.append(threading.Thread(target=raw(autocommit=True).execute, args=[statement]))
        threads[-1].start()
        wait_for_lock_waiter(sql)

    yield queue
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("held")
def test_what_somebody_else_did_meanwhile_is_not_taken_for_ones_own(book, proxy, next_in_line):
    confirmed_by_another = """
        WITH confirmed AS (
            UPDATE bookings SET status = 'CONFIRMED', confirmed_at = now(), version = 2 WHERE id = 1 RETURNING id
        )
        INSERT INTO booking_history (booking_id, actor, from_status, to_status, request_id)
        SELECT id, 'another', 'PENDING', 'CONFIRMED', 'another' FROM confirmed"""
    proxy.cut_before_commit(then=lambda: next_in_line(confirmed_by_another))
    with pytest.raises(WrongState, match="already confirmed"):
        CHANGES["confirm"].make(book)


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("cut", "error", "version"), [("cut_before_commit", VersionConflict, 2), ("cut_after_commit", OutcomeUnknown, 3)]
)
def test_a_doctor_whom_somebody_else_changed_since_is_not_changed_again(
    book, proxy, sql, next_in_line, cut, error, version
):
    change = "UPDATE doctors SET name = 'Dora', version = version + 1, updated_at = now() WHERE id = 1"
    getattr(proxy, cut)(then=lambda: next_in_line(change) if cut == "cut_before_commit" else sql(change))
    with pytest.raises(error):
        CHANGES["change a doctor"].make(book)
    assert sql("SELECT name, version FROM doctors WHERE id = 1") == [{"name": "Dora", "version": version}]


def test_a_clinic_that_somebody_else_changed_since_is_not_changed_again(book, proxy, sql):
    proxy.cut_after_commit(then=lambda: sql("UPDATE clinic SET name = 'Another', updated_at = now()"))
    with pytest.raises(OutcomeUnknown, match="Somebody else has changed the clinic"):
        CHANGES["set the clinic"].make(book)
    assert sql("SELECT name FROM clinic") == [{"name": "Another"}]


def test_a_commit_in_doubt_is_never_reported_as_nothing_changed(proxy, raw, sql, slot, book, monkeypatch):
    """The database answers again, but what was to find out is stopped by the statement timeout."""
    monkeypatch.setattr(book.database, "_timeout_ms", 200)
    locker = raw()
    proxy.cut_after_commit(then=lambda: locker.execute("LOCK TABLE bookings"))
    with pytest.raises(OutcomeUnknown):
        bookings.book(book, request_for(slot))
    locker.rollback()
    assert sql("SELECT request_id FROM bookings") == [{"request_id": "r-1"}]


def test_what_fails_for_a_reason_nobody_foresaw_while_it_finds_out_leaves_the_outcome_unknown(
    proxy, slot, book, monkeypatch
):
    original = queries.statement
    broken = {"db.transaction_status": "SELECT 1 / 0 AS status"}
    monkeypatch.setattr(queries, "statement", lambda name: broken.get(name) or original(name))
    proxy.cut_after_commit()
    with pytest.raises(OutcomeUnknown):
        bookings.book(book, request_for(slot))


def test_after_too_many_broken_commits_it_is_busy_and_nothing_was_changed(proxy, sql, slot, book, monkeypatch):
    monkeypatch.setattr(runner, "MAX_BROKEN_COMMITS", 1)
    proxy.cut_before_commit()
    with pytest.raises(Busy, match="Nothing was changed"):
        bookings.book(book, request_for(slot))
    assert sql("SELECT 1 FROM bookings") == []


@pytest.mark.parametrize("cut", CUTS)
def test_the_program_books_once_through_a_commit_that_broke(proxy, sql, slot, program, cut):
    getattr(proxy, cut)()
    ran = program(
        "book", slot, "--name", "Pat", "--email", "pat@example.com", "-o", "json", BOOKING_DATABASE_URL=proxy.url
    )
    assert (ran.status, ran.json["status"], ran.stderr) == (0, "PENDING", "")
    assert sql("SELECT reference FROM bookings") == [{"reference": ran.json["reference"]}]
