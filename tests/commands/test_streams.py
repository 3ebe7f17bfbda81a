"""Output that cannot be written: what was done stays done, and nobody is told that it is a bug."""

import os
import subprocess

import pytest

from tests.conftest import PROGRAM


@pytest.fixture
def shell(environment, booking, tmp_path):
    """Runs the program with redirections, on a book with one free slot tomorrow."""
    booking("doctors", "add", "Ana Lima", "--specialization", "Cardiology", "--email", "ana@clinic.example")
    booking("slots", "add", 1, "tomorrow", "09:00")

    def run(words):
        script = f'exec "{PROGRAM}" {words}'
        return subprocess.run(
            ["sh", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run


BOOK = "book 1 --name 'Maria Silva' --email maria@example.org"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_booking_whose_answer_cannot_be_written_stands_and_that_is_said(shell, sql, form):
    ran = shell(f"{BOOK} -o {form} >/dev/full")
    assert ran.returncode == 1
    assert "could not be written" in ran.stderr
    assert "stays done" in ran.stderr
    assert "bug" not in ran.stderr
    assert sql("SELECT status FROM bookings") == [{"status": "PENDING"}]


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing_about_the_command(shell, sql, closed):
    ran = shell(f"{BOOK} {closed}")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert sql("SELECT status FROM bookings") == [{"status": "PENDING"}]


@pytest.mark.parametrize(("words", "status"), [("show 999", 3), ("show", 2), ("slots bulk", 2)])
def test_a_closed_stderr_does_not_change_the_exit_status(shell, words, status):
    assert shell(f"{words} 2>&-").returncode == status
