"""What holds for the whole clinic: its name, its time zone, and for how long a slot is held."""

import datetime as dt
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.commands.test_book import PATIENT
from tests.conftest import Ran


@pytest.fixture
def slot(booking: Callable[..., Ran]) -> int:
    """The number of a free slot."""
    booking("doctors", "add", "Ana", "--specialization", "Skin", "--email", "ana@clinic.example")
    return booking("slots", "add", 1, "+3d", "09:00", "-o", "json").json["id"]


def minutes_held(booked: Ran) -> float:
    booked_at, until = (dt.datetime.fromisoformat(booked.json[field]) for field in ("booked_at", "hold_expires_at"))
    return (until - booked_at) / dt.timedelta(minutes=1)


def test_the_program_shows_and_sets_the_clinic(program):
    done = program("clinic", "set", "--name", "Hill Clinic", "--timezone", "Europe/Berlin", "--hold", "0.5")
    assert (done.status, done.stderr) == (0, "")
    shown = program("clinic", "show", "-o", "json").json
    assert shown.pop("updated_at")
    assert shown == {"name": "Hill Clinic", "timezone": "Europe/Berlin", "hold_minutes": 0.5}


def test_the_program_refuses_an_unknown_time_zone(program):
    refused = program("clinic", "set", "--timezone", "Mars/Olympus", "-o", "json")
    assert (refused.status, refused.error["code"]) == (2, "invalid_input")
    assert "Mars/Olympus" in refused.error["message"]


def test_a_time_zone_that_this_machine_does_not_know_is_said(program, sql):
    sql("UPDATE clinic SET timezone = 'Mars/Olympus'")
    refused = program("slots", "list", "-o", "json")
    assert (refused.status, refused.error["code"]) == (5, "not_set_up")
    assert "This machine does not know the clinic's time zone Mars/Olympus." in refused.error["message"]


@pytest.mark.parametrize("command", [("slots", "list"), ("expire",), ("confirm", 1)])
def test_a_time_zone_that_the_server_does_not_know_is_said(program, sql, tmp_path, command):
    """As after a move to a server whose time zone data are older than the clinic's choice."""
    zones = tmp_path / "zones" / "Mars"
    zones.mkdir(parents=True)
    utc = next(path for folder in zoneinfo.TZPATH if (path := Path(folder) / "UTC").exists())
    (zones / "Olympus").write_bytes(utc.read_bytes())
    sql("UPDATE clinic SET timezone = 'Mars/Olympus'")
    refused = program(*command, "-o", "json", PYTHONTZPATH=":".join([str(zones.parent), *zoneinfo.TZPATH]))
    assert (refused.status, refused.error["code"]) == (5, "not_set_up")
    assert "The database server does not know the clinic's time zone" in refused.error["message"]
    assert "Mars/Olympus" in refused.error["message"]
    zone = ("clinic", "set", "--timezone", "Europe/Berlin")
    assert program(*zone, PYTHONTZPATH=":".join([str(zones.parent), *zoneinfo.TZPATH])).status == 0
    assert program("slots", "list").status == 0


@pytest.mark.parametrize(
    "option", ["datestyle=german", "timezone=Asia/Kathmandu", "timezone=<+02>-2", "intervalstyle=iso_8601"]
)
def test_what_a_server_or_a_login_has_set_for_itself_changes_nothing(program, slot, option):
    """As by ALTER ROLE … SET, or in postgresql.conf."""
    program("clinic", "set", "--timezone", "America/New_York")
    booked = program("book", slot, *PATIENT, "-o", "json", PGOPTIONS=f"-c {option}")
    assert (booked.status, booked.stderr) == (0, "")
    for command in [
        ("slots", "show", slot),
        ("show", 1),
        ("list",),
        ("list", "--limit", 100_000),
        ("history", 1),
        ("stats", "--by", "day"),
    ]:
        plain, other = (program(*command, "-o", "json", PGOPTIONS=given) for given in ("", f"-c {option}"))
        assert (plain.status, other) == (0, plain)
    assert program("show", 1, "-o", "json").json == booked.json


def test_a_new_database_takes_its_time_zone_from_the_machine_and_says_which(program, empty_url):
    migrated = program("db", "migrate", BOOKING_DATABASE_URL=empty_url, TZ="Asia/Tokyo")
    assert migrated.status == 0
    assert "Asia/Tokyo" in migrated.stderr
    shown = program("clinic", "show", "-o", "json", BOOKING_DATABASE_URL=empty_url, TZ="Europe/Berlin")
    assert shown.json["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (["--name", " Hill [Clinic] "], {"name": "Hill [Clinic]"}),
        (["--timezone", "Asia/Kolkata"], {"timezone": "Asia/Kolkata"}),
        (["--hold", "15"], {"hold_minutes": 15}),
    ],
)
def test_setting_one_thing_leaves_the_others(booking, options, change):
    booking("clinic", "set", "--name", "Old", "--timezone", "UTC", "--hold", "3")
    assert booking("clinic", "set", *options).status == 0
    shown = booking("clinic", "show", "-o", "json").json
    del shown["updated_at"]
    assert shown == {"name": "Old", "timezone": "UTC", "hold_minutes": 3} | change


