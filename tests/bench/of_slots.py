"""A year of slots for one doctor at a time."""

import datetime as dt
import itertools
from collections.abc import Iterator

import psycopg

from booking_cli.domain.validation import DoctorKey
from booking_cli.domain.working_hours import Hours, plan
from booking_cli.repository import doctors, slots
from booking_cli.session import Book
from tests.bench.figures import Figure, Goal, in_turn, ratios, seconds
from tests.bench.ground import Ground, opened

ROUNDS = 7
DAYS = 365
HOURS = Hours(start=8 * 60, end=16 * 60, minutes=30)
SLOTS = DAYS * 16
_RAW = """
    INSERT INTO booking.slots (doctor_id, starts_at, ends_at)
    SELECT %s::bigint, t, t + interval '30 minutes'
    FROM generate_series(%s::date + time '08:00', %s::date + time '16:00', interval '1 day') AS day,
         generate_series(day, day + interval '450 minutes', interval '30 minutes') AS t"""


def figures(ground: Ground, size: str) -> Iterator[Figure]:
    """Take the figures of loading slots."""
    numbers = itertools.count()
    with (
        ground.copy(size) as conninfo,
        opened(conninfo) as book,
        psycopg.connect(conninfo, autocommit=True, options="-c timezone=UTC") as raw,
    ):
        first = book.today + dt.timedelta(days=1)

        def ours() -> float:
            doctor_id = _new_doctor(book, next(numbers))

            def load() -> None:
                doctor = doctors.find_active(book, DoctorKey(id=doctor_id))
                dates = [first + dt.timedelta(days=offset) for offset in range(DAYS)]
                done = slots.add_many(book, doctor, plan(dates, HOURS, book.zone).starts, 30, strict=False)
                assert done.created == SLOTS

            return SLOTS / seconds(load)

        def limit() -> float:
            doctor_id = _new_doctor(book, next(numbers))
            last = first + dt.timedelta(days=DAYS - 1)
            return SLOTS / seconds(lambda: raw.execute(_RAW, [doctor_id, first, last]))

        ours_, limits = in_turn(ROUNDS, ours, limit)
    yield Figure("bulk_per_s", "slots in a second: a doctor's year, planned and added", ours_)
    yield Figure("bulk_limit_per_s", "one INSERT … SELECT generate_series of the same", limits)
    yield Figure("bulk_ratio", "the one by the other", ratios(ours_, limits), Goal(0.8, at_least=True))


def _new_doctor(book: Book, number: int) -> int:
    email = f"bulk{number}@clinic.example"
    return doctors.add(book, name="Bulk", specialization="Bulk", email=email, phone=None).id
