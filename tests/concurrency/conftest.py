"""Fixtures for races: overlapping slots, and calls whose transactions all begin before one of them writes."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from booking_cli.repository import new_bookings
from tests.concurrency.booking_requests import request_for
from tests.conftest import TEST_POOLER_PORT
from tests.support.pooler import CONNECTIONS
from tests.support.threads import at_once
from tests.support.waiting import wait_until

MAX_TRANSACTIONS = CONNECTIONS if TEST_POOLER_PORT else 16


@pytest.fixture
def race(raw, sql):
    """Runs calls in threads and returns the result or error of each: `race("bookings", call, call)`.

    The table is locked against writes until `waiting` transactions, by default one for each call, have begun and wait for it.
    So no transaction sees what another one writes, as far as there are connections.
    """
    locker = raw()
    waiters = "SELECT count(*) AS count FROM pg_locks WHERE relation = %s::regclass AND NOT granted"

    def run(table, *calls, waiting=None):
        expected = min(waiting or len(calls), MAX_TRANSACTIONS)
        with ThreadPoolExecutor(1) as executor:
            locker.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            running = executor.submit(at_once, *calls)
            try:
                wait_until(lambda: running.done() or sql(waiters, table)[0]["count"] >= expected, "all calls wait")
            finally:
                locker.rollback()
            return running.result()

    return run


@pytest.fixture
def overlapping_slots(sql):
    """Makes half hours, and returns for each of `count` hours the slots of `doctors` new doctors, which overlap."""

    def make(count, doctors):
        rows = sql(
            """
            WITH doctor AS (
                INSERT INTO doctors (name, specialization, email)
                SELECT 'Ana Lima', 'Skin', gen_random_uuid() || '@clinic.example' FROM generate_series(1, %s)
                RETURNING id
            ), made AS (
                INSERT INTO slots (doctor_id, starts_at, ends_at)
                SELECT id, start, start + interval '30 minutes'
                FROM doctor, generate_series(1, %s) AS hour, LATERAL (SELECT date_trunc('hour', now())
                    + interval '1 day' + hour * interval '1 hour' + id %% 25 * interval '1 minute') AS time (start)
                RETURNING id, starts_at
            )
            SELECT array_agg(id ORDER BY id) AS ids FROM made GROUP BY date_trunc('hour', starts_at) ORDER BY min(starts_at)""",
            doctors,
            count,
        )
        return [row["ids"] for row in rows]

    return make


@pytest.fixture
def make_slots(overlapping_slots):
    """Makes slots of one new doctor, which do not overlap."""
    return lambda count: [slots[0] for slots in overlapping_slots(count, doctors=1)]


@pytest.fixture
def book(opened):
    """Returns a call that books a slot for a patient: `book(slot, "Pat", hold_minutes=None)`."""
    return lambda slot, *name, **changes: partial(new_bookings.book, opened, request_for(slot, *name, **changes))
