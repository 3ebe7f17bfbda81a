"""`booking confirm` and `booking cancel`: what each state allows, how a booking is named, and what is final."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from booking_cli.domain.errors import Refused
from booking_cli.domain.references import ALPHABET, new_reference, parse_reference
from booking_cli.domain.validation import BookingKey
from booking_cli.repository import bookings

PATIENT = ("--name", "Maria Silva", "--email", "maria@example.org")
SOMEBODY_ELSE = ("--name", "Tom Berg", "--email", "tom@example.org")


@pytest.fixture
def booked(booking, sql, slot) -> Callable[[str], dict[str, Any]]:
    """Brings a booking into a state and returns it; `lapsed` is a hold that no run of `expire` has found yet."""

    def make(state: str) -> dict[str, Any]:
        made = booking("book", slot, *PATIENT, *(["--confirm"] if state == "CONFIRMED" else []), "-o", "json").json
        if state == "CANCELLED":
            booking("cancel", made["id"])
        if state in ("lapsed", "FAILED"):
            sql("UPDATE bookings SET hold_expires_at = now()")
        if state == "FAILED":
            booking("expire")
        shown: dict[str, Any] = booking("show", made["id"], "-o", "json").json
        assert shown["status"] == {"lapsed": "PENDING"}.get(state, state)
        return shown

    return make


def test_confirm_keeps_the_slot_for_good(program, booking, sql, slot, booked):
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

    assert ran.status == 0
    assert ran.json == {
        **made,
        "status": "CANCELLED",
        "cancelled_at": ran.json["cancelled_at"],
        "version": made["version"] + 1,
    }
    assert ran.json["cancelled_at"] > made["booked_at"]
    assert booking("slots", "show", slot, "-o", "json").json["status"] == "free"
    assert booking("book", slot, *SOMEBODY_ELSE).status == 0


def test_the_operator_reads_what_was_done(program, slot, booked):
    reference = booked("PENDING")["reference"]

    confirmed, cancelled = program("confirm", reference), program("cancel", reference)

    assert confirmed.stdout.splitlines()[0] == f"Confirmed: {reference}."
    assert cancelled.stdout.splitlines()[0] == f"Cancelled: {reference}."


@pytest.mark.parametrize(
    ("command", "state", "code", "words"),
    [
        ("confirm", "CONFIRMED", "wrong_state", "is already confirmed"),
        ("confirm", "CANCELLED", "wrong_state", "was cancelled"),
        ("confirm", "FAILED", "hold_lapsed", "lapsed at"),
        ("confirm", "lapsed", "hold_lapsed", "lapsed at"),
        ("cancel", "CANCELLED", "wrong_state", "is already cancelled"),
        ("cancel", "FAILED", "wrong_state", "has failed, because its hold lapsed"),
        ("cancel", "lapsed", "wrong_state", "has failed, because its hold lapsed"),
    ],
)
def test_what_a_state_does_not_allow_is_refused_with_its_own_sentence(
    program, booked, contents, command, state, code, words
):
    made = booked(state)
    before = contents()

    ran = program(command, made["reference"], "-o", "json")

    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", code)
    assert f"{made['reference']} {words}" in ran.error["message"]
    assert contents() == before


@pytest.mark.parametrize("taken", [False, True], ids=["still pending", "taken over"])
def test_who_confirms_too_late_reads_how_to_book_again(booking, slot, booked, taken):
    late = booked("lapsed")
    if taken:
        booking("book", slot, *SOMEBODY_ELSE)

    ran = booking("confirm", late["reference"])

    assert ran.status == 4
    assert f"booking book {slot}" in ran.stderr


def test_a_hold_that_lapsed_on_an_earlier_day_is_refused_with_that_day(booking, sql, booked):
    late = booked("PENDING")
    sql("UPDATE bookings SET hold_expires_at = hold_expires_at - interval '3 days'")
    day = sql("SELECT to_char(hold_expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS text FROM bookings")[0]["text"]

    ran = booking("confirm", late["reference"], "-o", "json")

    assert ran.error["code"] == "hold_lapsed"
    assert day in ran.error["message"]


@pytest.mark.parametrize("final", ["lapsed", "FAILED", "CANCELLED"])
@pytest.mark.parametrize("options", [(), ("--confirm",)], ids=["held", "booked"])
def test_what_happens_to_a_final_booking_never_frees_a_slot_that_somebody_else_has(
    booking, slot, booked, final, options
):
    old = booked(final)
    new = booking("book", slot, *SOMEBODY_ELSE, *options, "-o", "json").json

    assert booking("cancel", old["id"]).status == 4
    assert booking("confirm", old["id"]).status == 4
    assert booking("expire").status == 0

    assert booking("slots", "show", slot, "-o", "json").json["booking_id"] == new["id"]
    assert booking("show", new["id"], "-o", "json").json == new
    assert booking("book", slot, *PATIENT).status == 4


WRITINGS = {
    "as printed": lambda reference: reference,
    "small": str.lower,
    "in one": lambda reference: reference.replace("-", ""),
    "spelled out": lambda reference: " ".join(reference.lower()),
    "with blanks around": lambda reference: f"  {reference} ",
    "I for 1": lambda reference: reference.replace("1", "I"),
    "l for 1": lambda reference: reference.replace("1", "l"),
}


@pytest.mark.parametrize("writing", WRITINGS.values(), ids=WRITINGS)
def test_a_booking_is_found_by_its_reference_in_any_writing(booking, sql, booked, writing):
    made = booked("PENDING")
    reference = next(candidate for candidate in iter(new_reference, "") if "1" in candidate)
    sql("UPDATE bookings SET reference = %s", reference)

    for command in ("show", "confirm", "cancel"):
        assert booking(command, writing(reference), "-o", "json").json["id"] == made["id"]
    assert [entry["booking_id"] for entry in booking("history", writing(reference), "-o", "json").json] == [1, 1, 1]


COMMANDS = pytest.mark.parametrize("command", ["show", "confirm", "cancel", "history"])


@COMMANDS
def test_a_misheard_reference_is_refused_and_not_mistaken(program, booked, contents, command):
    reference = booked("PENDING")["reference"]
    before = contents()
    heard = ALPHABET[ALPHABET.index(reference[-1]) - 1]

    ran = program(command, reference[:-1] + heard, "-o", "json")

    assert (ran.status, ran.stdout) == (2, "")
    assert "last character" in ran.error["message"]
    assert contents() == before


@COMMANDS
def test_a_reference_with_two_characters_exchanged_is_refused(booking, booked, contents, command):
    reference = next(candidate for candidate in iter(new_reference, "") if candidate[0] != candidate[1])
    booked("PENDING")
    before = contents()

    assert booking(command, reference[1] + reference[0] + reference[2:]).status == 2
    assert contents() == before


@COMMANDS
def test_a_booking_that_is_not_there_is_not_found(program, booked, contents, command):
    made = booked("PENDING")
    before = contents()
    unknown = next(candidate for candidate in iter(new_reference, "") if candidate != made["reference"])
    assert parse_reference(unknown)

    by_reference = program(command, unknown, "-o", "json")
    by_number = program(command, "4711", "-o", "json")

    assert (by_reference.status, by_reference.error["code"]) == (3, "not_found")
    assert unknown in by_reference.error["message"]
    assert (by_number.status, by_number.error["code"]) == (3, "not_found")
    assert "4711" in by_number.error["message"]
    assert contents() == before


@COMMANDS
@pytest.mark.parametrize("key", ["0", "9223372036854775808", "1" * 5000, "1.0", "maria@example.org", ""])
def test_what_is_neither_a_number_nor_a_reference_is_a_usage_error(booking, command, key):
    assert booking(command, key).status == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda book, key, number: bookings.confirm(book, key, f"request {number}"),
        lambda book, key, number: bookings.cancel(book, key, None, f"request {number}"),
    ],
    ids=["confirm", "cancel"],
)
def test_of_ten_who_change_a_booking_at_once_one_does(opened, sql, booked, change):
    key = BookingKey(id=booked("PENDING")["id"])

    def attempt(number: int) -> bool:
        try:
            change(opened, key, number)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        won = list(pool.map(attempt, range(10)))

    assert won.count(True) == 1
    assert sql("SELECT version FROM bookings") == [{"version": 2}]
    assert sql("SELECT count(*) AS n FROM booking_history") == [{"n": 2}]
