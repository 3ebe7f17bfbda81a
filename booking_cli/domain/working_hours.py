"""Plans slots from working hours, breaks and clock changes. Pure: no clock, no database.

A local time that a clock change skips (a gap, in PEP 495) is never replaced by another, and one that occurs twice (a fold) is
never guessed. The length of a slot is elapsed time.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Plan:
    """The starts of the slots, and a sentence for each effect of a clock change."""

    starts: list[dt.datetime] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def plan(dates: Iterable[dt.date], hours: Hours, zone: ZoneInfo) -> Plan:
    """Return the slots of working days in the clinic's time zone, in UTC and in order.

    Left out are times that a clock change skips, and slots during which the clock goes forward, which would overlap the next.
    Of an hour that occurs twice, the first is used.
    """
    result = Plan()
    starts = list(hours.starts())
    for date in dates:
        midnight, day = start_of_day(date, zone), dt.timedelta(days=1)
        if start_of_day(date + day, zone) - midnight == day:  # without a clock change, ten times as fast as below
            result.starts += [midnight + start * _MINUTE for start in starts]
            continue
        skipped, cut, twice = [], [], []
        for start in starts:
            local = wall_clock(date, start)
            instant = _instant(local, zone)
            if not exists(local, zone):
                skipped.append(clock(start))
            elif _jumps_forward(instant, hours.minutes, zone):
                cut.append(clock(start))
            else:
                if comes_twice(local, zone):
                    twice.append(clock(start))
                result.starts.append(instant)
        if skipped:
            result.remarks.append(
                f"{date} has no {_listed(skipped)}, because the clock goes forward; no slot was planned then."
            )
        if cut:
            result.remarks.append(f"{date}: no slot at {_listed(cut)}, because the clock goes forward during it.")
        if twice:
            result.remarks.append(f"{date} has {_listed(twice)} twice: the slot is planned once, the first time.")
    return result


def instant_of(date: dt.date, time: int, zone: ZoneInfo) -> dt.datetime:
    """Return the instant, in UTC, at which the clock in `zone` shows `time` (minutes since midnight) on `date`.

    Raises InvalidInput where that time is skipped or occurs twice.
    """
    local = wall_clock(date, time)
    if not exists(local, zone):
        raise InvalidInput(f"{date} has no {clock(time)} in {zone.key}: the clock goes forward. Choose another time.")
    if comes_twice(local, zone):
        raise InvalidInput(
            f"{date} has {clock(time)} twice in {zone.key}: the clock goes back. Choose another time, "
            "or use 'booking slots bulk', which takes the first of the two."
        )
    return _instant(local, zone)


def start_of_day(date: dt.date, zone: ZoneInfo) -> dt.datetime:
    """Return the first instant, in UTC, of `date` in `zone`, also where a clock change skips midnight."""
    return _instant(wall_clock(date, 0), zone)


def wall_clock(date: dt.date, time: int) -> dt.datetime:
    """Return the local time `time` minutes after midnight, without a time zone."""
    return dt.datetime.combine(date, dt.time()) + time * _MINUTE


def exists(local: dt.datetime, zone: ZoneInfo) -> bool:
    """Return whether the clock in `zone` shows `local` at all."""
    return _instant(local, zone).astimezone(zone).replace(tzinfo=None) == local


def comes_twice(local: dt.datetime, zone: ZoneInfo) -> bool:
    """Return whether the clock in `zone` shows `local` twice."""
    second = local.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    return exists(local, zone) and second > _instant(local, zone)


def _instant(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    # fold=0 is the first of two instants, and in a gap the offset from before it.
    return local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)


def _jumps_forward(start: dt.datetime, minutes: int, zone: ZoneInfo) -> bool:
    last = start + (minutes - 1) * _MINUTE
    before, after = start.astimezone(zone).utcoffset(), last.astimezone(zone).utcoffset()
    return before is not None and after is not None and after > before


def _listed(times: list[str]) -> str:
    if len(times) > 3:
        return f"{len(times)} times from {times[0]} to {times[-1]}"
    return times[0] if len(times) == 1 else f"{', '.join(times[:-1])} and {times[-1]}"
