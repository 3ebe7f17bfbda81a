"""`python -m tests.chaos`: run clients on a server with injected faults, and check every promise about bookings and slots."""

import argparse
import logging
import random
import signal
import sys

from tests.chaos.run import Plan, run


def main() -> int:
    """Run once, print the report, and return 0 where no promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--duration", type=float, default=600, help="in seconds")
    parser.add_argument("--seed", default=str(random.randrange(10**9)))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.disable()
    print(f"seed          {options.seed}", flush=True)
    report = run(Plan(options.seed, options.duration))
    print(*report.lines(), sep="\n")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
