"""`booking book`: a hold or a booking in one step, how long a hold lasts, and every refusal told apart."""

import datetime as dt

import pytest

from tests.conftest import Ran

PATIENT = ("--name", "Maria Silva", "--email", "maria@example.org")
SOMEBODY_ELSE = ("--name", "Tom Berg", "--email", "tom@example.org")


def instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_a_hold_is_pending_until_it_lapses(booking, slots):
    held = booking("book", slots[1], *PATIENT, "--phone", "+1-555-0100", "-o", "json").json

    assert held["slot_id"] == slots[1]
    assert (held["patient_name"], held["patient_email"]) == ("Maria Silva", "maria@example.org")
    assert (held["patient_phone"], held["doctor_name"], held["time"]) == ("+1-555-0100", "Ana Lima", "09:30")
    assert (held["status"], held["version"]) == ("PENDING", 1)
    assert instant(held["hold_expires_at"]) > instant(held["booked_at"])
    assert [held[name] for name in ("confirmed_at", "cancelled_at", "failed_at", "reason")] == [None] * 4


def test_confirm_books_and_confirms_in_one_step(booking, slots):
    made = booking("book", slots[0], *PATIENT, "--confirm", "-o", "json").json

    assert (made["status"], made["version"]) == ("CONFIRMED", 1)
    assert made["confirmed_at"] == made["booked_at"]
    assert [made[name] for name in ("hold_expires_at", "cancelled_at", "failed_at", "reason")] == [None] * 4


@pytest.mark.parametrize(("options", "status"), [((), "held"), (("--confirm",), "booked")])
def test_the_slot_shows_the_booking_at_once(booking, slots, options, status):
    made = booking("book", slots[0], *PATIENT, *options, "-o", "json").json

    slot = booking("slots", "show", slots[0], "-o", "json").json
    assert (slot["status"], slot["booking_id"]) == (status, made["id"])


def test_the_operator_reads_until_when_the_slot_is_held_and_how_to_keep_it(program, sql, slots):
    sql("UPDATE clinic SET timezone = 'Asia/Kolkata'")

    ran = program("book", slots[0], *PATIENT)

    held = sql(
        "SELECT reference, to_char(hold_expires_at AT TIME ZONE 'Asia/Kolkata', 'HH24:MI:SS') AS until FROM bookings"
    )[0]
    assert (ran.status, ran.stderr) == (0, "")
    headline = f"Held until {held['until']}: {held['reference']}. To keep it: booking confirm {held['reference']}"
    assert ran.stdout.splitlines()[0] == headline


def test_the_operator_reads_that_a_slot_is_booked_and_confirmed(program, sql, slots):
    ran = program("book", slots[0], *PATIENT, "--confirm")

    reference = sql("SELECT reference FROM bookings WHERE status = 'CONFIRMED'")[0]["reference"]
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[0] == f"Booked and confirmed: {reference}."


@pytest.mark.parametrize(
    ("clinics_own", "setting", "flag", "seconds"),
    [
        (None, None, None, 120),
        ("5", None, None, 300),
        ("5", "0.5", None, 30),
        ("5", "0.5", "0.05", 3),
        (None, None, "1440", 86_400),
        (None, None, " 2.5 ", 150),
    ],
    ids=["two minutes", "the clinic's own", "the setting wins", "the flag wins", "a whole day", "decimals"],
)
def test_a_hold_lasts_as_long_as_was_asked(booking, slots, clinics_own, setting, flag, seconds):
    if clinics_own:
        booking("clinic", "set", "--hold", clinics_own)
    settings = {"BOOKING_TIMEOUT_MINUTES": setting} if setting else {}

    held = booking("book", slots[0], *PATIENT, *(("--hold", flag) if flag else ()), "-o", "json", **settings).json

    length = instant(held["hold_expires_at"]) - instant(held["booked_at"])
    assert length == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize("minutes", ["0", "0.0", "-1", "1440.01", "1441", "nan", "inf", "1e1", "1_0", "٣", "two", ""])
