"""Working hours, breaks and clock changes → the times of slots. Pure: no clock, no database.

A local time that does not exist is never made into another one, and one that comes twice is never guessed (PEP 495
calls them a gap and a fold). A slot lasts its minutes in real time.
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
        """Yield when each slot starts, in minutes since midnight; breaks cut, and work begins anew after each."""
        time = self.start
        for pause in [*sorted(self.breaks), Break(self.end, MINUTES_OF_A_DAY)]:
            while time + self.minutes <= min(pause.start, self.end):
                yield time
                time += self.minutes
            time = max(time, pause.end)


@dataclass(slots=True)
class Plan:
    """The instants at which slots start, and what a clock change did to the others, one sentence each."""

    starts: list[dt.datetime] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def plan(dates: Iterable[dt.date], hours: Hours, zone: ZoneInfo) -> Plan:
    """Return the slots of the working days `dates` in the clinic's `zone`, in UTC and in order.

    A time that a clock change skips is left out, and so is a slot during which the clock jumps forward, because it would
    run into the next. An hour that comes twice is used once, the first time.
    """
    result = Plan()
    starts = list(hours.starts())
    since_first = [(start - starts[0]) * _MINUTE for start in starts]
    for date in dates if starts else ():
        first = wall_clock(date, starts[0])
        # On nearly all days the clock does not change between the first slot and the last.
        if (offset := _undisturbed(first, starts[-1] - starts[0] + hours.minutes, zone)) is not None:
            begin = (first - offset).replace(tzinfo=dt.UTC)
            result.starts += [begin + later for later in since_first]
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
                f"{date} has no {_listed(skipped)}: the clock goes forward, so no slot was planned there."
            )
        if cut:
            result.remarks.append(f"{date}: no slot at {_listed(cut)}, because the clock goes forward during it.")
        if twice:
            result.remarks.append(f"{date} has {_listed(twice)} twice: the slot is planned once, the first time.")
    return result


def instant_of(date: dt.date, time: int, zone: ZoneInfo) -> dt.datetime:
    """Return the instant, in UTC, at which the clock in `zone` shows `time` (minutes since midnight) on `date`.

    Raises `InvalidInput` where it never does, or does so twice.
    """
    local = wall_clock(date, time)
    if not exists(local, zone):
        raise InvalidInput(f"{date} has no {clock(time)} in {zone.key}: the clock goes forward. Choose another time.")
    if comes_twice(local, zone):
        raise InvalidInput(
            f"{date} has {clock(time)} twice in {zone.key}: the clock goes back. Choose another time, "
            "or let 'booking slots bulk' make the first of the two."
        )
    return _instant(local, zone)


def start_of_day(date: dt.date, zone: ZoneInfo) -> dt.datetime:
    """Return the first instant, in UTC, of `date` in `zone`, also where a clock change skips midnight."""
    return _instant(wall_clock(date, 0), zone)


def wall_clock(date: dt.date, time: int) -> dt.datetime:
    """Return what the clock on the wall shows `time` minutes after midnight, without a zone."""
    return dt.datetime.combine(date, dt.time()) + time * _MINUTE


def exists(local: dt.datetime, zone: ZoneInfo) -> bool:
    """Tell whether the clock in `zone` ever shows `local`."""
    return _instant(local, zone).astimezone(zone).replace(tzinfo=None) == local


def comes_twice(local: dt.datetime, zone: ZoneInfo) -> bool:
    """Tell whether the clock in `zone` shows `local` twice."""
    second = local.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    return exists(local, zone) and second > _instant(local, zone)


def _instant(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    # fold=0: the first of two; within a gap, the offset that held before it.
    return local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)


def _undisturbed(local: dt.datetime, minutes: int, zone: ZoneInfo) -> dt.timedelta | None:
    """Return the offset that holds for some minutes, less than a day, from `local` on, or None where the clock may change.

    Since 2000 no zone's clock has changed twice in less than a week (IANA time zone database, 2026).
    """
    begin = local.replace(tzinfo=zone)
    end = begin + (minutes - 1) * _MINUTE  # on the wall clock
    offset = begin.utcoffset()
    # Only in a gap and in a fold do the two offsets of a time differ (PEP 495).
    for other in (begin.replace(fold=1), end, end.replace(fold=1)):
        if other.utcoffset() != offset:
            return None
    return offset


def _jumps_forward(start: dt.datetime, minutes: int, zone: ZoneInfo) -> bool:
    last = start + (minutes - 1) * _MINUTE
    before, after = start.astimezone(zone).utcoffset(), last.astimezone(zone).utcoffset()
    return before is not None and after is not None and after > before


def _listed(times: list[str]) -> str:
    if len(times) > 3:
        return f"{len(times)} times from {times[0]} to {times[-1]}"
    return times[0] if len(times) == 1 else f"{', '.join(times[:-1])} and {times[-1]}"
