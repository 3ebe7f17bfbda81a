"""Letting a process stand still for a while, and never for longer, whatever becomes of whoever asked for it."""

import os
import signal
import subprocess


def freeze(process_id: int, seconds: float) -> bool:
    """Stop a process, let it go on after some seconds, and tell whether it was there; returns while it stands still."""
    # The waker is a process of its own and comes first: who is interrupted, or killed, leaves nothing stopped behind.
    waker = subprocess.Popen(
        ["sh", "-c", '(sleep "$1"; kill -CONT "$2") &', "waker", f"{seconds:.3f}", f"{process_id}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for whoever runs the chaos
    )
    waker.wait()
    try:
        os.kill(process_id, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    return True
