"""Programs that know nothing of booking and write bookings by plain SQL: no slot is booked twice."""

import contextlib
import itertools
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import IsolationLevel, errors

from booking_cli.domain.errors import Busy, SlotTaken
from booking_cli.domain.references import new_request_id
from booking_cli.domain.validation import BookingKey
from booking_cli.repository import bookings
from booking_cli.repository.bookings import BookingRequest
from tests.support.threads import at_once
from tests.support.waiting import wait_for_lock_waiter

TURNS = 15
LEVELS = (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE)
INSERT = "INSERT INTO bookings (reference, request_id, patient_name, patient_email, slot_id, status, confirmed_at, hold_expires_at) "
PATIENT = "gen_random_uuid(), gen_random_uuid(), 'plain', 'plain@x.de'"
CONFIRMED = "'CONFIRMED', now(), NULL::timestamptz"
HELD = "'PENDING', NULL::timestamptz, now() + interval '1 hour'"
CANCEL = "UPDATE bookings SET status = 'CANCELLED', cancelled_at = now() WHERE id = %s"
DONE = {"CANCELLED": "cancelled_at = now()", "FAILED": "failed_at = now(), confirmed_at = NULL"}


def insert(connection, slot, _):
    return connection.execute(f"{INSERT} VALUES ({PATIENT}, %s, {CONFIRMED}) RETURNING id", [slot])


def hold_and_confirm(connection, slot, _):
    [made] = connection.execute(f"{INSERT} VALUES ({PATIENT}, %s, {HELD}) RETURNING id", [slot]).fetchone()
    statement = "UPDATE bookings SET status = 'CONFIRMED', confirmed_at = now() WHERE id = %s RETURNING id"
    return connection.execute(statement, [made])


def insert_from_select(connection, slot, _):
    return connection.execute(f"{INSERT} SELECT {PATIENT}, id, {HELD} FROM slots WHERE id = %s RETURNING id", [slot])


def look_and_insert(connection, slot, _):
    """Check, then act: what goes wrong wherever only the check stands in the way."""
    return connection.execute(
        f"{INSERT} SELECT {PATIENT}, id, {CONFIRMED} FROM slots s WHERE id = %s AND NOT EXISTS "
        "(SELECT FROM bookings b WHERE b.slot_id = s.id AND b.status IN ('PENDING', 'CONFIRMED')) RETURNING id",
        [slot],
    )


def revive(connection, slot, own):
    return connection.execute(
        "UPDATE bookings SET slot_id = %s, status = 'CONFIRMED', confirmed_at = now(), cancelled_at = NULL, "
        "failed_at = NULL WHERE id = %s RETURNING id",
        [slot, own],
    )


def move(connection, slot, own):
    return connection.execute("UPDATE bookings SET slot_id = %s WHERE id = %s RETURNING id", [slot, own])


@dataclass(frozen=True)
class Way:
    """How another program takes a slot; `own` is the state of a booking elsewhere that it does that with."""

    take: Callable[..., psycopg.Cursor]
    own: str | None = None

    def __str__(self):
        return f"{self.take.__name__} {self.own or ''}".strip()


WAYS = (
    Way(insert),
    Way(hold_and_confirm),
    Way(insert_from_select),
    Way(look_and_insert),
    Way(revive, "CANCELLED"),
    Way(revive, "FAILED"),
    Way(move, "CONFIRMED"),
)


@pytest.fixture
def own(sql):
    """Makes what a way needs: a booking in its state, on a slot of another doctor's."""

    def make(way):
        if way.own is None:
            return None
        sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ben', 'x', gen_random_uuid())")
        [slot] = sql(
            "INSERT INTO slots (doctor_id, starts_at, ends_at) "
            "SELECT max(id), now() + interval '1 day', now() + interval '25 hours' FROM doctors RETURNING id"
        )
        [made] = sql(f"{INSERT} VALUES ({PATIENT}, %s, {CONFIRMED}) RETURNING id", slot["id"])
        if way.own in DONE:
            sql(f"UPDATE bookings SET status = '{way.own}', {DONE[way.own]} WHERE id = %s", made["id"])
        return made["id"]

    return make


@pytest.fixture
def active(sql):
    """The bookings that hold or book a slot, by slot."""
    statement = "SELECT slot_id, id FROM bookings WHERE slot_id = ANY(%s) AND status IN ('PENDING', 'CONFIRMED')"
    return lambda *slots: sorted((row["slot_id"], row["id"]) for row in sql(statement, list(slots)))


def taken(way, connection, slot, own):
    """Take a slot by plain SQL and return the booking's number, or None where the database refused it."""
    try:
        with contextlib.nullcontext() if connection.autocommit else connection.transaction():
            row = way.take(connection, slot, own).fetchone()
    except (errors.UniqueViolation, errors.SerializationFailure, errors.DeadlockDetected):  # as when two swap slots
        return None
    return row and row[0]


def booked(book, slot):
    """Take a slot as booking does and return the booking's number, or None where it is taken."""
    patient = uuid.uuid4().hex
    try:
        return bookings.book(book, BookingRequest(slot, patient, f"{patient}@x.de", None, 5, patient)).booking.id
    except SlotTaken:
        return None


