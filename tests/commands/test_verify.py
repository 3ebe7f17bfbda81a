"""`booking verify`: no violations after valid commands, and each kind of violation in the data is found."""

import pytest

MARIA = ("--name", "Maria Silva", "--email", "maria@example.org")
TOM = ("--name", "Tom Berg", "--email", "tom@example.org")
DAY = ("--from", "+7d", "--to", "+7d", "--start", "09:00", "--end", "11:00")
# Constraints that a test drops, to write data that they reject.
STATUS = "ALTER TABLE bookings DROP CONSTRAINT bookings_have_the_status_of_their_timestamps;"
FAILED = "ALTER TABLE bookings DROP CONSTRAINT bookings_that_failed_were_not_confirmed_or_cancelled;"
CHANGE = "INSERT INTO booking_history (booking_id, actor, from_status, to_status) VALUES"


@pytest.fixture
def day(booking, sql):
    """The bookings 1 to 4 of the slots 1 to 4 of doctor 1: confirmed, held, cancelled and failed. Slot 5 is free."""
    booking("doctors", "add", "Ana Lima", "--specialization", "Cardiology", "--email", "ana@clinic.example")
    booking("slots", "bulk", "1", *DAY[:-1], "11:30")
    booking("book", "1", *MARIA)
    booking("confirm", "1")
    booking("book", "2", *TOM)
    booking("book", "3", *MARIA, "--confirm")
    booking("cancel", "3")
    booking("book", "4", *TOM)
    sql("UPDATE bookings SET hold_expires_at = now() WHERE id = 4")
    booking("expire")
    made = booking("list", "-o", "json").json
    assert [entry["status"] for entry in made] == ["CONFIRMED", "PENDING", "CANCELLED", "FAILED"]
    return made


@pytest.fixture
def violations(booking):
    """Returns the violations in the data, without the missing constraints."""

    def verify():
        ran = booking("verify", "-o", "json")
        assert (ran.status, ran.error["code"]) == (4, "promise_broken")
        return [
            (found["check"], found["message"]) for found in ran.json if found["check"] != "constraints_are_in_place"
        ]

    return verify


def test_the_program_lists_violations_and_ends_with_status_4(program, sql, day):
    ran = program("verify", "-o", "json")
    assert (ran.status, ran.json, ran.stderr) == (0, [], "")
    sql("DELETE FROM booking_history WHERE booking_id = 1")
    ran = program("verify", "-o", "json")
    assert (ran.status, ran.error["code"]) == (4, "promise_broken")
    assert [violation["check"] for violation in ran.json] == ["histories_add_up"]
    table = program("verify")
    assert (table.status, day[0]["reference"] in table.stdout) == (4, True)


@pytest.mark.parametrize(("status", "hold"), [("CONFIRMED", "NULL"), ("PENDING", "now()")])
def test_two_active_bookings_of_a_slot_are_found(violations, sql, day, status, hold):
    sql("DROP INDEX bookings_one_active_per_slot")
    sql(f"""
        UPDATE bookings b
        SET slot_id = s.id, starts_at = s.starts_at, ends_at = s.ends_at, status = '{status}', failed_at = NULL,
            hold_expires_at = {hold}, confirmed_at = CASE WHEN {hold}::text IS NULL THEN now() END
        FROM slots s WHERE s.id = 1 AND b.id = 4""")
    check, message = violations()[0]
    assert check == "one_active_booking_per_slot"
    assert [name for name in ("Slot 1", day[0]["reference"], day[3]["reference"]) if name not in message] == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE slots SET starts_at = starts_at - interval '5 minutes' WHERE id = 2", 1),
        ("UPDATE slots SET ends_at = ends_at + interval '1 second' WHERE id = 1", 1),
        ("UPDATE slots SET ends_at = ends_at + interval '61 minutes' WHERE id = 1", 3),
        ("INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT 1, starts_at, ends_at FROM slots WHERE id = 2", 1),
    ],
    ids=["earlier start", "one second", "several", "same time"],
)
@pytest.mark.usefixtures("slots")
def test_overlapping_slots_of_a_doctor_are_found(violations, sql, change, found):
    sql(f"ALTER TABLE slots DROP CONSTRAINT slots_of_a_doctor_never_overlap; {change}")
    assert [check for check, _ in violations()] == ["slots_never_overlap"] * found


