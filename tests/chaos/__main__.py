"""`python -m tests.chaos`: let clients work on a server that keeps failing, and see whether every promise is kept."""

import argparse
import os
import random
import signal
import sys
from typing import NoReturn

# Before anything of booking is imported: no setting of whoever runs this may change what happens.
_ENVIRONMENT = {name: os.environ.pop(name, "") for name in ("DURATION", "SEED")}
for _name in [name for name in os.environ if name.startswith(("BOOKING_", "PG"))]:
    del os.environ[_name]

from tests.chaos.nemesis import FAULTS  # noqa: E402  # after the settings are gone
from tests.chaos.run import Plan, run  # noqa: E402


def main() -> int:
    """Run once, tell what happened, and return 0 where every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--duration", type=float, default=float(_ENVIRONMENT["DURATION"] or 600), help="in seconds")
    parser.add_argument("--seed", default=_ENVIRONMENT["SEED"] or str(random.randrange(10**9)))
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this kind; can be given several times")
    chosen = parser.parse_args()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)
    print(f"seed          {chosen.seed}", flush=True)
    try:
        report = run(Plan(chosen.seed, chosen.duration, faults=chosen.fault or [*FAULTS]))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(*report.lines(), sep="\n")
    return 0 if report.passed else 1


def _interrupt(*_: object) -> NoReturn:
    # Whoever is impatient must not keep the server and the processes from being ended.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
