"""Working hours become slots that never overlap, in any zone and around clock changes."""

import datetime as dt
from functools import cache, reduce
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from booking_cli.domain.dates import Break, parse_break, parse_end_time
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.working_hours import Hours, instant_of, plan, start_of_day
from tests.unit.strategies import at_any_speed

MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
# Zones with offsets of half hours, without clock changes, and with changes by half an hour, two hours or a day, at
# midnight, a minute before or after it, in Ramadan, in winter, and once for all.
ZONES = (
    "UTC", "Europe/Berlin", "Europe/Dublin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
    "Antarctica/Troll", "Antarctica/Casey", "America/Sao_Paulo", "America/Havana", "America/St_Johns",
    "America/New_York", "America/Caracas", "America/Scoresbysund", "Africa/Cairo", "Africa/Casablanca", "Asia/Gaza",
    "Asia/Pyongyang", "Asia/Dhaka", "Asia/Tehran", "Pacific/Apia", "Pacific/Fakaofo", "Pacific/Chatham",
)  # fmt: skip


@cache
def days_around_changes(key):
    """The days on which the clock in a zone changed, and their neighbours."""
    zone, found = ZoneInfo(key), set()
    instant = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    while instant.year < 2035:
        later = instant + DAY
        if instant.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            found |= {instant.date() + days * DAY for days in (-1, 0, 1, 2)}
        instant = later
    return sorted(found)


@st.composite
def zones_and_dates(draw):
    """A zone and up to three days in a row in it, mostly around a clock change."""
    key = draw(st.sampled_from(ZONES))
    near = [st.sampled_from(days_around_changes(key))] * 3 if days_around_changes(key) else []
    first = draw(st.one_of(*near, st.dates(dt.date(2000, 1, 2), dt.date(2199, 12, 1))))
    return ZoneInfo(key), [first + days * DAY for days in range(draw(st.integers(1, 3)))]


@st.composite
def working_hours(draw):
    times = st.sampled_from((0, 1440)) | st.integers(0, 48).map(lambda half: half * 30) | st.integers(0, 1440)
    periods = st.lists(times, min_size=2, max_size=2, unique=True).map(sorted)
    start, end = draw(periods)
    minutes = draw(st.integers(5, 480) | st.sampled_from((5, 10, 15, 20, 30, 60)))
    return Hours(start, end, minutes, [Break(*period) for period in draw(st.lists(periods, max_size=4))])


