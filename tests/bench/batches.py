"""Many bookings from a file, and a year of slots, each beside one INSERT … SELECT of the same rows into the same tables."""

import contextlib
import datetime as dt
import os
import tempfile
from collections.abc import Callable, Iterator
from unittest import mock

import psycopg

from booking_cli import settings
from booking_cli.cli import application as cli
from booking_cli.domain.models import Doctor
from booking_cli.domain.references import new_request_id
from booking_cli.domain.working_hours import Hours, plan
from booking_cli.repository import doctors, slots
from tests.bench.figures import Figure, alternate, compared, seconds
from tests.bench.fixtures import BenchServer, open_clinic
from tests.bench.raw_sql import insert_bookings

ROUNDS = 3
MOST = 100_000
_FREE = f"""
    CREATE TEMP TABLE free AS
    SELECT s.id FROM slots s JOIN doctors d ON d.id = s.doctor_id
    WHERE d.active AND s.starts_at > now() + interval '1 hour'
      AND NOT EXISTS (SELECT FROM bookings b WHERE b.slot_id = s.id)
    ORDER BY s.id LIMIT {MOST}"""
_INSERT_BOOKINGS = insert_bookings("""
    SELECT s.id, s.starts_at, s.ends_at, 'batch-' || s.id AS name, now() + interval '1 hour' AS hold_expires_at
    FROM free JOIN slots s ON s.id = free.id""")

SLOT_ROUNDS = 7
DAYS = 365
_INSERT_SLOTS = """
    INSERT INTO booking.slots (doctor_id, starts_at, ends_at)
    SELECT %s::bigint, t, t + interval '30 minutes'
    FROM generate_series(%s::date + time '08:00', %s::date + time '16:00', interval '1 day') AS day,
         generate_series(day, day + interval '450 minutes', interval '30 minutes') AS t"""


def figures(server: BenchServer, size: str) -> Iterator[Figure]:
    """Take the figures of many bookings; each round in a new copy of the database, with the same slots free."""
    ours, jobs2, limits = alternate(
        ROUNDS,
        lambda: _book_from_file(server, size),
        lambda: _book_from_file(server, size, "--jobs", "2"),
        lambda: _insert_bookings(server, size),
    )
    what = f"bookings per second by book --from, up to {MOST:,} rows, each for a new patient"
    limit_what = "one INSERT … SELECT of the same patients, bookings and history into the same tables"
    yield from compared("batch", "per_s", (what, ours), (limit_what, limits), "≥ 0.5")
    yield Figure("batch_jobs2_per_s", "batch_per_s with --jobs 2", jobs2)


def slot_figures(server: BenchServer, size: str) -> Iterator[Figure]:
    """Take the figures of adding a year of slots for one doctor at a time."""
    with (
        server.copy(size) as conninfo,
        open_clinic(conninfo) as session,
        psycopg.connect(conninfo, autocommit=True, options="-c timezone=UTC") as raw,
    ):
        dates = [session.today + dt.timedelta(days=1 + offset) for offset in range(DAYS)]

        def add(doctor: Doctor) -> None:
            starts = plan(dates, Hours(start=8 * 60, end=16 * 60, minutes=30), session.zone).starts
            assert slots.add_many(session, doctor, starts, 30, strict=False).created == 16 * DAYS

        def insert(doctor: Doctor) -> None:
            raw.execute(_INSERT_SLOTS, [doctor.id, dates[0], dates[-1]])

        def rate(work: Callable[[Doctor], None]) -> float:
            email = f"{new_request_id()}@clinic.example"
            doctor = doctors.add(session, name="Bulk", specialization="Bulk", email=email, phone=None)
            return 16 * DAYS / seconds(lambda: work(doctor))

        rates, limits = alternate(SLOT_ROUNDS, lambda: rate(add), lambda: rate(insert))
    what, limit_what = "slots per second: a doctor's year, planned and added", "one INSERT … SELECT generate_series"
    yield from compared("bulk", "per_s", (what, rates), (limit_what, limits), "≥ 0.8")


def _book_from_file(server: BenchServer, size: str, *options: str) -> float:
    with _copy(server, size) as (conninfo, _, free), tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("slot_id,name,email\n")
        file.writelines(f"{slot},batch-{slot},batch-{slot}@example.org\n" for slot in free)
        file.flush()
        statuses: list[int] = []
        command = ["book", "--from", file.name, *options, "--hold", "60", "-o", "ndjson"]
        with (
            mock.patch.dict(os.environ, BOOKING_DATABASE_URL=conninfo),
            open(os.devnull, "w") as null,
            contextlib.redirect_stdout(null),
        ):
            settings.load.cache_clear()
            took = seconds(lambda: statuses.append(cli.run(command)))
    assert statuses == [0]
    return len(free) / took


def _insert_bookings(server: BenchServer, size: str) -> float:
    with _copy(server, size) as (_, connection, free):
        return len(free) / seconds(lambda: connection.execute(_INSERT_BOOKINGS))


@contextlib.contextmanager
def _copy(server: BenchServer, size: str) -> Iterator[tuple[str, psycopg.Connection, list[int]]]:
    """Copy the database, and return its address, a connection that has a table of the free slots, and these slots."""
    with (
        server.copy(size) as conninfo,
        psycopg.connect(conninfo, autocommit=True, options="-c search_path=booking") as connection,
    ):
        connection.execute(_FREE)
        connection.execute("ANALYZE free")
        yield conninfo, connection, [row[0] for row in connection.execute("SELECT id FROM free ORDER BY id")]