def test_a_hold_of_an_impossible_length_is_refused(booking, slots, contents, minutes):
    before = contents()

    ran = booking("book", slots[0], *PATIENT, f"--hold={minutes}", "-o", "json")

    assert (ran.status, ran.stdout) == (2, "")
    assert "above 0 and up to 1440" in ran.error["message"]
    assert contents() == before


def test_hold_and_confirm_exclude_each_other(program, slots, contents):
    before = contents()

    ran = program("book", slots[0], *PATIENT, "--confirm", "--hold", "5", "-o", "json")

    assert (ran.status, ran.stdout) == (2, "")
    assert "--confirm" in ran.error["message"]
    assert "--hold" in ran.error["message"]
    assert contents() == before


def test_a_patient_needs_a_name_and_an_email(booking, slots, contents):
    before = contents()

    assert booking("book", slots[0], "--email", "maria@example.org").status == 2
    assert booking("book", slots[0], "--name", "Maria Silva").status == 2
    assert contents() == before


def test_of_a_slot_that_is_held_one_reads_by_which_booking_and_until_when(program, sql, slots):
    sql("UPDATE clinic SET timezone = 'Asia/Kolkata'")
    assert program("book", slots[0], *SOMEBODY_ELSE).status == 0

    ran = program("book", slots[0], *PATIENT, "-o", "json")

    held = sql(
        "SELECT reference, to_char(hold_expires_at AT TIME ZONE 'Asia/Kolkata', 'HH24:MI:SS') AS until FROM bookings"
    )[0]
    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "slot_taken")
    assert f"held by somebody else ({held['reference']}) until {held['until']}" in ran.error["message"]


def test_of_a_slot_that_is_held_until_another_day_one_reads_which_day(booking, slots):
    held = booking("book", slots[0], *SOMEBODY_ELSE, "--hold", "1440", "-o", "json").json

    ran = booking("book", slots[0], *PATIENT, "-o", "json")

    assert ran.error["code"] == "slot_taken"
    assert f"{instant(held['hold_expires_at']):%Y-%m-%d}" in ran.error["message"]


def test_of_a_slot_that_is_booked_one_reads_by_which_booking(program, slots):
    made = program("book", slots[0], *SOMEBODY_ELSE, "--confirm", "-o", "json").json

    ran = program("book", slots[0], *PATIENT, "-o", "json")

    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "slot_taken")
    assert f"booked by somebody else ({made['reference']})" in ran.error["message"]
    assert "until" not in ran.error["message"]


@pytest.mark.parametrize("options", [(), ("--confirm",)])
def test_who_books_the_same_slot_twice_is_told_that_it_is_their_own(booking, slots, options):
    booking("book", slots[0], *PATIENT, *options)

    ran = booking("book", slots[0], "--name", "maria silva", "--email", "MARIA@example.org", "-o", "json")

    assert (ran.status, ran.error["code"]) == (4, "slot_taken")
    assert "by the same patient" in ran.error["message"]


NOT_BOOKABLE = pytest.mark.parametrize(
    ("change", "slot", "status", "code", "words"),
    [
        ("SELECT", 4711, 3, "not_found", "There is no slot 4711."),
        (
            "UPDATE slots SET starts_at = now() - interval '1 second', ends_at = now() + interval '30 minutes' WHERE id = 1",
            1,
            4,
            "slot_in_past",
            "can no longer be booked",
        ),
        ("UPDATE doctors SET active = false", 1, 4, "doctor_inactive", "Ana Lima"),
    ],
    ids=["no such slot", "slot in the past", "doctor inactive"],
)


@NOT_BOOKABLE
@pytest.mark.usefixtures("slots")
def test_a_slot_that_cannot_be_booked_is_refused_with_its_own_reason(
    program, sql, contents, change, slot, status, code, words
):
    sql(change)

    ran: Ran = program("book", slot, *PATIENT, "-o", "json")

    assert (ran.status, ran.stdout, ran.error["code"]) == (status, "", code)
    assert words in ran.error["message"]
    assert contents() == [[], []]


