"""The long run: `python -m tests.fuzz [--inputs 20000] [--seed 1]`; ends with 1 where an invariant was violated."""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from booking_cli.db.connections import connect
from booking_cli.db.migrations import migrate
from booking_cli.db.runner import DEFAULT_SCHEMA
from tests.conftest import TEST_DATABASE_URL
from tests.fuzz.harness import Harness
from tests.support.server import embedded_server, postgres_container

DATABASE = "booking_fuzz"


@contextlib.contextmanager
def open_harness() -> Iterator[Harness]:
    """Open a harness with a database of its own on the server of the tests; the database is dropped afterwards."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="booking-fuzz-")))
        server = TEST_DATABASE_URL or stack.enter_context(postgres_container())
        server = server or stack.enter_context(embedded_server())
        admin = stack.enter_context(psycopg.connect(server, autocommit=True))
        admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)".encode())
        admin.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'".encode())
        stack.callback(admin.execute, f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())
        url = make_conninfo(server, dbname=DATABASE)
        with connect(url) as connection:
            migrate(connection, DEFAULT_SCHEMA)
        harness = Harness(url, folder)
        stack.callback(harness.database.close)
        yield harness


def main() -> int:
    """Run as the options say and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with open_harness() as harness:
        report = harness.run(options.seed, options.inputs)
    print(*report.findings, report, f"{len(report.findings)} inputs violated an invariant.", sep="\n\n")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
