"""Connections that break between two statements, between two transactions, and in the middle of a COMMIT."""

import threading

import psycopg
import pytest

from booking_cli import book as books
from booking_cli import database as runner
from booking_cli.database import Database
from booking_cli.errors import Busy, OutcomeUnknown
from booking_cli.inputs import BookingKey
from booking_cli.repository import bookings, clinic
from tests.proxy import Proxy
from tests.waiting import wait_until

PATIENT = ("--name", "Pat", "--email", "pat@example.com")


@pytest.fixture
def proxy(url):
    with Proxy(url) as opened:
        yield opened


@pytest.fixture(params=[0, 4], ids=["one connection", "pool"])
def book(request, proxy, monkeypatch):
    """The book, opened through the proxy."""
    monkeypatch.setenv("BOOKING_ACTOR", "tester")
    books.settings.load.cache_clear()
    with Database(books.OwnServer(proxy.url), statement_timeout=0.5, pool_size=request.param) as database:
        yield books.open_book(database)
    books.settings.load.cache_clear()


@pytest.fixture
def pending(book, slot):
    return bookings.book(book, request_for(slot)).booking


def request_for(slot, request_id="r-1"):
    return bookings.BookingRequest(slot, "Pat", "pat@example.com", None, 5, request_id)


def made(sql):
    return sql("SELECT request_id, status FROM bookings")


def terminate(sql, pid):
    sql("SELECT pg_terminate_backend(%s)", pid)
    wait_until(lambda: not sql("SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid), "the server has ended it")


def server_pid(database):
    with database.connection() as connection:
        return connection.execute("SELECT pg_backend_pid() AS pid").fetchone()["pid"]


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_connection_that_ends_between_two_statements_is_replaced(book, sql, kind):
    to_end = [server_pid(book.database)]

    def work(tx):
        tx.one("clinic.open")
        if to_end:
            terminate(sql, to_end.pop())
        return tx.one("clinic.open")["timezone"]

    assert getattr(book.database, kind)(work) == "UTC"
    assert to_end == []


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_connection_that_ended_while_nobody_used_it_is_replaced(book, sql, kind):
    """As after a restart of the server."""
    terminate(sql, server_pid(book.database))
    assert getattr(book.database, kind)(lambda tx: tx.one("clinic.open"))["timezone"] == "UTC"


def test_a_pool_outlives_a_restart_with_many_connections_open(opened, sql):
    everybody_is_in = threading.Barrier(8)

    def use(tx):
        everybody_is_in.wait(30)
        return tx.one("clinic.open")

    threads = [threading.Thread(target=opened.database.read, args=[use]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    others = "application_name = 'booking' AND datname = current_database() AND pid <> pg_backend_pid()"
    pids = [row["pid"] for row in sql(f"SELECT pid FROM pg_stat_activity WHERE {others}")]
    for pid in pids:
        terminate(sql, pid)
    assert len(pids) >= 8
    assert clinic.update(opened, name="New", timezone=None, hold_minutes=None).name == "New"


@pytest.mark.parametrize("cut", ["cut_before_commit", "cut_after_commit"])
def test_what_happens_once_is_repeated_after_a_commit_that_broke(book, proxy, sql, slot, cut):
    getattr(proxy, cut)()
    answer = bookings.book(book, request_for(slot))
    assert made(sql) == [{"request_id": "r-1", "status": "PENDING"}]
    assert sql("SELECT reference FROM bookings") == [{"reference": answer.booking.reference}]
    assert sql("SELECT count(*) AS n FROM booking_history") == [{"n": 1}]
    assert proxy.commits == 2


@pytest.mark.parametrize(("cut", "status"), [("cut_before_commit", "PENDING"), ("cut_after_commit", "CONFIRMED")])
def test_what_could_happen_twice_is_not_repeated_and_its_outcome_is_unknown(book, proxy, sql, pending, cut, status):
    getattr(proxy, cut)()
    before = proxy.commits
    with pytest.raises(OutcomeUnknown, match="it is not known whether it was made") as raised:
        bookings.confirm(book, BookingKey(id=pending.id))
    assert (raised.value.exit_status, raised.value.code) == (6, "outcome_unknown")
    assert sql("SELECT status FROM bookings") == [{"status": status}]
    assert proxy.commits == before + 1


@pytest.mark.parametrize("cut", ["cut_before_commit", "cut_after_commit"])
def test_a_lapsed_hold_is_taken_over_once_after_a_commit_that_broke(book, proxy, sql, pending, cut):
    sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second'")
    proxy.answer_commit(lambda: None)  # the plain insert, which the hold is still in the way of
    getattr(proxy, cut)()
    bookings.book(book, request_for(pending.slot_id, "r-2"))
    assert sql("SELECT request_id, status FROM bookings ORDER BY id") == [
        {"request_id": "r-1", "status": "FAILED"},
        {"request_id": "r-2", "status": "PENDING"},
    ]


@pytest.fixture
def soon_given_up(monkeypatch):
    monkeypatch.setattr(runner, "MAX_ATTEMPTS", 3)


@pytest.mark.usefixtures("soon_given_up")
def test_where_the_server_stays_away_after_a_broken_commit_the_outcome_is_unknown(proxy, sql, slot, booking):
    proxy.cut_after_commit(then=proxy.refuse)
    command = ("book", slot, *PATIENT, "--request-id", "r-1", "-o", "json")
    cut_off = booking(*command, BOOKING_DATABASE_URL=proxy.url)
    assert (cut_off.status, cut_off.error["code"], cut_off.stdout) == (6, "outcome_unknown", "")
    assert "--request-id" in cut_off.error["message"]
    again = booking(*command)
    assert (again.status, again.json["status"]) == (0, "PENDING")
    assert made(sql) == [{"request_id": "r-1", "status": "PENDING"}]


@pytest.mark.usefixtures("soon_given_up")
def test_nobody_is_told_to_repeat_a_request_id_that_they_do_not_know(proxy, sql, slot, booking):
    proxy.cut_after_commit(then=proxy.refuse)
    cut_off = booking("book", slot, *PATIENT, BOOKING_DATABASE_URL=proxy.url)
    assert cut_off.status == 6
    assert made(sql)[0]["request_id"] in cut_off.stderr or "same --request-id" not in cut_off.stderr


def test_a_commit_in_doubt_is_never_reported_as_nothing_changed(proxy, url, sql, slot, book):
    """The repetition that was to find out is stopped by the statement timeout."""
    with psycopg.connect(url, options="-c search_path=booking") as locker:
        proxy.cut_after_commit(then=lambda: locker.execute("LOCK TABLE bookings"))
        with pytest.raises((OutcomeUnknown, Busy)) as raised:
            bookings.book(book, request_for(slot))
    assert made(sql) == [{"request_id": "r-1", "status": "PENDING"}]
    assert "nothing was changed" not in str(raised.value).lower()


@pytest.mark.parametrize("cut", ["cut_before_commit", "cut_after_commit"])
def test_the_program_books_once_through_a_commit_that_broke(proxy, sql, slot, program, cut):
    getattr(proxy, cut)()
    ran = program("book", slot, *PATIENT, "-o", "json", BOOKING_DATABASE_URL=proxy.url)
    assert (ran.status, ran.json["status"], len(made(sql))) == (0, "PENDING", 1)


def test_the_program_says_6_where_it_cannot_know_whether_it_confirmed(proxy, program, pending):
    proxy.cut_after_commit()
    ran = program("confirm", pending.reference, "-o", "json", BOOKING_DATABASE_URL=proxy.url)
    assert (ran.status, ran.error["code"], ran.stdout) == (6, "outcome_unknown", "")
