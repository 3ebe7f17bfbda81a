"""Parses dates, times and weekdays as people type them.

A date relative to today stays a `Day` until the clinic's date is known. Parsing is strict, unlike that of the command-line
library.
"""

import datetime as dt
import functools
import re
from typing import NamedTuple

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import quote

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FIRST_YEAR, LAST_YEAR = 2000, 2199
MINUTES_OF_A_DAY = 24 * 60
_FURTHEST_DAYS = 36_600


class Day(NamedTuple):
    """A date, a number of days from today, or the next date of a weekday (0 is Monday)."""

    date: dt.date | None = None
    days_from_today: int = 0
    weekday: int | None = None

    def on(self, today: dt.date) -> dt.date:
        """Return the date, given the clinic's today. A weekday is the next one, and never today."""
        if self.date is not None:
            return self.date
        if self.weekday is not None:
            return today + dt.timedelta(days=(self.weekday - today.weekday() - 1) % 7 + 1)
        return today + dt.timedelta(days=self.days_from_today)


class Period(NamedTuple):
    """From an instant (inclusive) to another (exclusive); None is unbounded."""

    starts_from: dt.datetime | None = None
    starts_before: dt.datetime | None = None


def parse_day(text: str) -> Day:
    """Parse `YYYY-MM-DD`, `today`, `tomorrow`, `+3d` or the name of a weekday, in upper or lower case."""
    word = text.strip().lower()
    if word == "today":
        return Day()
    if word == "tomorrow":
        return Day(days_from_today=1)
    if match := re.fullmatch(r"\+([0-9]{1,5})d", word):
        if int(match[1]) > _FURTHEST_DAYS:
            raise InvalidInput(f"{quote(text)} is too far in the future.")
        return Day(days_from_today=int(match[1]))
    if (weekday := _weekday(word)) is not None:
        return Day(weekday=weekday)
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word):
        raise InvalidInput(f"{quote(text)} is not a date; use YYYY-MM-DD, today, tomorrow, +3d or a weekday.")
    try:
        date = dt.date.fromisoformat(word)
    except ValueError:
        raise InvalidInput(f"{quote(text)} is not a date in the calendar.") from None
    if not FIRST_YEAR <= date.year <= LAST_YEAR:
        raise InvalidInput(f"{quote(text)} is outside the years {FIRST_YEAR} to {LAST_YEAR}.")
    return Day(date=date)


def parse_clock_time(text: str, latest: str = "23:59") -> int:
    """Parse `HH:MM`, from 00:00 to `latest`, and return the minutes since midnight."""
    minutes = _clock_minutes(text)
    if minutes is None or clock(minutes) > latest:
        raise InvalidInput(f"{quote(text)} is not a time; use HH:MM, from 00:00 to {latest}.")
    return minutes


parse_end_time = functools.partial(parse_clock_time, latest="24:00")


class Break(NamedTuple):
    """A time without slots, in minutes since midnight."""

    start: int
    end: int


def parse_break(text: str) -> Break:
    """Parse `HH:MM-HH:MM`, up to 24:00."""
    start, _, end = text.strip().partition("-")
    first, last = _clock_minutes(start), _clock_minutes(end)
    if first is None or last is None or first >= last:
        raise InvalidInput(f"{quote(text)} is not a break; write it like 12:00-13:00.")
    return Break(first, last)


def parse_weekdays(text: str) -> frozenset[int]:
    """Parse `mon-fri`, `mon,wed` or `sat` and return the weekdays, 0 is Monday. A range can include a weekend: `sat-mon`."""
    days: set[int] = set()
    for part in text.strip().lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        start, end = _weekday(first), _weekday(last if dash else first)
        if start is None or end is None:
            raise InvalidInput(f"{quote(text)} does not name weekdays; use mon-fri, or mon,wed, or sat.")
        days.update((start + offset) % 7 for offset in range((end - start) % 7 + 1))
    return frozenset(days)


def clock(minutes: int) -> str:
    """Return minutes since midnight as `HH:MM`."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _weekday(word: str) -> int | None:
    """Return the weekday of a name, or of at least its first three letters."""
    if len(word) < 3 or not word.isascii():
        return None
    return next((number for number, name in enumerate(WEEKDAYS) if name.startswith(word)), None)


def _clock_minutes(text: str) -> int | None:
    match = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text.strip())
    if not match or int(match[2]) > 59:
        return None
    minutes = int(match[1]) * 60 + int(match[2])
    return minutes if minutes <= MINUTES_OF_A_DAY else None
