"""Ctrl-C, held back where it would leave the outcome in doubt.

Whoever interrupts a COMMIT cannot know whether it happened. So from a COMMIT until its result has been shown, or until
the next transaction begins, Ctrl-C waits; pressed a second time it is obeyed at once, for a server that never answers.
"""

import signal
from types import FrameType

_held_back = False
_pending = False
_changed = False
_in_doubt = False


def install() -> None:
    """Let this module decide what Ctrl-C does; for the main thread of a program."""
    global _held_back, _pending, _changed, _in_doubt
    _held_back = _pending = _changed = _in_doubt = False
    signal.signal(signal.SIGINT, _on_interrupt)


def hold_back() -> None:
    """Let Ctrl-C wait from here on, because a COMMIT is about to be sent."""
    global _held_back, _in_doubt
    _held_back = _in_doubt = True


def release() -> None:
    """Obey Ctrl-C again; raises KeyboardInterrupt where it was pressed meanwhile."""
    global _held_back, _pending
    _held_back = False
    if _pending:
        _pending = False
        raise KeyboardInterrupt


def note_outcome(*, committed: bool) -> None:
    """Remember how the COMMIT ended, so that the last words after Ctrl-C are true."""
    global _changed, _in_doubt
    _changed = _changed or committed
    _in_doubt = False


def in_doubt() -> bool:
    """Tell whether a COMMIT was sent whose outcome nobody has noted yet."""
    return _in_doubt


def last_words() -> str:
    """Return what is true about the changes since `install`."""
    if _in_doubt:
        return "Interrupted while the change was being committed; it is not known whether it was made."
    if _changed:
        return "Interrupted; what was done before is whole and stays."
    return "Interrupted; nothing was changed."


def _on_interrupt(_signal: int, _frame: FrameType | None) -> None:
    global _pending, _held_back
    if _held_back and not _pending:
        _pending = True
        return
    _pending = _held_back = False
    raise KeyboardInterrupt
