"""The progress bar goes to the terminal, and results go to stdout only."""

import json
import os
import pty
import subprocess
import threading

import pytest

from tests.conftest import PROGRAM
from tests.support.waiting import PATIENCE_SECONDS


@pytest.fixture
def at_a_terminal(environment, tmp_path):
    """Runs the program with stderr on a terminal and stdout in a file; returns its status and both outputs.

    `then` is called once the progress bar is shown.
    """

    def run(*arguments, then):
        ours, theirs = pty.openpty()
        out, shown = tmp_path / "out", b""
        with out.open("w") as file:
            process = subprocess.Popen(
                [PROGRAM, *map(str, arguments)],
                env={**environment, "TERM": "xterm"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=theirs,
            )
        os.close(theirs)
        deadline = threading.Timer(PATIENCE_SECONDS, process.kill)
        deadline.start()
        try:
            while data := os.read(ours, 65536):
                shown += data
                if b"Booking" in shown:
                    then()
        except OSError:
            pass  # the program has ended
        status = process.wait()
        deadline.cancel()
        os.close(ours)
        return status, out.read_text(), shown.decode()

    return run


@pytest.mark.parametrize(("format_", "options"), [("json", ()), ("csv", ("--atomic",)), ("table", ())])
def test_results_are_not_mixed_with_the_progress_bar(at_a_terminal, open_booking, slots, tmp_path, format_, options):
    path = tmp_path / "rows.csv"
    path.write_text("slot_id,name,email\n1,Pat,pat@example.com\n99,Ida,ida@example.com\n")
    other = open_booking(1)  # blocks the import until the progress bar is shown
    status, out, terminal = at_a_terminal("book", "--from", path, "-o", format_, *options, then=other.rollback)
    assert status == 4
    assert "Booking" in terminal
    assert "99" in out
    assert "99" not in terminal
    if format_ == "json":
        assert [row["line"] for row in json.loads(out)] == [2, 3]
