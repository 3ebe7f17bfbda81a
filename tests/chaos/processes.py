"""Processes: those that clients run, and faults of processes."""

import contextlib
import os
import random
import signal
import subprocess

FROZEN_SECONDS = (0.1, 3)


class Processes(dict[str, "subprocess.Popen[str]"]):
    """The process that each client runs, or ran last, by the client's name; `id` and `ids` are the numbers of those that run."""

    def id(self, name: str) -> int | None:
        process = self.get(name)
        return process.pid if process and process.poll() is None else None

    def ids(self) -> list[int]:
        return [number for name in [*self] if (number := self.id(name))]


def kill(process_id: int | None, number: signal.Signals = signal.SIGKILL) -> bool:
    """Kill a process, or send it another signal, and return whether it was there."""
    with contextlib.suppress(ProcessLookupError):
        if process_id:  # 0 would be the group of this process
            os.kill(process_id, number)
            return True
    return False


def freeze(process_id: int | None, rng: random.Random) -> bool:
    """Stop a process, continue it after some seconds, and return whether it was there; does not wait."""
    # The process that continues it is started first, so that nothing stays stopped where this one is killed.
    if process_id:
        later = f"(sleep {rng.uniform(*FROZEN_SECONDS):.3f}; kill -CONT {process_id}) > /dev/null 2>&1 &"
        subprocess.run(["sh", "-c", later], start_new_session=True, check=False)
    return kill(process_id, signal.SIGSTOP)
