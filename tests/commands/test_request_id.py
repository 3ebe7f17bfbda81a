"""`--request-id`: a repeated request is made once, and gets its first result."""

import pytest

from booking_cli.domain.validation import PatientKey
from booking_cli.repository import new_bookings, patients
from booking_cli.repository.new_bookings import BookingRequest

PATIENT = ("--name", "Maria Silva", "--email", "maria@example.org")
OTHER = ("--name", "Tom Berg", "--email", "tom@example.org")
KEY = ("--request-id", "call-17", "-o", "json")
LAPSE = "UPDATE bookings SET hold_expires_at = now()"


@pytest.mark.parametrize(
    ("patient", "first_options", "options"),
    [
        (PATIENT, (), ()),
        (PATIENT, ("--confirm",), ("--confirm",)),
        (PATIENT, ("--hold", "10"), ("--hold", "90")),
        (("--name", "MARIA  silva", "--email", "Maria@EXAMPLE.org"), (), ()),
    ],
    ids=["hold", "confirmed", "other hold time", "other spelling"],
)
def test_repeated_booking_gets_its_first_result(program, slot, contents, patient, first_options, options):
    first = program("book", slot, *PATIENT, *first_options, *KEY)
    after_the_first = contents()
    again = program("book", slot, *patient, *options, *KEY)
    assert (first.status, first.stderr) == (0, "")
    assert (again.status, again.stdout) == (0, first.stdout)
    assert first.json["reference"] in again.stderr
    assert contents() == after_the_first


@pytest.mark.parametrize(
    ("options", "changes", "state"),
    [
        ((), ["confirm"], "CONFIRMED"),
        ((), ["confirm", "cancel"], "CANCELLED"),
        (("--hold", "0.0005"), ["expire"], "FAILED"),
        (("--hold", "0.0005"), ["booked again"], "FAILED"),
        (("--confirm",), ["cancel"], "CANCELLED"),
    ],
    ids=["confirmed", "confirmed and cancelled", "failed", "booked again", "confirmed at once and cancelled"],
)
def test_repeated_booking_that_changed_gets_its_first_result(booking, sql, slot, options, changes, state):
    first = booking("book", slot, *PATIENT, *options, *KEY)
    reference = first.json["reference"]
    for change in changes:
        if change in ("confirm", "cancel"):
            booking(change, reference)
        else:
            sql("SELECT pg_sleep_until(hold_expires_at) FROM bookings")
            booking("expire") if change == "expire" else booking("book", slot, *OTHER)
    again = booking("book", slot, *PATIENT, *options, *KEY)
    assert (again.status, again.stdout) == (0, first.stdout)
    assert f"{reference} has become {state}" in again.stderr
    assert booking("show", reference, "-o", "json").json["status"] == state


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE doctors SET active = false", ""),
        ("UPDATE slots SET starts_at = starts_at - interval '30 days', ends_at = ends_at - interval '30 days'", ""),
        (LAPSE, "has lapsed"),
    ],
    ids=["inactive doctor", "slot in the past", "lapsed hold"],
)
def test_repeated_booking_of_an_unbookable_slot_gets_its_first_result(booking, sql, slot, change, words):
    first = booking("book", slot, *PATIENT, *KEY)
    sql(change)
    again = booking("book", slot, *PATIENT, *KEY)
    assert (again.status, again.json["reference"]) == (0, first.json["reference"])
    assert words in again.stderr


@pytest.mark.parametrize("patient", [PATIENT, ("--patient", "1")], ids=["by name", "by number"])
@pytest.mark.parametrize(
    "change",
    ["patients update 1 --name Marie --email marie@example.org", "patients merge 1 2"],
    ids=["updated", "merged"],
)
def test_repeated_booking_after_a_change_of_the_patient_gets_its_first_result(booking, sql, slot, patient, change):
    booking("patients", "add", *PATIENT[1:])
    booking("patients", "add", "Maria da Silva", "--email", "maria@example.org")
    first = booking("book", slot, *patient, *KEY)
    assert booking(*change.split()).status == 0
    again = booking("book", slot, *patient, *KEY)
    assert (again.status, again.json["reference"]) == (0, first.json["reference"])
    assert sql("SELECT count(*) AS bookings, (SELECT count(*) FROM patients) AS patients FROM bookings") == [
        {"bookings": 1, "patients": 1 if "merge" in change else 2}
    ]


@pytest.mark.parametrize(
    ("slot", "patient"),
    [
        (2, PATIENT),
        (1, OTHER),
        (1, ("--name", "Pedro Silva", "--email", "maria@example.org")),
        (1, ("--name", "Maria Silva", "--email", "other@example.org")),
    ],
    ids=["slot", "patient", "name", "email"],
)
@pytest.mark.parametrize("updated", [False, True], ids=["as registered", "patient updated"])
def test_request_id_of_another_slot_or_patient_is_refused(booking, slots, contents, slot, patient, updated):
    made = booking("book", slots[0], *PATIENT, *KEY).json
    if updated:
        booking("patients", "update", made["patient_id"], "--note", "prefers mornings")
    before = contents()
    ran = booking("book", slot, *patient, "--allow-overlap", *KEY)
    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "request_id_reused")
    assert made["reference"] in ran.error["message"]
    assert contents() == before


def test_request_id_of_a_refused_booking_can_be_used_again(booking, slots):
    other = booking("book", slots[0], *OTHER, "-o", "json").json
    assert booking("book", slots[0], *PATIENT, *KEY).error["code"] == "slot_taken"
    booking("cancel", other["reference"])
    ran = booking("book", slots[0], *PATIENT, *KEY)
    assert (ran.status, ran.stderr, ran.json["status"]) == (0, "", "PENDING")


@pytest.fixture
def hold(booking, slot):
    """The reference of a hold."""
    return booking("book", slot, *PATIENT, "-o", "json").json["reference"]


@pytest.mark.parametrize("command", [("confirm",), ("cancel", "--reason", "is ill")], ids=["confirm", "cancel"])
def test_repeated_change_gets_its_first_result_and_changes_nothing(program, booking, hold, contents, command):
    first = booking(*command, hold, *KEY)
    after_the_first = contents()
    again = program(*command, hold, *KEY)
    assert (first.status, first.stderr) == (0, "")
    assert (again.status, again.stdout) == (0, first.stdout)
    assert hold in again.stderr
    assert contents() == after_the_first


@pytest.mark.parametrize("command", ["confirm", "cancel"])
@pytest.mark.parametrize("key", [(), ("--request-id", "call-18")], ids=["without", "another"])
def test_repeated_change_without_its_request_id_is_refused(booking, hold, contents, command, key):
    booking(command, hold, *KEY)
    before = contents()
    ran = booking(command, hold, *key, "-o", "json")
    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "wrong_state")
    assert contents() == before


def test_replay_by_a_patient_number_from_before_a_merge_gets_the_first_result(opened, slots):
    first, second = (
        patients.add(opened, name=name, email="maria@example.org", phone=None, note=None)
        for name in ("Maria Slva", "Maria Silva")
    )
    request = BookingRequest(slots[0], first.id, first.name, None, None, None, "r-1")
    made = new_bookings.book(opened, request)
    patients.merge(opened, PatientKey(id=first.id), PatientKey(id=second.id))
    again = new_bookings.book(opened, request)
    assert (again.replayed, again.booking.id, again.booking.patient_id) == (True, made.booking.id, second.id)
