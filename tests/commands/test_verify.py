"""`booking verify`: clean after honest work, and every kind of broken promise is found, with its guard and without."""

from collections.abc import Callable
from typing import Any

import pytest

MARIA = ("--name", "Maria Silva", "--email", "maria@example.org")
TOM = ("--name", "Tom Berg", "--email", "tom@example.org")
STATUS_GUARD = "ALTER TABLE bookings DROP CONSTRAINT bookings_have_the_timestamps_of_their_status"


@pytest.fixture
def day(booking, sql) -> list[dict[str, Any]]:
    """Four slots of one doctor: with a confirmed booking, a hold, a cancelled booking and a lapsed hold; the bookings."""
    booking("doctors", "add", "Ana Lima", "--specialization", "Cardiology", "--email", "ana@clinic.example")
    booking("slots", "bulk", "1", "--from", "+7d", "--to", "+7d", "--start", "09:00", "--end", "11:00")
    booking("book", "1", *MARIA)
    booking("confirm", "1")
    booking("book", "2", *TOM)
    booking("book", "3", *MARIA, "--confirm")
    booking("cancel", "3")
    booking("book", "4", *TOM, "--hold", "0.0005")
    sql("SELECT pg_sleep_until(hold_expires_at) FROM bookings WHERE id = 4")
    booking("expire")
    made: list[dict[str, Any]] = booking("list", "-o", "json").json
    assert [entry["status"] for entry in made] == ["CONFIRMED", "PENDING", "CANCELLED", "FAILED"]
    return made


@pytest.fixture
def broken(booking) -> Callable[[], list[tuple[str, str]]]:
    """The broken promises of the data, without the guards that had to be dropped to break them."""

    def verify() -> list[tuple[str, str]]:
        ran = booking("verify", "-o", "json")
        assert (ran.status, ran.error["code"]) == (4, "promise_broken")
        return [(found["check"], found["message"]) for found in ran.json if found["check"] != "guards_are_in_place"]

    return verify


def test_an_empty_book_keeps_its_promises(program):
    ran = program("verify", "-o", "json")

    assert (ran.status, ran.json, ran.stderr) == (0, [], "")
    assert program("verify").stdout == "No problems.\n"


@pytest.mark.usefixtures("day")
def test_a_mixed_day_keeps_the_promises(booking, sql):
    booking("book", "4", *MARIA, "--request-id", "call-17")
    booking("book", "4", *MARIA, "--request-id", "call-17")
    sql("UPDATE bookings SET hold_expires_at = now() WHERE status = 'PENDING'")
    booking("book", "2", *MARIA, "--confirm")
    booking("cancel", "1", "--reason", "has a cold")
    booking("book", "1", *TOM)
    booking("book", "1", *MARIA)
    booking("slots", "add", "1", "+7d", "11:00", "--minutes", "45")
    booking("slots", "delete", "5")
    booking("doctors", "update", "1", "--inactive")

    states = [entry["status"] for entry in booking("list", "-o", "json").json]
    assert sorted(states) == ["CANCELLED", "CANCELLED", "CONFIRMED", "FAILED", "FAILED", "PENDING", "PENDING"]
    ran = booking("verify", "-o", "json")
    assert (ran.status, ran.json, ran.stderr) == (0, [], "")


def test_a_broken_promise_is_listed_for_scripts_and_the_exit_status_says_so(program, sql, day):
    sql("DELETE FROM booking_history WHERE booking_id = 1")

    ran = program("verify", "-o", "json")

    assert ran.status == 4
    assert [list(found) for found in ran.json] == [["check", "message"]]
    assert ran.json[0]["check"] == "histories_add_up"
    assert day[0]["reference"] in ran.json[0]["message"]
    assert ran.error["code"] == "promise_broken"


def test_a_broken_promise_is_listed_for_people(program, sql, day):
    sql("DELETE FROM booking_history WHERE booking_id = 1")

    ran = program("verify")

    assert ran.status == 4
    assert day[0]["reference"] in ran.stdout
    assert ran.stdout.endswith("1 problem.\n")
    assert ran.stderr == "Error: The book does not keep its promises; see the list.\n"


