"""`booking confirm` and `booking cancel`: which state allows which change, and how a booking is identified."""

import pytest

from booking_cli.domain.references import ALPHABET, new_references

PATIENT = ("--name", "Maria Silva", "--email", "maria@example.org")
OTHER = ("--name", "Tom Berg", "--email", "tom@example.org")
COMMANDS = pytest.mark.parametrize("command", ["show", "confirm", "cancel", "history"])


@pytest.fixture
def booked(booking, sql, slot):
    """Brings a booking into a state and returns it; `lapsed` is a lapsed hold before `expire` has run."""

    def make(state):
        made = booking("book", slot, *PATIENT, *(["--confirm"] if state == "CONFIRMED" else []), "-o", "json").json
        if state == "CANCELLED":
            booking("cancel", made["id"])
        if state in ("lapsed", "FAILED"):
            sql("UPDATE bookings SET hold_expires_at = now()")
        if state == "FAILED":
            booking("expire")
        shown = booking("show", made["id"], "-o", "json").json
        assert shown["status"] == {"lapsed": "PENDING"}.get(state, state)
        return shown

    return make


def test_confirm_keeps_the_slot_after_the_hold_time(program, booking, sql, slot, booked):
    held = booked("PENDING")
    ran = program("confirm", held["id"], "-o", "json")
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.json == {**held, "status": "CONFIRMED", "confirmed_at": ran.json["confirmed_at"], "version": 2}
    assert ran.json["confirmed_at"] > held["booked_at"]
    sql("UPDATE bookings SET hold_expires_at = now()")
    assert booking("expire", "-o", "json").json["expired"] == 0
    assert booking("slots", "show", slot, "-o", "json").json["status"] == "booked"


@pytest.mark.parametrize("state", ["PENDING", "CONFIRMED"])
def test_cancel_frees_the_slot(booking, slot, booked, state):
    made = booked(state)
    ran = booking("cancel", made["id"], "-o", "json")
    changed = {"status": "CANCELLED", "cancelled_at": ran.json["cancelled_at"], "version": made["version"] + 1}
    assert (ran.status, ran.json) == (0, {**made, **changed})
    assert ran.json["cancelled_at"] > made["booked_at"]
    assert booking("slots", "show", slot, "-o", "json").json["status"] == "free"
    assert booking("book", slot, *OTHER).status == 0


@pytest.mark.parametrize(
    ("command", "state", "code", "words"),
    [
        ("confirm", "CONFIRMED", "wrong_state", "already confirmed"),
        ("confirm", "CANCELLED", "wrong_state", "cancelled"),
        ("confirm", "FAILED", "hold_lapsed", "lapsed at"),
        ("confirm", "lapsed", "hold_lapsed", "lapsed at"),
        ("cancel", "CANCELLED", "wrong_state", "already cancelled"),
        ("cancel", "FAILED", "wrong_state", "lapsed"),
        ("cancel", "lapsed", "wrong_state", "lapsed"),
    ],
)
def test_change_that_the_state_forbids_is_refused(booking, booked, contents, command, state, code, words):
    made = booked(state)
    before = contents()
    ran = booking(command, made["reference"], "-o", "json")
    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", code)
    assert made["reference"] in ran.error["message"]
    assert words in ran.error["message"]
    assert contents() == before


@pytest.mark.parametrize("state", ["lapsed", "FAILED", "CANCELLED"])
def test_confirm_of_a_booking_that_has_ended_suggests_a_command_that_books_the_slot_again(booking, booked, state):
    old = booked(state)
    [suggestion] = booking("confirm", old["id"]).suggestions
    assert suggestion == ["book", str(old["slot_id"]), "--patient", str(old["patient_id"])]
    again = booking(*suggestion, "-o", "json").json
    assert (again["status"], again["patient_id"], again["slot_id"]) == ("PENDING", old["patient_id"], old["slot_id"])


@pytest.mark.parametrize("state", ["lapsed", "FAILED", "CANCELLED"])
@pytest.mark.parametrize("options", [(), ("--confirm",)], ids=["held", "booked"])
def test_change_of_an_ended_booking_never_frees_its_slot(booking, slot, booked, state, options):
    old = booked(state)
    new = booking("book", slot, *OTHER, *options, "-o", "json").json
    assert [booking(*command).status for command in (("cancel", old["id"]), ("confirm", old["id"]))] == [4, 4]
    assert booking("expire").status == 0
    assert booking("slots", "show", slot, "-o", "json").json["booking_id"] == new["id"]
    assert booking("show", new["id"], "-o", "json").json == new
    assert booking("book", slot, *PATIENT).status == 4


@pytest.mark.parametrize("spell", [str.lower, " ".join], ids=["lower case", "spelled out"])
def test_booking_is_found_by_its_reference_in_any_spelling(booking, booked, spell):
    reference = spell(booked("PENDING")["reference"])
    assert [booking(command, reference).status for command in ("show", "confirm", "cancel", "history")] == [0] * 4


@COMMANDS
def test_misheard_reference_or_invalid_number_is_refused_and_changes_nothing(booking, booked, contents, command):
    reference = booked("PENDING")["reference"]
    before = contents()
    misheard = reference[:-1] + ALPHABET[ALPHABET.index(reference[-1]) - 1]
    for key in (misheard, "0", "1.0"):
        ran = booking(command, key)
        assert (ran.status, ran.stdout) == (2, "")
    assert contents() == before


@COMMANDS
@pytest.mark.parametrize("by", ["reference", "number"])
def test_unknown_booking_is_not_found(booking, booked, contents, command, by):
    made = booked("PENDING")
    before = contents()
    unknown = next(candidate for candidate in new_references(9) if candidate != made["reference"])
    key = unknown if by == "reference" else "4711"
    ran = booking(command, key, "-o", "json")
    assert (ran.status, ran.stdout, ran.error["code"]) == (3, "", "not_found")
    assert key in ran.error["message"]
    assert contents() == before
