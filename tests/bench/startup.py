"""What a command costs as a whole process: help, completion, a list and a booking, and their memory."""

import datetime as dt
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from booking_cli.domain.dates import Period
from booking_cli.domain.references import new_request_id
from booking_cli.repository import doctors, new_bookings, slots
from tests.bench.figures import Figure, alternate, compared, ratios
from tests.bench.fixtures import FOLDER, BenchServer, open_clinic
from tests.bench.pgbench import Sent, recorded

ROUNDS = 21
COMPLETION = {"_BOOKING_COMPLETE": "complete_bash", "COMP_WORDS": "booking slots li", "COMP_CWORD": "2"}
# A new process counts the memory of its parent as its own peak, so a small process starts it.
_MEASURE = """
import os, sys, time
null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
start = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=null), 0)
print(1000 * (time.perf_counter() - start), usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""
# Runs recorded statements; a booking gets the slot and the key of the arguments.
_SCRIPT = """
import json, sys
import typer, psycopg, pydantic_settings{imports}
with psycopg.connect({conninfo!r}, autocommit=True) as connection:
    for query, parameters in json.loads({sent!r}):
        if "requests" in parameters:
            slot, key = sys.argv[1:]
            new = {{"slot_id": slot, "request_id": key, "reference": key, "email": key, "contact_key": key}}
            parameters["requests"] = json.dumps([json.loads(parameters["requests"])[0] | new])
        cursor = connection.execute(query, parameters)
    print(cursor.statusmessage)
"""


class Cost(NamedTuple):
    """How long a process took in milliseconds, and its peak memory in MB."""

    ms: float
    mb: float


def program(*arguments: object) -> list[str]:
    """Return the command line of a command of booking."""
    return [str(Path(sys.executable).with_name("booking")), *map(str, arguments)]


def run(command: Sequence[str], conninfo: str = "", **settings: str) -> Cost:
    """Run a process that must succeed, on the database of `conninfo`, or else the embedded one of the benchmark."""
    database = {"BOOKING_DATABASE_URL": conninfo} if conninfo else {"BOOKING_DATA_DIR": str(FOLDER / "data")}
    environment = {"PATH": os.environ["PATH"], "HOME": str(FOLDER), **database, **settings}
    measure = [sys.executable, "-S", "-c", _MEASURE, *command]
    done = subprocess.run(
        measure, env=environment, cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with exit status {done.returncode}:\n{done.stderr}")
    return Cost(*map(float, done.stdout.split()))


def figures(server: BenchServer, size: str) -> Iterator[Figure]:
    """Take the figures of whole processes."""
    server.recreate("booking", "template0")
    run(program("db", "migrate"))
    yield from _help()
    yield from _commands(server.server.conninfo())
    yield from _memory(server.filled("10m" if size == "10m" else "1m"))


def _help() -> Iterator[Figure]:
    names = {"help_ms": "booking --help", "list_help_ms": "booking slots list --help", "completion_ms": "completion"}
    limit, *times = alternate(
        ROUNDS,
        lambda: run([sys.executable, "-c", "import typer"]).ms,
        lambda: run(program("--help")).ms,
        lambda: run(program("slots", "list", "--help")).ms,
        lambda: run(program(), **COMPLETION).ms,
    )
    yield Figure("typer_ms", 'python -c "import typer"', limit)
    yield from (Figure(name, what, values) for (name, what), values in zip(names.items(), times, strict=True))
    slowest = max((ratios(values, limit) for values in times), key=sum)
    yield Figure("help_ratio", "the slowest of the three divided by typer_ms", slowest, "≤ 1.5")


def _commands(conninfo: str) -> Iterator[Figure]:
    with open_clinic(conninfo) as session:
        email = f"{new_request_id()}@clinic.example"
        doctor = doctors.add(session, name="Startup", specialization="Startup", email=email, phone=None)
        starts = [session.now + dt.timedelta(days=1, minutes=5 * number) for number in range(100)]
        free = iter([slot.id for slot in slots.add_many(session, doctor, starts, 5, strict=False).slots])
    # New patients, whom no earlier run has booked at the same time.
    emails = (f"{new_request_id()}@example.org" for _ in itertools.count())
    with recorded() as sent_by_list, open_clinic(conninfo) as session:
        free_slots = {"doctor_id": None, "specialization": None, "status": "free", "limit": 200}
        list(slots.list_slots(session, Period(session.now), **free_slots))
    with recorded() as sent_by_book, open_clinic(conninfo) as session:
        request = (next(free), None, "Ida Holm", next(emails), None, session.hold_minutes, new_request_id())
        new_bookings.book(session, new_bookings.BookingRequest(*request))
    list_script = _script("list.py", conninfo, "", sent_by_list)
    book_script = _script("book.py", conninfo, ", email_validator", sent_by_book)
    list_times, list_limit, book_times, book_limit = alternate(
        ROUNDS,
        lambda: run(program("slots", "list", "-o", "json")).ms,
        lambda: run(list_script).ms,
        lambda: run(program("book", next(free), "--name", "Ida Holm", "--email", next(emails))).ms,
        lambda: run([*book_script, str(next(free)), next(emails)]).ms,
    )
    what = "a script of ten lines that imports the same packages and runs the same SQL"
    yield from compared("list_command", "ms", ("booking slots list -o json", list_times), (what, list_limit), "≤ 1.2")
    yield from compared("book_command", "ms", ("booking book", book_times), (what, book_limit), "≤ 1.2")
    slower = max(ratios(list_times, list_limit), ratios(book_times, book_limit), key=sum)
    yield Figure("command_ratio", "the larger of the two ratios", slower, "≤ 1.2")


def _memory(conninfo: str) -> Iterator[Figure]:
    million = ("slots", "list", "--status", "all", "--from", "2000-01-01", "--limit", "1000000", "-o")
    commands = {"list": ("slots", "list", "-o", "json"), "ndjson": (*million, "ndjson"), "csv": (*million, "csv")}
    peaks = {name: run(program(*command), conninfo).mb for name, command in commands.items()}
    for name, peak in peaks.items():
        yield Figure(f"{name}_rss_mb", "peak memory of 'slots list', or of a list of a million slots", [peak])
    yield Figure("rss_mb", "the most of the three", [max(peaks.values())], "≤ 90")


def _script(name: str, conninfo: str, imports: str, sent: Sent) -> list[str]:
    path = FOLDER / name
    path.write_text(_SCRIPT.format(imports=imports, conninfo=conninfo, sent=json.dumps(sent, default=str)))
    return [sys.executable, str(path)]
