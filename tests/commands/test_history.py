"""`booking history`: every change of a booking is recorded in its transaction, with who, when and why."""

import pytest

PATIENT = ("--name", "Maria Silva", "--email", "maria@example.org")
OTHER = ("--name", "Tom Berg", "--email", "tom@example.org")
LAPSE = "UPDATE bookings SET hold_expires_at = now() WHERE status = 'PENDING'"


def test_history_has_every_change_of_the_booking_in_order_with_who_and_why(program, booking, slot, slots):
    booking("book", slots[1], *OTHER)
    made = booking("book", slot, *PATIENT, "-o", "json", BOOKING_ACTOR="ana").json
    confirmed = booking("confirm", made["reference"], "-o", "json", BOOKING_ACTOR="ben").json
    cancelled = booking("cancel", made["id"], "--reason", "has a cold", "-o", "json", BOOKING_ACTOR="carla").json
    ran = program("history", made["reference"], "-o", "json")
    assert (ran.status, ran.stderr) == (0, "")
    assert [tuple(change.values())[1:] for change in ran.json] == [
        (made["id"], made["booked_at"], "ana", None, "PENDING", None),
        (made["id"], confirmed["confirmed_at"], "ben", "PENDING", "CONFIRMED", None),
        (made["id"], cancelled["cancelled_at"], "carla", "CONFIRMED", "CANCELLED", "has a cold"),
    ]
    assert (cancelled["version"], cancelled["confirmed_at"]) == (3, confirmed["confirmed_at"])


@pytest.mark.parametrize(("options", "reason"), [((), None), (("--reason", "  moved away "), "moved away")])
def test_cancel_keeps_the_reason_with_the_booking(booking, slot, options, reason):
    booking("book", slot, *PATIENT)
    assert booking("cancel", 1, *options, "-o", "json").json["reason"] == reason
    assert booking("show", 1, "-o", "json").json["reason"] == reason


@pytest.mark.parametrize("reason", ["   ", "two\nlines", "x" * 501], ids=["blank", "two lines", "too long"])
def test_cancel_with_an_invalid_reason_is_refused_and_changes_nothing(booking, slot, contents, reason):
    booking("book", slot, *PATIENT)
    before = contents()
    assert booking("cancel", 1, "--reason", reason).status == 2
    assert contents() == before


@pytest.mark.parametrize(
    "command",
    [("book", 1, *OTHER), ("book", 2, *OTHER), ("confirm", 2), ("cancel", 2), ("expire",)],
    ids=["book a slot with a lapsed hold", "book", "confirm", "cancel", "expire"],
)
def test_change_that_cannot_be_recorded_is_rolled_back(booking, sql, slots, contents, command):
    booking("book", 1, *PATIENT)
    sql(LAPSE)
    if command[0] in ("confirm", "cancel"):
        booking("book", 2, *PATIENT)
    sql("ALTER TABLE booking_history ADD CONSTRAINT nothing_more CHECK (false) NOT VALID")
    before = contents()
    assert booking(*command).status == 1
    assert contents() == before
