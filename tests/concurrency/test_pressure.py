"""Hundreds at once: one winner for a slot, a true answer for everybody, and a clear word where the server is full."""

import contextlib
import functools
import json
import subprocess
import threading

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from booking_cli import session as books
from booking_cli.db.runner import Database
from booking_cli.domain.errors import Busy
from booking_cli.repository import bookings
from booking_cli.repository.bookings import BookingRequest
from tests.conftest import PROGRAM
from tests.support.cluster import migrated_node
from tests.support.threads import at_once, kinds
from tests.support.waiting import wait_until

PROCESSES = 30
FEW_PROCESSES = 8
CROWD = 60
ROOM = 12
SLOTS = """
    WITH doctor AS (
        INSERT INTO booking.doctors (name, specialization, email) VALUES ('Ana', 'x', 'a@x.de') RETURNING id
    )
    INSERT INTO booking.slots (doctor_id, starts_at, ends_at)
    SELECT doctor.id, t, t + interval '5 minutes'
    FROM doctor, generate_series(1, 500) n, LATERAL (SELECT now() + interval '1 day' + n * interval '5 minutes') s (t)
    RETURNING slots.id"""


@pytest.fixture
def slots(sql):
    return [row["id"] for row in sql(SLOTS)]


def attempt(book, number, slot):
    request = BookingRequest(slot, f"Pat {number}", f"pat{number}@x.de", None, 60, f"r-{number}")
    return bookings.book(book, request)


def attempts(book, slots):
    return [functools.partial(attempt, book, number, slot) for number, slot in enumerate(slots)]


