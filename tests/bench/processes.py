"""Whole processes: how long one takes, and its peak memory."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.ground import FOLDER

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Ran:
    """How long a process took, from its start to its end, and the most memory that it held."""

    milliseconds: float
    peak_mb: float


def program(*arguments: object) -> list[str]:
    """Return the command line of a command of booking."""
    return [str(BIN / "booking"), *map(str, arguments)]


def python(*arguments: str) -> list[str]:
    """Return the command line of the Python that booking runs on."""
    return [sys.executable, *arguments]


def run(command: Sequence[str], conninfo: str = "", **settings: str) -> Ran:
    """Run a process that must succeed; its database is the one of `conninfo`, or else the embedded one of the benchmark."""
    place = {"BOOKING_DATABASE_URL": conninfo} if conninfo else {"BOOKING_DATA_DIR": str(FOLDER / "data")}
    environment = {"PATH": os.environ["PATH"], "HOME": str(FOLDER), **place, **settings}
    begun = time.perf_counter()
    with open(os.devnull, "w") as nothing:
        process = subprocess.Popen(
            command, env=environment, cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=nothing, stderr=subprocess.DEVNULL
        )
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with exit status {process.returncode}")
    return Ran(1000 * took, usage.ru_maxrss / 1024)


def peak_mb(command: Sequence[str], conninfo: str = "") -> float:
    """Return the most memory that a process held, in MB."""
    return run(command, conninfo).peak_mb
