"""Clock changes: a time that does not exist is never made, one that comes twice is made once, and both are said."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from booking_cli.domain.dates import Break
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.working_hours import Hours, instant_of, plan, start_of_day

DAY = dt.timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


def last_sunday(year, month):
    end = dt.date(year, month, 31)
    return end - dt.timedelta(days=(end.weekday() + 1) % 7)


NEXT_YEAR = min(dt.datetime.now(dt.UTC).year + 1, 2090)
SPRING = last_sunday(NEXT_YEAR, 3)
AUTUMN = last_sunday(NEXT_YEAR, 10)


def minutes(time):
    hours, _, rest = time.partition(":")
    return int(hours) * 60 + int(rest)


def planned(key, date, start, end, length, *breaks):
    """What a day's hours come to: the slots as the clock shows them, and the remarks."""
    zone = ZoneInfo(key)
    pauses = [Break(*map(minutes, pause.split("-"))) for pause in breaks]
    result = plan([date], Hours(minutes(start), minutes(end), length, pauses), zone)
    return " ".join(f"{slot.astimezone(zone):%H:%M%z}" for slot in result.starts), result.remarks


def test_in_spring_no_slot_is_made_in_the_hour_that_is_skipped_and_that_is_said():
    slots, remarks = planned("Europe/Berlin", SPRING, "01:00", "04:00", 30)
    assert slots == "01:00+0100 01:30+0100 03:00+0200 03:30+0200"
    assert remarks == [f"{SPRING} has no 02:00 and 02:30: the clock goes forward, so no slot was planned there."]


def test_in_autumn_the_hour_that_comes_twice_is_made_once_and_that_is_said():
    slots, remarks = planned("Europe/Berlin", AUTUMN, "01:00", "04:00", 30)
    assert slots == "01:00+0200 01:30+0200 02:00+0200 02:30+0200 03:00+0100 03:30+0100"
    assert remarks == [f"{AUTUMN} has 02:00 and 02:30 twice: the slot is planned once, the first time."]


@pytest.mark.parametrize("date", [SPRING, AUTUMN])
@pytest.mark.parametrize(("key", "offset"), [("UTC", "+0000"), ("Asia/Kolkata", "+0530")])
def test_on_those_days_a_zone_without_changes_has_all_its_slots(key, offset, date):
    slots, remarks = planned(key, date, "01:00", "04:00", 30)
    assert slots == " ".join(f"{time}{offset}" for time in ("01:00", "01:30", "02:00", "02:30", "03:00", "03:30"))
    assert remarks == []


@pytest.mark.parametrize("date", [SPRING, AUTUMN])
def test_hours_away_from_the_change_are_as_on_any_other_day(date):
    slots, remarks = planned("Europe/Berlin", date, "09:00", "10:00", 30)
    assert [slot[:5] for slot in slots.split()] == ["09:00", "09:30"]
    assert remarks == []


def test_the_days_around_a_change_are_not_touched_by_it():
    result = plan([SPRING - DAY, SPRING, SPRING + DAY], Hours(120, 180, 30), BERLIN)
    assert [slot.astimezone(BERLIN).date() for slot in result.starts] == [SPRING - DAY] * 2 + [SPRING + DAY] * 2
    assert len(result.remarks) == 1


@pytest.mark.parametrize(
    ("start", "length", "slots"),
    [
        ("01:15", 45, "01:15+0100 03:30+0200 04:15+0200"),
        ("01:30", 30, "01:30+0100 03:00+0200 03:30+0200 04:00+0200 04:30+0200"),
    ],
)
def test_a_slot_that_ends_as_the_clock_jumps_is_made(start, length, slots):
    assert planned("Europe/Berlin", SPRING, start, "05:00", length)[0] == slots


def test_a_slot_during_which_the_clock_jumps_forward_is_left_out_and_that_is_said():
    slots, remarks = planned("Europe/Berlin", SPRING, "00:30", "05:00", 60)
    assert slots == "00:30+0100 03:30+0200"
    assert remarks == [
        f"{SPRING} has no 02:30: the clock goes forward, so no slot was planned there.",
        f"{SPRING}: no slot at 01:30, because the clock goes forward during it.",
    ]


def test_a_slot_that_the_jump_cuts_by_one_minute_is_left_out():
    assert planned("Europe/Berlin", SPRING, "01:31", "05:01", 30)[0] == "03:01+0200 03:31+0200 04:01+0200 04:31+0200"


def test_a_slot_lasts_its_minutes_in_real_time_where_the_clock_goes_back_during_it():
    slots, remarks = planned("Europe/Berlin", AUTUMN, "01:30", "06:00", 120)
    assert slots == "01:30+0200 03:30+0100"
    assert remarks == []


def test_a_break_over_the_skipped_hour_leaves_nothing_to_remark():
    slots, remarks = planned("Europe/Berlin", SPRING, "01:00", "04:00", 30, "02:00-03:00")
    assert slots == "01:00+0100 01:30+0100 03:00+0200 03:30+0200"
    assert remarks == []


def test_where_the_clock_changes_by_half_an_hour_only_that_is_skipped():
    slots, remarks = planned("Australia/Lord_Howe", dt.date(2024, 10, 6), "01:30", "03:30", 30)
    assert slots == "01:30+1030 02:30+1100 03:00+1100"
    assert "no 02:00:" in remarks[0]