@pytest.mark.parametrize("slot", ["0", "-1", "1.0", "x", "9223372036854775808", "1" * 5000])
def test_what_cannot_be_a_slots_number_is_a_usage_error(booking, slot):
    assert booking("book", *PATIENT, "--", slot).status == 2


def test_a_refused_booking_changes_nothing(booking, slots, contents):
    booking("book", slots[0], *SOMEBODY_ELSE)
    before = contents()

    assert booking("book", slots[0], *PATIENT).status == 4
    assert contents() == before


def test_a_lapsed_hold_no_longer_blocks_the_slot(booking, sql, slots):
    booking("book", slots[0], *SOMEBODY_ELSE)
    sql("UPDATE bookings SET hold_expires_at = now()")

    assert booking("slots", "show", slots[0], "-o", "json").json["status"] == "free"
    assert booking("book", slots[0], *PATIENT).status == 0


@pytest.mark.parametrize("options", [(), ("--confirm",)])
def test_who_books_a_slot_with_a_lapsed_hold_takes_it_over(program, booking, sql, slots, options):
    old = booking("book", slots[0], *SOMEBODY_ELSE, "-o", "json").json
    sql("UPDATE bookings SET hold_expires_at = now()")

    new = program("book", slots[0], *PATIENT, *options, "-o", "json", BOOKING_ACTOR="ana").json

    assert (new["patient_name"], new["version"]) == ("Maria Silva", 1)
    assert new["id"] != old["id"]
    assert new["reference"] != old["reference"]
    assert booking("slots", "show", slots[0], "-o", "json").json["booking_id"] == new["id"]

    failed = booking("show", old["id"], "-o", "json").json
    assert (failed["status"], failed["version"], failed["reason"]) == ("FAILED", 2, "hold lapsed")
    assert failed["failed_at"] == new["booked_at"]
    assert [(entry["actor"], entry["from_status"], entry["to_status"], entry["reason"]) for entry in
            booking("history", old["id"], "-o", "json").json] == [
        ("tester", None, "PENDING", None),
        ("ana", "PENDING", "FAILED", "hold lapsed"),
    ]  # fmt: skip
    assert [(entry["actor"], entry["to_status"]) for entry in booking("history", new["id"], "-o", "json").json] == [
        ("ana", new["status"])
    ]


def test_the_same_patient_can_take_over_a_hold_that_lapsed(booking, sql, slots):
    old = booking("book", slots[0], *PATIENT, "-o", "json").json
    sql("UPDATE bookings SET hold_expires_at = now()")

    new = booking("book", slots[0], *PATIENT, "-o", "json")

    assert new.status == 0
    assert new.json["id"] != old["id"]
    assert booking("show", old["reference"], "-o", "json").json["status"] == "FAILED"


@NOT_BOOKABLE
def test_a_lapsed_hold_stays_as_it_is_where_its_slot_cannot_be_booked(
    booking, sql, slots, contents, change, slot, status, code, words
):
    booking("book", slots[0], *SOMEBODY_ELSE)
    sql("UPDATE bookings SET hold_expires_at = now()")
    sql(change)
    before = contents()

    ran = booking("book", slot, *PATIENT, "-o", "json")

    assert (ran.status, ran.error["code"]) == (status, code)
    assert words in ran.error["message"]
    assert contents() == before


@pytest.mark.parametrize("state", ["CANCELLED", "FAILED"])
def test_a_slot_whose_booking_has_ended_can_be_booked_again(booking, sql, slots, state):
    old = booking("book", slots[0], *SOMEBODY_ELSE, "-o", "json").json
    if state == "CANCELLED":
        booking("cancel", old["id"])
    else:
        sql("UPDATE bookings SET hold_expires_at = now()")
        booking("expire")

    assert booking("book", slots[0], *PATIENT).status == 0
    assert booking("show", old["id"], "-o", "json").json["status"] == state
