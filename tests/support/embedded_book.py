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
        return ended(self.begin([PROGRAM, *arguments], **settings))

    def run_python(self, code: str, *arguments: object, **settings: str) -> Ran:
        """Run Python code in a new process, with `arguments` as its `sys.argv[1:]`."""
        return ended(self.begin([sys.executable, "-c", code, *arguments], **settings))

    def begin(self, command: list[object], **settings: str) -> "subprocess.Popen[str]":
        """Start a process and return it while it runs."""
        return subprocess.Popen(
            [*map(str, command)],
            env={**self.environment, **settings},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def server_process(self) -> int:
        """The id of the server's main process."""
        return int((self.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def ended(process: "subprocess.Popen[str]") -> Ran:
    """Wait for a process and return how it ended."""
    with process:
        stdout, stderr = process.communicate(timeout=120)
    return Ran(process.returncode, stdout, stderr)


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
