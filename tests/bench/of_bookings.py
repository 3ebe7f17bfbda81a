"""Bookings in a second, on slots that nobody else wants and on one that everybody wants."""

import contextlib
import functools
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg

from booking_cli.db import queries
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import Busy, SlotTaken
from booking_cli.domain.references import new_reference, new_request_id
from booking_cli.repository import bookings
from booking_cli.session import Book
from tests.bench import pgbench
from tests.bench.figures import Figure, Goal, in_turn, percentile, ratios
from tests.bench.ground import Ground, opened

THREADS = 16
ROUNDS = 5
MOST_AT_A_TIME = 3200
# A step that shares no factor with their number goes through all free slots, and neighbours are seldom booked together.
STEP = 7919

# The obvious design, as somebody would build it: what is available is marked on the slot and has an index, so that it can be
# found; who books locks the slot and takes the mark away. The patient is looked for before, as by ours.
_FLAG_SCHEMA = """
    ALTER TABLE booking.slots ADD COLUMN is_available boolean NOT NULL DEFAULT true;
    CREATE INDEX slots_available ON booking.slots (doctor_id, starts_at) WHERE is_available"""
_FLAG = {
    "flag.lock": "SELECT id FROM slots WHERE id = %(slot_id)s::bigint AND is_available AND starts_at > now() FOR UPDATE",
    "flag.insert": """
        INSERT INTO bookings (reference, slot_id, patient_name, patient_email, request_id, status, hold_expires_at)
        VALUES (%(reference)s, %(slot_id)s, %(patient_name)s, %(patient_email)s, %(request_id)s, 'PENDING',
                now() + interval '2 minutes')
        RETURNING *""",
    "flag.flip": "UPDATE slots SET is_available = false WHERE id = %(slot_id)s::bigint RETURNING id",
    "flag.record": """
        INSERT INTO booking_history (booking_id, actor, to_status) VALUES (%(id)s, 'operator', 'PENDING') RETURNING id""",
}


def figures(ground: Ground, size: str) -> Iterator[Figure]:
    """Take the figures of bookings one at a time."""
    with ground.copy(size) as conninfo:
        free = _FreeSlots(conninfo)
        with opened(conninfo, pool_size=THREADS) as book:
            yield from _on_distinct_slots(book, conninfo, free)
        with opened(conninfo, pool_size=20) as book:
            yield from _on_one_slot(book, free)
    with ground.copy(size) as conninfo:
        yield from _beside_a_flag(conninfo)


