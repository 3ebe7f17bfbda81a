"""`booking history`: every change of a booking is recorded with it, in one transaction: when, who, what, why."""

import getpass
from collections.abc import Callable
from typing import Any

import pytest

PATIENT = ("--name", "Maria Silva", "--email", "maria@example.org")
SOMEBODY_ELSE = ("--name", "Tom Berg", "--email", "tom@example.org")
FIELDS = ["id", "booking_id", "at", "actor", "from_status", "to_status", "reason"]


@pytest.fixture
def slot(sql: Callable[..., list[dict[str, Any]]]) -> int:
    """The number of a slot in a week."""
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana Lima', 'Cardiology', 'ana@clinic.example')")
    made = sql("""
        INSERT INTO slots (doctor_id, starts_at, ends_at)
        VALUES (1, now() + interval '7 days', now() + interval '7 days 30 minutes') RETURNING id""")
    number: int = made[0]["id"]
    return number


def lapse(sql: Callable[..., list[dict[str, Any]]]) -> None:
    sql("UPDATE bookings SET hold_expires_at = now() WHERE status = 'PENDING'")


def test_the_history_of_a_whole_life_is_in_order_with_who_and_why(program, booking, slot):
    made = booking("book", slot, *PATIENT, "-o", "json", BOOKING_ACTOR="ana").json
    confirmed = booking("confirm", made["reference"], "-o", "json", BOOKING_ACTOR="ben").json
    cancelled = booking("cancel", made["id"], "--reason", "has a cold", "-o", "json", BOOKING_ACTOR="carla").json

    ran = program("history", made["reference"], "-o", "json")

    assert (ran.status, ran.stderr) == (0, "")
    assert [list(entry) for entry in ran.json] == [FIELDS] * 3
    assert [tuple(entry.values())[1:] for entry in ran.json] == [
        (made["id"], made["booked_at"], "ana", None, "PENDING", None),
        (made["id"], confirmed["confirmed_at"], "ben", "PENDING", "CONFIRMED", None),
        (made["id"], cancelled["cancelled_at"], "carla", "CONFIRMED", "CANCELLED", "has a cold"),
    ]
    assert cancelled["version"] == 3
    assert cancelled["confirmed_at"] == confirmed["confirmed_at"]


def test_the_operator_reads_the_history_as_a_table(program, booking, slot):
    made = booking("book", slot, *PATIENT, "-o", "json").json
    booking("cancel", made["id"], "--reason", "has a cold")

    ran = program("history", made["id"])

    last = ran.stdout.splitlines()[-2].split()
    assert last[2:] == ["tester", "PENDING", "CANCELLED", "has", "a", "cold"]
    assert "2 changes; times are in UTC." in ran.stdout


def test_a_booking_that_was_confirmed_at_once_has_one_change(booking, slot):
    made = booking("book", slot, *PATIENT, "--confirm", "-o", "json").json

    entries = booking("history", made["id"], "-o", "json").json

    assert [(entry["from_status"], entry["to_status"]) for entry in entries] == [(None, "CONFIRMED")]


def test_a_lapsed_hold_is_recorded_as_failed_by_whoever_ran_expire(booking, sql, slot):
    made = booking("book", slot, *PATIENT, "-o", "json").json
    lapse(sql)
    booking("expire", BOOKING_ACTOR="cron")

    failed = booking("show", made["id"], "-o", "json").json
    entry = booking("history", made["id"], "-o", "json").json[-1]

    assert (failed["status"], failed["version"], failed["reason"]) == ("FAILED", 2, "hold lapsed")
    assert [entry[name] for name in FIELDS[1:]] == [
        made["id"],
        failed["failed_at"],
        "cron",
        "PENDING",
        "FAILED",
        "hold lapsed",
    ]


def test_a_booking_has_only_its_own_history(booking, slot):
    first = booking("book", slot, *PATIENT, "-o", "json").json
    booking("cancel", first["id"])
    second = booking("book", slot, *SOMEBODY_ELSE, "-o", "json").json

    entries = booking("history", second["id"], "-o", "json").json

    assert [(entry["booking_id"], entry["to_status"]) for entry in entries] == [(second["id"], "PENDING")]


@pytest.mark.parametrize(("options", "reason"), [((), None), (("--reason", "  moved away "), "moved away")])
def test_the_reason_of_a_cancellation_is_kept_with_the_booking(booking, slot, options, reason):
    made = booking("book", slot, *PATIENT, "-o", "json").json

    assert booking("cancel", made["id"], *options, "-o", "json").json["reason"] == reason
    assert booking("show", made["id"], "-o", "json").json["reason"] == reason


@pytest.mark.parametrize(
    "reason", ["", "   ", "two\nlines", "x" * 501], ids=["empty", "blank", "two lines", "too long"]
)
def test_a_reason_that_cannot_be_kept_is_refused_and_nothing_is_cancelled(booking, slot, reason):
    made = booking("book", slot, *PATIENT, "-o", "json").json

    assert booking("cancel", made["id"], "--reason", reason).status == 2
    assert booking("show", made["id"], "-o", "json").json == made


def test_without_an_actor_the_login_name_is_recorded(program, slot):
    made = program("book", slot, *PATIENT, "-o", "json", BOOKING_ACTOR="").json

    assert [entry["actor"] for entry in program("history", made["id"], "-o", "json").json] == [getpass.getuser()]


def test_a_name_in_the_history_is_data(booking, slot):
    made = booking("book", slot, *PATIENT, "-o", "json", BOOKING_ACTOR="[red]ana[/red] %(actor)s {x}").json

    assert booking("history", made["id"], "-o", "json").json[0]["actor"] == "[red]ana[/red] %(actor)s {x}"
    assert "[red]ana[/red] %(actor)s {x}" in booking("history", made["id"]).stdout


@pytest.mark.parametrize(
    "command",
    [("book", "1", *SOMEBODY_ELSE), ("book", "2", *SOMEBODY_ELSE), ("confirm", "2"), ("cancel", "2"), ("expire",)],
    ids=["taking over", "booking", "confirming", "cancelling", "expiring"],
)
def test_a_change_that_cannot_be_recorded_does_not_happen(booking, sql, slot, command):
    booking("book", slot, *PATIENT)
    lapse(sql)
    sql("""INSERT INTO slots (doctor_id, starts_at, ends_at)
           SELECT doctor_id, ends_at, ends_at + interval '30 minutes' FROM slots""")
    if command[0] in ("confirm", "cancel"):
        booking("book", 2, *PATIENT)
    # Without the history's table being writable, whatever a change writes first must be undone.
    sql("ALTER TABLE booking_history ADD CONSTRAINT nothing_more CHECK (false) NOT VALID")
    before = sql("SELECT * FROM bookings ORDER BY id")

    assert booking(*command).status == 1
    assert sql("SELECT * FROM bookings ORDER BY id") == before
