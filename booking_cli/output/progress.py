"""A progress bar on stderr for what takes longer than a second; nothing where nobody watches."""

import contextlib
import sys
import threading
from collections.abc import Iterator

DELAY_SECONDS = 1.0


@contextlib.contextmanager
def progress(what: str) -> Iterator[None]:
    """Show that `what` goes on, once it has taken longer than a second and if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_draw, args=(what, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _draw(what: str, done: threading.Event) -> None:
    if done.wait(DELAY_SECONDS):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(what, total=None)
        done.wait()
