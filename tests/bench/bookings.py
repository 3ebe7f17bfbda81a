"""Bookings in a second by 16 threads, of new and of known patients, and 100 threads that book one slot."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from unittest import mock

import psycopg

from booking_cli.db import runner
from booking_cli.domain.errors import Busy, SlotTaken
from booking_cli.domain.references import new_request_id
from booking_cli.domain.validation import PatientKey
from booking_cli.repository import new_bookings, patients
from booking_cli.session import ClinicSession
from tests.bench import pgbench
from tests.bench.figures import Figure, alternate, compared, percentile, seconds
from tests.bench.fixtures import BenchServer, open_clinic

THREADS = 16
ROUNDS = 5
MOST_PER_ROUND = 3200
# A prime number as stride visits all free slots, and neighbours are seldom booked together.
STRIDE = 7919

# Books a slot, and returns the texts that differ in each booking, with the names of their pgbench variables.
BookOnce = Callable[[ClinicSession, int], Mapping[str, str]]


class FreeSlots:
    """The slots of the last two months, each used once; they are numbered from 0."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo, self._used = conninfo, 0
        self.first, self.count, last, self.patients = self._query(
            "SELECT min(id), count(*), max(id), (SELECT count(*) FROM patients) FROM slots"
            " WHERE starts_at >= (SELECT max(starts_at) FROM slots) - interval '55 days'"
        )
        assert last - self.first + 1 == self.count, "their ids should be consecutive"

    def booked(self) -> int:
        """Return how many of them are booked."""
        return self._query(f"SELECT count(*) FROM bookings WHERE slot_id >= {self.first}")[0]

    def use(self, count: int) -> int:
        """Return the first of so many numbers that were not used before."""
        first, self._used = self._used, self._used + count
        assert self._used <= self.count, "the free slots are used up"
        return first

    def ids(self, count: int, stride: int = STRIDE) -> list[int]:
        """Return the ids of so many slots that were not used before; a stride of 1 takes neighbours."""
        first = self.use(count)
        return [self.first + (first + number) * stride % self.count for number in range(count)]

    def _query(self, query: str) -> tuple[int, ...]:
        with psycopg.connect(self.conninfo, options="-c search_path=booking") as connection:
            return connection.execute(query).fetchone() or ()


def figures(server: BenchServer, size: str) -> Iterator[Figure]:
    """Take the figures of bookings one at a time."""
    with server.copy(size) as conninfo:
        free = FreeSlots(conninfo)
        with open_clinic(conninfo, pool_size=THREADS) as session:
            what = "bookings per second, 16 threads on distinct free slots, each for a new patient"
            yield from _throughput("book", what, session, free, book_new, kinds=1)
            what = "the same for registered patients, every second by number, the others by name and email"
            book_known = functools.partial(_book_known, free.patients)
            yield from _throughput("book_known", what, session, free, book_known, kinds=2)
        with open_clinic(conninfo, pool_size=20) as session:
            yield from _on_one_slot(session, free)


def book_new(session: ClinicSession, slot: int) -> Mapping[str, str]:
    """Book a slot for a patient who is not registered."""
    return _book(session, slot, None, f"New {slot}", f"new{slot}@example.org")


def pgbench_script(free: FreeSlots, book_once: BookOnce, stride: int = STRIDE, kinds: int = 1) -> list[str]:
    """Return a pgbench script that runs the statements of `book_once`, which depend on the slot's id modulo `kinds`."""
    lines = [
        f"\\set slot :first + (:used + :done * {pgbench.CLIENTS} + :client_id) * {stride} % :free",
        f"\\set patient :slot * {STRIDE} % (:patients / 4) * 4 + 1",
        "\\set request random(1, 9000000000000000000)",
    ]
    for kind in range(kinds):
        while (slot := free.ids(1, stride)[0]) % kinds != kind:
            pass
        with pgbench.recorded() as sent, open_clinic(free.conninfo) as session:
            sent.clear()
            varying = book_once(session, slot)
        lines += [f"\\if :slot % {kinds} = {kind}", *pgbench.script(sent, varying), "\\endif"]
    # At the end, because pgbench retries a script from its beginning and keeps its variables.
    return [*lines, "\\set done :done + 1"]


