"""The long run: `python -m tests.fuzz [--inputs 20000] [--seed 1]`; ends with 1 where an invariant was violated."""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from psycopg.conninfo import make_conninfo

from booking_cli.db.connections import connect
from booking_cli.db.embedded_server import DATABASE
from booking_cli.db.migrations import migrate
from booking_cli.db.runner import DEFAULT_SCHEMA
from tests.fuzz.harness import Harness
from tests.support.server import embedded_server


def main() -> int:
    """Run on a new embedded server as the options say, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with embedded_server() as server, tempfile.TemporaryDirectory(prefix="booking-fuzz-") as folder:
        url = make_conninfo(server, dbname=DATABASE)
        with connect(url) as connection:
            migrate(connection, DEFAULT_SCHEMA)
        harness = Harness(url, Path(folder))
        with contextlib.closing(harness.database):
            report = harness.run(options.seed, options.inputs)
    print(*report.findings, report, f"{len(report.findings)} inputs violated an invariant.", sep="\n\n")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