@pytest.mark.parametrize(
    "second",
    [
        "status = 'CONFIRMED', cancelled_at = NULL",
        "status = 'PENDING', cancelled_at = NULL, confirmed_at = NULL, hold_expires_at = now()",
    ],
    ids=["a booking", "a hold"],
)
def test_two_active_bookings_on_a_slot_are_found(broken, sql, day, second):
    sql("DROP INDEX bookings_one_active_per_slot")
    sql(f"UPDATE bookings SET slot_id = 1, {second} WHERE id = 3")

    message = f"Slot 1 has 2 active bookings: {day[0]['reference']}, {day[2]['reference']}."
    assert ("one_active_booking_per_slot", message) in broken()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE slots SET starts_at = starts_at - interval '5 minutes' WHERE id = 2",
        "UPDATE slots SET ends_at = ends_at + interval '1 second' WHERE id = 1",
        "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT doctor_id, starts_at, ends_at FROM slots WHERE id = 2",
        "UPDATE slots SET ends_at = ends_at + interval '61 minutes' WHERE id = 1",
    ],
    ids=["its beginning", "one second", "the same time", "over several"],
)
@pytest.mark.usefixtures("day")
def test_overlapping_slots_of_a_doctor_are_found(broken, sql, change):
    sql("ALTER TABLE slots DROP CONSTRAINT slots_of_a_doctor_never_overlap")
    sql(change)

    found = broken()

    assert {check for check, _ in found} == {"slots_never_overlap"}
    assert all("of doctor 1 overlaps an earlier one" in message for _, message in found)
    assert len(found) == (3 if "61 minutes" in change else 1)


@pytest.mark.usefixtures("day")
def test_slots_of_two_doctors_may_overlap(booking):
    booking("doctors", "add", "Ben", "--specialization", "Cardiology", "--email", "ben@clinic.example")
    booking("slots", "bulk", "2", "--from", "+7d", "--to", "+7d", "--start", "09:10", "--end", "11:10")

    assert booking("verify").status == 0


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (1, "confirmed_at = NULL"),
        (1, "cancelled_at = now()"),
        (1, "failed_at = now()"),
        (2, "hold_expires_at = NULL"),
        (2, "confirmed_at = now()"),
        (2, "cancelled_at = now()"),
        (2, "failed_at = now()"),
        (3, "cancelled_at = NULL"),
        (3, "failed_at = now()"),
        (4, "failed_at = NULL"),
        (4, "confirmed_at = now()"),
        (4, "cancelled_at = now()"),
    ],
    ids=lambda value: {1: "CONFIRMED", 2: "PENDING", 3: "CANCELLED", 4: "FAILED"}.get(value, value),
)
def test_a_state_without_its_timestamps_is_found(broken, sql, day, number, change):
    sql(STATUS_GUARD)
    sql(f"UPDATE bookings SET {change} WHERE id = {number}")

    made = day[number - 1]
    message = f"Booking {made['reference']} is {made['status']}, and its timestamps say otherwise."
    assert broken() == [("states_have_their_timestamps", message)]


def test_a_state_that_does_not_exist_is_found(broken, sql, day):
    sql(STATUS_GUARD)
    sql("ALTER TABLE bookings DROP CONSTRAINT bookings_have_a_known_status")
    sql("UPDATE bookings SET status = 'LOST' WHERE id = 2")

    assert f"Booking {day[1]['reference']} is LOST, and its timestamps say otherwise." in [text for _, text in broken()]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM booking_history WHERE booking_id = 1",
        "DELETE FROM booking_history WHERE booking_id = 1 AND to_status = 'PENDING'",
        "DELETE FROM booking_history WHERE booking_id = 1 AND to_status = 'CONFIRMED'",
        "UPDATE booking_history SET to_status = 'CANCELLED' WHERE booking_id = 1 AND to_status = 'CONFIRMED'",
        "UPDATE booking_history SET from_status = NULL WHERE booking_id = 1",
        "UPDATE booking_history SET from_status = 'PENDING' WHERE booking_id = 1",
        "UPDATE bookings SET version = 3 WHERE id = 1",
        "UPDATE bookings SET version = 1 WHERE id = 1",
        """INSERT INTO booking_history (booking_id, actor, from_status, to_status)
           VALUES (1, 'x', 'CONFIRMED', 'CONFIRMED')""",
    ],
    ids=[
        "no history",
        "no beginning",
        "no end",
        "another state at the end",
        "a step from nowhere",
        "a beginning from somewhere",
        "a change that was not recorded",
        "a record of no change",
        "a step that changes nothing",
    ],
)
def test_a_history_that_does_not_lead_to_the_state_is_found(broken, sql, day, change):
    sql(change)

    (found,) = broken()

    assert found[0] == "histories_add_up"
    assert found[1].startswith(f"Booking {day[0]['reference']} is CONFIRMED at version ")


