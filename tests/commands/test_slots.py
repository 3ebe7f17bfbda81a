"""Slots are added one at a time, shown, listed and deleted; whether one is free follows from its bookings."""

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import Ran

# Far enough ahead that it stays a day to come, also when midnight passes while the tests run.
DAY = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=5)
PATIENT = ("--name", "Pat Doe", "--email", "pat@mail.example")


@pytest.fixture(autouse=True)
def doctor(booking: Callable[..., Ran]) -> int:
    """The number of a doctor, who is the first and so number 1."""
    return add_doctor(booking, "ana", "Skin")


@pytest.fixture
def midday(booking: Callable[..., Ran]) -> None:
    """Puts the clinic where it is about noon, so that an hour ago and in an hour are today as well."""
    put_where_it_is_noon(booking)


def put_where_it_is_noon(booking: Callable[..., Ran]) -> None:
    ahead = 12 - dt.datetime.now(dt.UTC).hour
    assert booking("clinic", "set", "--timezone", f"Etc/GMT{-ahead:+}" if ahead else "UTC").status == 0


def add_doctor(booking: Callable[..., Ran], name: str, specialization: str) -> int:
    email = f"{name}@clinic.example"
    return booking("doctors", "add", name, "--specialization", specialization, "--email", email, "-o", "json").json[
        "id"
    ]


def add_slot(
    booking: Callable[..., Ran], time: str, *options: object, whose: int = 1, day: dt.date = DAY
) -> dict[str, Any]:
    added = booking("slots", "add", whose, day, time, *options, "-o", "json")
    assert added.status == 0, added.stderr
    return added.json


def listed(booking: Callable[..., Ran], *options: object) -> list[int]:
    """Return the numbers of the slots that a list shows, in its order."""
    done = booking("slots", "list", *options, "-o", "json")
    assert done.status == 0, done.stderr
    return [slot["id"] for slot in done.json]


def sundays_of_change(year: int) -> tuple[dt.date, dt.date]:
    """Return when the clocks of the European Union go forward and back."""
    march, october = dt.date(year, 3, 31), dt.date(year, 10, 31)
    return (
        march - dt.timedelta(days=march.isoweekday() % 7),
        october - dt.timedelta(days=october.isoweekday() % 7),
    )


def test_the_program_takes_a_slot_from_adding_to_deleting(program, doctor):
    added = program("slots", "add", doctor, DAY, "09:00", "--minutes", 45)
    assert (added.status, added.stderr) == (0, "")
    assert "Added slot 1." in added.stdout
    assert program("slots", "list", "-o", "json").json == [program("slots", "show", 1, "-o", "json").json]
    assert "Deleted slot 1." in program("slots", "delete", 1).stdout
    assert program("slots", "list", "--status", "all", "-o", "json").json == []


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["add", "1", DAY, "09:15"], 4, "slot_overlap"),
        (["add", "1", "2020-01-06", "09:00"], 4, "slot_in_past"),
        (["add", "2", DAY, "12:00"], 4, "doctor_inactive"),
        (["add", "3", DAY, "12:00"], 3, "not_found"),
        (["add", "1", DAY, "24:00"], 2, "usage"),
        (["show", "3"], 3, "not_found"),
        (["delete", "3"], 3, "not_found"),
        (["delete", "1"], 4, "in_use"),
        (["list", "--doctor", "3"], 3, "not_found"),
        (["list", "--date", DAY, "--from", DAY], 2, "invalid_input"),
        (["list", "--status", "open"], 2, "usage"),
    ],
)
def test_the_program_ends_with_the_status_and_the_code_of_its_refusal(program, booking, arguments, status, code):
    inactive = add_doctor(booking, "bo", "Skin")
    booking("doctors", "update", inactive, "--inactive")
    slot = add_slot(booking, "09:00")
    booking("book", slot["id"], *PATIENT)
    refused = program("slots", *arguments, "-o", "json")
    assert (refused.status, refused.error["code"], refused.stdout) == (status, code, "")
    assert listed(booking, "--status", "all") == [1]


