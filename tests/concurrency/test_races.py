"""Races for the same slot, booking or doctor: one caller succeeds, and all others get the reason why they did not."""

import datetime as dt
from functools import partial

import pytest

from booking_cli.domain.errors import BookingError, DoctorInactive, HoldLapsed, NotFound, WrongState
from booking_cli.domain.validation import BookingKey, DoctorKey
from booking_cli.repository import bookings, doctors, new_bookings, slots
from booking_cli.repository.doctors import DoctorUpdate
from tests.support.threads import at_once, kinds

pytestmark = pytest.mark.usefixtures("sound_afterwards")

ROUNDS = 10
LAPSE = "UPDATE bookings SET hold_expires_at = now() - interval '1 second'"


@pytest.fixture
def doctor(opened, slots):
    return doctors.find(opened, DoctorKey(id=1))


@pytest.fixture
def starts(opened):
    """The starts of 200 half hours, one after the other."""
    noon = (opened.now + dt.timedelta(days=20)).replace(hour=12, minute=0, second=0, microsecond=0)
    return [noon + dt.timedelta(minutes=30 * number) for number in range(200)]


def test_slot_booked_by_twenty_processes_at_once_is_booked_once(race, program, slot, sql):
    patients = [("--name", f"Pat {number}", "--email", f"pat{number}@example.org") for number in range(20)]
    ends = race("bookings", *[partial(program, "book", slot, *patient, "-o", "json") for patient in patients])
    assert sorted(end.status for end in ends) == [0] + [4] * 19
    assert {end.error["code"] for end in ends if end.status} == {"slot_taken"}
    booked = [end.json["reference"] for end in ends if end.status == 0]
    assert [row["reference"] for row in sql("SELECT reference FROM bookings")] == booked


def test_slot_booked_by_hundreds_of_threads_at_once_is_booked_once(race, book, slot, sql):
    outcomes = race("bookings", *[book(slot, f"Pat {number}") for number in range(500)])
    assert kinds(outcomes) == ["Booked"] + ["SlotTaken"] * 499
    [booked] = [outcome for outcome in outcomes if isinstance(outcome, new_bookings.Booked)]
    assert sql("SELECT reference FROM bookings") == [{"reference": booked.booking.reference}]


def test_hundreds_of_slots_of_one_doctor_booked_at_once_are_all_booked(race, book, make_slots, sql):
    calls = [book(slot, f"Pat {number}") for number, slot in enumerate(make_slots(500))]
    assert kinds(race("bookings", *calls)) == ["Booked"] * 500
    assert sql("SELECT count(DISTINCT slot_id) AS n FROM bookings WHERE status = 'PENDING'") == [{"n": 500}]


def test_request_id_used_many_times_at_once_books_once(race, book, slot, sql):
    outcomes = race("bookings", *[book(slot, request_id="r-1", may_be_replay=True)] * 10)
    assert kinds(outcomes) == ["Booked"] * 10
    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 9
    [row] = sql("SELECT reference FROM bookings")
    assert {outcome.booking.reference for outcome in outcomes} == {row["reference"]}


def test_request_id_used_for_two_slots_at_once_books_one(race, book, make_slots, sql):
    calls = [book(slot, request_id="r-1", may_be_replay=True) for slot in make_slots(2)]
    assert kinds(race("bookings", *calls)) == ["Booked", "RequestIdReused"]
    assert sql("SELECT count(*) AS n FROM bookings") == [{"n": 1}]


def test_booking_confirmed_and_cancelled_at_once_ends_cancelled(race, opened, book, make_slots, sql):
    for slot in make_slots(ROUNDS):
        key = BookingKey(id=book(slot)().booking.id)
        confirmed, cancelled = race(
            "bookings", partial(bookings.confirm, opened, key, "c"), partial(bookings.cancel, opened, key, None, "x")
        )
        assert cancelled.status_now == "CANCELLED"
        assert isinstance(confirmed, WrongState) or confirmed.status_now == "CONFIRMED"
    assert sql("SELECT DISTINCT status FROM bookings") == [{"status": "CANCELLED"}]


def test_booking_confirmed_many_times_at_once_is_confirmed_once(race, opened, book, slot, sql):
    key = BookingKey(id=book(slot)().booking.id)
    outcomes = race("bookings", *[partial(bookings.confirm, opened, key, f"c-{number}") for number in range(10)])
    assert kinds(outcomes) == ["Booked"] + ["WrongState"] * 9
    assert sql("SELECT version FROM bookings") == [{"version": 2}]


def test_lapsed_hold_confirmed_while_its_slot_is_booked_is_refused(race, opened, book, make_slots, sql):
    for slot in make_slots(ROUNDS):
        key = BookingKey(id=book(slot)().booking.id)
        sql(f"{LAPSE} WHERE id = %s", key.id)
        confirmed, booked = race("bookings", partial(bookings.confirm, opened, key, "c"), book(slot, "Tom"))
        assert isinstance(confirmed, HoldLapsed)
        assert booked.booking.status == "PENDING"


