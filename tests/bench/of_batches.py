"""Many bookings from a file, beside one raw INSERT of the same rows and of their history."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from booking_cli import settings
from booking_cli.cli import application as cli
from tests.bench.figures import Figure, Goal, in_turn, ratios, seconds
from tests.bench.ground import Ground

ROUNDS = 3
MOST = 100_000
_FREE = """
    SELECT s.id FROM slots s JOIN doctors d ON d.id = s.doctor_id
    WHERE d.active AND s.starts_at > now() + interval '1 hour'
      AND NOT EXISTS (SELECT FROM bookings b WHERE b.slot_id = s.id)
    ORDER BY s.id LIMIT %s"""
_WISHES = f"""
    SELECT id AS slot_id, 'Patient ' || id AS name, 'patient' || id || '@example.org' AS email, 'batch-' || id AS reference,
           md5('batch ' || id) AS request_id
    FROM ({_FREE}) AS free"""
_RAW = """
    WITH booked AS (
        INSERT INTO bookings (reference, slot_id, patient_name, patient_email, request_id, status, hold_expires_at)
        SELECT reference, slot_id, name, email, request_id, 'PENDING', now() + interval '1 hour' FROM wishes
        RETURNING id, status
    )
    INSERT INTO booking_history (booking_id, actor, to_status) SELECT id, 'operator', status FROM booked"""


def figures(ground: Ground, size: str) -> Iterator[Figure]:
    """Take the figures of many bookings at once; each time in a new copy of the book, so that it finds the same slots free."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wishes.csv"
        ours, jobs1, limits = in_turn(
            ROUNDS,
            lambda: _ours(ground, size, path),
            lambda: _ours(ground, size, path, "--jobs", "1"),
            lambda: _limit(ground, size),
        )
    yield Figure("batch_per_s", f"bookings in a second by book --from, up to {MOST:,} lines", ours)
    yield Figure("batch_jobs1_per_s", "the same with --jobs 1", jobs1)
    yield Figure("batch_limit_per_s", "one INSERT … SELECT of the same rows and their history", limits)
    yield Figure("batch_ratio", "the one by the other", ratios(ours, limits), Goal(0.5, at_least=True))


def _ours(ground: Ground, size: str, path: Path, *options: str) -> float:
    with ground.copy(size) as conninfo, _in_process(conninfo):
        with psycopg.connect(conninfo, options="-c search_path=booking") as raw:
            free = [row[0] for row in raw.execute(_FREE, [MOST])]
        lines = [f"{slot},Patient {slot},patient{slot}@example.org\n" for slot in free]
        path.write_text("".join(["slot_id,name,email\n", *lines]))
        words = ["book", "--from", str(path), *options, "--hold", "60", "-o", "ndjson"]
        statuses: list[int] = []
        taken = seconds(lambda: statuses.append(cli.run(words)))
    assert statuses == [0]
    return len(free) / taken


def _limit(ground: Ground, size: str) -> float:
    with (
        ground.copy(size) as conninfo,
        psycopg.connect(conninfo, autocommit=True, options="-c search_path=booking") as raw,
    ):
        raw.execute(f"CREATE TEMP TABLE wishes AS {_WISHES}", [MOST])
        row = raw.execute("SELECT count(*) FROM wishes").fetchone()
        assert row is not None
        return row[0] / seconds(lambda: raw.execute(_RAW))


@contextlib.contextmanager
def _in_process(conninfo: str) -> Iterator[None]:
    """Let commands run in this process, on the book at an address, with their output going nowhere."""
    os.environ["BOOKING_DATABASE_URL"] = conninfo
    settings.load.cache_clear()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
    del os.environ["BOOKING_DATABASE_URL"]
    settings.load.cache_clear()
