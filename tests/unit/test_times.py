"""Times, breaks and weekdays are read strictly, or refused in a sentence."""

import contextlib
import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking_cli.domain.dates import clock, parse_break, parse_clock_time, parse_end_time, parse_weekdays
from booking_cli.domain.errors import InvalidInput

at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
HUGE = "9" * 10_000


@at_any_speed
@given(st.integers(0, 1439), st.sampled_from(["", " "]))
def test_every_time_of_the_day_is_read_as_it_is_written(time, blank):
    assert parse_clock_time(blank + clock(time) + blank) == parse_end_time(clock(time)) == time
    assert clock(time) == str(dt.time(time // 60, time % 60))[:5]


def test_a_time_may_go_without_its_first_zero():
    assert parse_clock_time("9:05") == 9 * 60 + 5


def test_only_what_ends_can_be_at_24_00():
    assert parse_end_time("24:00") == 24 * 60
    with pytest.raises(InvalidInput, match="from 00:00 to 23:59"):
        parse_clock_time("24:00")


@pytest.mark.parametrize("parse", [parse_clock_time, parse_end_time])
@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        ":",
        "9",
        "09",
        "0900",
        "09:0",
        "09:000",
        "009:00",
        ":30",
        "09:",
        "09:60",
        "24:01",
        "25:00",
        "99:99",
        "-1:00",
        "+9:00",
        "09:-1",
        "09 :00",
        "09.00",
        "09h00",
        "9am",
        "9:00am",
        "09:00:00",
        "09:00Z",
        "noon",
        "0_9:00",
        "１０:00",
        "٠٩:٠٠",
        "09：00",
        "09:00\0",
        "\ud800",
        pytest.param(f"{HUGE}:00", id="very long"),
    ],
)
def test_what_is_not_a_time_is_refused(parse, typed):
    with pytest.raises(InvalidInput, match="is not a time; use HH:MM"):
        parse(typed)


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [
        ("12:00-13:00", (720, 780)),
        (" 12:00 - 13:00 ", (720, 780)),
        ("9:30-9:45", (570, 585)),
        ("00:00-24:00", (0, 1440)),
        ("23:59-24:00", (1439, 1440)),
    ],
)
def test_a_break_is_read_with_both_ends(typed, minutes):
    assert parse_break(typed) == minutes


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        "12:00",
        "12:00-",
        "-13:00",
        "12-13",
        "13:00-12:00",
        "12:00-12:00",
        "23:00-01:00",
        "24:00-24:00",
        "12:00-24:01",
        "12:00-13:60",
        "12:00--13:00",
        "12:00-13:00-14:00",
        "12:00-13:00,14:00-15:00",
        "12:00–13:00",
        "12:00 to 13:00",
        "١٢:00-13:00",
        "\ud800-\ud800",
        pytest.param(f"{HUGE}-{HUGE}", id="very long"),
    ],
)
def test_what_is_not_a_break_is_refused(typed):
    with pytest.raises(InvalidInput, match="is not a break; write it like 12:00-13:00"):
        parse_break(typed)


@pytest.mark.parametrize(
    ("typed", "days"),
    [
        ("sat", {5}),
        ("mon,wed", {0, 2}),
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("Monday-Friday", {0, 1, 2, 3, 4}),
        ("mon-sun", {0, 1, 2, 3, 4, 5, 6}),
        ("fri-mon", {4, 5, 6, 0}),
        ("tue-tue", {1}),
        ("mon-tue,thurs-fri", {0, 1, 3, 4}),
        ("mon-wed,tue,mon", {0, 1, 2}),
        (" MON , wed - thu ", {0, 2, 3}),
    ],
)
def test_weekdays_are_read_alone_in_lists_and_in_ranges(typed, days):
    assert parse_weekdays(typed) == days


@pytest.mark.parametrize(
    "typed",
    [
        "",
        ",",
        "-",
        "mon,",
        ",mon",
        "mon,,wed",
        "mon-",
        "-fri",
        "mon-tue-wed",
        "mo",
        "mo-fr",
        "mon fri",
        "mon;wed",
        "1-5",
        "weekdays",
        "montag",
        "today",
        "mon–fri",
        "mon-fri\0",
        "ｍｏｎ",
        "\ud800",
        pytest.param("mon," * 5_000, id="long"),
    ],
)
def test_what_is_not_a_weekday_is_refused(typed):
    with pytest.raises(InvalidInput, match="does not name weekdays; use mon-fri, or mon,wed, or sat"):
        parse_weekdays(typed)


@pytest.mark.parametrize("parse", [parse_clock_time, parse_end_time, parse_break, parse_weekdays])
@at_any_speed
@given(text=st.text(st.characters(exclude_categories=())) | st.text("0123456789:-, fmonsuwetha", max_size=16))
def test_any_text_is_read_or_refused_and_never_breaks_the_program(parse, text):
    with contextlib.suppress(InvalidInput):
        parse(text)