def test_slot_of_a_lapsed_hold_booked_by_many_at_once_is_booked_once(race, opened, book, slot, sql):
    book(slot)()
    sql(LAPSE)
    outcomes = race(
        "bookings", *[book(slot, f"Pat {number}") for number in range(1, 21)], partial(bookings.expire, opened)
    )
    assert kinds(outcomes) == ["Booked", "Expiry"] + ["SlotTaken"] * 19
    assert [row["status"] for row in sql("SELECT status FROM bookings ORDER BY id")] == ["FAILED", "PENDING"]


def test_slot_deleted_while_it_is_booked_is_either_deleted_or_booked(race, opened, book, make_slots, sql):
    for slot in make_slots(ROUNDS):
        outcomes = race("bookings", book(slot), partial(slots.delete, opened, slot))
        exists = sql("SELECT 1 FROM slots WHERE id = %s", slot) != []
        assert [type(one).__name__ for one in outcomes] == (["Booked", "InUse"] if exists else ["NotFound", "Slot"])


def test_doctor_deleted_while_a_slot_is_added_either_is_deleted_or_has_the_slot(race, opened, starts, sql):
    for number in range(ROUNDS):
        added = doctors.add(opened, name="D", specialization="x", email=f"d{number}@x.de", phone=None)
        key = DoctorKey(id=added.id)
        outcomes = race("slots", partial(slots.add, opened, key, starts[0], 30), partial(doctors.delete, opened, key))
        exists = sql("SELECT 1 FROM doctors WHERE id = %s", key.id) != []
        assert [type(one).__name__ for one in outcomes] == (["Slot", "InUse"] if exists else ["NotFound", "Doctor"])


def test_doctor_deactivated_while_a_slot_is_booked_is_not_booked_afterwards(opened, doctor, book, slots):
    *contested, last = slots
    for number, slot in enumerate(contested):
        booked, updated = at_once(
            book(slot, f"Pat {number}"),
            partial(doctors.update, opened, DoctorKey(id=1), DoctorUpdate(active=False), if_version=None),
        )
        assert kinds([booked]) in (["Booked"], ["DoctorInactive"])
        assert updated.active is False
        with pytest.raises(DoctorInactive):
            book(last, f"Pat {number}")()
        doctors.update(opened, DoctorKey(id=1), DoctorUpdate(active=True), if_version=None)


def test_doctor_updated_twice_at_once_from_one_version_is_updated_once(race, opened, doctor, sql):
    updates = [DoctorUpdate(name="Bo"), DoctorUpdate(name="Cleo")]
    calls = [partial(doctors.update, opened, DoctorKey(id=1), update, if_version=1) for update in updates]
    assert kinds(race("doctors", *calls)) == ["Doctor", "VersionConflict"]
    assert sql("SELECT version FROM doctors") == [{"version": 2}]


def test_doctors_with_one_email_added_at_once_are_added_once(race, opened, sql):
    emails = ("same@x.de", "SAME@x.de", "Same@X.de") * 4
    calls = [partial(doctors.add, opened, name="D", specialization="x", email=email, phone=None) for email in emails]
    assert kinds(race("doctors", *calls)) == ["Doctor"] + ["EmailTaken"] * 11
    assert sql("SELECT count(*) AS n FROM doctors") == [{"n": 1}]


def test_overlapping_slots_added_at_once_are_added_once(race, opened, doctor, starts):
    times = [starts[0] + dt.timedelta(minutes=minute) for minute in range(0, 60, 5)]
    calls = [partial(slots.add, opened, DoctorKey(id=1), time, 60) for time in times]
    assert kinds(race("slots", *calls)) == ["Slot"] + ["SlotOverlap"] * 11


@pytest.mark.parametrize(
    ("shifts", "strict", "outcomes"),
    [
        ((0,) * 6, False, ["BulkResult"] * 6),
        ((0, 10, 15), False, ["BulkResult"] * 3),
        ((0, 15), True, ["BulkResult", "SlotOverlap"]),
    ],
    ids=["same", "overlapping", "overlapping with strict"],
)
def test_slots_added_in_bulk_at_once_are_added_once(race, opened, doctor, starts, sql, shifts, strict, outcomes):
    calls = []
    for shift in shifts:
        shifted = [start + dt.timedelta(minutes=shift) for start in starts]
        calls.append(partial(slots.add_many, opened, doctor, shifted, 30, strict=strict))
    results = race("slots", *calls)
    assert kinds(results) == outcomes
    added = [result for result in results if not isinstance(result, BookingError)]
    assert {result.created + result.existing + result.conflicts for result in added} == {200}
    assert (sum(result.conflicts for result in added) > 0) == (shifts[-1] > 0 and not strict)
    count = sql("SELECT count(*) AS n FROM slots WHERE starts_at >= %s", starts[0])[0]["n"]
    assert count == sum(result.created for result in added) >= 200


def test_slots_added_in_bulk_for_a_doctor_deleted_meanwhile_are_refused(opened, starts, sql):
    doctor = doctors.add(opened, name="D", specialization="x", email="d@x.de", phone=None)
    sql("DELETE FROM doctors")
    with pytest.raises(NotFound):
        slots.add_many(opened, doctor, starts, 30, strict=False)
