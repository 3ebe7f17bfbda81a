"""Other programs that write plain SQL: the constraints refuse double bookings and overlaps at every isolation level."""

import contextlib
import datetime as dt
import itertools
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import pytest
from psycopg import IsolationLevel, errors

from booking_cli.domain.errors import Busy, PatientOverlap, SlotTaken
from booking_cli.domain.references import new_request_id
from booking_cli.domain.validation import BookingKey, DoctorKey
from booking_cli.repository import bookings, new_bookings
from booking_cli.repository.slots import add
from tests.concurrency.booking_requests import request_for
from tests.support.threads import at_once
from tests.support.waiting import wait_for_lock_waiter

ROUNDS = 15
LEVELS = (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE)
MODES = [{"autocommit": True}, {"level": LEVELS[0]}, {"level": LEVELS[1]}]
REFUSALS = (errors.UniqueViolation, errors.ExclusionViolation, errors.SerializationFailure, errors.DeadlockDetected)
ACTIVE = "status IN ('PENDING', 'CONFIRMED')"
INSERT = """
    INSERT INTO bookings (slot_id, starts_at, ends_at, patient_id, reference, request_id, status, confirmed_at, hold_expires_at)
    SELECT id, starts_at, ends_at, %(patient)s, gen_random_uuid(), gen_random_uuid(), {status}
    FROM slots s WHERE id = %(slot)s {condition} RETURNING id"""
CONFIRMED = "'CONFIRMED', now(), NULL::timestamptz"
HELD = "'PENDING', NULL::timestamptz, now() + interval '1 hour'"
CHECK = f"""
    AND NOT EXISTS (SELECT FROM bookings b WHERE {ACTIVE} AND (
        b.slot_id = s.id OR b.patient_id = %(patient)s AND b.starts_at < s.ends_at AND s.starts_at < b.ends_at))"""
UPDATE = """
    UPDATE bookings b SET slot_id = s.id, starts_at = s.starts_at, ends_at = s.ends_at, patient_id = %(patient)s, {status}
    FROM slots s WHERE s.id = %(slot)s AND b.id = %(own)s RETURNING b.id"""
MOVE_SLOT = "UPDATE slots SET starts_at = %s, ends_at = %s WHERE id = 1"
REVIVE = UPDATE.format(status="status = 'CONFIRMED', confirmed_at = now(), cancelled_at = NULL, failed_at = NULL")


class Writer(NamedTuple):
    """A statement that books a slot for a patient, and the state of the writer's own booking that it changes, if any."""

    statement: str
    own: str | None = None


WRITERS = {
    "insert": Writer(INSERT.format(status=CONFIRMED, condition="")),
    "insert a hold": Writer(INSERT.format(status=HELD, condition="")),
    "check and insert": Writer(INSERT.format(status=CONFIRMED, condition=CHECK)),
    "revive a cancelled one": Writer(REVIVE, "CANCELLED"),
    "revive a failed one": Writer(REVIVE, "FAILED"),
    "move a confirmed one": Writer(UPDATE.format(status="version = version + 1"), "CONFIRMED"),
}
EACH_WRITER = pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
TIMESTAMPS = {"CANCELLED": "cancelled_at = now()", "FAILED": "failed_at = now(), confirmed_at = NULL"}


class Appointment(NamedTuple):
    """A slot for a patient."""

    slot: int
    patient: int


@pytest.fixture
def make_patients(sql):
    statement = "SELECT public.make_patient(gen_random_uuid()::text, 'family@example.org') AS id"
    return lambda count: [sql(statement)[0]["id"] for _ in range(count)]


@pytest.fixture
def make_own(raw, make_slots, make_patients):
    """Makes the booking that a writer changes, for another patient on another doctor's slot, and returns its number."""
    connection = raw(autocommit=True)

    def make(writer):
        if writer.own is None:
            return None
        own = book_by_sql(WRITERS["insert"], connection, Appointment(*make_slots(1), *make_patients(1)))
        if writer.own in TIMESTAMPS:
            connection.execute(
                f"UPDATE bookings SET status = '{writer.own}', {TIMESTAMPS[writer.own]} WHERE id = %s", [own]
            )
        return own

    return make