@pytest.fixture(params=[True, False], ids=["who stays", "who gives up"])
def waits_for_who_was_first(request, raw, active, sql, slot):
    """Take the slot by plain SQL and, before that is over, a second time; who was first has it, or else who waited."""

    def second_take(take):
        first, outcome = raw(), []
        assert first.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
        [made] = insert(first, slot, None).fetchone()
        waiter = threading.Thread(target=lambda: outcome.append(take()))
        waiter.start()
        wait_for_lock_waiter(sql)
        first.commit() if request.param else first.rollback()
        waiter.join()
        assert (outcome == [None]) == request.param
        assert active(slot) == [(slot, made if request.param else outcome[0])]

    return second_take


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_way_waits_for_who_was_first(waits_for_who_was_first, raw, own, slot, way):
    second, spare = raw(), own(way)
    waits_for_who_was_first(lambda: taken(way, second, slot, spare))


def test_booking_waits_for_who_was_first(waits_for_who_was_first, opened, slot):
    waits_for_who_was_first(lambda: booked(opened, slot))


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_no_way_gets_past_a_booking_at_any_level_even_where_it_cannot_see_it(
    opened, raw, own, active, slot, way, level
):
    connection, spare = raw(level), own(way)
    connection.execute("SELECT count(*) FROM bookings")  # from here on, a snapshot stays what it is
    made = booked(opened, slot)
    assert taken(way, connection, slot, spare) is None
    connection.rollback()
    assert active(slot) == [(slot, made)]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_booking_gets_past_no_way(opened, raw, own, active, slot, way):
    made = taken(way, raw(autocommit=True), slot, own(way))
    assert booked(opened, slot) is None
    assert active(slot) == [(slot, made)]


def test_not_even_a_superuser_who_turns_triggers_off_can_book_a_slot_twice(opened, raw, slot, sql):
    booked(opened, slot)
    connection = raw(autocommit=True)
    connection.execute("SET session_replication_role = replica")
    connection.execute("ALTER TABLE bookings DISABLE TRIGGER ALL")
    with pytest.raises(errors.UniqueViolation, match="bookings_one_active_per_slot"):
        insert(connection, slot, None)


@dataclass
class Claim:
    """A slot that somebody was told to have, from `since` on, and until they began to give it up."""

    slot: int
    booking: int
    since: float
    until: float | None = None


def contend(take, give_up, slots, number, everybody):
    """Take the slots in turn, giving each up again, then with `everybody` keep the first one that can be had."""
    claims = []
    try:
        for turn in range(TURNS):
            slot, before = slots[(number + turn) % len(slots)], time.monotonic()
            if (made := take(slot)) is None:
                continue
            if give_up is None and claims:  # who moves gives up one slot with taking the next
                claims[-1].until = before
            claims.append(Claim(slot, made, time.monotonic()))
            if give_up:
                claims[-1].until = time.monotonic()
                give_up(made)
        everybody.wait()
    except BaseException:
        everybody.abort()
        raise
    if give_up:
        kept = ((slot, made) for slot in slots if (made := take(slot)) is not None)
        claims.extend(Claim(slot, made, time.monotonic()) for slot, made in itertools.islice(kept, 1))
    return claims


def test_a_crowd_of_other_programs_and_of_booking_never_share_a_slot(opened, raw, own, active, slots, sql, booking):
    contenders = []
    for way, how in itertools.product(WAYS, [{"autocommit": True}, {"level": LEVELS[0]}, {"level": LEVELS[1]}]):
        connection, spare = raw(**how), own(way)

        def cancel(made, connection=connection):
            connection.execute(CANCEL, [made])
            connection.commit()

        take = lambda slot, way=way, connection=connection, spare=spare: taken(way, connection, slot, spare)  # noqa: E731
        contenders.append((take, None if way.take is move else cancel))

    def book_as_booking_does(slot):
        with contextlib.suppress(Busy):
            return booked(opened, slot)

    def cancel_as_booking_does(made):
        bookings.cancel(opened, BookingKey(id=made), None, new_request_id())

    contenders += [(book_as_booking_does, cancel_as_booking_does)] * 10
    everybody = threading.Barrier(len(contenders))
    outcomes = at_once(
        *[
            lambda number=number, contender=contender: contend(*contender, slots, number, everybody)
            for number, contender in enumerate(contenders)
        ]
    )
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [failure for failure in failures if not isinstance(failure, threading.BrokenBarrierError)] == []
    claims = [claim for outcome in outcomes for claim in outcome]

    # Nobody was told to have a slot while somebody else had it.
    for slot in slots:
        in_order = sorted((claim for claim in claims if claim.slot == slot), key=lambda claim: claim.since)
        for earlier, later in itertools.pairwise(in_order):
            assert earlier.until is not None, (earlier, later)
            assert earlier.until < later.since, (earlier, later)
    # In the end each slot has one booking, that of whoever was told so, and nobody's booking is lost.
    assert active(*slots) == sorted((claim.slot, claim.booking) for claim in claims if claim.until is None)
    assert [slot for slot, _ in active(*slots)] == slots
    assert {claim.booking for claim in claims} <= {row["id"] for row in sql("SELECT id FROM bookings")}
    # What other programs did is not in the history, and that is all there is to find.
    assert {found["check"] for found in booking("verify", "-o", "json").json} == {"histories_add_up"}
