"""What a command costs as a whole process: help, completion, a look and a booking, and how much memory they take."""

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg

from booking_cli.domain.references import new_request_id
from booking_cli.repository import bookings, slots
from tests.bench import processes
from tests.bench.figures import Figure, Goal, in_turn, ratios
from tests.bench.ground import FOLDER, Ground, opened
from tests.bench.pgbench import Sent, recorded
from tests.bench.processes import milliseconds, program, python

ROUNDS = 21
COMPLETION = {"_BOOKING_COMPLETE": "complete_bash", "COMP_WORDS": "booking slots li", "COMP_CWORD": "2"}
_BY_HAND = """
import sys
import typer, psycopg, pydantic_settings
slot = sys.argv[1] if len(sys.argv) > 1 else "1"
with psycopg.connect({conninfo!r}, autocommit=True) as connection:
    for query, parameters in {sent!r}:
        if "slot_id" in parameters:
            parameters |= {{"slot_id": slot, "request_id": "by hand " + slot, "reference": "by hand " + slot}}
        cursor = connection.execute(query, parameters)
    print(cursor.statusmessage)
"""
_FEW_SLOTS = """
    WITH doctor AS (
        INSERT INTO booking.doctors (name, specialization, email)
        VALUES ('Door', 'Door', 'door-' || pg_current_xact_id() || '@clinic.example') RETURNING id
    )
    INSERT INTO booking.slots (doctor_id, starts_at, ends_at)
    SELECT id, t, t + interval '5 minutes'
    FROM doctor, generate_series(now() + interval '1 day', now() + interval '4 days', interval '5 minutes') AS t
    RETURNING id"""


def figures(ground: Ground, size: str) -> Iterator[Figure]:
    """Take the figures of starting."""
    milliseconds(program("db", "migrate"))
    yield from _help()
    yield from _commands(ground)
    yield from _memory(ground, size)


def _help() -> Iterator[Figure]:
    wanted = {
        "help": lambda: milliseconds(program("--help")),
        "list_help": lambda: milliseconds(program("slots", "list", "--help")),
        "completion": lambda: milliseconds(program(), **COMPLETION),
    }
    limit, *ours = in_turn(ROUNDS, lambda: milliseconds(python("-c", "import typer")), *wanted.values())
    yield Figure("typer_ms", 'python -c "import typer"', limit)
    for name, values in zip(wanted, ours, strict=True):
        yield Figure(f"{name}_ms", {"help": "booking --help", "list_help": "slots list --help"}.get(name, name), values)
    worst = max((ratios(values, limit) for values in ours), key=sum)
    yield Figure("help_ratio", "the slowest of the three by that", worst, Goal(1.5))


def _commands(ground: Ground) -> Iterator[Figure]:
    conninfo = ground.server.conninfo()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        free = iter([row[0] for row in connection.execute(_FEW_SLOTS.encode())])
    look_by_hand = _script("look.py", conninfo, _sent_by_a_look(conninfo))
    book_by_hand = _script("book.py", conninfo, _sent_by_a_booking(conninfo, next(free)))
    patient = ("--name", "Ida Holm", "--email")
    # Nobody whom an earlier run has booked at the same time.
    addresses = (f"{new_request_id()}@example.org" for _ in itertools.count())
    look, look_limit, book, book_limit = in_turn(
        ROUNDS,
        lambda: milliseconds(program("slots", "list", "-o", "json")),
        lambda: milliseconds(python(str(look_by_hand))),
        lambda: milliseconds(program("book", next(free), *patient, next(addresses))),
        lambda: milliseconds(python(str(book_by_hand), str(next(free)))),
    )
    yield Figure("look_ms", "booking slots list -o json", look)
    yield Figure("look_limit_ms", "ten lines that import the same packages and run the same SQL", look_limit)
    yield Figure("look_ratio", "the one by the other", ratios(look, look_limit), Goal(1.2))
    yield Figure("book_ms", "booking book", book)
    yield Figure("book_limit_ms", "ten lines that import the same packages and run the same SQL", book_limit)
    yield Figure("book_door_ratio", "the one by the other", ratios(book, book_limit), Goal(1.2))
    worst = max(ratios(look, look_limit), ratios(book, book_limit), key=sum)
    yield Figure("command_ratio", "the slower of the two", worst, Goal(1.2))


def _memory(ground: Ground, size: str) -> Iterator[Figure]:
    conninfo = ground.book("10m" if size == "10m" else "1m")
    everything = ("slots", "list", "--status", "all", "--from", "2000-01-01", "--limit", "1000000", "-o")
    commands = {
        "look_rss_mb": functools.partial(processes.peak_mb, program("slots", "list", "-o", "json"), conninfo),
        "ndjson_rss_mb": functools.partial(processes.peak_mb, program(*everything, "ndjson"), conninfo),
        "csv_rss_mb": functools.partial(processes.peak_mb, program(*everything, "csv"), conninfo),
    }
    peaks = in_turn(1, *commands.values())
    for name, values in zip(commands, peaks, strict=True):
        yield Figure(name, "peak memory", values)
    yield Figure("rss_mb", "the most of the three", [max(values[0] for values in peaks)], Goal(90))


def _sent_by_a_look(conninfo: str) -> Sent:
    with recorded() as sent, opened(conninfo) as book:
        list(
            slots.listing(
                book,
                doctor_id=None,
                specialization=None,
                starts_from=book.now,
                starts_before=None,
                status="free",
                limit=200,
            )
        )
    return sent


def _sent_by_a_booking(conninfo: str, slot: int) -> Sent:
    with recorded() as sent, opened(conninfo) as book:
        request = bookings.BookingRequest(
            slot, "Ida Holm", f"{new_request_id()}@example.org", None, book.hold_minutes, new_request_id()
        )
        bookings.book(book, request)
    return sent


def _script(name: str, conninfo: str, sent: Sent) -> Path:
    path = FOLDER / name
    plain = [
        (
            query,
            {
                key: value if value is None or isinstance(value, bool | int) else str(value)
                for key, value in given.items()
            },
        )
        for query, given in sent
    ]
    path.write_text(_BY_HAND.format(conninfo=conninfo, sent=plain))
    return path