def processes(environment, folder, slots):
    """Start `booking book` for each slot at once, and return how each ended: its status, and its booking or its error."""
    running = []
    for number, slot in enumerate(slots):
        patient = ["--name", f"Pat {number}", "--email", f"pat{number}@x.de", "--request-id", f"r-{number}"]
        running.append(
            subprocess.Popen(
                [PROGRAM, "book", str(slot), *patient, "--hold", "60", "-o", "json"],
                env=environment,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    ends = [(process.communicate(timeout=300), process.returncode) for process in running]
    return [
        (status, json.loads(stderr)["error"]["code"] if status else json.loads(stdout)["reference"])
        for (stdout, stderr), status in ends
    ]


@pytest.mark.parametrize("count", [100, 500])
def test_of_hundreds_of_threads_after_one_slot_one_wins_and_all_others_are_refused(opened, slots, sql, count):
    outcomes = at_once(*attempts(opened, slots[:1] * count))
    assert kinds(outcomes) == ["Answer"] + ["SlotTaken"] * (count - 1)
    [winner] = [outcome.booking.reference for outcome in outcomes if isinstance(outcome, bookings.Answer)]
    assert sql("SELECT reference FROM bookings") == [{"reference": winner}]


def test_five_hundred_threads_on_five_hundred_slots_of_one_doctor_all_win(opened, slots, sql):
    assert kinds(at_once(*attempts(opened, slots))) == ["Answer"] * 500
    assert sql("SELECT count(DISTINCT slot_id) AS n FROM bookings WHERE status = 'PENDING'") == [{"n": 500}]


def test_of_many_processes_after_one_slot_one_wins_and_all_others_are_refused(environment, tmp_path, slots, sql):
    ends = processes(environment, tmp_path, slots[:1] * PROCESSES)
    [winner] = [reference for status, reference in ends if status == 0]
    assert sorted(ends) == [(0, winner)] + [(4, "slot_taken")] * (PROCESSES - 1)
    assert sql("SELECT reference FROM bookings") == [{"reference": winner}]


@pytest.fixture(scope="module")
def small():
    """A server with room for a dozen clients; three more are kept for a superuser."""
    with migrated_node(max_connections=ROOM + 3, superuser_reserved_connections=3) as node:
        with node.open() as admin:
            admin.execute("CREATE ROLE clinic LOGIN IN ROLE pg_read_all_data, pg_write_all_data")
        yield node


@pytest.fixture
def few(small):
    """The same, with slots that nobody has booked, and the numbers of these slots."""
    with small.open() as admin:
        admin.execute("TRUNCATE doctors RESTART IDENTITY CASCADE")
        return make_conninfo(small.url, user="clinic"), [row[0] for row in admin.execute(SLOTS).fetchall()]


@pytest.fixture
def made(small):
    """Tells which requests made a booking."""

    def ask():
        with small.open() as admin:
            return {row[0] for row in admin.execute("SELECT request_id FROM bookings").fetchall()}

    return ask


def test_where_the_server_is_full_each_of_a_crowd_is_booked_or_told_that_it_is_busy(few, made):
    url, slots = few
    everybody_is_answered = threading.Barrier(CROWD)

    def visit(number, slot):
        with Database(books.OwnServer(url), statement_timeout=30) as database:
            try:
                return attempt(books.open_book(database), number, slot)
            finally:
                everybody_is_answered.wait()  # nobody makes room for another

    outcomes = at_once(*[functools.partial(visit, *pair) for pair in enumerate(slots[:CROWD])])
    booked = {f"r-{number}" for number, outcome in enumerate(outcomes) if isinstance(outcome, bookings.Answer)}
    told = [str(outcome) for outcome in outcomes if not isinstance(outcome, bookings.Answer)]
    assert 0 < len(booked) <= ROOM
    assert told == ["The database has no connection left. Nothing was changed; please try again."] * (
        CROWD - len(booked)
    )
    assert made() == booked


def test_where_the_server_is_full_whoever_tries_again_gets_through(few, made):
    url, slots = few

    def visit(number, slot):
        while True:
            with contextlib.suppress(Busy), Database(books.OwnServer(url), statement_timeout=30) as database:
                return attempt(books.open_book(database), number, slot)

    crowd = [functools.partial(visit, *pair) for pair in enumerate(slots[:CROWD])]
    assert kinds(at_once(*crowd)) == ["Answer"] * CROWD
    assert made() == {f"r-{number}" for number in range(CROWD)}


@pytest.fixture
def full(few):
    """The address of the server while others have every connection that it has."""
    url, _ = few
    with contextlib.ExitStack() as others:
        held = []

        def take():
            with contextlib.suppress(psycopg.OperationalError):  # somebody is still leaving
                held.append(others.enter_context(psycopg.connect(url)))
            return len(held) == ROOM

        wait_until(take, "every connection is taken")
        yield url


@pytest.mark.parametrize(
    "arguments",
    [
        ("slots", "list"),
        ("book", 1, "--name", "Pat", "--email", "p@x.de"),
        ("expire", "--quiet"),
        ("verify",),
        ("db", "status"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_where_no_connection_is_left_every_command_ends_with_6_in_one_sentence(booking, full, made, arguments):
    ran = booking(*arguments, BOOKING_DATABASE_URL=full)
    sentence = "The database has no connection left. Nothing was changed; please try again."
    assert (ran.status, ran.stdout, ran.stderr) == (6, "", f"Error: {sentence}\n")
    assert made() == set()


def test_where_the_server_is_full_a_process_has_booked_or_ends_with_6(few, made, environment, tmp_path):
    url, slots = few
    over = threading.Event()

    def come_and_go():
        while not over.is_set():
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(url).close()

    crowd = [threading.Thread(target=come_and_go) for _ in range(CROWD)]
    for one in crowd:
        one.start()
    ends = processes({**environment, "BOOKING_DATABASE_URL": url}, tmp_path, slots[:FEW_PROCESSES])
    over.set()
    for one in crowd:
        one.join()
    assert {end for end in ends if end[0] != 0} <= {(6, "busy")}
    assert made() == {f"r-{number}" for number, (status, _) in enumerate(ends) if status == 0}
