"""What somebody looks for with a patient on the phone: a doctor's free slots, the next free ones, a day's bookings."""

import datetime as dt
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from booking_cli.repository import bookings, slots
from booking_cli.session import Book
from tests.bench.figures import Figure, Goal, percentile, ratios, seconds
from tests.bench.ground import Ground, opened
from tests.bench.raw import psql_ms, written_out

ROUNDS = 5
# The 99th of a hundred is one of the slowest ten.
LOOKS = 1000
SLOW_LOOKS = 20
SMALL = "100k"
FULL = "Oncology"
OTHERS = ("Cardiology", "Dermatology", "Neurology", "Paediatrics")

Wish = dict[str, Any]


def figures(ground: Ground, size: str) -> Iterator[Figure]:
    """Take the figures of looking things up."""
    with opened(ground.book(size)) as book, opened(ground.book(SMALL)) as small:
        looks = {
            "free": (_a_doctors_day, "slots.list_free", "a doctor's free slots of a day"),
            "next": (_next_of_any, "slots.next_free", "the first 20 free slots of a specialization from now"),
            "next_full": (
                _next_of_full,
                "slots.next_free",
                f"the same of {FULL}, which is booked out for three months",
            ),
        }
        for name, (wishes, statement, what) in looks.items():
            yield from _look(name, what, _slots_listed, statement, (book, small), (ground.book(size), wishes))
        yield from _look(
            "list",
            "bookings of a day",
            _bookings_listed,
            "bookings.list",
            (book, None),
            (ground.book(size), _a_day),
            50,
        )


def _look(
    name: str,
    what: str,
    listed: Callable[[Book, Wish], Sequence[Any]],
    statement: str,
    books: tuple[Book, Book | None],
    place: tuple[str, Callable[[Book], Wish]],
    percent: float = 99,
) -> Iterator[Figure]:
    book, small = books
    conninfo, wish_of = place
    looks = SLOW_LOOKS if wish_of is _next_of_full else LOOKS
    ours, limits, smalls = [], [], []
    for _ in range(ROUNDS):
        wishes = [wish_of(book) for _ in range(looks)]
        ours.append(percentile([1000 * seconds(lambda wish=wish: listed(book, wish)) for wish in wishes], percent))
        limits.append(percentile(psql_ms(conninfo, [written_out(statement, wish) for wish in wishes]), percent))
        if small:
            wishes = [wish_of(small) for _ in range(looks)]
            smalls.append(
                percentile([1000 * seconds(lambda wish=wish: listed(small, wish)) for wish in wishes], percent)
            )
    prefix = f"{name}_p99" if percent == 99 else name
    yield Figure(f"{prefix}_ms", what, ours)
    yield Figure(f"{prefix}_limit_ms", "the same query alone in psql", limits)
    yield Figure(f"{prefix}_ratio", "the one by the other", ratios(ours, limits), Goal(2 if percent == 99 else 1.3))
    if small:
        yield Figure(f"{prefix}_growth", f"by the same in a book of {SMALL}", ratios(ours, smalls), Goal(1.5))


def _slots_listed(book: Book, wish: Wish) -> Sequence[Any]:
    return list(slots.listing(book, **wish))


def _bookings_listed(book: Book, wish: Wish) -> Sequence[Any]:
    return list(bookings.listing(book, **wish))


def _a_doctors_day(book: Book) -> Wish:
    start = _midnight(book, random.randrange(1, 300))
    doctor_id = random.randrange(1, _doctors(book) + 1)
    return _wish(doctor_id=doctor_id, starts_from=start, starts_before=start + dt.timedelta(days=1))


def _next_of_any(book: Book) -> Wish:
    return _wish(specialization=random.choice(OTHERS), starts_from=book.now, limit=20)


def _next_of_full(book: Book) -> Wish:
    return _wish(specialization=FULL, starts_from=book.now, limit=20)


def _a_day(book: Book) -> Wish:
    start = _midnight(book, random.randrange(-30, 30))
    period = {"starts_from": start, "starts_before": start + dt.timedelta(days=1)}
    return {"status": None, "email": None, "doctor_id": None, "limit": 200, **period}


def _wish(**given: object) -> Wish:
    usual = {"doctor_id": None, "specialization": None, "starts_from": None, "starts_before": None}
    return {**usual, "status": "free", "limit": 200, **given}


def _midnight(book: Book, days: int) -> dt.datetime:
    return dt.datetime.combine(book.today + dt.timedelta(days=days), dt.time(), book.zone)


def _doctors(book: Book) -> int:
    with book.database.connection() as connection:
        row = connection.execute("SELECT max(id) AS last FROM booking.doctors").fetchone()
    assert row
    last: int = row["last"]
    return last
