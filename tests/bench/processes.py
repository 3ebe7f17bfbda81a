"""Whole processes: how long one takes, and its peak memory."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.ground import FOLDER

BIN = Path(sys.executable).parent


# A process that was just made counts the memory of whoever made it as its own peak: so a small one makes it.
_TELL_PEAK = """
import os, sys
nowhere = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=nowhere), 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def program(*arguments: object) -> list[str]:
    """Return the command line of a command of booking."""
    return [str(BIN / "booking"), *map(str, arguments)]


def python(*arguments: str) -> list[str]:
    """Return the command line of the Python that booking runs on."""
    return [sys.executable, *arguments]


def milliseconds(command: Sequence[str], conninfo: str = "", **settings: str) -> float:
    """Run a process that must succeed, and return how long it took from its start to its end.

    Its database is the one of `conninfo`, or else the embedded one of the benchmark.
    """
    begun = time.perf_counter()
    with open(os.devnull, "w") as nothing:
        _run(command, conninfo, settings, nothing)
    return 1000 * (time.perf_counter() - begun)


def peak_mb(command: Sequence[str], conninfo: str = "") -> float:
    """Run a process that must succeed, and return the most memory that it held, in MB."""
    return int(_run(python("-S", "-c", _TELL_PEAK, *command), conninfo, {}, subprocess.PIPE)) / 1024


def _run(command: Sequence[str], conninfo: str, settings: dict[str, str], stdout: Any) -> str:
    place = {"BOOKING_DATABASE_URL": conninfo} if conninfo else {"BOOKING_DATA_DIR": str(FOLDER / "data")}
    environment = {"PATH": os.environ["PATH"], "HOME": str(FOLDER), **place, **settings}
    done = subprocess.run(
        command,
        env=environment,
        cwd=FOLDER,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with exit status {done.returncode}")
    return done.stdout or ""
