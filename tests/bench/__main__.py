"""`python -m tests.bench`: take the figures, print them, and keep them in `.bench/results.json`."""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterator

for _name in [name for name in os.environ if name.startswith(("BOOKING_", "PG"))]:
    del os.environ[_name]

from tests.bench import of_batches, of_bookings, of_lists, of_slots, of_starting, of_the_whole  # noqa: E402  # after the settings are gone
from tests.bench.figures import Figure, keep, show  # noqa: E402
from tests.bench.ground import FOLDER, SIZES, Ground, ground  # noqa: E402

PARTS: dict[str, Callable[[Ground, str], Iterator[Figure]]] = {
    "starting": of_starting.figures,
    "bookings": of_bookings.figures,
    "batches": of_batches.figures,
    "slots": of_slots.figures,
    "lists": of_lists.figures,
    "whole": of_the_whole.figures,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure booking beside the best that is possible.")
    parser.add_argument("--scale", choices=SIZES, default="1m", help="how many slots the book has (default: 1m)")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; can be given several times")
    chosen = parser.parse_args()
    figures: list[Figure] = []
    gc.freeze()  # what was loaded is not searched for garbage, as in the program
    with ground() as place:
        for name in chosen.only or PARTS:
            for figure in PARTS[name](place, chosen.scale):
                print(f"  {figure.name} {figure.value:.4g}", file=sys.stderr, flush=True)
                figures.append(figure)
    show(figures, f"A book of {chosen.scale} slots")
    if not chosen.only:
        keep(figures, FOLDER / "results.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
