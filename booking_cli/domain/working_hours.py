"""Plans slots from working hours, breaks and clock changes. Pure: no clock, no database.

A local time that a clock change skips (a gap, in PEP 495) is never replaced by another, and one that occurs twice (a fold) is
never guessed. The length of a slot is elapsed time.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from booking_cli.domain.dates import MINUTES_OF_A_DAY, Break, clock
from booking_cli.domain.errors import InvalidInput

_MINUTE = dt.timedelta(minutes=1)


class Hours(NamedTuple):
    """The hours of a working day, in minutes since midnight, the breaks in them, and the length of a slot."""

    start: int
    end: int
    minutes: int
    breaks: Sequence[Break] = ()

    def starts(self) -> Iterator[int]:
        """Yield the start of each slot, in minutes since midnight; after a break, slots start at its end."""
        time = self.start
        for pause in [*sorted(self.breaks), Break(self.end, MINUTES_OF_A_DAY)]:
            while time + self.minutes <= min(pause.start, self.end):
                yield time
                time += self.minutes
            time = max(time, pause.end)


class Plan(NamedTuple):
    """The starts of the slots, and a sentence for each effect of a clock change."""

    starts: list[dt.datetime]
    remarks: list[str]


def plan(dates: Iterable[dt.date], hours: Hours, zone: ZoneInfo) -> Plan:
    """Return the slots of working days in the clinic's time zone, in UTC and in order.

    Left out are times that a clock change skips, and slots during which the clock goes forward, which would overlap the next.
    Of an hour that occurs twice, the first is used.
    """
    planned, remarks = list[dt.datetime](), list[str]()
    starts = list(hours.starts())
    for date in dates:
        midnight, day = start_of_day(date, zone), dt.timedelta(days=1)
        if start_of_day(date + day, zone) - midnight == day:  # without a clock change, ten times as fast as below
            planned += [midnight + start * _MINUTE for start in starts]
            continue
        skipped, cut, twice = list[str](), list[str](), list[str]()
        for start in starts:
            match _instants(date, start, zone):
                case []:
                    skipped.append(clock(start))
                case [instant, *_] if _jumps_forward(instant, hours.minutes, zone):
                    cut.append(clock(start))
                case [instant, *second]:
                    planned.append(instant)
                    twice += [clock(start) for _ in second]
        if skipped:
            remarks.append(f"{date} has no {_listed(skipped)}, because the clock goes forward; no slot is planned.")
        if cut:
            remarks.append(f"{date}: no slot at {_listed(cut)}, because the clock goes forward during it.")
        if twice:
            remarks.append(f"{date} has {_listed(twice)} twice: the slot is planned once, the first time.")
    return Plan(planned, remarks)


def instant_of(date: dt.date, time: int, zone: ZoneInfo) -> dt.datetime:
    """Return the instant, in UTC, at which the clock in `zone` shows `time` (minutes since midnight) on `date`.

    Raises InvalidInput where that time is skipped or occurs twice.
    """
    match _instants(date, time, zone):
        case [instant]:
            return instant
        case []:
            raise InvalidInput(f"{date} has no {clock(time)} in {zone.key}: the clock goes forward. Use another time.")
    raise InvalidInput(
        f"{date} has {clock(time)} twice in {zone.key}: the clock goes back. Use another time, "
        "or use 'booking slots bulk', which takes the first of the two."
    )


def start_of_day(date: dt.date, zone: ZoneInfo) -> dt.datetime:
    """Return the first instant, in UTC, of `date` in `zone`, also where a clock change skips midnight."""
    return dt.datetime.combine(date, dt.time(), zone).astimezone(dt.UTC)


def _instants(date: dt.date, time: int, zone: ZoneInfo) -> list[dt.datetime]:
    """Return the instants, in UTC, at which the clock shows `time` on `date`: none, one or two."""
    local = dt.datetime.combine(date, dt.time()) + time * _MINUTE
    candidates = {local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1)}
    return sorted(instant for instant in candidates if instant.astimezone(zone).replace(tzinfo=None) == local)


def _jumps_forward(start: dt.datetime, minutes: int, zone: ZoneInfo) -> bool:
    last = start + (minutes - 1) * _MINUTE
    before, after = start.astimezone(zone).utcoffset(), last.astimezone(zone).utcoffset()
    return before is not None and after is not None and after > before


def _listed(times: list[str]) -> str:
    if len(times) > 3:
        return f"{len(times)} times from {times[0]} to {times[-1]}"
    return times[0] if len(times) == 1 else f"{', '.join(times[:-1])} and {times[-1]}"