def first_moment(date, time, zone):
    """When the clock first shows this time, or jumps over it: found minute by minute."""
    local = dt.datetime.combine(date, dt.time()) + time * MINUTE
    early, late = sorted(local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    while early < late and early.astimezone(zone).replace(tzinfo=None) < local:
        early += MINUTE
    return early


def shows(moment, date, time, zone):
    return moment.astimezone(zone).replace(tzinfo=None) == dt.datetime.combine(date, dt.time()) + time * MINUTE


SPRING = (ZoneInfo("Europe/Berlin"), [dt.date(2027, 3, 27), dt.date(2027, 3, 28)])
AUTUMN = (ZoneInfo("Europe/Berlin"), [dt.date(2027, 10, 31), dt.date(2027, 11, 1)])
ST_JOHNS = (ZoneInfo("America/St_Johns"), [dt.date(2010, 11, 6), dt.date(2010, 11, 7)])
APIA = (ZoneInfo("Pacific/Apia"), [dt.date(2011, 12, day) for day in (29, 30, 31)])
EXAMPLES = (
    (SPRING, Hours(0, 1440, 45)), (SPRING, Hours(61, 300, 97)), (AUTUMN, Hours(0, 1440, 45)),
    (AUTUMN, Hours(90, 300, 60)),
    (ST_JOHNS, Hours(0, 1440, 17)), (APIA, Hours(0, 1440, 45)),
)  # fmt: skip


def around_clock_changes(test):
    test = given(zones_and_dates(), working_hours())(test)
    return at_any_speed(reduce(lambda inner, values: example(*values)(inner), EXAMPLES, test))


@around_clock_changes
def test_slots_never_overlap_and_stay_within_working_hours_in_real_time(where, hours):
    zone, dates = where
    starts, length = plan(dates, hours, zone).starts, hours.minutes * MINUTE
    assert all(start.utcoffset() == dt.timedelta(0) for start in starts)
    assert all(later - earlier >= length for earlier, later in pairwise(starts))
    work = [(first_moment(date, hours.start, zone), first_moment(date, hours.end, zone)) for date in dates]
    assert all(any(begin <= start and start + length <= end for begin, end in work) for start in starts)
    for pause in hours.breaks:
        for date in dates:
            begin, end = (first_moment(date, time, zone) for time in pause)
            assert not any(start < end and begin < start + length for start in starts)


@around_clock_changes
def test_a_slot_is_omitted_only_where_the_clock_skips_its_start_or_a_part_of_it(where, hours):
    zone, dates = where
    expected, complete = [], True
    for date in dates:
        for time in hours.starts():
            start, end = (first_moment(date, moment, zone) for moment in (time, time + hours.minutes))
            if shows(start, date, time, zone) and end - start >= hours.minutes * MINUTE:
                expected.append(start)
            else:
                complete = False
    result = plan(dates, hours, zone)
    assert result.starts == expected
    assert result.remarks or complete


@at_any_speed
@given(working_hours())
def test_work_is_filled_from_its_start_and_anew_after_each_break(hours):
    is_open = [
        hours.start <= minute < hours.end and not any(start <= minute < end for start, end in hours.breaks)
        for minute in range(1441)  # the last one, 24:00, is never open
    ]
    expected, minute = [], 0
    while minute < 1440:
        if all(is_open[minute : minute + hours.minutes]):
            expected.append(minute)
            minute += hours.minutes
        else:
            minute = is_open.index(False, minute) if is_open[minute] else minute + 1
    assert list(hours.starts()) == expected


@at_any_speed
@given(zones_and_dates())
def test_a_day_starts_when_the_calendar_first_shows_it(where):
    zone, dates = where
    for date in dates:
        start = start_of_day(date, zone)
        assert start.utcoffset() == dt.timedelta(0)
        assert (start - MINUTE).astimezone(zone).date() < date <= start.astimezone(zone).date()


SPRING_2027, AUTUMN_2027, MISSING_DAY = dt.date(2027, 3, 28), dt.date(2027, 10, 31), dt.date(2011, 12, 30)
BERLIN, LORD_HOWE, SAO_PAULO = "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"
# The zone, the day, working hours, the length of a slot, a break, the slots on the clock, and the words of each remark.
CLOCK_CHANGES = [
    (BERLIN, SPRING_2027, "01:00-04:00", 30, (), "01:00+0100 01:30+0100 03:00+0200 03:30+0200", ["02:00 02:30 forward"]),
    (BERLIN, AUTUMN_2027, "01:30-03:30", 30, (), "01:30+0200 02:00+0200 02:30+0200 03:00+0100", ["02:00 02:30 twice"]),
    (BERLIN, SPRING_2027, "09:00-10:00", 30, (), "09:00+0200 09:30+0200", []),
    # A slot can end as the clock jumps; one that the jump cuts, even by a minute, is omitted.
    (BERLIN, SPRING_2027, "01:15-04:00", 45, ["02:00-03:00"], "01:15+0100 03:00+0200", []),
    (BERLIN, SPRING_2027, "00:30-05:00", 60, (), "00:30+0100 03:30+0200", ["02:30 forward", "01:30 forward"]),
    (BERLIN, SPRING_2027, "01:31-04:01", 30, ["02:01-03:01"], "03:01+0200 03:31+0200", ["01:31 forward"]),
    # A slot lasts its minutes in real time where the clock goes back during it.
    (BERLIN, AUTUMN_2027, "01:30-06:00", 120, (), "01:30+0200 03:30+0100", []),
    # Changes by half an hour, at midnight, and by a day.
    (LORD_HOWE, dt.date(2024, 10, 6), "01:30-03:30", 30, (), "01:30+1030 02:30+1100 03:00+1100", ["02:00 forward"]),
    (LORD_HOWE, dt.date(2024, 4, 7), "01:00-02:30", 30, (), "01:00+1100 01:30+1100 02:00+1030", ["01:30 twice"]),
    (SAO_PAULO, dt.date(2018, 11, 4), "00:00-02:00", 30, (), "01:00-0200 01:30-0200", ["00:00 00:30 forward"]),
    ("Pacific/Apia", MISSING_DAY, "09:00-11:00", 60, (), "", ["09:00 10:00 forward"]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "date", "hours", "length", "breaks", "slots", "remarks"), CLOCK_CHANGES)
def test_the_slots_on_the_day_of_a_clock_change(key, date, hours, length, breaks, slots, remarks):
    zone = ZoneInfo(key)
    result = plan([date], Hours(*parse_break(hours), length, [parse_break(pause) for pause in breaks]), zone)
    assert " ".join(f"{slot.astimezone(zone):%H:%M%z}" for slot in result.starts) == slots
    for remark, words in zip(result.remarks, remarks, strict=True):
        assert [word for word in (str(date), *words.split()) if word not in remark] == []


@pytest.mark.parametrize(
    ("key", "date", "time", "why"),
    [
        *((BERLIN, SPRING_2027, time, "forward") for time in ("02:00", "02:01", "02:59")),
        *((BERLIN, AUTUMN_2027, time, "back") for time in ("02:00", "02:01", "02:59")),
        *(("Pacific/Apia", MISSING_DAY, time, "forward") for time in ("00:00", "12:00", "23:59")),
        (SAO_PAULO, dt.date(2018, 11, 4), "00:00", "forward"),
    ],
)
def test_a_time_that_does_not_exist_or_comes_twice_has_no_instant(key, date, time, why):
    with pytest.raises(InvalidInput, match=f"{date} .*{time}.*{key}.*{why}"):
        instant_of(date, parse_end_time(time), ZoneInfo(key))


@pytest.mark.parametrize(
    ("date", "time", "instant"),
    [
        (SPRING_2027, "01:59", "2027-03-28T00:59:00+00:00"),
        (SPRING_2027, "03:00", "2027-03-28T01:00:00+00:00"),
        (AUTUMN_2027, "01:59", "2027-10-30T23:59:00+00:00"),
        (AUTUMN_2027, "03:00", "2027-10-31T02:00:00+00:00"),
    ],
)
def test_a_time_next_to_a_clock_change_has_its_instant_in_utc(date, time, instant):
    assert instant_of(date, parse_end_time(time), ZoneInfo(BERLIN)).isoformat() == instant
