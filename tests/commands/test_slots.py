"""`booking slots add`, `show` and `delete`."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

# Far enough ahead that it stays in the future when midnight passes during the tests.
DAY = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=5)
PATIENT = ("--name", "Pat Doe", "--email", "pat@mail.example")


@pytest.fixture(autouse=True)
def doctor(booking):
    """The number of a doctor, who is the first and so number 1."""
    return add_doctor(booking, "ana", "Skin")


def set_zone_where_it_is_noon(booking):
    """Set a time zone in which one hour ago and in one hour are today."""
    ahead = 12 - dt.datetime.now(dt.UTC).hour
    assert booking("clinic", "set", "--timezone", f"Etc/GMT{-ahead:+}" if ahead else "UTC").status == 0


def add_doctor(booking, name, specialization):
    """Add a doctor and return the number."""
    options = ("--specialization", specialization, "--email", f"{name}@clinic.example", "-o", "json")
    return booking("doctors", "add", name, *options).json["id"]


def add_slot(booking, time, *options, doctor=1, day=DAY):
    """Add a slot and return the record."""
    added = booking("slots", "add", doctor, day, time, *options, "-o", "json")
    assert added.status == 0, added.stderr
    return added.json


def listed(booking, *options):
    """Return the numbers of the slots that a list shows, in its order."""
    done = booking("slots", "list", *options, "-o", "json")
    assert done.status == 0, done.stderr
    return [slot["id"] for slot in done.json]


def sundays_of_change(year):
    """Return when the clocks of the European Union go forward and back."""
    last_days = dt.date(year, 3, 31), dt.date(year, 10, 31)
    return [day - dt.timedelta(days=day.isoweekday() % 7) for day in last_days]


def test_the_program_adds_lists_shows_and_deletes_a_slot(program, doctor):
    added = program("slots", "add", doctor, DAY, "09:00", "--minutes", 45)
    assert (added.status, added.stderr) == (0, "")
    assert "Added slot 1." in added.stdout
    assert program("slots", "list", "-o", "json").json == [program("slots", "show", 1, "-o", "json").json]
    assert "Deleted slot 1." in program("slots", "delete", 1).stdout
    assert program("slots", "show", 1).status == 3
    assert program("slots", "add", doctor, DAY, "09:15").status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (f"add 1 {DAY} 09:15", 4, "slot_overlap"),
        ("add 1 2020-01-06 09:00", 4, "slot_in_past"),
        (f"add 2 {DAY} 12:00", 4, "doctor_inactive"),
        (f"add 3 {DAY} 12:00", 3, "not_found"),
        (f"add nobody@clinic.example {DAY} 12:00", 3, "not_found"),
        (f"add 1 {DAY} 24:00", 2, "usage"),
        ("add 1 yesterday 12:00", 2, "usage"),
        (f"add 1 {DAY} 12:00 --minutes 4", 2, "usage"),
        ("show 3", 3, "not_found"),
        ("show 0", 2, "usage"),
        ("delete 3", 3, "not_found"),
        ("delete 1", 4, "in_use"),
        ("list --doctor 3", 3, "not_found"),
        (f"list --date {DAY} --from {DAY}", 2, "invalid_input"),
        ("list --from +2d --to +1d", 2, "invalid_input"),
        ("list --status open", 2, "usage"),
    ],
)
def test_a_rejected_command_has_its_status_and_code_and_changes_nothing(booking, arguments, status, code):
    booking("doctors", "update", add_doctor(booking, "bo", "Skin"), "--inactive")
    booking("book", add_slot(booking, "09:00")["id"], *PATIENT)
    rejected = booking("slots", *arguments.split(), "-o", "json")
    assert (rejected.status, rejected.error["code"], rejected.stdout) == (status, code, "")
    assert listed(booking, "--status", "all") == [1]


@pytest.mark.parametrize(
    ("options", "minutes", "end"),
    [([], 30, "09:30"), (["--minutes", 5], 5, "09:05"), (["--minutes", 480], 480, "17:00")],
)
def test_a_new_slot_is_free_and_lasts_its_minutes_on_the_clinics_clock(booking, options, minutes, end):
    booking("clinic", "set", "--timezone", "Asia/Kolkata")
    assert booking("slots", "add", "ANA@clinic.example", DAY, "9:00", *options, "-o", "json").json == {
        "id": 1,
        "doctor_id": 1,
        "doctor_name": "ana",
        "specialization": "Skin",
        "date": f"{DAY}",
        "time": "09:00",
        "minutes": minutes,
        "starts_at": f"{DAY}T09:00:00+05:30",
        "ends_at": f"{DAY}T{end}:00+05:30",
        "status": "free",
        "booking_id": None,
    }


@pytest.mark.parametrize(
    ("time", "minutes"), [("09:00", 30), ("08:45", 30), ("09:25", 30), ("09:10", 10), ("08:00", 120)]
)
def test_a_slot_that_overlaps_another_of_the_doctor_is_rejected_and_names_it(booking, doctor, time, minutes):
    add_slot(booking, "07:00")
    existing = add_slot(booking, "09:00")
    rejected = booking("slots", "add", doctor, DAY, time, "--minutes", minutes, "-o", "json")
    assert (rejected.status, rejected.error["code"]) == (4, "slot_overlap")
    assert f"slot {existing['id']} from {DAY} 09:00 to 09:30" in rejected.error["message"]


def test_adjacent_slots_and_slots_of_another_doctor_do_not_overlap(booking):
    other = add_doctor(booking, "bo", "Skin")
    for time in ("09:00", "09:30", "08:30"):
        add_slot(booking, time)
    add_slot(booking, "09:00", doctor=other)
    assert listed(booking) == [3, 1, 4, 2]


@pytest.mark.parametrize(("change", "why"), [(0, "has no 02:30"), (1, "has 02:30 twice")])
def test_a_time_that_a_clock_change_skips_or_repeats_is_rejected(booking, doctor, change, why):
    booking("clinic", "set", "--timezone", "Europe/Berlin")
    sunday = sundays_of_change(DAY.year + 1)[change]
    rejected = booking("slots", "add", doctor, sunday, "02:30", "-o", "json")
    assert (rejected.status, rejected.error["code"]) == (2, "invalid_input")
    assert f"{sunday} {why}" in rejected.error["message"]
    assert listed(booking) == []


def test_a_slot_keeps_its_instant_when_the_clinics_zone_changes(booking):
    booking("clinic", "set", "--timezone", "Europe/Berlin")
    before = add_slot(booking, "09:00")
    booking("clinic", "set", "--timezone", "Pacific/Kiritimati")
    after = booking("slots", "show", before["id"], "-o", "json").json
    starts_at = dt.datetime.fromisoformat(before["starts_at"])
    assert dt.datetime.fromisoformat(after["starts_at"]) == starts_at
    local = starts_at.astimezone(ZoneInfo("Pacific/Kiritimati"))
    assert (after["date"], after["time"]) == (f"{local:%Y-%m-%d}", f"{local:%H:%M}")
    assert after["starts_at"].endswith("+14:00")
    assert booking("slots", "list").stdout.count("Pacific/Kiritimati") == 1


@pytest.mark.parametrize("state", ["PENDING", "CONFIRMED", "CANCELLED", "FAILED"])
def test_a_slot_that_ever_had_a_booking_cannot_be_deleted(booking, sql, state):
    slot = add_slot(booking, "09:00")["id"]
    booking("book", slot, *PATIENT, *(["--confirm"] if state == "CONFIRMED" else []))
    if state == "CANCELLED":
        booking("cancel", 1)
    if state == "FAILED":
        sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second'")
        booking("expire")
    assert booking("show", 1, "-o", "json").json["status"] == state
    rejected = booking("slots", "delete", slot, "-o", "json")
    assert (rejected.status, rejected.error["code"]) == (4, "in_use")
    assert "1 booking" in rejected.error["message"]
    assert ("cancel its booking" in rejected.error["message"]) == (state in ("PENDING", "CONFIRMED"))
    assert booking("slots", "show", slot).status == booking("show", 1).status == 0
