"""`booking clinic`: the clinic's name, time zone and hold time, and what they change in other commands."""

import datetime as dt
import zoneinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

PATIENT = ("--name", "Pat", "--email", "pat@mail.example")


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (["--name", " Hill [Clinic] "], {"name": "Hill [Clinic]"}),
        (["--timezone", "Asia/Kolkata"], {"timezone": "Asia/Kolkata"}),
        (["--hold", "15"], {"hold_minutes": 15}),
        (["--hold", "0.0005"], {"hold_minutes": 0.0005}),
    ],
)
def test_an_update_changes_only_the_given_settings(booking, options, change):
    booking("clinic", "set", "--name", "Old", "--timezone", "UTC", "--hold", "3")
    changed = booking("clinic", "set", *options, "-o", "json").json
    assert changed == booking("clinic", "show", "-o", "json").json
    assert changed.pop("updated_at")
    assert changed == {"name": "Old", "timezone": "UTC", "hold_minutes": 3} | change


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], "invalid_input"),
        *((["--timezone", zone], "invalid_input") for zone in ("Mars/Olympus", "europe/berlin", "UTC+2", "", "../UTC")),
        *((["--hold", minutes], "usage") for minutes in ("0", "1440.1", "nan", "")),
    ],
    ids=str,
)
def test_an_invalid_setting_is_rejected_and_changes_nothing(booking, options, code):
    before = booking("clinic", "show", "-o", "json").json
    rejected = booking("clinic", "set", *(["--name", "Other"] if options else []), *options, "-o", "json")
    assert (rejected.status, rejected.error["code"], rejected.stdout) == (2, code, "")
    assert booking("clinic", "show", "-o", "json").json == before


def test_a_time_zone_that_this_machine_lacks_is_an_error_that_names_it(program, sql):
    sql("UPDATE clinic SET timezone = 'Mars/Olympus'")
    refused = program("slots", "list", "-o", "json")
    assert (refused.status, refused.error["code"]) == (5, "not_set_up")
    assert "Mars/Olympus" in refused.error["message"]


@pytest.mark.parametrize("command", [("slots", "list"), ("expire",), ("confirm", 1)])
def test_a_time_zone_that_the_server_lacks_is_an_error_that_names_it_and_can_be_changed(
    program, sql, tmp_path, command
):
    """As after a move to a server with older time zone data."""
    zones = tmp_path / "zones" / "Mars"
    zones.mkdir(parents=True)
    utc = next(path for folder in zoneinfo.TZPATH if (path := Path(folder) / "UTC").exists())
    (zones / "Olympus").write_bytes(utc.read_bytes())
    path = ":".join([str(zones.parent), *zoneinfo.TZPATH])
    sql("UPDATE clinic SET timezone = 'Mars/Olympus'")
    refused = program(*command, "-o", "json", PYTHONTZPATH=path)
    assert (refused.status, refused.error["code"]) == (5, "not_set_up")
    assert "server" in refused.error["message"]
    assert "Mars/Olympus" in refused.error["message"]
    assert program("clinic", "set", "--timezone", "Europe/Berlin", PYTHONTZPATH=path).status == 0
    assert program("slots", "list").status == 0


@pytest.mark.parametrize(
    "option", ["datestyle=german", "timezone=Asia/Kathmandu", "timezone=<+02>-2", "intervalstyle=iso_8601"]
)
def test_settings_of_the_server_or_the_login_change_nothing(booking, slot, option):
    """As by ALTER ROLE … SET, or in postgresql.conf."""
    booking("clinic", "set", "--timezone", "America/New_York")
    booked = booking("book", slot, *PATIENT, "-o", "json", PGOPTIONS=f"-c {option}")
    assert (booked.status, booked.stderr) == (0, "")
    for command in ("slots show 1", "show 1", "list", "list --limit 100000", "history 1", "stats --by day"):
        plain, other = (booking(*command.split(), "-o", "json", PGOPTIONS=given) for given in ("", f"-c {option}"))
        assert (plain.status, other) == (0, plain)
    assert booking("show", 1, "-o", "json").json == booked.json


@pytest.mark.parametrize("zone", ["Etc/GMT-14", "Etc/GMT+12", "Asia/Kolkata"])
@pytest.mark.usefixtures("slot")
def test_days_are_counted_from_the_clinics_today(booking, sql, zone):
    # Between the first and the second of these zones lie 26 hours: they never have the same date.
    booking("clinic", "set", "--timezone", zone)
    before = dt.datetime.now(ZoneInfo(zone)).date()
    noon = dt.datetime.combine(before, dt.time(12), ZoneInfo(zone))
    sql("DELETE FROM slots")
    insert = "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT 1, t, t + '30 min'::interval FROM unnest(%s) t"
    sql(insert, [noon + dt.timedelta(days=days) for days in range(-1, 3)])
    listed = booking("slots", "list", "--date", "today", "--status", "all", "-o", "json").json
    added = booking("slots", "add", 1, "+3d", "12:00", "-o", "json").json
    weekday = booking("slots", "add", 1, f"{before:%A}", "15:00", "-o", "json").json
    if before == dt.datetime.now(ZoneInfo(zone)).date():  # midnight has not passed
        assert [slot["date"] for slot in listed] == [f"{before}"]
        assert added["date"] == f"{before + dt.timedelta(days=3)}"
        assert weekday["date"] == f"{before + dt.timedelta(days=7)}"
