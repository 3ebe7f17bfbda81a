"""Ctrl-C, SIGTERM and SIGHUP, deferred where they would leave the outcome of a COMMIT in doubt. Here all are called Ctrl-C.

From a COMMIT until its result has been shown, or until the next transaction begins, the first Ctrl-C is deferred; a second
one is delivered at once, for a server that never answers.

Python delivers signals to the main thread only. The COMMITs of other threads are recorded here; the main thread waits for them
before the program reports what was changed.
"""

import signal
import threading
from types import FrameType

_deferring = False
_pending = False
_committed = False
_received: int = signal.SIGINT
# The threads whose COMMIT is under way.
_committing: set[int] = set()


def install() -> None:
    """Handle the signals from here on, but for those that are ignored, as by nohup; for the main thread of a program."""
    global _deferring, _pending, _committed
    _deferring = _pending = _committed = False
    _committing.clear()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)


def exit_status() -> int:
    """Return the exit status of a command that a signal ended."""
    return 128 + _received


def defer_sigint() -> None:
    """Defer Ctrl-C until `deliver_sigint`."""
    global _deferring
    if threading.current_thread() is threading.main_thread():
        _deferring = True


def is_deferring() -> bool:
    """Return whether Ctrl-C is deferred; a second one ends that."""
    return _deferring


def deliver_sigint() -> None:
    """Stop deferring Ctrl-C; raises KeyboardInterrupt where it was pressed meanwhile."""
    global _deferring, _pending
    if threading.current_thread() is not threading.main_thread():
        return
    _deferring = False
    if _pending:
        _pending = False
        raise KeyboardInterrupt


def commit_started() -> None:
    """Record that this thread is about to send COMMIT, and defer Ctrl-C."""
    _committing.add(threading.get_ident())
    defer_sigint()


def commit_ended(*, committed: bool) -> None:
    """Record the outcome of this thread's COMMIT."""
    global _committed
    _committed = _committed or committed
    _committing.discard(threading.get_ident())


def is_committing() -> bool:
    """Return whether this thread sent a COMMIT whose outcome is not recorded yet."""
    return threading.get_ident() in _committing


def interruption() -> str:
    """Return the sentence that says what was changed before Ctrl-C."""
    if _committing:
        return "Interrupted while the change was being committed; it is not known whether it was saved."
    if _committed:
        return "Interrupted; the changes made before it are saved."
    return "Interrupted; nothing was changed."


def _on_signal(number: int, _frame: FrameType | None) -> None:
    global _pending, _deferring, _received
    _received = number
    if _deferring and not _pending:
        _pending = True
        return
    _pending = _deferring = False
    raise KeyboardInterrupt
