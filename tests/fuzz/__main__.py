"""The long run: `python -m tests.fuzz [--inputs 20000] [--seed 1]`; ends with 1 where a promise was broken."""

import argparse
import ast
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from booking_cli.db.connections import connect
from booking_cli.db.migrations import migrate
from tests.conftest import TEST_DATABASE_URL
from tests.fuzz.lines import Input
from tests.fuzz.promises import broken
from tests.fuzz.run import Finding, Fuzz, write_summary
from tests.support.server import embedded_server, postgres_container

DATABASE = "booking_fuzz"


@contextlib.contextmanager
def fuzzed_book() -> Iterator[Fuzz]:
    """Lend a book on the server that the tests use, in a database of its own that is dropped afterwards."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="booking-fuzz-")))
        (folder / "home").mkdir()
        server = TEST_DATABASE_URL or stack.enter_context(postgres_container())
        server = server or stack.enter_context(embedded_server())
        admin = stack.enter_context(psycopg.connect(server, autocommit=True))
        admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)".encode())
        admin.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'".encode())
        stack.callback(admin.execute, f"DROP DATABASE {DATABASE} WITH (FORCE)".encode())
        url = make_conninfo(server, dbname=DATABASE)
        with connect(url) as connection:
            migrate(connection)
        fuzz = Fuzz(url, folder / "home")
        stack.callback(fuzz.book.close)
        yield fuzz


def main() -> int:
    """Run as the options say and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--argv", type=ast.literal_eval, help="only these words, a Python list, on a new book")
    parser.add_argument("--settings", type=ast.literal_eval, default={}, help="variables for --argv, a Python dict")
    options = parser.parse_args()
    with fuzzed_book() as fuzz:
        if options.argv is not None:
            return repeat(fuzz, Input(tuple(options.argv), " ".join(options.argv[:2]), settings=options.settings))
        begun = time.monotonic()
        tally = fuzz.run(options.seed, options.inputs)
        for finding in tally.first_of_each_kind():
            print(f"{finding}\n")
        write_summary(tally, time.monotonic() - begun)
        print(f"{len(tally.findings)} inputs broke a promise (seed {options.seed}).")
    return 1 if tally.findings else 0


def repeat(fuzz: Fuzz, tried: Input) -> int:
    """Run one command line and show what came out and what is wrong with it."""
    before = fuzz.book.rows()
    ran = fuzz.here(tried)
    sentences = tuple(broken(tried, ran, before, fuzz.book.rows()))
    print(Finding(0, 0, tried, "in this process", ran, sentences))
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