def run_pgbench(script: Sequence[str], free: FreeSlots, count: int) -> pgbench.Run:
    """Book so many slots by a script."""
    variables = {"first": free.first, "free": free.count, "patients": free.patients, "used": free.use(count), "done": 0}
    booked = free.booked()
    done = pgbench.run(free.conninfo, script, count, variables)
    assert free.booked() == booked + count, "the script does not book what the program books"
    return done


def by_threads(session: ClinicSession, book_once: BookOnce, slots: Sequence[int]) -> list[float]:
    """Book slots by 16 threads, and return the seconds of each booking that succeeded."""

    def book_share(share: Sequence[int]) -> list[float]:
        took = []
        for slot in share:
            with contextlib.suppress(Busy):
                took.append(seconds(functools.partial(book_once, session, slot)))
        return took

    with ThreadPoolExecutor(THREADS) as pool:
        return [one for took in pool.map(book_share, [slots[n::THREADS] for n in range(THREADS)]) for one in took]


def _throughput(
    name: str, what: str, session: ClinicSession, free: FreeSlots, book_once: BookOnce, kinds: int
) -> Iterator[Figure]:
    script = pgbench_script(free, book_once, kinds=kinds)
    per_round = min(MOST_PER_ROUND, free.count // (5 * ROUNDS) // THREADS * THREADS)
    latencies: list[float] = []
    retried: list[float] = []

    def ours() -> float:
        slots = free.ids(per_round)
        with mock.patch.object(runner.log, "info") as log:
            took = seconds(lambda: latencies.extend(by_threads(session, book_once, slots)))
        retried.append(100 * sum(call.args[0].startswith("Attempt ") for call in log.mock_calls) / per_round)
        return per_round / took

    ours()  # fills the pool, prepares the statements, and imports
    latencies.clear()
    retried.clear()
    rates, limits = alternate(ROUNDS, ours, lambda: run_pgbench(script, free, per_round).per_second)
    limit_what = "pgbench with the same statements, prepared, 16 clients"
    yield from compared(name, "per_s", (what, rates), (limit_what, limits), "≥ 0.45")
    yield Figure(f"{name}_failures", "of those, bookings that failed", [ROUNDS * per_round - len(latencies)], "≤ 0")
    yield Figure(f"{name}_retried_percent", "of those, retries after a serialization failure", retried, "≤ 0.1")
    yield Figure(f"{name}_p99_ms", "99 of 100 of those took at most", [1000 * percentile(latencies, 99)])


def _on_one_slot(session: ClinicSession, free: FreeSlots) -> Iterator[Figure]:
    winners: list[int] = []

    def race() -> float:
        [slot] = free.ids(1)
        barrier = threading.Barrier(101)

        def attempt(number: int) -> bool:
            barrier.wait()
            try:
                _book(session, slot, None, f"Hot {number}", f"hot{number}-{slot}@example.org")
            except SlotTaken:
                return False
            return True

        with ThreadPoolExecutor(100) as pool:
            attempts = [pool.submit(attempt, number) for number in range(100)]
            barrier.wait()
            return seconds(lambda: winners.append(sum(attempt.result() for attempt in attempts)))

    race()
    winners.clear()
    times = [race() for _ in range(ROUNDS)]
    yield Figure("hot_seconds", "100 threads book one slot, each for another patient: until all end", times, "≤ 1")
    yield Figure("hot_winners", "how many of them booked it", [max(winners, key=lambda count: abs(count - 1))], "= 1")


def _book_known(registered: int, session: ClinicSession, slot: int) -> Mapping[str, str]:
    """Book a slot for a registered patient, who is another one for each slot; by number where the slot's id is odd."""
    number = slot * STRIDE % (registered // 4) * 4 + 1
    if slot % 2:
        found = patients.find(session, PatientKey(id=number))
        booked = _book(session, slot, found.id, found.name, None)
    else:
        booked = _book(session, slot, None, f"Patient {number}", f"patient{number}@example.org")
    return {**booked, str(number): "patient"}


def _book(session: ClinicSession, slot: int, patient_id: int | None, name: str, email: str | None) -> Mapping[str, str]:
    key = new_request_id()
    request = new_bookings.BookingRequest(slot, patient_id, name, email, None, Decimal(2), key, may_be_replay=False)
    return {new_bookings.book(session, request).booking.reference: "request", key: "request", str(slot): "slot"}
