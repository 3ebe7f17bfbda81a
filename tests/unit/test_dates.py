"""Days, times, breaks and weekdays are parsed strictly, or refused."""

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_cli.domain.dates import (
    WEEKDAYS,
    clock,
    parse_break,
    parse_clock_time,
    parse_day,
    parse_end_time,
    parse_weekdays,
)
from booking_cli.domain.errors import InvalidInput
from tests.fuzz.corpus import INVALID
from tests.unit.strategies import ANY_TEXT, at_any_speed

WEDNESDAY = dt.date(2026, 7, 15)
PARSERS = {
    "DATE": [parse_day],
    "TIME": [parse_clock_time, parse_end_time],
    "FROM-TO": [parse_break],
    "DAYS": [parse_weekdays],
}


@pytest.mark.parametrize(
    ("typed", "date"),
    [
        *((date, date) for date in ("2026-07-15", "2028-02-29", "2000-01-01", "2199-12-31")),
        *((typed, "2026-07-15") for typed in (" 2026-07-15 ", "today", "TODAY", "+0d")),
        *((typed, "2026-07-16") for typed in ("tomorrow", "Tomorrow", "thursday")),
        *((typed, "2026-07-18") for typed in ("+3d", "+3D")),
        *((typed, "2026-07-20") for typed in ("Monday", "mon")),
        *((typed, "2026-07-22") for typed in ("wednesday", "wed")),
        ("+36600d", "2126-09-29"),
    ],
)
def test_a_day_is_parsed_in_every_form(typed, date):
    assert parse_day(typed).on(WEDNESDAY) == dt.date.fromisoformat(date)


@at_any_speed
@given(st.sampled_from(WEEKDAYS), st.integers(3, 9), st.dates(dt.date(2000, 1, 1), dt.date(2090, 1, 1)))
def test_a_weekday_is_the_next_one_and_never_today(name, letters, today):
    date = parse_day(name[:letters]).on(today)
    assert WEEKDAYS[date.weekday()] == name
    assert 1 <= (date - today).days <= 7


@at_any_speed
@given(st.integers(0, 1439), st.sampled_from(["", " "]))
def test_every_time_of_the_day_is_parsed_as_it_is_written(time, blank):
    assert parse_clock_time(blank + clock(time) + blank) == parse_end_time(clock(time)) == time
    assert clock(time) == str(dt.time(time // 60, time % 60))[:5]


@pytest.mark.parametrize(
    ("parse", "typed", "value"),
    [
        (parse_clock_time, "9:05", 9 * 60 + 5),
        (parse_break, " 12:00 - 13:00 ", (720, 780)),
        (parse_break, "9:30-9:45", (570, 585)),
        (parse_break, "00:00-24:00", (0, 1440)),
        (parse_weekdays, "sat", {5}),
        (parse_weekdays, "Monday-Friday", {0, 1, 2, 3, 4}),
        (parse_weekdays, "fri-mon", {4, 5, 6, 0}),
        (parse_weekdays, "tue-tue", {1}),
        (parse_weekdays, "mon-wed,thurs-fri,mon", {0, 1, 2, 3, 4}),
        (parse_weekdays, " MON , wed - thu ", {0, 2, 3}),
    ],
)
def test_a_time_a_break_or_weekdays_are_parsed(parse, typed, value):
    assert parse(typed) == value


@pytest.mark.parametrize("kind", PARSERS)
def test_any_other_text_is_refused(kind):
    for parse in PARSERS[kind]:
        for typed in INVALID[kind]:
            with pytest.raises(InvalidInput):
                parse(typed)


@pytest.mark.parametrize("kind", PARSERS)
@at_any_speed
@given(text=ANY_TEXT | st.text("0123456789:-+, dfmonsuwethayri", max_size=16))
def test_any_text_is_parsed_or_refused(kind, text):
    for parse in PARSERS[kind]:
        with contextlib.suppress(InvalidInput):
            parse(text)