@pytest.mark.usefixtures("day")
def test_overlapping_bookings_of_a_patient_are_found(booking, violations, sql):
    sql("ALTER TABLE bookings DROP CONSTRAINT bookings_of_a_patient_never_overlap")
    booking("doctors", "add", "Ben", "--specialization", "Cardiology", "--email", "ben@clinic.example")
    booking("slots", "bulk", "2", *DAY[:-3], "09:10", "--end", "11:10")
    assert booking("book", "6", *TOM, "--allow-overlap").status == 0
    assert booking("book", "9", *TOM).status == 0  # at the time of his failed booking
    overlapping = booking("book", "7", *TOM, "-o", "json").json  # from 09:40, and he has slot 2 from 09:30 to 10:00
    [(check, message)] = violations()
    assert check == "patients_never_overlap"
    assert overlapping["reference"] in message


@pytest.mark.parametrize(
    ("number", "change"),
    [
        *((1, change) for change in ("confirmed_at = NULL", "cancelled_at = now()", "failed_at = now()")),
        *((2, change) for change in ("hold_expires_at = NULL", "confirmed_at = now()", "cancelled_at = now()")),
        *((2, change) for change in ("failed_at = now()", "status = 'LOST'")),
        *((3, change) for change in ("cancelled_at = NULL", "failed_at = now()")),
        *((4, change) for change in ("failed_at = NULL", "confirmed_at = now()", "cancelled_at = now()")),
    ],
)
def test_timestamps_that_contradict_the_state_are_found(violations, sql, day, number, change):
    sql(f"{STATUS} {FAILED} UPDATE bookings SET {change} WHERE id = {number}")
    check, message = violations()[0]
    assert check == "states_have_their_timestamps"
    assert day[number - 1]["reference"] in message


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
        "UPDATE bookings SET status = 'CANCELLED', cancelled_at = now() WHERE id = 1",
        f"UPDATE bookings SET version = 3 WHERE id = 1; {CHANGE} (1, 'x', 'CONFIRMED', 'CONFIRMED')",
        "UPDATE bookings SET version = 4 WHERE id = 1;"
        f"{CHANGE} (1, 'x', 'CONFIRMED', 'CANCELLED'), (1, 'x', 'CANCELLED', 'CONFIRMED')",
    ],
)
def test_a_history_that_does_not_lead_to_the_state_is_found(violations, sql, day, change):
    sql(change)
    [(check, message)] = violations()
    assert check == "histories_add_up"
    assert day[0]["reference"] in message


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            "ALTER TABLE slots DROP CONSTRAINT slots_belong_to_a_doctor; UPDATE slots SET doctor_id = 4711 WHERE id = 5",
            ["Slot 5"],
        ),
        (
            "ALTER TABLE bookings DROP CONSTRAINT bookings_are_for_a_slot; UPDATE bookings SET slot_id = 4711 WHERE id = 1",
            [0],
        ),
        ("UPDATE bookings SET patient_id = 4711 WHERE id = 1", [0]),
        ("DELETE FROM patients WHERE email = 'maria@example.org'", [0, 2]),
        ("DELETE FROM bookings WHERE id = 2", ["booking 2"]),
        (f"{CHANGE} (4711, 'x', NULL, 'PENDING')", ["4711"]),
    ],
    ids=["doctor", "slot", "patient", "deleted patient", "deleted booking", "booking"],
)
def test_a_reference_to_a_missing_record_is_found(violations, sql, day, change, named):
    sql(change)
    found = violations()
    assert {check for check, _ in found} == {"nothing_is_orphaned"}
    names = [day[name]["reference"] if isinstance(name, int) else name for name in named]
    assert [name in message for name, (_, message) in zip(names, found, strict=True)] == [True] * len(names)


@pytest.mark.parametrize(
    "change", ["starts_at = starts_at - interval '1 s'", "ends_at = ends_at + interval '1 s'", "slot_id = 5"]
)
def test_a_booking_with_other_times_than_its_slot_is_found(violations, sql, day, change):
    sql(f"UPDATE bookings SET {change} WHERE id = 1")
    [(check, message)] = violations()
    assert check == "bookings_have_the_times_of_their_slots"
    assert day[0]["reference"] in message