def test_where_the_clock_changes_by_half_an_hour_only_that_comes_twice():
    slots, remarks = planned("Australia/Lord_Howe", dt.date(2024, 4, 7), "01:00", "02:30", 30)
    assert slots == "01:00+1100 01:30+1100 02:00+1030"
    assert "01:30 twice" in remarks[0]


@pytest.mark.parametrize(
    ("key", "date", "offset"),
    [("America/Sao_Paulo", dt.date(2018, 11, 4), "-0200"), ("Africa/Cairo", dt.date(2010, 4, 30), "+0300")],
)
class TestWhereMidnightIsSkipped:
    def test_the_day_has_no_slots_before_one(self, key, date, offset):
        slots, remarks = planned(key, date, "00:00", "02:00", 30)
        assert slots == f"01:00{offset} 01:30{offset}"
        assert remarks == [f"{date} has no 00:00 and 00:30: the clock goes forward, so no slot was planned there."]

    def test_the_evening_before_has_slots_until_midnight(self, key, date, offset):
        slots, remarks = planned(key, date - DAY, "23:00", "24:00", 30)
        assert [slot[:5] for slot in slots.split()] == ["23:00", "23:30"]
        assert offset not in slots
        assert remarks == []

    def test_the_day_starts_at_one(self, key, date, offset):
        start = start_of_day(date, ZoneInfo(key)).astimezone(ZoneInfo(key))
        assert f"{start:%Y-%m-%d %H:%M%z}" == f"{date} 01:00{offset}"

    def test_an_instant_is_given_for_one_and_none_for_midnight(self, key, date, offset):
        zone = ZoneInfo(key)
        assert f"{instant_of(date, 60, zone).astimezone(zone):%H:%M%z}" == f"01:00{offset}"
        with pytest.raises(InvalidInput, match="has no 00:00"):
            instant_of(date, 0, zone)


APIA = ZoneInfo("Pacific/Apia")
NO_DAY = dt.date(2011, 12, 30)


def test_a_day_that_does_not_exist_has_no_slots_and_that_is_said():
    result = plan([NO_DAY], Hours(540, 660, 60), APIA)
    assert result.starts == []
    assert result.remarks == [f"{NO_DAY} has no 09:00 and 10:00: the clock goes forward, so no slot was planned there."]


def test_the_days_before_and_after_one_that_does_not_exist_have_all_their_slots():
    result = plan([NO_DAY - DAY, NO_DAY, NO_DAY + DAY], Hours(0, 1440, 60), APIA)
    assert [slot.astimezone(APIA).date() for slot in result.starts] == [NO_DAY - DAY] * 24 + [NO_DAY + DAY] * 24
    assert {later - earlier for earlier, later in pairwise(result.starts)} == {DAY / 24}


def test_a_day_that_does_not_exist_takes_no_time():
    assert start_of_day(NO_DAY, APIA) == start_of_day(NO_DAY + DAY, APIA)


@pytest.mark.parametrize("time", range(0, 1440, 60))
def test_no_instant_is_given_for_a_day_that_does_not_exist(time):
    with pytest.raises(InvalidInput, match="2011-12-30 has no"):
        instant_of(NO_DAY, time, APIA)


@pytest.mark.parametrize("time", ["02:00", "02:01", "02:30", "02:59"])
def test_no_instant_is_given_for_a_time_that_is_skipped(time):
    with pytest.raises(InvalidInput, match=f"{SPRING} has no {time} in Europe/Berlin: the clock goes forward"):
        instant_of(SPRING, minutes(time), BERLIN)


@pytest.mark.parametrize("time", ["02:00", "02:01", "02:30", "02:59"])
def test_no_instant_is_given_for_a_time_that_comes_twice(time):
    with pytest.raises(InvalidInput, match=f"{AUTUMN} has {time} twice in Europe/Berlin: the clock goes back"):
        instant_of(AUTUMN, minutes(time), BERLIN)


@pytest.mark.parametrize(
    ("date", "time", "instant"),
    [
        (SPRING, "01:59", f"{SPRING}T00:59:00+00:00"),
        (SPRING, "03:00", f"{SPRING}T01:00:00+00:00"),
        (AUTUMN, "01:59", f"{AUTUMN - DAY}T23:59:00+00:00"),
        (AUTUMN, "03:00", f"{AUTUMN}T02:00:00+00:00"),
        (SPRING + DAY, "00:00", f"{SPRING}T22:00:00+00:00"),
        (AUTUMN + DAY, "00:00", f"{AUTUMN}T23:00:00+00:00"),
    ],
)
def test_an_instant_just_outside_of_the_change_is_given_in_utc(date, time, instant):
    assert instant_of(date, minutes(time), BERLIN).isoformat() == instant


@pytest.mark.parametrize(("date", "hours"), [(SPRING, 23), (AUTUMN, 25), (SPRING + DAY, 24)])
def test_a_day_with_a_clock_change_is_shorter_or_longer(date, hours):
    assert start_of_day(date + DAY, BERLIN) - start_of_day(date, BERLIN) == dt.timedelta(hours=hours)


def test_a_day_whose_midnight_comes_twice_starts_the_first_time():
    assert start_of_day(dt.date(2023, 11, 5), ZoneInfo("America/Havana")).isoformat() == "2023-11-05T04:00:00+00:00"