@pytest.fixture(params=["slot", "patient"])
def kind(request):
    """What two appointments have in common."""
    return request.param


@pytest.fixture
def appointments(kind, overlapping_slots, make_patients):
    """Two appointments that exclude one another: one slot for two patients, or two overlapping slots for one patient."""
    [slots], patients = overlapping_slots(1, doctors=2), make_patients(2)
    return [Appointment(slots[0], patients[0]), Appointment(slots[kind == "patient"], patients[kind == "slot"])]


@pytest.fixture
def active(sql):
    """Returns the active bookings of some slots or patients, each with its slot or patient."""
    statement = f"SELECT {{0}}_id AS resource, id FROM bookings WHERE {{0}}_id = ANY(%s) AND {ACTIVE}"
    return lambda kind, ids: sorted((row["resource"], row["id"]) for row in sql(statement.format(kind), list(ids)))


def book_by_sql(writer, connection, appointment, own=None):
    """Return the number of the booking, or None where the database refuses it."""
    try:
        with contextlib.nullcontext() if connection.autocommit else connection.transaction():
            row = connection.execute(writer.statement, {**appointment._asdict(), "own": own}).fetchone()
    except REFUSALS:
        return None
    return row and row[0]


def book(session, appointment):
    """Book by the repository, and return the number of the booking, or None where it is refused."""
    try:
        return new_bookings.book(session, request_for(appointment.slot, patient_id=appointment.patient)).booking.id
    except (SlotTaken, PatientOverlap, Busy):
        return None