def test_a_new_slot_is_free_and_takes_half_an_hour_on_the_clinics_clock(booking, doctor):
    booking("clinic", "set", "--timezone", "Asia/Kolkata")
    assert booking("slots", "add", "ANA@clinic.example", DAY, "9:00", "-o", "json").json == {
        "id": 1,
        "doctor_id": doctor,
        "doctor_name": "ana",
        "specialization": "Skin",
        "date": f"{DAY}",
        "time": "09:00",
        "minutes": 30,
        "starts_at": f"{DAY}T09:00:00+05:30",
        "ends_at": f"{DAY}T09:30:00+05:30",
        "status": "free",
        "booking_id": None,
    }


@pytest.mark.parametrize("minutes", [5, 480])
def test_a_slot_takes_the_minutes_that_are_given(booking, minutes):
    slot = add_slot(booking, "09:00", "--minutes", minutes)
    starts_at, ends_at = (dt.datetime.fromisoformat(slot[field]) for field in ("starts_at", "ends_at"))
    assert (slot["minutes"], ends_at - starts_at) == (minutes, dt.timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("date", "time", "minutes"),
    [
        (DAY, "09:00", "4"),
        (DAY, "09:00", "481"),
        (DAY, "09:00", "30.5"),
        (DAY, "24:00", "30"),
        (DAY, "09:60", "30"),
        (DAY, "0900", "30"),
        (DAY, "9am", "30"),
        ("2031-02-29", "09:00", "30"),
        ("31/01/2031", "09:00", "30"),
        ("20310131", "09:00", "30"),
        ("yesterday", "09:00", "30"),
        ("-1d", "09:00", "30"),
        ("+99999d", "09:00", "30"),
    ],
)
def test_an_impossible_date_time_or_length_is_a_usage_error(booking, doctor, date, time, minutes):
    refused = booking("slots", "add", "--minutes", minutes, "--", doctor, date, time)
    assert (refused.status, refused.stdout) == (2, "")
    assert booking("slots", "list", "--status", "all", "-o", "json").json == []


@pytest.mark.parametrize(
    ("time", "minutes"), [("09:00", 30), ("08:45", 30), ("09:25", 30), ("09:10", 10), ("08:00", 120)]
)
def test_a_slot_that_overlaps_another_of_the_doctor_is_refused_naming_that_one(booking, doctor, time, minutes):
    add_slot(booking, "07:00")
    there = add_slot(booking, "09:00")
    refused = booking("slots", "add", doctor, DAY, time, "--minutes", minutes, "-o", "json")
    assert (refused.status, refused.error["code"]) == (4, "slot_overlap")
    assert f"slot {there['id']} from {DAY} 09:00 to 09:30" in refused.error["message"]


def test_slots_may_touch_and_another_doctor_may_work_at_the_same_time(booking):
    other = add_doctor(booking, "bo", "Skin")
    assert [
        slot["id"]
        for slot in (
            add_slot(booking, "09:00"),
            add_slot(booking, "09:30"),
            add_slot(booking, "08:30"),
            add_slot(booking, "09:00", whose=other),
        )
    ] == [1, 2, 3, 4]


@pytest.mark.usefixtures("midday")
def test_a_slot_earlier_today_is_refused(booking, doctor):
    refused = booking("slots", "add", doctor, "today", "06:00", "-o", "json")
    assert (refused.status, refused.error["code"]) == (4, "slot_in_past")


def test_an_inactive_doctor_gets_no_slot(booking, doctor):
    booking("doctors", "update", doctor, "--inactive")
    refused = booking("slots", "add", doctor, DAY, "09:00", "-o", "json")
    assert (refused.status, refused.error["code"]) == (4, "doctor_inactive")
    assert f"booking doctors update {doctor} --active" in refused.error["message"]


@pytest.mark.parametrize("key", ["9", "nobody@clinic.example"])
def test_a_doctor_who_is_not_there_gets_no_slot(booking, key):
    assert booking("slots", "add", key, DAY, "09:00").status == 3


