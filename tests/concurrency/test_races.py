"""Races for the same slot, booking, doctor and time: one winner, a true answer for everybody else, and a sound book."""

import datetime as dt
import json
import subprocess

import pytest

from booking_cli.domain.errors import BookingError, Busy, DoctorInactive, HoldLapsed, NotFound, WrongState
from booking_cli.domain.validation import BookingKey, DoctorKey
from booking_cli.repository import bookings, doctors, slots
from booking_cli.repository.bookings import BookingRequest
from booking_cli.repository.doctors import DoctorChange
from tests.conftest import PROGRAM
from tests.support.threads import at_once, kinds

pytestmark = pytest.mark.usefixtures("sound_afterwards")

ROUNDS = 10


@pytest.fixture
def doctor(sql):
    return sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana', 'x', 'a@x.de') RETURNING id")[0]["id"]


@pytest.fixture
def make_slots(sql, doctor):
    def make(count):
        rows = sql(
            "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT %s, t, t + interval '30 minutes' "
            "FROM generate_series(1, %s) n, LATERAL (SELECT now() + interval '1 day' + n * interval '30 minutes') s (t) "
            "RETURNING id",
            doctor,
            count,
        )
        return [row["id"] for row in rows]

    return make


@pytest.fixture
def slot(make_slots):
    return make_slots(1)[0]


def request_by(number, slot_id):
    return BookingRequest(slot_id, f"Pat {number}", f"pat{number}@x.de", None, 5, f"r-{slot_id}-{number}")


def noon_of(book):
    return (book.now + dt.timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)