def _on_distinct_slots(book: Book, conninfo: str, free: "_FreeSlots") -> Iterator[Figure]:
    text = _pgbench_script(conninfo, free)
    at_a_time = min(MOST_AT_A_TIME, free.count // (5 * ROUNDS) // THREADS * THREADS)
    failures: list[float] = []
    latencies: list[float] = []

    def ours() -> float:
        begun = time.perf_counter()
        done = _by_threads(functools.partial(_book_once, book), [free.take() for _ in range(at_a_time)])
        latencies.extend(done)
        failures.append(at_a_time - len(done))
        return at_a_time / (time.perf_counter() - begun)

    def limit() -> float:
        first, _ = free.take_many(at_a_time)
        return pgbench.per_second(conninfo, text, at_a_time, first=free.first, free=free.count, taken=first, done=0)

    ours()  # the pool is filled, and everything is loaded
    failures.clear()
    latencies.clear()
    ours_, limits = in_turn(ROUNDS, ours, limit)
    yield Figure("book_per_s", "bookings in a second, 16 threads on distinct free slots", ours_)
    yield Figure("book_limit_per_s", "pgbench with the very same statements, prepared, 16 clients", limits)
    yield Figure("book_ratio", "the one by the other", ratios(ours_, limits), Goal(0.45, at_least=True))
    yield Figure("book_failures", "of those, attempts that did not succeed", [sum(failures)], Goal(0))
    yield Figure("book_p99_ms", "how long one of them took at most, for 99 of 100", [1000 * percentile(latencies, 99)])


def _beside_a_flag(conninfo: str) -> Iterator[Figure]:
    """Book neighbours, as people do who take the next free slot, by our design and by the obvious one."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(_FLAG_SCHEMA)
    free = _FreeSlots(conninfo)
    at_a_time = min(MOST_AT_A_TIME // 4, free.count // (4 * ROUNDS) // THREADS * THREADS)
    failed: list[float] = []

    def per_second(work: Callable[[int], Any]) -> float:
        first, _ = free.take_many(at_a_time)
        begun = time.perf_counter()
        _by_threads(work, [free.first + first + number for number in range(at_a_time)])
        return at_a_time / (time.perf_counter() - begun)

    def by_flag() -> float:
        attempts = itertools.count()
        rate = per_second(functools.partial(_book_by_flag, book, attempts))
        failed.append(100 * (1 - at_a_time / next(attempts)))
        return rate

    original = queries.statement
    queries.statement = lambda name: _FLAG.get(name) or original(name)
    try:
        with opened(conninfo, pool_size=THREADS) as book:
            per_second(functools.partial(_book_once, book))
            ours, flags = in_turn(ROUNDS, lambda: per_second(functools.partial(_book_once, book)), by_flag)
    finally:
        queries.statement = original
    yield Figure("flag_per_s", "neighbouring slots by a flag that is locked and flipped", flags)
    yield Figure("flag_failed_percent", "of its transactions, those that had to begin again", failed)
    yield Figure("book_vs_flag", "ours by that", ratios(ours, flags), Goal(5, at_least=True))


def _on_one_slot(book: Book, free: "_FreeSlots") -> Iterator[Figure]:
    winners: list[float] = []

    def race() -> float:
        slot = free.take()
        barrier = threading.Barrier(101)

        def attempt(_: int) -> bool:
            barrier.wait()
            try:
                _book_once(book, slot)
            except SlotTaken:
                return False
            return True

        with ThreadPoolExecutor(100) as pool:
            attempts = [pool.submit(attempt, number) for number in range(100)]
            barrier.wait()
            begun = time.perf_counter()
            winners.append(sum(attempt.result() for attempt in attempts))
            return time.perf_counter() - begun

    race()
    winners.clear()
    times = [race() for _ in range(ROUNDS)]
    yield Figure("hot_seconds", "100 threads want one slot: until all have an answer", times, Goal(1))
    yield Figure("hot_winners", "how many of them got it", [max(winners, key=lambda count: abs(count - 1))], Goal(1))


class _FreeSlots:
    """The slots of the last two months, each given out once."""

    def __init__(self, conninfo: str) -> None:
        with psycopg.connect(conninfo) as connection:
            row = connection.execute(
                "SELECT min(id), count(*), max(id) FROM booking.slots"
                " WHERE starts_at >= (SELECT max(starts_at) FROM booking.slots) - interval '55 days'"
            ).fetchone()
        assert row is not None
        self.first, self.count, last = row
        assert last - self.first + 1 == self.count, "their numbers should follow one another"
        self._taken = 0
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return a slot that nobody has taken."""
        number, _ = self.take_many(1)
        return self.first + number * STEP % self.count

    def take_many(self, count: int) -> tuple[int, int]:
        """Return from which number to which slots are now the caller's."""
        with self._lock:
            begin, self._taken = self._taken, self._taken + count
        assert self._taken <= self.count, "the free slots are used up"
        return begin, self._taken


def _book_once(book: Book, slot: int) -> Any:
    return bookings.book(book, _request(slot)).booking


def _request(slot: int) -> bookings.BookingRequest:
    return bookings.BookingRequest(
        slot, "Load", f"{slot}@load.example", None, Decimal(2), new_request_id(), may_be_repeated=False
    )


def _book_by_flag(book: Book, attempts: "itertools.count[int]", slot: int) -> Any:
    """Book as a design would that keeps on the slot whether it is available; again until it succeeds."""
    parameters = {
        "slot_id": slot,
        "patient_name": "Load",
        "patient_email": f"{slot}@load.example",
        "request_id": new_request_id(),
    }

    def look(tx: Transaction) -> Any:
        return tx.one("bookings.find_overlap", parameters)

    def work(tx: Transaction) -> Any:
        next(attempts)
        assert tx.one("flag.lock", parameters), "the slot is free"
        made = tx.one("flag.insert", {**parameters, "reference": new_reference()})
        assert made
        tx.one("flag.flip", parameters)
        tx.one("flag.record", made)
        return made

    while True:
        try:
            return book.database.write(work, stands=lambda *_: True, look=look)
        except (Busy, psycopg.errors.UniqueViolation):
            continue  # among millions, one reference in thousands is there already


def _by_threads(work: Callable[[int], Any], slots: list[int]) -> list[float]:
    """Let the threads share what there is, and return how long each took that succeeded."""
    took: list[float] = []

    def go_through(share: list[int]) -> None:
        for slot in share:
            begun = time.perf_counter()
            with contextlib.suppress(Busy):
                work(slot)
                took.append(time.perf_counter() - begun)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in pool.map(go_through, [slots[first::THREADS] for first in range(THREADS)]):
            assert done is None
    return took


def _pgbench_script(conninfo: str, free: _FreeSlots) -> str:
    with pgbench.recorded() as sent, opened(conninfo, pool_size=0) as book:
        sent.clear()
        _book_once(book, free.take())
    varying = {"slot_id": "slot", "request_id": "request", "reference": "request", "patient_email": "slot"}
    set_up = "\n".join(
        [
            "\\set slot :first + ((:taken + :done * 16 + :client_id) * 7919) % :free",
            "\\set request random(1, 9000000000000000000)",
            "\\set done :done + 1",
        ]
    )
    return pgbench.script(sent, varying, set_up)
