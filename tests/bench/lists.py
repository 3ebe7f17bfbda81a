"""What operators look up with a patient on the phone: a doctor's free slots, the next free ones, a day's bookings."""

import datetime as dt
import functools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from booking_cli.domain.dates import Period
from booking_cli.repository import bookings, slots
from booking_cli.session import ClinicSession
from tests.bench.figures import Figure, alternate, compared, percentile, ratios, seconds
from tests.bench.fixtures import SIZES, SLOTS_OF_A_DOCTOR, BenchServer, open_clinic
from tests.bench.raw_sql import psql_ms, with_literals

ROUNDS = 5
SMALL = "100k"
FULL = ["Oncology"]
OTHERS = ["Cardiology", "Dermatology", "Neurology", "Paediatrics"]
_FREE = {"doctor_id": None, "specialization": None, "status": "free", "limit": 200}


class Lookup(NamedTuple):
    """What is looked up, by which function and statement, with which random parameters, and how often in a round."""

    name: str
    what: str
    function: Callable[..., Any]
    statement: str
    parameters: Callable[[ClinicSession, int], tuple[Period, dict[str, Any]]]
    repeats: int = 1000  # the 99th of 100 would be one of the slowest ten
    percent: float = 99


def figures(server: BenchServer, size: str) -> Iterator[Figure]:
    """Take the figures of lists; those of slots also in a small database, to see how they grow."""
    next_ = "the next 20 free slots of a specialization"
    full = "the same of one that is fully booked for three months"
    lookups = [
        Lookup("free_p99", "a doctor's free slots of a day", slots.list_slots, "slots.list_free", _day_of_a_doctor),
        Lookup("next_p99", next_, slots.list_slots, "slots.next_free", functools.partial(_next, OTHERS)),
        Lookup("next_full_p99", full, slots.list_slots, "slots.next_free", functools.partial(_next, FULL), 20),
        Lookup("list", "bookings of a day", bookings.list_bookings, "bookings.list", _bookings_of_a_day, percent=50),
    ]
    conninfo = server.filled(size)
    with open_clinic(conninfo) as session, open_clinic(server.filled(SMALL)) as small:
        for lookup in lookups:
            yield from _compare(lookup, conninfo, size, session, small)


def _compare(
    lookup: Lookup, conninfo: str, size: str, session: ClinicSession, small: ClinicSession
) -> Iterator[Figure]:
    is_slots = lookup.function is slots.list_slots
    given: list[tuple[Period, dict[str, Any]]] = []

    def ours(session: ClinicSession, size: str) -> float:
        doctors = SIZES[size] // SLOTS_OF_A_DOCTOR
        given[:] = [lookup.parameters(session, random.randrange(1, doctors + 1)) for _ in range(lookup.repeats)]
        times = [seconds(lambda one=one: list(lookup.function(session, one[0], **one[1]))) for one in given]
        return 1000 * percentile(times, lookup.percent)

    def limit() -> float:
        return percentile(
            psql_ms(
                conninfo,
                [
                    with_literals(lookup.statement, {"contact_key": None, **period._asdict(), **others})
                    for period, others in given
                ],
            ),
            lookup.percent,
        )

    measurements = [lambda: ours(session, size), limit, *[lambda: ours(small, SMALL)] * is_slots]
    times, limits, *small_times = alternate(ROUNDS, *measurements)
    goal = "≤ 2" if is_slots else "≤ 1.3"
    yield from compared(lookup.name, "ms", (lookup.what, times), ("the same query in psql", limits), goal)
    for other in small_times:
        yield Figure(f"{lookup.name}_growth", f"divided by the same in {SMALL} slots", ratios(times, other), "≤ 1.5")


def _day_of_a_doctor(session: ClinicSession, doctor_id: int) -> tuple[Period, dict[str, Any]]:
    return _day(session, random.randrange(1, 300)), {**_FREE, "doctor_id": doctor_id}


def _next(specializations: Sequence[str], session: ClinicSession, _: int) -> tuple[Period, dict[str, Any]]:
    return Period(session.now), {**_FREE, "specialization": random.choice(specializations), "limit": 20}


def _bookings_of_a_day(session: ClinicSession, _: int) -> tuple[Period, dict[str, Any]]:
    day = _day(session, random.randrange(-30, 30))
    return day, {"statuses": None, "email": None, "doctor_id": None, "limit": 200}


def _day(session: ClinicSession, days: int) -> Period:
    start = dt.datetime.combine(session.today + dt.timedelta(days=days), dt.time(), session.zone)
    return Period(start, start + dt.timedelta(days=1))
