"""Other programs that write plain SQL: the constraints refuse double bookings and overlaps at every isolation level."""

import datetime as dt
import threading

import pytest
from psycopg import IsolationLevel, errors

from booking_cli.domain.errors import PatientOverlap, SlotTaken
from booking_cli.domain.validation import DoctorKey
from booking_cli.repository import new_bookings
from booking_cli.repository.slots import add
from tests.concurrency.booking_requests import request_for
from tests.support.waiting import wait_for_lock_waiter

LEVELS = (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE)
EACH_LEVEL = pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
WITHOUT_SSI = pytest.mark.parametrize("level", LEVELS[:2], ids=lambda level: level.name)
REFUSALS = (errors.UniqueViolation, errors.ExclusionViolation, errors.SerializationFailure)
ACTIVE = "SELECT id FROM bookings WHERE status IN ('PENDING', 'CONFIRMED') AND slot_id = ANY(%s)"
INSERT = """
    INSERT INTO bookings (slot_id, starts_at, ends_at, patient_id, reference, request_id, status, confirmed_at, hold_expires_at)
    SELECT id, starts_at, ends_at, %(patient)s, gen_random_uuid(), gen_random_uuid(), {status}
    FROM slots s WHERE id = %(slot)s {condition} RETURNING id"""
CONFIRMED = "'CONFIRMED', now(), NULL::timestamptz"
HELD = "'PENDING', NULL::timestamptz, now() + interval '1 hour'"
NONE_IS_FOUND = """
    AND NOT EXISTS (SELECT FROM bookings b WHERE status IN ('PENDING', 'CONFIRMED') AND (
        b.slot_id = s.id OR b.patient_id = %(patient)s AND b.starts_at < s.ends_at AND s.starts_at < b.ends_at))"""
UPDATE = """
    UPDATE bookings b SET slot_id = s.id, starts_at = s.starts_at, ends_at = s.ends_at, patient_id = %(patient)s,
        status = 'CONFIRMED', confirmed_at = now(), cancelled_at = NULL
    FROM slots s WHERE s.id = %(slot)s AND b.id = %(own)s RETURNING b.id"""
BOOK = INSERT.format(status=CONFIRMED, condition="")
# Statements that book a slot for a patient. The last two change a booking of another patient in another hour.
WRITERS = {
    "insert": BOOK,
    "insert a hold": INSERT.format(status=HELD, condition=""),
    "check and insert": INSERT.format(status=CONFIRMED, condition=NONE_IS_FOUND),
    "move a confirmed one": UPDATE,
    "revive a cancelled one": UPDATE,
}
EACH_WRITER = pytest.mark.parametrize("writer", WRITERS)


@pytest.fixture
def make_patient(sql):
    statement = "SELECT public.make_patient(gen_random_uuid()::text, 'family@example.org') AS id"
    return lambda: sql(statement)[0]["id"]


@pytest.fixture
def own(writer, raw, make_slots, make_patient):
    """The number of the booking that an UPDATE changes."""
    connection = raw(autocommit=True)
    [own] = connection.execute(BOOK, {"slot": make_slots(1)[0], "patient": make_patient()}).fetchone()
    if writer == "revive a cancelled one":
        connection.execute("UPDATE bookings SET status = 'CANCELLED', cancelled_at = now()")
    return own


@pytest.fixture(params=["slot", "patient"])
def kind(request):
    """What two appointments have in common."""
    return request.param


@pytest.fixture
def appointments(kind, overlapping_slots, make_patient):
    """Two appointments that exclude one another: one slot for two patients, or two overlapping slots for one patient."""
    [slots], patients = overlapping_slots(1, doctors=2), (make_patient(), make_patient())
    second = {"slot": slots[kind == "patient"], "patient": patients[kind == "slot"]}
    return {"slot": slots[0], "patient": patients[0]}, second


@pytest.fixture
def active(sql, appointments):
    """Returns the active bookings of the slots of the appointments."""
    return lambda: [row["id"] for row in sql(ACTIVE, [appointment["slot"] for appointment in appointments])]


def book_by_sql(connection, writer, appointment, own):
    """Return the number of the booking, or None where the database refuses it."""
    try:
        with connection.transaction():
            row = connection.execute(WRITERS[writer], {**appointment, "own": own}).fetchone()
    except REFUSALS:
        return None
    return row and row[0]


def book(session, appointment):
    """Book by the repository, and return the number of the booking, or None where it is refused."""
    try:
        request = request_for(appointment["slot"], patient_id=appointment["patient"])
        return new_bookings.book(session, request).booking.id
    except (SlotTaken, PatientOverlap):
        return None


@pytest.mark.parametrize("writer", [*WRITERS, "booking"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_second_writer_waits_for_the_first_and_is_refused_where_that_commits(
    opened, raw, own, appointments, active, sql, writer, end
):
    first, second, outcomes = raw(), raw(), []
    [made] = first.execute(BOOK, appointments[0]).fetchone()

    def call():
        if writer == "booking":
            outcomes.append(book(opened, appointments[1]))
        else:
            outcomes.append(book_by_sql(second, writer, appointments[1], own))

    waiting = threading.Thread(target=call)
    waiting.start()
    wait_for_lock_waiter(sql)
    getattr(first, end)()
    waiting.join()
    assert (outcomes == [None]) == (end == "commit")
    assert active() == ([made] if end == "commit" else outcomes)


@EACH_WRITER
@EACH_LEVEL
def test_plain_sql_after_a_booking_is_refused_even_where_its_snapshot_is_older(
    opened, raw, own, appointments, active, level, writer
):
    connection = raw(level)
    connection.execute("SELECT count(*) FROM bookings")  # takes the snapshot
    made = book(opened, appointments[0])
    assert book_by_sql(connection, writer, appointments[1], own) is None
    connection.rollback()
    assert active() == [made]


@WITHOUT_SSI
def test_plain_sql_is_refused_by_the_constraints_even_with_triggers_disabled(opened, raw, kind, appointments, level):
    connection = raw(level)
    connection.execute("SELECT count(*) FROM patients")
    book(opened, appointments[0])
    connection.execute("SET LOCAL session_replication_role = replica")
    connection.execute("ALTER TABLE bookings DISABLE TRIGGER ALL")
    name = {"slot": "bookings_one_active_per_slot", "patient": "bookings_of_a_patient_never_overlap"}[kind]
    with pytest.raises((errors.UniqueViolation, errors.ExclusionViolation), match=name):
        connection.execute(BOOK, appointments[1])


def test_allowed_overlap_that_plain_sql_no_longer_allows_is_refused(opened, overlapping_slots, sql):
    for number, slot in enumerate(overlapping_slots(1, doctors=2)[0]):
        new_bookings.book(opened, request_for(slot, allow_overlap=number == 1))
    with pytest.raises(errors.ExclusionViolation, match="bookings_of_a_patient_never_overlap"):
        sql("UPDATE bookings SET overlap_allowed = false")


@pytest.mark.usefixtures("slots")
@WITHOUT_SSI
def test_plain_sql_that_overlaps_a_doctors_new_slot_is_refused_by_the_constraint(opened, raw, level):
    connection, start = raw(level), opened.now + dt.timedelta(days=20)
    connection.execute("SELECT count(*) FROM slots")
    add(opened, DoctorKey(id=1), start, 30)
    times = [start + dt.timedelta(minutes=20), start + dt.timedelta(minutes=50)]
    with pytest.raises(errors.ExclusionViolation, match="slots_of_a_doctor_never_overlap"):
        connection.execute("UPDATE slots SET starts_at = %s, ends_at = %s WHERE id = 1", times)
