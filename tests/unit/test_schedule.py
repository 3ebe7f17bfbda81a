"""Working hours, breaks and the calendar become slots that never overlap, in any zone, on any day."""

import datetime as dt
from functools import cache, reduce
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from booking_cli.domain.dates import Break, clock
from booking_cli.domain.working_hours import Hours, plan, start_of_day

at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
UTC = ZoneInfo("UTC")
A_DAY = dt.date(2027, 6, 7)

# Each is unusual in a way of its own: half hours, no changes at all, changes by half an hour, by two hours or by a day, at
# midnight, a minute after it or before it, in Ramadan, in winter, and once for all.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "America/New_York",
    "America/Caracas",
    "America/Scoresbysund",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Asia/Pyongyang",
    "Asia/Dhaka",
    "Asia/Tehran",
    "Pacific/Apia",
    "Pacific/Fakaofo",
    "Pacific/Chatham",
]


@cache
def changes(key):
    """The days on which the clock in a zone changed, and the days next to them."""
    zone, found = ZoneInfo(key), []
    instant = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    while instant.year < 2035:
        later = instant + DAY
        if instant.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            found += [instant.date() + days * DAY for days in (-1, 0, 1, 2)]
        instant = later
    return sorted(set(found))


def compose(*decorators):
    """One decorator for several, the first outermost."""
    return lambda test: reduce(lambda inner, decorate: decorate(inner), reversed(decorators), test)


@st.composite
def zones_and_dates(draw):
    """A zone and up to three days in a row in it, mostly around a clock change."""
    key = draw(st.sampled_from(ZONES))
    near = [st.sampled_from(changes(key))] * 3 if changes(key) else []
    first = draw(st.one_of(*near, st.dates(dt.date(2000, 1, 2), dt.date(2199, 12, 1))))
    return ZoneInfo(key), [first + days * DAY for days in range(draw(st.integers(1, 3)))]


@st.composite
def working_hours(draw):
    times = (
        st.sampled_from((0, 1440)) | st.integers(0, 48).map(lambda half_hours: half_hours * 30) | st.integers(0, 1440)
    )
    start, end = sorted(draw(st.lists(times, min_size=2, max_size=2, unique=True)))
    minutes = draw(st.integers(5, 480) | st.sampled_from((5, 10, 15, 20, 30, 60)))
    pauses = draw(st.lists(st.lists(times, min_size=2, max_size=2, unique=True).map(sorted).map(tuple), max_size=4))
    return Hours(start, end, minutes, [Break(*pause) for pause in pauses])