def test_a_history_by_a_forbidden_step_is_found(broken, sql, day):
    sql("UPDATE bookings SET status = 'CONFIRMED', confirmed_at = now(), cancelled_at = NULL, version = 3 WHERE id = 3")
    step = "INSERT INTO booking_history (booking_id, actor, from_status, to_status) VALUES (3, 'x', %s, %s)"
    sql(step, "CANCELLED", "CONFIRMED")

    assert broken() == [
        (
            "histories_add_up",
            f"Booking {day[2]['reference']} is CONFIRMED at version 3, "
            "and its history says: CONFIRMED CANCELLED CONFIRMED.",
        )
    ]


@pytest.mark.parametrize(
    ("guard", "change", "message"),
    [
        (
            "ALTER TABLE slots DROP CONSTRAINT slots_belong_to_a_doctor",
            "UPDATE slots SET doctor_id = 4711 WHERE id = 1",
            "Slot 1 belongs to doctor 4711, who does not exist.",
        ),
        (
            "ALTER TABLE bookings DROP CONSTRAINT bookings_are_for_a_slot",
            "UPDATE bookings SET slot_id = 4711 WHERE id = 1",
            "Booking {reference} is for slot 4711, which does not exist.",
        ),
        (
            "SELECT",
            "INSERT INTO booking_history (booking_id, actor, to_status) VALUES (4711, 'x', 'PENDING')",
            "The history has an entry for booking 4711, which does not exist.",
        ),
    ],
    ids=["slot without doctor", "booking without slot", "history without booking"],
)
def test_an_orphan_is_found(broken, sql, day, guard, change, message):
    sql(guard)
    sql(change)

    assert broken() == [("nothing_is_orphaned", message.format(reference=day[0]["reference"]))]


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("UPDATE bookings SET status = 'CONFIRMED', confirmed_at = now() WHERE id = 2", "histories_add_up"),
        ("UPDATE bookings SET status = 'CANCELLED', cancelled_at = now() WHERE id = 2", "histories_add_up"),
        ("UPDATE bookings SET status = 'CONFIRMED', cancelled_at = NULL WHERE id = 3", "histories_add_up"),
        (
            "UPDATE bookings SET status = 'CONFIRMED', confirmed_at = now(), failed_at = NULL WHERE id = 4",
            "histories_add_up",
        ),
        (
            "INSERT INTO bookings (reference, request_id, slot_id, patient_name, patient_email, status, confirmed_at) "
            "VALUES ('PLAIN', 'plain', 4, 'Plain', 'plain@x.de', 'CONFIRMED', now())",
            "histories_add_up",
        ),
        ("UPDATE booking_history SET booking_id = 3 WHERE booking_id = 1", "histories_add_up"),
        ("DELETE FROM bookings WHERE id = 1", "nothing_is_orphaned"),
        ("SET session_replication_role = replica; DELETE FROM slots WHERE id = 1", "nothing_is_orphaned"),
        ("SET session_replication_role = replica; DELETE FROM doctors WHERE id = 1", "nothing_is_orphaned"),
    ],
)
def test_what_plain_sql_can_break_with_every_guard_in_place_is_found(booking, sql, change, check):
    sql(change)

    ran = booking("verify", "-o", "json")

    assert (ran.status, {found["check"] for found in ran.json}) == (4, {check})
