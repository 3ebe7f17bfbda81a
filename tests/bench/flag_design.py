"""The same bookings in another design, which stores on the slot whether it is available."""

import contextlib
from collections.abc import Iterator, Mapping
from unittest import mock

import psycopg

from booking_cli.db import queries
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import Busy
from booking_cli.domain.references import new_references, new_request_id
from booking_cli.session import ClinicSession
from tests.bench import bookings
from tests.bench.bookings import ROUNDS, BookOnce, FreeSlots, book_new, pgbench_script, run_pgbench
from tests.bench.figures import Figure, alternate, ratios, seconds
from tests.bench.fixtures import BenchServer, open_clinic

# The flag and the SELECT for overlaps replace the two constraints on bookings.
_SCHEMA = """
    ALTER TABLE booking.slots ADD COLUMN is_available boolean NOT NULL DEFAULT true;
    CREATE INDEX slots_available ON booking.slots (doctor_id, starts_at) WHERE is_available;
    ALTER TABLE booking.bookings DROP CONSTRAINT bookings_of_a_patient_never_overlap;
    DROP INDEX booking.bookings_one_active_per_slot;
    ANALYZE booking.slots"""
_STATEMENTS = {
    "flag.register": """
        INSERT INTO patients (name, email, name_key, contact_key, registered_by)
        VALUES (%(name)s::text, %(email)s::text, %(name)s::text, %(email)s::text, 'operator')
        ON CONFLICT (contact_key, name_key) DO UPDATE SET name_key = excluded.name_key
        RETURNING id AS patient_id""",
    "flag.find_overlap": """
        SELECT b.id FROM slots s, bookings b
        WHERE s.id = %(slot_id)s::bigint AND b.patient_id = %(patient_id)s::bigint AND b.status IN ('PENDING', 'CONFIRMED')
          AND tstzrange(b.starts_at, b.ends_at) && tstzrange(s.starts_at, s.ends_at)""",
    "flag.lock": "SELECT id FROM slots WHERE id = %(slot_id)s::bigint AND is_available AND starts_at > now() FOR UPDATE",
    "flag.insert": """
        INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, request_id, status, hold_expires_at)
        SELECT %(reference)s, id, %(patient_id)s::bigint, starts_at, ends_at, %(request_id)s, 'PENDING', now() + '2 minutes'
        FROM slots WHERE id = %(slot_id)s::bigint
        RETURNING id AS booking_id""",
    "flag.update": "UPDATE slots SET is_available = false WHERE id = %(slot_id)s::bigint",
    "flag.record": """
        INSERT INTO booking_history (booking_id, actor, to_status) VALUES (%(booking_id)s::bigint, 'operator', 'PENDING')""",
}
_WHAT = (
    "in a design that upserts the patient, selects the patient's overlapping bookings, selects the slot FOR UPDATE, inserts "
    "the booking, updates the slot's indexed flag is_available, and inserts the history, SERIALIZABLE with retries, without "
    "the two constraints on bookings"
)


def figures(server: BenchServer, size: str) -> Iterator[Figure]:
    """Take the figures of neighbouring slots, as operators book who take the next free one, in both designs."""
    named = queries.statement
    with (
        server.copy(size) as ours,
        server.copy(size, "_flag") as theirs,
        mock.patch.object(queries, "statement", lambda name: _STATEMENTS.get(name) or named(name)),
    ):
        with psycopg.connect(theirs, autocommit=True) as connection:
            connection.execute(_SCHEMA)
        our_slots, their_slots = FreeSlots(ours), FreeSlots(theirs)
        per_round = min(bookings.MOST_PER_ROUND, our_slots.count // (3 * ROUNDS) // bookings.THREADS * bookings.THREADS)
        our_script, their_script = pgbench_script(our_slots, book_new, 1), pgbench_script(their_slots, _book, 1)
        our_runs, their_runs = alternate(
            ROUNDS,
            # Twice as many, so that connecting and planning count as little in the faster design.
            lambda: run_pgbench(our_script, our_slots, 2 * per_round),
            lambda: run_pgbench(their_script, their_slots, per_round),
        )
        with open_clinic(ours, bookings.THREADS) as our_session, open_clinic(theirs, bookings.THREADS) as their_session:
            thread_rates = alternate(
                ROUNDS,
                lambda: _thread_rate(our_session, book_new, our_slots.ids(per_round, 1)),
                lambda: _thread_rate(their_session, _book, their_slots.ids(per_round, 1)),
            )
    rates, flag_rates = ([run.per_second for run in runs] for runs in (our_runs, their_runs))
    what = "neighbouring slots per second, each for a new patient, pgbench, 16 clients"
    yield Figure("neighbours_per_s", f"{what}, by our statement", rates)
    yield Figure("flag_per_s", f"the same {_WHAT}", flag_rates)
    yield Figure("flag_retried_percent", "of its attempts, retries", [run.retried_percent for run in their_runs])
    yield Figure("book_vs_flag", "neighbours_per_s divided by flag_per_s", ratios(rates, flag_rates), "≥ 5")
    yield Figure("book_vs_flag_threads", "the same by 16 Python threads instead of pgbench", ratios(*thread_rates))


def _thread_rate(session: ClinicSession, book_once: BookOnce, slots: list[int]) -> float:
    return len(slots) / seconds(lambda: bookings.by_threads(session, book_once, slots))


def _book(session: ClinicSession, slot: int) -> Mapping[str, str]:
    texts = {"request_id": new_request_id(), "reference": new_references(1)[0]}
    given = {"slot_id": slot, "name": f"new {slot}", "email": f"new{slot}@example.org", **texts}

    def work(tx: Transaction) -> None:
        given.update(tx.one("flag.register", given) or {})
        assert tx.one("flag.find_overlap", given) is None
        assert tx.one("flag.lock", given)
        given.update(tx.one("flag.insert", given) or {})
        tx.run("flag.update", given)
        tx.run("flag.record", given)

    while True:
        with contextlib.suppress(Busy):
            session.database.write(work, was_committed=lambda *_: True)
            return {**dict.fromkeys(texts.values(), "request"), str(slot): "slot"}