@pytest.mark.parametrize(("change", "why"), [(0, "has no 02:30"), (1, "has 02:30 twice")])
def test_a_time_that_a_clock_change_skips_or_doubles_is_never_guessed(booking, doctor, change, why):
    booking("clinic", "set", "--timezone", "Europe/Berlin")
    sunday = sundays_of_change(DAY.year + 1)[change]
    refused = booking("slots", "add", doctor, sunday, "02:30", "-o", "json")
    assert (refused.status, refused.error["code"]) == (2, "invalid_input")
    assert f"{sunday} {why}" in refused.error["message"]
    assert booking("slots", "list", "-o", "json").json == []


@pytest.mark.parametrize(("change", "utc"), [(0, "01:00"), (1, "02:00")])
def test_the_hour_after_a_clock_change_is_there_once(booking, change, utc):
    booking("clinic", "set", "--timezone", "Europe/Berlin")
    sunday = sundays_of_change(DAY.year + 1)[change]
    slot = add_slot(booking, "03:00", day=sunday)
    starts_at = dt.datetime.fromisoformat(slot["starts_at"]).astimezone(dt.UTC)
    assert (slot["time"], f"{starts_at:%Y-%m-%d %H:%M}") == ("03:00", f"{sunday} {utc}")


def test_a_slot_is_shown_on_the_clinics_clock_and_stays_at_its_instant_when_the_zone_changes(booking):
    booking("clinic", "set", "--timezone", "Europe/Berlin")
    before = add_slot(booking, "09:00")
    booking("clinic", "set", "--timezone", "Pacific/Kiritimati")
    after = booking("slots", "show", before["id"], "-o", "json").json
    starts_at = dt.datetime.fromisoformat(before["starts_at"])
    assert dt.datetime.fromisoformat(after["starts_at"]) == starts_at
    local = starts_at.astimezone(ZoneInfo("Pacific/Kiritimati"))
    assert (after["date"], after["time"]) == (f"{local:%Y-%m-%d}", f"{local:%H:%M}")
    assert after["starts_at"].endswith("+14:00")
    assert after["time"] != before["time"]


def test_the_table_names_the_clinics_zone_once(booking):
    booking("clinic", "set", "--timezone", "Asia/Kolkata")
    add_slot(booking, "09:00"), add_slot(booking, "10:00")
    assert booking("slots", "list").stdout.count("Asia/Kolkata") == 1


@pytest.mark.parametrize("key", ["0", "x", str(2**63)])
@pytest.mark.parametrize("command", ["show", "delete"])
def test_a_slot_number_that_cannot_be_is_a_usage_error(booking, command, key):
    assert booking("slots", command, key).status == 2


@pytest.mark.parametrize("ended", [None, "confirmed", "cancelled", "failed"])
def test_a_slot_that_ever_had_a_booking_is_not_deleted(booking, sql, ended):
    slot = add_slot(booking, "09:00")["id"]
    booked = booking("book", slot, *PATIENT, *(["--confirm"] if ended == "confirmed" else []), "-o", "json").json["id"]
    if ended == "cancelled":
        booking("cancel", booked)
    if ended == "failed":
        sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second'")
        booking("expire")
    refused = booking("slots", "delete", slot, "-o", "json")
    assert (refused.status, refused.error["code"]) == (4, "in_use")
    assert "1 booking" in refused.error["message"]
    assert ("Cancel the booking" in refused.error["message"]) == (ended in (None, "confirmed"))
    assert booking("slots", "show", slot).status == 0
    assert booking("show", booked).status == 0


def test_a_slot_without_bookings_is_deleted_and_its_time_is_free_again(booking):
    slot = add_slot(booking, "09:00")
    assert booking("slots", "delete", slot["id"], "-o", "json").json == slot
    assert booking("slots", "show", slot["id"]).status == 3
    assert add_slot(booking, "09:15")["id"] != slot["id"]
