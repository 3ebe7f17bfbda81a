"""An appointment book on an embedded database in its own folder, used through the installed program."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import PROGRAM, Ran


class EmbeddedBook:
    """Runs the program on an embedded database in `data_dir`, with its own home folder."""

    def __init__(self, data_dir: Path, home: Path) -> None:
        self.data_dir = data_dir
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "BOOKING_DATA_DIR": str(data_dir),
            "BOOKING_ACTOR": "tester",
        }

    def run(self, *arguments: object, **settings: str) -> Ran:
        """Run a command to its end."""
        return self._run([PROGRAM, *arguments], settings)

    def run_python(self, code: str, *arguments: object, **settings: str) -> Ran:
        """Run Python code in a new process, with `arguments` as its `sys.argv[1:]`."""
        return self._run([sys.executable, "-c", code, *arguments], settings)

    def run_shell(self, script: str, *arguments: object) -> Ran:
        """Run a script of the shell, in which `"$@"` is a command."""
        return self._run(["bash", "-c", script, "bash", PROGRAM, *arguments], {})

    def _run(self, command: list[object], settings: dict[str, str]) -> Ran:
        done = subprocess.run(
            [*map(str, command)],
            env={**self.environment, **settings},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    @property
    def server_process(self) -> int:
        """The id of the server's main process."""
        return int((self.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def explains(ran: Ran) -> bool:
    """Return whether stderr is one line with an error message that is not about a bug."""
    text = ran.stderr
    return text.startswith("Error: ") and text.endswith(".\n") and text.count("\n") == 1 and " bug " not in text


@contextlib.contextmanager
def embedded_book(*below: str) -> Iterator[EmbeddedBook]:
    """Yield a book whose data folder is new, or is `below` a new one; nothing is set up yet."""
    # Not pytest's folder: its path is too long for a socket, and other users cannot enter it.
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="booking-test-"))
    home = folder / "home"
    home.mkdir()
    book = EmbeddedBook(folder.joinpath(*below or ["data"]), home)
    try:
        yield book
    finally:
        if (book.data_dir / "postgres" / "postmaster.pid").exists():
            book.run("db", "stop")
        shutil.rmtree(folder)
