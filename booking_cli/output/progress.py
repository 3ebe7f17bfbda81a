"""A progress bar on stderr for work that takes longer than a second; only on a terminal."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

DELAY_SECONDS = 1.0
_REFRESH_SECONDS = 0.1


@contextlib.contextmanager
def progress(what: str, done: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Show a progress bar for `what` during a `with` block; `done` returns how much is done."""
    if not sys.stderr.isatty():
        yield
        return
    finished = threading.Event()
    thread = threading.Thread(target=_draw, args=(what, done, finished), daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _draw(what: str, done: Callable[[], str], finished: threading.Event) -> None:
    if finished.wait(DELAY_SECONDS):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeElapsedColumn())
    # By default rich redirects stdout to the terminal while a bar is shown.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task(what, total=None, done=done())
        while not finished.wait(_REFRESH_SECONDS):
            bar.update(task, done=done())