def test_setting_nothing_is_a_usage_error(booking):
    assert booking("clinic", "set").status == 2


@pytest.mark.parametrize("zone", ["Mars/Olympus", "europe/berlin", "UTC+2", "+02:00", "", "../UTC", "CEST", "\u0661"])
def test_an_unknown_time_zone_is_refused_and_changes_nothing(booking, zone):
    refused = booking("clinic", "set", "--timezone", zone, "--name", "Other")
    assert refused.status == 2
    shown = booking("clinic", "show", "-o", "json").json
    assert (shown["timezone"], shown["name"]) == ("UTC", "")


@pytest.mark.parametrize(
    "minutes", ["0", "0.0", "-1", "1440.1", "1441", "nan", "inf", "1e2", "two", "", "٢", "1_0", "0,5"]
)
def test_a_hold_time_out_of_bounds_is_refused(booking, slot, minutes):
    assert booking("clinic", "set", "--hold", minutes).status == 2
    assert booking("book", slot, "--name", "Pat", "--email", "pat@mail.example", "--hold", minutes).status == 2
    assert booking("clinic", "show", "-o", "json").json["hold_minutes"] == 2
    assert booking("list", "-o", "json").json == []


@pytest.mark.parametrize("minutes", ["0.0005", "0.05", "1", "1440", "1440.0"])
def test_a_hold_time_can_be_from_a_moment_to_a_day(booking, slot, minutes):
    assert booking("clinic", "set", "--hold", minutes, "-o", "json").json["hold_minutes"] == float(minutes)
    booked = booking("book", slot, "--name", "Pat", "--email", "pat@mail.example", "-o", "json")
    assert minutes_held(booked) == pytest.approx(float(minutes), abs=1e-6)


@pytest.mark.parametrize(
    ("clinic", "setting", "option", "expected"),
    [
        ([], {}, [], 2),
        (["--hold", "7"], {}, [], 7),
        (["--hold", "7"], {"BOOKING_TIMEOUT_MINUTES": "11.5"}, [], 11.5),
        (["--hold", "7"], {"BOOKING_TIMEOUT_MINUTES": "11.5"}, ["--hold", "13"], 13),
        (["--hold", "7"], {}, ["--hold", "13"], 13),
    ],
)
def test_the_flag_wins_over_the_setting_and_the_setting_over_the_clinic(
    booking, slot, clinic, setting, option, expected
):
    if clinic:
        booking("clinic", "set", *clinic)
    booked = booking("book", slot, "--name", "Pat", "--email", "pat@mail.example", *option, "-o", "json", **setting)
    assert minutes_held(booked) == expected


@pytest.mark.parametrize("zone", ["Etc/GMT-14", "Etc/GMT+12", "Asia/Kolkata"])
@pytest.mark.parametrize(("word", "days"), [("tomorrow", 1), ("+3d", 3)])
@pytest.mark.usefixtures("slot")
def test_days_are_counted_from_the_clinics_today(booking, zone, word, days):
    # Between the first and the second of these zones lie 26 hours: never do both have the same date.
    booking("clinic", "set", "--timezone", zone)
    possible = {dt.datetime.now(ZoneInfo(zone)).date()}
    added = booking("slots", "add", 1, word, "12:00", "--minutes", 5, "-o", "json").json
    possible.add(dt.datetime.now(ZoneInfo(zone)).date())
    assert dt.date.fromisoformat(added["date"]) - dt.timedelta(days=days) in possible


@pytest.mark.parametrize("zone", ["Etc/GMT-14", "Etc/GMT+12"])
@pytest.mark.usefixtures("slot")
def test_today_is_the_clinics_own(booking, sql, zone):
    booking("clinic", "set", "--timezone", zone)
    sql("DELETE FROM slots")
    today = dt.datetime.now(ZoneInfo(zone)).date()
    for days in range(-1, 3):
        noon = dt.datetime.combine(today + dt.timedelta(days=days), dt.time(12), ZoneInfo(zone))
        sql("INSERT INTO slots (doctor_id, starts_at, ends_at) VALUES (1, %s, %s::timestamptz + '30 min')", noon, noon)
    listed = booking("slots", "list", "--date", "today", "--status", "all", "-o", "json").json
    assert [slot["date"] for slot in listed] in (
        [today.isoformat()],
        [dt.datetime.now(ZoneInfo(zone)).date().isoformat()],
    )


@pytest.mark.parametrize("day", ["monday", "SUN", "wed"])
@pytest.mark.usefixtures("slot")
def test_a_weekday_is_the_next_one_and_never_today(booking, day):
    today = dt.datetime.now(dt.UTC).date()
    added = booking("slots", "add", 1, day, "12:00", "--minutes", 5, "-o", "json").json
    date = dt.date.fromisoformat(added["date"])
    assert f"{date:%A}".lower().startswith(day.lower())
    assert 1 <= (date - today).days <= 8  # 8 where midnight came in between
