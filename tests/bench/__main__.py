"""`python -m tests.bench`: take the figures, print them, and save them in `.bench/results.json`."""

import argparse
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator

# Before booking is imported: settings in the environment must not change a figure.
for _name in [name for name in os.environ if name.startswith(("BOOKING_", "PG"))]:
    del os.environ[_name]

from booking_cli.__main__ import GC_THRESHOLD  # noqa: E402
from tests.bench import batches, bookings, flag_design, lists, reports, startup  # noqa: E402
from tests.bench.figures import Figure  # noqa: E402
from tests.bench.fixtures import FOLDER, SIZES, BenchServer, bench_server  # noqa: E402

PARTS: dict[str, Callable[[BenchServer, str], Iterator[Figure]]] = {
    "startup": startup.figures,
    "bookings": bookings.figures,
    "flag": flag_design.figures,
    "batches": batches.figures,
    "slots": batches.slot_figures,
    "lists": lists.figures,
    "reports": reports.figures,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measure booking beside the limits of this machine."
    )
    parser.add_argument("--scale", choices=SIZES, default="1m", help="how many slots the database has (default: 1m)")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; can be given several times")
    chosen = parser.parse_args()
    results: dict[str, float] = {}
    gc.set_threshold(GC_THRESHOLD)  # as in the program
    with bench_server() as server:
        print(f"{'figure':<26} {'median':>8}  {'spread':<18} {'goal':<15} what, in a database of {chosen.scale} slots")
        for name in chosen.only or PARTS:
            for figure in PARTS[name](server, chosen.scale):
                print(figure, flush=True)
                results[figure.name] = round(figure.value, 6)
    if not chosen.only:
        (FOLDER / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
