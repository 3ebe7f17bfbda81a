"""`booking slots bulk` on days on which the clock goes forward or back: no time is guessed, and stderr says what was done."""

import datetime as dt

import pytest

from tests.commands.test_slots import DAY, add_doctor, sundays_of_change

SPRING, AUTUMN = sundays_of_change(DAY.year + 1)
# When the clock of Lord Howe Island goes forward and back, by half an hour.
OCTOBER, APRIL = (dt.date(DAY.year + 1, month, 1) for month in (10, 4))
OCTOBER, APRIL = (first + dt.timedelta(days=7 - first.isoweekday()) for first in (OCTOBER, APRIL))


@pytest.fixture
def night(booking):
    """Creates half-hour slots from 01:00 to 04:00, and returns the output and `clock time UTC` of each."""
    add_doctor(booking, "ana", "Skin")

    def run(zone, date, *options):
        assert booking("clinic", "set", "--timezone", zone).status == 0
        hours = ("--from", date, "--start", "01:00", "--end", "04:00")
        done = booking("slots", "bulk", 1, *hours, *options, "-o", "json")
        assert done.status == 0, done.stderr
        made = [(slot["time"], dt.datetime.fromisoformat(slot["starts_at"])) for slot in done.json["slots"]]
        return done, [f"{time} {instant.astimezone(dt.UTC):%H:%M}" for time, instant in made]

    return run


@pytest.mark.parametrize(
    ("zone", "date", "expected", "remark"),
    [
        ("Europe/Berlin", SPRING, "01:00 00:00, 01:30 00:30, 03:00 01:00, 03:30 01:30", "no 02:00 and 02:30"),
        (
            *("Europe/Berlin", AUTUMN),
            "01:00 23:00, 01:30 23:30, 02:00 00:00, 02:30 00:30, 03:00 02:00, 03:30 02:30",
            "02:00 and 02:30 twice",
        ),
        (
            *("Australia/Lord_Howe", OCTOBER),
            "01:00 14:30, 01:30 15:00, 02:30 15:30, 03:00 16:00, 03:30 16:30",
            "no 02:00",
        ),
        (
            *("Australia/Lord_Howe", APRIL),
            "01:00 14:00, 01:30 14:30, 02:00 15:30, 02:30 16:00, 03:00 16:30, 03:30 17:00",
            "01:30 twice",
        ),
    ],
    ids=["forward", "back", "forward by half an hour", "back by half an hour"],
)
def test_a_skipped_time_gets_no_slot_and_a_repeated_one_gets_one(night, zone, date, expected, remark):
    dry, none = night(zone, date, "--dry-run")
    done, starts = night(zone, date)
    assert starts == expected.split(", ")
    assert done.json["planned"] == done.json["created"] == dry.json["created"] == len(starts)
    assert done.stderr.startswith(f"{date} has {remark}")
    again, none_again = night(zone, date)
    assert (again.json["existing"], again.json["created"], none, none_again) == (len(starts), 0, [], [])
    assert dry.stderr == done.stderr == again.stderr


@pytest.mark.parametrize("date", [SPRING, AUTUMN])
def test_a_zone_without_clock_changes_has_every_slot_and_no_remark(night, date):
    done, starts = night("Asia/Kolkata", date)
    assert starts == ["01:00 19:30", "01:30 20:00", "02:00 20:30", "02:30 21:00", "03:00 21:30", "03:30 22:00"]
    assert done.stderr == ""


def test_a_slot_during_which_the_clock_goes_forward_is_left_out(night):
    done, starts = night("Europe/Berlin", SPRING, "--minutes", 45)
    assert starts == ["01:00 00:00", "03:15 01:15"]
    assert f"{SPRING} has no 02:30" in done.stderr
    assert f"{SPRING}: no slot at 01:45" in done.stderr


def test_the_days_around_a_clock_change_have_every_slot(night):
    done, starts = night("Europe/Berlin", SPRING - dt.timedelta(days=1), "--to", SPRING + dt.timedelta(days=1))
    assert len(starts) == 6 + 4 + 6
    assert [starts[0], starts[-1]] == ["01:00 00:00", "03:30 01:30"]
    assert done.stderr.count("\n") == 1
