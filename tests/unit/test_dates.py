"""Days are read strictly, in every form that people use, or refused in a sentence."""

import contextlib
import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking_cli.domain.dates import WEEKDAYS, parse_day
from booking_cli.domain.errors import InvalidInput

at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
WEDNESDAY = dt.date(2026, 7, 15)
HUGE = "9" * 10_000


@pytest.mark.parametrize(
    ("typed", "date"),
    [
        ("2026-07-15", "2026-07-15"),
        ("2028-02-29", "2028-02-29"),
        ("2000-01-01", "2000-01-01"),
        ("2199-12-31", "2199-12-31"),
        (" 2026-07-15 ", "2026-07-15"),
        ("today", "2026-07-15"),
        ("TODAY", "2026-07-15"),
        ("tomorrow", "2026-07-16"),
        ("Tomorrow", "2026-07-16"),
        ("+0d", "2026-07-15"),
        ("+3d", "2026-07-18"),
        ("+3D", "2026-07-18"),
        ("+365d", "2027-07-15"),
        ("+36600d", "2126-09-29"),
        ("thursday", "2026-07-16"),
        ("Monday", "2026-07-20"),
        ("mon", "2026-07-20"),
        ("TUES", "2026-07-21"),
        ("wednesday", "2026-07-22"),
        ("wed", "2026-07-22"),
        ("sun", "2026-07-19"),
    ],
)
def test_a_day_is_read_in_every_form(typed, date):
    assert parse_day(typed).on(WEDNESDAY) == dt.date.fromisoformat(date)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "20260105",
        "2026-1-5",
        "2026-01-5",
        "26-01-05",
        "02026-01-05",
        "2026/01/05",
        "2026.01.05",
        "05.01.2026",
        "01/05/2026",
        "2026-W02-1",
        "2026-005",
        "2026-01-05T10:00",
        "2026-01-05 10:00",
        "-2026-01-05",
        "2026-01-05Z",
        "2026‐01‐05",
        "２０２６-01-05",
        "٢٠٢٦-٠١-٠٥",
        "2026-01-0५",
        "2026-01-05\0",
        "1767571200",
        "3d",
        "+d",
        "+3",
        "-3d",
        "+-3d",
        "+3 d",
        "+ 3d",
        "+3.5d",
        "+1_0d",
        "+٣d",
        "+3days",
        "+100000d",
        "yesterday",
        "now",
        "tod",
        "tuesdays",
        "mo",
        "m",
        "mon-fri",
        "mon,wed",
        "ｍｏｎ",
        "\ud800",
        pytest.param(HUGE, id="very long"),
        pytest.param(f"+{HUGE}d", id="very long and far away"),
    ],
)
def test_what_is_not_a_date_is_refused(typed):
    with pytest.raises(InvalidInput, match="is not a date; use YYYY-MM-DD, today, tomorrow, "):
        parse_day(typed)


@pytest.mark.parametrize("typed", ["2026-02-30", "2026-02-29", "2100-02-29", "2026-04-31", "2026-13-01", "2026-00-10"])
def test_a_day_that_the_calendar_does_not_have_is_refused(typed):
    with pytest.raises(InvalidInput, match=f"There is no day '{typed}' in the calendar"):
        parse_day(typed)


@pytest.mark.parametrize("typed", ["1999-12-31", "2200-01-01", "0001-01-01", "9999-12-31"])
def test_a_year_that_can_only_be_a_slip_is_refused(typed):
    with pytest.raises(InvalidInput, match="outside the years 2000 to 2199"):
        parse_day(typed)


@pytest.mark.parametrize("typed", ["+99999d", "+36601d"])
def test_a_day_too_far_away_is_refused(typed):
    with pytest.raises(InvalidInput, match="is too far away"):
        parse_day(typed)


@at_any_speed
@given(st.dates(dt.date(2000, 1, 1), dt.date(2199, 12, 31)), st.dates(dt.date(2000, 1, 1), dt.date(2090, 1, 1)))
def test_a_date_is_itself_whatever_today_is(date, today):
    assert parse_day(f"{date:%Y-%m-%d}").on(today) == date


@at_any_speed
@given(st.sampled_from(WEEKDAYS), st.integers(3, 9), st.dates(dt.date(2000, 1, 1), dt.date(2090, 1, 1)))
def test_a_weekday_is_the_next_one_and_never_today(name, letters, today):
    date = parse_day(name[:letters]).on(today)
    assert WEEKDAYS[date.weekday()] == name
    assert 1 <= (date - today).days <= 7


@at_any_speed
@given(st.text(st.characters(exclude_categories=())) | st.text("0123456789-+d tomrwyfi", max_size=12))
def test_any_text_is_read_or_refused_and_never_breaks_the_program(text):
    with contextlib.suppress(InvalidInput):
        parse_day(text).on(WEDNESDAY)
