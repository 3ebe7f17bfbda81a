"""Slots in bulk on days on which the clock is put forward or back: no time is guessed, and what happened is said."""

import datetime as dt

import pytest

from tests.commands.test_slots import DAY, add_doctor, sundays_of_change

SPRING, AUTUMN = sundays_of_change(DAY.year + 1)
COUNTS = ("planned", "created", "existing", "conflicts", "past")


def first_sunday(month: int) -> dt.date:
    first = dt.date(DAY.year + 1, month, 1)
    return first + dt.timedelta(days=7 - first.isoweekday())


@pytest.fixture(autouse=True)
def doctor(booking):
    return add_doctor(booking, "ana", "Skin")


@pytest.fixture
def night(booking):
    """Makes half-hour slots from one to four at night, and returns how it went and `clock time UTC` of each."""

    def run(zone, date, *options):
        assert booking("clinic", "set", "--timezone", zone).status == 0
        done = booking(
            *("slots", "bulk", 1, "--from", date, "--start", "01:00", "--end", "04:00", "--minutes", 30),
            *(*options, "-o", "json"),
        )
        assert done.status == 0, done.stderr
        starts = [
            (slot["time"], f"{dt.datetime.fromisoformat(slot['starts_at']).astimezone(dt.UTC):%H:%M}")
            for slot in done.json["slots"]
        ]
        return done, [" ".join(start) for start in starts]

    return run


def test_the_hour_that_spring_skips_gets_no_slot_and_it_is_said(night):
    done, starts = night("Europe/Berlin", SPRING)
    assert starts == ["01:00 00:00", "01:30 00:30", "03:00 01:00", "03:30 01:30"]
    assert (done.json["planned"], done.json["created"]) == (4, 4)
    assert done.stderr == (f"{SPRING} has no 02:00 and 02:30: the clock goes forward, so no slot was planned there.\n")


def test_the_hour_that_comes_twice_in_autumn_is_made_once_and_it_is_said(night):
    done, starts = night("Europe/Berlin", AUTUMN)
    assert starts == ["01:00 23:00", "01:30 23:30", "02:00 00:00", "02:30 00:30", "03:00 02:00", "03:30 02:30"]
    assert [done.json[name] for name in COUNTS] == [6, 6, 0, 0, 0]
    assert done.stderr == f"{AUTUMN} has 02:00 and 02:30 twice: the slot is planned once, the first time.\n"


@pytest.mark.parametrize("date", [SPRING, AUTUMN])
def test_running_it_again_on_such_a_day_changes_nothing(night, date):
    first, _ = night("Europe/Berlin", date)
    again, starts = night("Europe/Berlin", date)
    there = first.json["created"]
    assert starts == []
    assert [again.json[name] for name in COUNTS] == [there, 0, there, 0, 0]
    assert again.stderr == first.stderr


@pytest.mark.parametrize("date", [SPRING, AUTUMN])
def test_a_dry_run_says_it_too(night, date):
    dry, _ = night("Europe/Berlin", date, "--dry-run")
    real, _ = night("Europe/Berlin", date)
    assert dry.stderr == real.stderr != ""
    assert dry.json["created"] == real.json["created"]


@pytest.mark.parametrize(("zone", "first_utc"), [("UTC", "01:00"), ("Asia/Kolkata", "19:30")])
@pytest.mark.parametrize("date", [SPRING, AUTUMN])
def test_a_zone_without_changes_has_every_slot_and_nothing_is_said(night, zone, first_utc, date):
    done, starts = night(zone, date)
    assert [start[:5] for start in starts] == ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]
    assert starts[0] == f"01:00 {first_utc}"
    assert done.stderr == ""


def test_a_zone_that_puts_the_clock_forward_by_half_an_hour_skips_one_slot(night):
    sunday = first_sunday(10)
    done, starts = night("Australia/Lord_Howe", sunday)
    assert starts == ["01:00 14:30", "01:30 15:00", "02:30 15:30", "03:00 16:00", "03:30 16:30"]
    assert f"{sunday} has no 02:00:" in done.stderr


def test_a_zone_that_puts_the_clock_back_by_half_an_hour_makes_one_slot_once(night):
    sunday = first_sunday(4)
    done, starts = night("Australia/Lord_Howe", sunday)
    assert starts == ["01:00 14:00", "01:30 14:30", "02:00 15:30", "02:30 16:00", "03:00 16:30", "03:30 17:00"]
    assert f"{sunday} has 01:30 twice:" in done.stderr


def test_a_slot_during_which_the_clock_jumps_is_not_made(booking):
    booking("clinic", "set", "--timezone", "Europe/Berlin")
    done = booking(
        *("slots", "bulk", 1, "--from", SPRING, "--start", "01:00", "--end", "05:00", "--minutes", 45, "-o", "json")
    )
    slots = [(slot["time"], slot["minutes"]) for slot in done.json["slots"]]
    assert slots == [("01:00", 45), ("03:15", 45), ("04:00", 45)]
    assert f"{SPRING} has no 02:30:" in done.stderr
    assert f"{SPRING}: no slot at 01:45, because the clock goes forward during it." in done.stderr


def test_only_the_day_of_the_change_is_different(night):
    done, starts = night("Europe/Berlin", SPRING - dt.timedelta(days=1), "--to", SPRING + dt.timedelta(days=1))
    assert len(starts) == 6 + 4 + 6
    assert [starts[0], starts[-1]] == ["01:00 00:00", "03:30 01:30"]
    assert done.stderr.count("\n") == 1
    assert len({slot["starts_at"] for slot in done.json["slots"]}) == 16
