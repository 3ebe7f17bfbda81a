"""A server with too few connections: each caller books or gets the error `busy`."""

import contextlib
import threading
from functools import partial

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from booking_cli.db.external_server import ExternalServer
from booking_cli.db.runner import Database
from booking_cli.repository import new_bookings
from booking_cli.session import open_session
from tests.concurrency.booking_requests import request_for
from tests.support.cluster import migrated_node
from tests.support.threads import at_once, kinds
from tests.support.waiting import wait_until

COMMANDS = ["slots list", "book 1 --name Pat --email p@x.de", "expire --quiet", "verify", "db status"]
CALLERS = 60
CONNECTIONS = 12
SLOTS = """
    WITH doctor AS (INSERT INTO doctors (name, specialization, email) VALUES ('Ana', 'x', 'a@x.de') RETURNING id)
    INSERT INTO slots (doctor_id, starts_at, ends_at)
    SELECT id, t, t + interval '5 minutes'
    FROM doctor, generate_series(now() + interval '1 day', now() + interval '30 hours', interval '5 minutes') AS times (t)
    RETURNING id"""


@pytest.fixture(scope="module")
def node():
    """A server with a dozen connections; three more are reserved for a superuser."""
    with migrated_node(max_connections=CONNECTIONS + 3, superuser_reserved_connections=3) as node:
        with node.open() as admin:
            admin.execute("CREATE ROLE clinic LOGIN IN ROLE pg_read_all_data, pg_write_all_data")
        yield node


@pytest.fixture
def slots(node):
    """The numbers of more slots than there are callers, in an empty appointment book."""
    with node.open() as admin:
        admin.execute("TRUNCATE doctors, patients RESTART IDENTITY CASCADE")
        return [row[0] for row in admin.execute(SLOTS).fetchall()]


@pytest.fixture
def url(node):
    """The address of the server for a login that is not a superuser."""
    return make_conninfo(node.url, user="clinic")


@pytest.fixture
def booked_slots(node):
    def read():
        with node.open() as admin:
            return {row[0] for row in admin.execute("SELECT slot_id FROM bookings").fetchall()}

    return read


def book(url, slot, then=lambda: None):
    """Book a slot on a connection of its own, and call `then` before the connection is closed."""
    with Database(ExternalServer(url), statement_timeout=30) as database:
        try:
            return new_bookings.book(open_session(database), request_for(slot, f"Pat {slot}"))
        finally:
            then()


def test_full_server_books_or_reports_that_it_is_busy(url, slots, booked_slots):
    slots = slots[:CALLERS]
    everyone_has_an_outcome = threading.Barrier(CALLERS)
    outcomes = at_once(*[partial(book, url, slot, everyone_has_an_outcome.wait) for slot in slots])
    booked = {slot for slot, one in zip(slots, outcomes, strict=True) if isinstance(one, new_bookings.Booked)}
    assert 0 < len(booked) <= CONNECTIONS
    assert kinds(outcomes) == ["Booked"] * len(booked) + ["Busy"] * (CALLERS - len(booked))
    assert booked_slots() == booked


@pytest.mark.parametrize("command", COMMANDS)
def test_command_without_a_connection_left_ends_with_6(booking, url, slots, booked_slots, command):
    with contextlib.ExitStack() as others:
        held = []

        def connect():
            with contextlib.suppress(psycopg.OperationalError):  # an earlier connection is still being closed
                held.append(others.enter_context(psycopg.connect(url)))
            return len(held) == CONNECTIONS

        wait_until(connect, "every connection is taken")
        ran = booking(*command.split(), "-o", "json", BOOKING_DATABASE_URL=url)
    assert (ran.status, ran.stdout, ran.error["code"]) == (6, "", "busy")
    assert "no connection left" in ran.error["message"]
    assert booked_slots() == set()