def test_twenty_processes_after_one_slot_have_one_winner(environment, tmp_path, slot, sql):
    running = [
        subprocess.Popen(
            [PROGRAM, "book", str(slot), "--name", f"Pat {number}", "--email", f"pat{number}@x.de", "-o", "json"],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(20)
    ]
    ends = [(*process.communicate(timeout=240), process.returncode) for process in running]
    assert sorted(status for _, _, status in ends) == [0] + [4] * 19
    assert {json.loads(stderr)["error"]["code"] for _, stderr, status in ends if status == 4} == {"slot_taken"}
    winner = next(json.loads(stdout) for stdout, _, status in ends if status == 0)
    assert sql("SELECT id, patient_name FROM bookings") == [
        {"id": winner["id"], "patient_name": winner["patient_name"]}
    ]


def test_a_hundred_threads_after_one_slot_have_one_winner(opened, slot, sql):
    calls = [lambda number=number: bookings.book(opened, request_by(number, slot)) for number in range(100)]
    assert kinds(at_once(*calls)) == ["Answer"] + ["SlotTaken"] * 99
    assert sql("SELECT count(*) AS n FROM bookings") == [{"n": 1}]


def test_fifty_threads_on_fifty_slots_all_succeed(opened, make_slots, sql):
    numbered = list(enumerate(make_slots(50)))
    calls = [lambda pair=pair: bookings.book(opened, request_by(*pair)) for pair in numbered]
    assert kinds(at_once(*calls)) == ["Answer"] * 50
    assert sql("SELECT count(DISTINCT slot_id) AS n FROM bookings WHERE status = 'PENDING'") == [{"n": 50}]


def test_one_request_made_many_times_at_once_books_once(opened, slot, sql):
    outcomes = at_once(*[lambda: bookings.book(opened, request_by(1, slot))] * 10)
    assert kinds(outcomes) == ["Answer"] * 10
    assert len({outcome.booking.reference for outcome in outcomes}) == 1
    assert sql("SELECT count(*) AS n FROM bookings") == [{"n": 1}]


def test_one_request_id_for_two_slots_at_once_books_one(opened, make_slots, sql):
    first, second = (BookingRequest(slot, "Pat", "p@x.de", None, 5, "same", True) for slot in make_slots(2))
    outcomes = at_once(lambda: bookings.book(opened, first), lambda: bookings.book(opened, second))
    assert kinds(outcomes) == ["Answer", "RequestIdReused"]
    assert sql("SELECT count(*) AS n FROM bookings") == [{"n": 1}]


def test_confirm_and_cancel_at_once_always_end_cancelled(opened, make_slots, sql):
    for slot in make_slots(ROUNDS):
        key = BookingKey(id=bookings.book(opened, request_by(slot, slot)).booking.id)
        confirmed, cancelled = at_once(
            lambda key=key: bookings.confirm(opened, key, "c"), lambda key=key: bookings.cancel(opened, key, None, "x")
        )
        assert cancelled.status_now == "CANCELLED"
        assert isinstance(confirmed, WrongState) or confirmed.status_now == "CONFIRMED"
    assert sql("SELECT DISTINCT status FROM bookings") == [{"status": "CANCELLED"}]


def test_many_that_confirm_one_booking_at_once_confirm_it_once(opened, slot, sql):
    key = BookingKey(id=bookings.book(opened, request_by(1, slot)).booking.id)
    outcomes = at_once(*[lambda number=number: bookings.confirm(opened, key, f"c-{number}") for number in range(10)])
    assert kinds(outcomes) == ["Answer"] + ["WrongState"] * 9
    assert sql("SELECT version FROM bookings") == [{"version": 2}]


def test_who_confirms_a_lapsed_hold_while_another_takes_the_slot_over_is_refused(opened, make_slots, sql):
    for slot in make_slots(ROUNDS):
        key = BookingKey(id=bookings.book(opened, request_by(1, slot)).booking.id)
        sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = %s", key.id)
        late, quick = at_once(
            lambda key=key: bookings.confirm(opened, key, "c"),
            lambda slot=slot: bookings.book(opened, request_by(2, slot)),
        )
        assert isinstance(late, HoldLapsed)
        assert quick.booking.status == "PENDING"


def test_many_that_take_over_one_lapsed_hold_have_one_winner(opened, slot, sql):
    bookings.book(opened, request_by(0, slot))
    sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second'")
    calls = [lambda number=number: bookings.book(opened, request_by(number, slot)) for number in range(1, 21)]
    assert kinds(at_once(*calls, lambda: bookings.expire(opened))) == ["Answer", "Expiry"] + ["SlotTaken"] * 19
    assert sql("SELECT status, count(*) AS n FROM bookings GROUP BY 1 ORDER BY 1") == [
        {"status": "FAILED", "n": 1},
        {"status": "PENDING", "n": 1},
    ]


def test_deleting_a_slot_while_it_is_booked_lets_one_of_both_through(opened, make_slots, sql):
    for slot in make_slots(ROUNDS):
        booked, deleted = at_once(
            lambda slot=slot: bookings.book(opened, request_by(1, slot)), lambda slot=slot: slots.delete(opened, slot)
        )
        there = sql("SELECT 1 FROM slots WHERE id = %s", slot) != []
        assert (kinds([booked]), kinds([deleted])) == ((["Answer"], ["InUse"]) if there else (["NotFound"], ["Slot"]))


def test_deleting_a_doctor_while_a_slot_is_added_lets_one_of_both_through(opened, sql):
    noon = noon_of(opened)
    for number in range(ROUNDS):
        email = f"d{number}@x.de"
        key = DoctorKey(id=doctors.add(opened, name="D", specialization="x", email=email, phone=None).id)
        added, deleted = at_once(
            lambda key=key: slots.add(opened, key, noon, 30), lambda key=key: doctors.delete(opened, key)
        )
        there = sql("SELECT 1 FROM doctors WHERE id = %s", key.id) != []
        assert (kinds([added]), kinds([deleted])) == ((["Slot"], ["InUse"]) if there else (["NotFound"], ["Doctor"]))


def test_who_books_while_the_doctor_is_deactivated_is_in_or_told_so(opened, doctor, make_slots):
    *contested, last = make_slots(ROUNDS + 1)
    for slot in contested:
        booked, changed = at_once(
            lambda slot=slot: bookings.book(opened, request_by(slot, slot)),
            lambda: doctors.update(opened, DoctorKey(id=doctor), DoctorChange(active=False), if_version=None),
        )
        assert kinds([booked]) in (["Answer"], ["DoctorInactive"])
        assert changed.active is False
        with pytest.raises(DoctorInactive):
            bookings.book(opened, request_by(last, last))
        doctors.update(opened, DoctorKey(id=doctor), DoctorChange(active=True), if_version=None)


def test_two_that_change_the_same_version_of_a_doctor_do_not_both_succeed(opened, doctor, sql):
    calls = [
        lambda name=name: doctors.update(opened, DoctorKey(id=doctor), DoctorChange(name=name), if_version=1)
        for name in ("Bo", "Cleo")
    ]
    assert kinds(at_once(*calls)) == ["Doctor", "VersionConflict"]
    assert sql("SELECT version FROM doctors") == [{"version": 2}]


def test_doctors_with_one_email_added_at_once_have_one_winner(opened, sql):
    def add(email):
        return doctors.add(opened, name="D", specialization="x", email=email, phone=None)

    calls = [lambda email=email: add(email) for email in ("same@x.de", "SAME@x.de", "Same@X.de") * 4]
    assert kinds(at_once(*calls)) == ["Doctor"] + ["EmailTaken"] * 11
    assert sql("SELECT count(*) AS n FROM doctors") == [{"n": 1}]


def test_overlapping_slots_added_at_once_have_one_winner(opened, doctor, sql):
    noon = noon_of(opened)
    calls = [
        lambda minute=minute: slots.add(opened, DoctorKey(id=doctor), noon + dt.timedelta(minutes=minute), 60)
        for minute in range(0, 60, 5)
    ]
    assert kinds(at_once(*calls)) == ["Slot"] + ["SlotOverlap"] * 11
    assert sql("SELECT count(*) AS n FROM slots") == [{"n": 1}]


def test_the_same_slots_loaded_several_times_at_once_are_made_once(opened, doctor, sql):
    noon = noon_of(opened)
    starts = [noon + dt.timedelta(minutes=30 * number) for number in range(200)]
    whom = doctors.find(opened, DoctorKey(id=doctor))
    results = at_once(*[lambda: slots.add_many(opened, whom, starts, 30, strict=False)] * 6)
    assert kinds(results) == ["BulkResult"] * 6
    assert sum(result.created for result in results) == 200
    assert {(result.created + result.existing, result.conflicts) for result in results} == {(200, 0)}
    assert sql("SELECT count(*) AS n FROM slots") == [{"n": 200}]


def test_slots_are_not_loaded_for_a_doctor_who_was_deleted_meanwhile(opened, doctor, sql):
    whom = doctors.find(opened, DoctorKey(id=doctor))
    sql("DELETE FROM doctors")
    with pytest.raises(NotFound):
        slots.add_many(opened, whom, [noon_of(opened)], 30, strict=False)


def test_a_doctor_whose_last_slot_goes_while_it_stands_in_the_way_can_be_deleted_later(
    opened, doctor, make_slots, sql, monkeypatch
):
    make_slots(1)
    write = opened.database.write

    def write_and_lose_the_slot(*args, **options):
        try:
            return write(*args, **options)
        finally:
            sql("DELETE FROM slots")

    monkeypatch.setattr(opened.database, "write", write_and_lose_the_slot)
    with pytest.raises(Busy, match="try again"):
        doctors.delete(opened, DoctorKey(id=doctor))


def test_everything_at_once_on_a_few_slots_leaves_a_sound_book(opened, make_slots, sql):
    ids = make_slots(4)

    def visit(number):
        slot = ids[number % len(ids)]
        try:
            made = bookings.book(opened, request_by(number, slot)).booking
            if number % 3:
                bookings.confirm(opened, BookingKey(reference=made.reference), "c")
            bookings.cancel(opened, BookingKey(id=made.id), None, "x")
        except BookingError as refusal:
            return refusal
        return None

    calls = [lambda number=number: visit(number) for number in range(60)]
    outcomes = at_once(*calls, *[lambda: bookings.expire(opened)] * 4)
    assert set(kinds(outcomes)) <= {"NoneType", "SlotTaken", "Expiry"}
    assert sql("SELECT count(*) AS n FROM bookings WHERE status = 'CANCELLED'")[0]["n"] == kinds(outcomes).count(
        "NoneType"
    )
