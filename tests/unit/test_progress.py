"""The progress bar is on the terminal, and nothing else is: what a command shows goes where it was sent."""

import json
import os
import pty
import subprocess
import threading

import pytest

from tests.conftest import PROGRAM
from tests.support.waiting import PATIENCE_SECONDS


@pytest.fixture
def at_a_terminal(environment, tmp_path, monkeypatch):
    """Runs the program with its stderr on a terminal and its stdout in a file; returns its status and what was on either.

    `then` is called once the bar is on the terminal.
    """

    def run(*arguments, then):
        ours, theirs = pty.openpty()
        shown = []
        out = tmp_path / "out"

        def watch():
            while True:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # nobody has the terminal open any more
                    return
                if not data:
                    return
                shown.append(data)
                if "Booking" in b"".join(shown).decode(errors="replace"):
                    then()

        with out.open("w") as file:
            process = subprocess.Popen(
                [PROGRAM, *map(str, arguments)],
                env={**environment, "TERM": "xterm"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=theirs,
            )
        os.close(theirs)
        watcher = threading.Thread(target=watch)
        watcher.start()
        status = process.wait(PATIENCE_SECONDS)
        watcher.join()
        os.close(ours)
        return status, out.read_text(), b"".join(shown).decode()

    return run


@pytest.mark.parametrize("options", [(), ("--atomic",)], ids=["each", "atomic"])
@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_what_is_shown_while_the_bar_runs_goes_where_it_was_sent(at_a_terminal, raw, slots, tmp_path, form, options):
    """A rival who has locked a slot keeps the batch waiting until the bar is on the terminal."""
    path = tmp_path / "wishes.csv"
    path.write_text("slot_id,name,email\n1,Pat,pat@example.com\n99,Ida,ida@example.com\n")
    rival = raw()
    rival.execute(
        "INSERT INTO bookings (reference, slot_id, patient_name, patient_email, status, hold_expires_at, request_id)"
        " VALUES ('RIVAL', 1, 'Rival', 'r@x.de', 'PENDING', now() + interval '1 hour', 'rival')"
    )
    status, out, terminal = at_a_terminal("book", "--from", path, "-o", form, *options, then=rival.rollback)
    assert status == 4
    assert "Booking" in terminal
    assert "There is no slot 99" in out
    assert "There is no slot 99" not in terminal
    if form == "json":
        assert [answer["line"] for answer in json.loads(out)] == [2, 3]
