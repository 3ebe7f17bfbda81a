"""Output that cannot be written: the change is saved, and the message and the exit status say so."""

import os
import subprocess

import pytest

from tests.conftest import PROGRAM
from tests.support.waiting import PATIENCE_SECONDS

BOOK = "book 1 --name Pat --email pat@example.com"


@pytest.fixture
def shell(environment, slots, tmp_path):
    """Runs a command in bash, in which `booking` is the program."""

    def run(command):
        script = f"booking() {{ '{PROGRAM}' \"$@\"; }}; {command}"
        return subprocess.run(["bash", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.fixture
def closed_pipe():
    """The write end of a pipe whose read end is closed."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    yield write_end
    os.close(write_end)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is a device of Linux")
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_full_disk_is_reported_with_the_fact_that_the_change_is_saved(shell, sql, form):
    ran = shell(f"booking {BOOK} -o {form} >/dev/full")
    assert ran.returncode == 1
    assert "could not be written" in ran.stderr
    assert "saved" in ran.stderr
    assert "bug" not in ran.stderr
    assert sql("SELECT status FROM bookings") == [{"status": "PENDING"}]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is a device of Linux")
@pytest.mark.parametrize("command", ["--help", "book --help", "--version"])
def test_help_that_cannot_be_written_is_not_reported_as_a_bug(shell, command):
    ran = shell(f"booking {command} >/dev/full")
    assert (ran.returncode, "could not be written" in ran.stderr, "bug" in ran.stderr) == (1, True, False)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (f"{BOOK} >&-", 0),
        (f"{BOOK} <&-", 0),
        (f"{BOOK} 2>&-", 0),
        (f"{BOOK} <&- >&- 2>&-", 0),
        ("show 999 2>&-", 3),
        ("show 2>&-", 2),
    ],
)
def test_closed_stream_does_not_affect_the_command(shell, sql, command, status):
    ran = shell(f"booking {command}")
    assert (ran.returncode, ran.stderr) == (status, "")
    assert sql("SELECT status FROM bookings") == ([] if status else [{"status": "PENDING"}])


@pytest.mark.parametrize("command", ["--help", "book --help", "--version", "slots list", "slots list -o csv", BOOK])
@pytest.mark.usefixtures("slots")
def test_closed_pipe_is_not_an_error(start, closed_pipe, command):
    process = start(*command.split(), stdout=closed_pipe)
    _, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, stderr) == (0, "")


@pytest.mark.parametrize(("command", "status"), [(("show", "1"), 3), (("show", "nonsense"), 2)], ids=["3", "2"])
@pytest.mark.parametrize("closed", [("stdout",), ("stderr",), ("stdout", "stderr")], ids=" and ".join)
def test_error_keeps_its_exit_status_where_a_pipe_is_closed(start, closed_pipe, command, status, closed):
    process = start(*command, **dict.fromkeys(closed, closed_pipe))
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == status