@pytest.mark.parametrize("writer", [*WRITERS.values(), None], ids=[*WRITERS, "booking"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_second_writer_waits_for_the_first_and_is_refused_where_that_commits(
    opened, raw, make_own, appointments, active, sql, writer, end
):
    first, second, outcomes = raw(), raw(), []
    [made] = first.execute(WRITERS["insert"].statement, appointments[0]._asdict()).fetchone()
    call = (
        partial(book_by_sql, writer, second, appointments[1], make_own(writer))
        if writer
        else partial(book, opened, appointments[1])
    )
    waiting = threading.Thread(target=lambda: outcomes.append(call()))
    waiting.start()
    wait_for_lock_waiter(sql)
    getattr(first, end)()
    waiting.join()
    assert (outcomes == [None]) == (end == "commit")
    [(_, kept)] = active("slot", {appointment.slot for appointment in appointments})
    assert kept == (made if end == "commit" else outcomes[0])


@EACH_WRITER
@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_plain_sql_after_a_booking_is_refused_even_where_its_snapshot_is_older(
    opened, raw, make_own, appointments, active, level, writer
):
    connection, own = raw(level), make_own(writer)
    connection.execute("SELECT count(*) FROM bookings")  # takes the snapshot
    made = book(opened, appointments[0])
    assert book_by_sql(writer, connection, appointments[1], own) is None
    connection.rollback()
    assert [booking for _, booking in active("slot", {appointment.slot for appointment in appointments})] == [made]


@pytest.mark.parametrize("level", LEVELS[:2], ids=lambda level: level.name)
def test_plain_sql_is_refused_by_the_constraints_even_with_triggers_disabled(opened, raw, kind, appointments, level):
    connection = raw(level)
    connection.execute("SELECT count(*) FROM patients")
    book(opened, appointments[0])
    connection.execute("SET LOCAL session_replication_role = replica")
    connection.execute("ALTER TABLE bookings DISABLE TRIGGER ALL")
    name = {"slot": "bookings_one_active_per_slot", "patient": "bookings_of_a_patient_never_overlap"}[kind]
    with pytest.raises((errors.UniqueViolation, errors.ExclusionViolation), match=name):
        connection.execute(WRITERS["insert"].statement, appointments[1]._asdict())


def test_allowed_overlap_that_plain_sql_no_longer_allows_is_refused(opened, overlapping_slots, sql):
    [slots] = overlapping_slots(1, doctors=2)
    for number, slot in enumerate(slots):
        new_bookings.book(opened, request_for(slot, allow_overlap=number == 1))
    with pytest.raises(errors.ExclusionViolation, match="bookings_of_a_patient_never_overlap"):
        sql("UPDATE bookings SET overlap_allowed = false")


@dataclass
class Claim:
    """A slot or patient that somebody has booked, from `since` until they began to cancel the booking."""

    resource: int
    booking: int
    since: float
    until: float | None = None


def book_and_cancel(take, cancel, resources, number):
    """Book one resource after the other, and cancel each; without `cancel`, each booking moves the one before."""
    claims = []
    for round_ in range(ROUNDS):
        resource, before = resources[(number + round_) % len(resources)], time.monotonic()
        if (made := take(resource)) is None:
            continue
        if cancel is None and claims:
            claims[-1].until = before
        claims.append(Claim(resource, made, time.monotonic()))
        if cancel:
            claims[-1].until = time.monotonic()
            cancel(made)
    return claims


def book_one(take, resources):
    """Book the first resource that can be booked."""
    booked = ((resource, made) for resource in resources if (made := take(resource)) is not None)
    return [Claim(*one, time.monotonic()) for one in itertools.islice(booked, 1)]


def test_many_programs_and_booking_at_once_never_have_a_slot_or_patient_at_the_same_time(
    opened, raw, kind, make_own, make_slots, make_patients, overlapping_slots, active, sql, booking
):
    """Each writer books the same four slots for its own patient, or the same four patients on its own slot."""
    writers = [*itertools.product(WRITERS.values(), MODES), *[(None, {})] * 10]
    if kind == "slot":
        resources, own_part = make_slots(4), make_patients(len(writers))
    else:
        resources, [own_part] = make_patients(4), overlapping_slots(1, doctors=len(writers))
    owns = [writer and make_own(writer) for writer, _ in writers]
    rounds, last = [], []
    for number, (writer, mode) in enumerate(writers):
        connection = raw(**mode)

        def take(resource, writer=writer, connection=connection, own=owns[number], part=own_part[number]):
            appointment = Appointment(resource, part) if kind == "slot" else Appointment(part, resource)
            return book_by_sql(writer, connection, appointment, own) if writer else book(opened, appointment)

        def cancel(made, writer=writer, connection=connection):
            if writer is None:
                bookings.cancel(opened, BookingKey(id=made), None, new_request_id())
            else:
                statement = "UPDATE bookings SET status = 'CANCELLED', cancelled_at = now() WHERE id = %s"
                connection.execute(statement, [made])
                connection.commit()

        moves = writer and writer.own == "CONFIRMED"
        rounds.append(partial(book_and_cancel, take, None if moves else cancel, resources, number))
        if not moves:
            last.append(partial(book_one, take, resources))
    outcomes = at_once(*rounds) + at_once(*last)
    assert [outcome for outcome in outcomes if isinstance(outcome, BaseException)] == []
    claims = [claim for outcome in outcomes for claim in outcome]

    for resource in resources:
        in_order = sorted((claim for claim in claims if claim.resource == resource), key=lambda claim: claim.since)
        for earlier, later in itertools.pairwise(in_order):
            assert earlier.until is not None, (earlier, later)
            assert earlier.until < later.since, (earlier, later)
    # In the end each slot or patient has one booking, which was reported, and every reported booking is there.
    assert active(kind, resources) == sorted((c.resource, c.booking) for c in claims if c.until is None)
    assert [resource for resource, _ in active(kind, resources)] == resources
    assert {claim.booking for claim in claims} <= {row["id"] for row in sql("SELECT id FROM bookings")}
    # Plain SQL writes no history, and that is the only violation.
    assert {found["check"] for found in booking("verify", "-o", "json").json} == {"histories_add_up"}


@pytest.mark.usefixtures("slots")
@pytest.mark.parametrize("level", LEVELS[:2], ids=lambda level: level.name)
def test_plain_sql_that_overlaps_a_doctors_new_slot_is_refused_by_the_constraint(opened, raw, level):
    connection, start = raw(level), opened.now + dt.timedelta(days=20)
    connection.execute("SELECT count(*) FROM slots")
    add(opened, DoctorKey(id=1), start, 30)
    with pytest.raises(errors.ExclusionViolation, match="slots_of_a_doctor_never_overlap"):
        connection.execute(MOVE_SLOT, [start + dt.timedelta(minutes=20), start + dt.timedelta(minutes=50)])