def first_moment(date, time, zone):
    """When the clock first shows this time, or, where it skips it, when it jumps over it: asked minute by minute."""
    local = dt.datetime.combine(date, dt.time()) + time * MINUTE
    early, late = sorted(local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    while early < late and early.astimezone(zone).replace(tzinfo=None) < local:
        early += MINUTE
    return early


def shows(moment, date, time, zone):
    return moment.astimezone(zone).replace(tzinfo=None) == dt.datetime.combine(date, dt.time()) + time * MINUTE


BERLIN = ZoneInfo("Europe/Berlin")
SPRING = (BERLIN, [dt.date(2027, 3, 27), dt.date(2027, 3, 28)])
AUTUMN = (BERLIN, [dt.date(2027, 10, 31), dt.date(2027, 11, 1)])
around_clock_changes = compose(
    given(zones_and_dates(), working_hours()),
    example(SPRING, Hours(0, 1440, 45)),
    example(SPRING, Hours(61, 300, 97)),
    example(AUTUMN, Hours(0, 1440, 45)),
    example(AUTUMN, Hours(90, 300, 60)),
    example((ZoneInfo("America/St_Johns"), [dt.date(2010, 11, 6), dt.date(2010, 11, 7)]), Hours(0, 1440, 17)),
    example((ZoneInfo("Pacific/Apia"), [dt.date(2011, 12, day) for day in (29, 30, 31)]), Hours(0, 1440, 45)),
)


@at_any_speed
@around_clock_changes
def test_slots_never_overlap_and_stay_within_working_hours_in_real_time(where, hours):
    zone, dates = where
    made = plan(dates, hours, zone).starts
    assert all(start.utcoffset() == dt.timedelta(0) for start in made)
    length = hours.minutes * MINUTE
    assert all(later - earlier >= length for earlier, later in pairwise(made))

    work = [(first_moment(date, hours.start, zone), first_moment(date, hours.end, zone)) for date in dates]
    assert all(any(start <= slot and slot + length <= end for start, end in work) for slot in made)
    for pause in hours.breaks:
        for date in dates:
            start, end = (first_moment(date, time, zone) for time in pause)
            assert not any(slot < end and start < slot + length for slot in made)


@at_any_speed
@around_clock_changes
def test_a_slot_is_left_out_only_where_the_clock_skips_its_start_or_takes_from_its_length(where, hours):
    zone, dates = where
    expected, untouched = [], True
    for date in dates:
        for time in hours.starts():
            start, end = (first_moment(date, moment, zone) for moment in (time, time + hours.minutes))
            if shows(start, date, time, zone) and end - start >= hours.minutes * MINUTE:
                expected.append(start)
            else:
                untouched = False
    result = plan(dates, hours, zone)
    assert result.starts == expected
    assert result.remarks or untouched


@at_any_speed
@given(working_hours())
def test_work_is_filled_from_its_start_and_anew_after_each_break(hours):
    open_minutes = [
        hours.start <= minute < hours.end and not any(start <= minute < end for start, end in hours.breaks)
        for minute in range(1441)  # the last one, 24:00, is never open
    ]
    expected, minute = [], 0
    while minute < 1440:
        if all(open_minutes[minute : minute + hours.minutes]):
            expected.append(minute)
            minute += hours.minutes
        elif open_minutes[minute]:
            minute = open_minutes.index(False, minute)  # too short to be used: on to the end of this stretch
        else:
            minute += 1
    assert list(hours.starts()) == expected


@pytest.mark.parametrize(
    ("start", "end", "minutes", "breaks", "expected"),
    [
        ("09:00", "11:00", 30, [], "09:00 09:30 10:00 10:30"),
        ("09:00", "10:45", 30, [], "09:00 09:30 10:00"),
        ("09:00", "09:29", 30, [], ""),
        ("09:00", "09:30", 30, [], "09:00"),
        ("22:30", "24:00", 30, [], "22:30 23:00 23:30"),
        ("22:50", "24:00", 30, [], "22:50 23:20"),
        ("00:00", "24:00", 480, [], "00:00 08:00 16:00"),
        ("11:00", "14:00", 30, ["12:00-13:00"], "11:00 11:30 13:00 13:30"),
        ("11:00", "14:00", 50, ["12:00-13:00"], "11:00 13:00"),
        ("11:00", "14:00", 30, ["12:10-12:40"], "11:00 11:30 12:40 13:10"),
        ("09:00", "12:00", 30, ["11:00-11:30", "09:30-10:00"], "09:00 10:00 10:30 11:30"),
        ("09:00", "12:00", 30, ["09:30-11:00", "10:00-10:15"], "09:00 11:00 11:30"),
        ("09:00", "12:00", 30, ["09:30-10:30", "10:00-11:00"], "09:00 11:00 11:30"),
        ("09:00", "12:00", 30, ["09:30-10:30", "10:30-11:00"], "09:00 11:00 11:30"),
        ("09:00", "11:00", 60, ["09:30-09:45", "09:30-10:00"], "10:00"),
        ("09:00", "10:00", 30, ["07:00-08:00", "10:00-11:00", "18:00-24:00"], "09:00 09:30"),
        ("09:00", "11:00", 30, ["08:00-09:45"], "09:45 10:15"),
        ("09:00", "11:00", 30, ["10:15-12:00"], "09:00 09:30"),
        ("09:00", "11:00", 30, ["00:00-24:00"], ""),
    ],
)
def test_the_slots_of_a_day(start, end, minutes, breaks, expected):
    at = {clock(time): time for time in range(1441)}
    pauses = [Break(*(at[time] for time in pause.split("-"))) for pause in breaks]
    assert " ".join(map(clock, Hours(at[start], at[end], minutes, pauses).starts())) == expected


def test_without_a_clock_change_every_slot_is_made_and_nothing_remarked():
    result = plan([A_DAY, A_DAY + DAY], Hours(540, 600, 30), UTC)
    assert [f"{start:%d %H:%M}" for start in result.starts] == ["07 09:00", "07 09:30", "08 09:00", "08 09:30"]
    assert result.remarks == []


def test_a_zone_on_the_half_hour_has_slots_at_its_own_full_hours():
    result = plan([A_DAY], Hours(540, 660, 60), ZoneInfo("Asia/Kolkata"))
    assert [start.isoformat()[11:] for start in result.starts] == ["03:30:00+00:00", "04:30:00+00:00"]
    assert result.remarks == []


@pytest.mark.parametrize("key", ["UTC", "Asia/Kolkata", "Asia/Kathmandu"])
def test_a_zone_without_changes_has_the_same_slots_on_every_day_of_the_year(key):
    days = [dt.date(2027, 1, 1) + number * DAY for number in range(365)]
    result = plan(days, Hours(0, 1440, 60), ZoneInfo(key))
    assert len(result.starts) == 365 * 24
    assert result.remarks == []


@pytest.mark.parametrize("dates", [[], [A_DAY]])
def test_no_days_or_no_hours_make_no_slots(dates):
    hours = Hours(540, 600, 30) if not dates else Hours(540, 560, 30)
    result = plan(dates, hours, UTC)
    assert (result.starts, result.remarks) == ([], [])


@at_any_speed
@given(zones_and_dates())
def test_a_day_starts_when_the_calendar_first_shows_it(where):
    zone, dates = where
    for date in dates:
        start = start_of_day(date, zone)
        assert start.utcoffset() == dt.timedelta(0)
        assert (start - MINUTE).astimezone(zone).date() < date <= start.astimezone(zone).date()
