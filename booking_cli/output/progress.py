"""A progress bar on stderr for what takes longer than a second; nothing where nobody watches."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

DELAY_SECONDS = 1.0
_REFRESH_SECONDS = 0.1


@contextlib.contextmanager
def progress(what: str, done: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Show that `what` goes on, and how much is done, once it has taken longer than a second and if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_draw, args=(what, done, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _draw(what: str, done: Callable[[], str], over: threading.Event) -> None:
    if over.wait(DELAY_SECONDS):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeElapsedColumn())
    # Unless it is told not to, rich sends what is written to stdout meanwhile to the terminal as well.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task(what, total=None, done=done())
        while not over.wait(_REFRESH_SECONDS):
            bar.update(task, done=done())
