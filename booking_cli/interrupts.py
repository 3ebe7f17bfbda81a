"""Ctrl-C, held back where it would leave the outcome in doubt.

Whoever interrupts a COMMIT cannot know whether it happened. So from a COMMIT until its result has been shown, or until
the next transaction begins, Ctrl-C waits; pressed a second time it is obeyed at once, for a server that never answers.
"""

import signal
from types import FrameType

_held_back = False
_pending = False
_changed = False


def install() -> None:
    """Let this module decide what Ctrl-C does; for the main thread of a program."""
    global _held_back, _pending, _changed
    _held_back = _pending = _changed = False
    signal.signal(signal.SIGINT, _on_interrupt)


def hold_back() -> None:
    """Let Ctrl-C wait from here on."""
    global _held_back
    _held_back = True


def release() -> None:
    """Obey Ctrl-C again; raises KeyboardInterrupt where it was pressed meanwhile."""
    global _held_back, _pending
    _held_back = False
    if _pending:
        _pending = False
        raise KeyboardInterrupt


def note_change() -> None:
    """Remember that a change was committed, so that the last words after Ctrl-C are true."""
    global _changed
    _changed = True


def anything_changed() -> bool:
    """Tell whether a change was committed since `install`."""
    return _changed


def _on_interrupt(_signal: int, _frame: FrameType | None) -> None:
    global _pending
    if _held_back and not _pending:
        _pending = True
        return
    _pending = False
    raise KeyboardInterrupt
