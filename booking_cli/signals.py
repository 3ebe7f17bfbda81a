"""Ctrl-C, held back where it would leave the outcome in doubt.

Whoever interrupts a COMMIT cannot know whether it happened. So from a COMMIT until its result has been shown, or until
the next transaction begins, Ctrl-C waits; pressed a second time it is obeyed at once, for a server that never answers.

Only the main thread hears of Ctrl-C. What other threads commit is remembered here, and it is for whoever started them to
wait for them before the last words are said.
"""

import signal
import threading
from types import FrameType

_held_back = False
_pending = False
_changed = False
# The threads whose COMMIT is under way.
_in_doubt: set[int] = set()


def install() -> None:
    """Let this module decide what Ctrl-C does; for the main thread of a program."""
    global _held_back, _pending, _changed
    _held_back = _pending = _changed = False
    _in_doubt.clear()
    signal.signal(signal.SIGINT, _on_interrupt)


def hold_back() -> None:
    """Let Ctrl-C wait from here on, because a COMMIT is about to be sent."""
    global _held_back
    _in_doubt.add(threading.get_ident())
    if _is_main_thread():
        _held_back = True


def postpone() -> None:
    """Let Ctrl-C wait from here on until `release`, because what was done is about to be told; for the main thread."""
    global _held_back
    _held_back = True


def release() -> None:
    """Obey Ctrl-C again; raises KeyboardInterrupt where it was pressed meanwhile."""
    global _held_back, _pending
    if not _is_main_thread():
        return
    _held_back = False
    if _pending:
        _pending = False
        raise KeyboardInterrupt


def note_outcome(*, committed: bool) -> None:
    """Remember how the COMMIT ended, so that the last words after Ctrl-C are true."""
    global _changed
    _changed = _changed or committed
    _in_doubt.discard(threading.get_ident())


def in_doubt() -> bool:
    """Tell whether this thread sent a COMMIT whose outcome nobody has noted yet."""
    return threading.get_ident() in _in_doubt


def last_words() -> str:
    """Return what is true about the changes since `install`."""
    if _in_doubt:
        return "Interrupted while the change was being committed; it is not known whether it was made."
    if _changed:
        return "Interrupted; what was done before is whole and stays."
    return "Interrupted; nothing was changed."


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _on_interrupt(_signal: int, _frame: FrameType | None) -> None:
    global _pending, _held_back
    if _held_back and not _pending:
        _pending = True
        return
    _pending = _held_back = False
    raise KeyboardInterrupt
