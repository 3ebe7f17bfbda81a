"""`booking book --from` under failures: each row is booked at most once, and the results and the message are true."""

import errno
import gc
import io
import json
import os
import signal
import subprocess
import threading
import warnings
from types import SimpleNamespace

import pytest

from booking_cli.repository import new_bookings
from tests.conftest import PROGRAM
from tests.support.waiting import PATIENCE_SECONDS, wait_for_lock_waiter

pytestmark = pytest.mark.usefixtures("sound_afterwards")

HEADER = "slot_id,name,email\n"
MODES = pytest.mark.parametrize("options", [(), ("--atomic",), ("--jobs", "2")], ids=["each", "atomic", "jobs"])


@pytest.fixture
def path(slots, tmp_path):
    """A file with a row for each of four slots, on the lines 2 to 5."""
    path = tmp_path / "bookings.csv"
    path.write_text(HEADER + "".join(f"{slot},Pat {slot},pat@example.com\n" for slot in slots))
    return path


@pytest.fixture
def long_path(slots, tmp_path):
    """A file whose results do not fit into a pipe."""
    path = tmp_path / "long.csv"
    path.write_text(HEADER + "".join(f"{number},Pat,pat@example.com\n" for number in range(1, 20_001)))
    return path


@pytest.fixture
def chunks_of_two(monkeypatch):
    """Two rows are one transaction."""
    monkeypatch.setattr("booking_cli.commands.booking_import.CHUNK", 2)


def codes(ran):
    return [result["code"] or result["status"] for result in ran.json]


def booked(sql):
    return [row["slot_id"] for row in sql("SELECT slot_id FROM bookings WHERE reference <> 'OTHER' ORDER BY slot_id")]


@MODES
@pytest.mark.parametrize("cut", ["cut_before_commit", "cut_after_commit"])
@pytest.mark.usefixtures("chunks_of_two")
def test_rows_whose_commit_is_ambiguous_are_booked_once(booking, proxy, path, slots, sql, options, cut):
    numbers_were_drawn = []
    getattr(proxy, cut)(then=lambda: numbers_were_drawn.extend(sql("SELECT is_called FROM bookings_id_seq")))
    ran = booking("book", "--from", path, "-o", "json", *options, BOOKING_DATABASE_URL=proxy.url)
    assert (ran.status, numbers_were_drawn) == (0, [{"is_called": True}])
    assert [result["slot_id"] for result in ran.json] == booked(sql) == slots


@pytest.mark.usefixtures("chunks_of_two")
def test_rows_whose_outcome_stays_unknown_are_reported_with_the_last_saved_line(booking, proxy, path, monkeypatch):
    monkeypatch.setattr("booking_cli.db.runner.RECONNECT_SECONDS", 0.0)
    proxy.answer_commit(then=lambda: None)
    proxy.cut_after_commit(then=proxy.refuse)
    ran = booking("book", "--from", path, "-o", "json", BOOKING_DATABASE_URL=proxy.url)
    assert (ran.status, ran.error["code"]) == (6, "outcome_unknown")
    assert codes(ran) == ["PENDING"] * 2 + ["outcome_unknown"] * 2
    assert "line 3" in ran.error["message"]


def test_atomic_file_whose_outcome_stays_unknown_has_no_results(booking, proxy, path, sql, monkeypatch):
    monkeypatch.setattr("booking_cli.db.runner.RECONNECT_SECONDS", 0.0)
    proxy.cut_after_commit(then=proxy.refuse)
    ran = booking("book", "--from", path, "-o", "ndjson", "--atomic", BOOKING_DATABASE_URL=proxy.url)
    assert (ran.status, ran.stdout, ran.error["code"]) == (6, "", "outcome_unknown")
    assert len(booked(sql)) == 4


@MODES
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_rows_wait_for_a_lock_reports_exactly_what_was_saved(
    start, open_booking, sql, path, options, number
):
    other = open_booking(3)
    process = start("book", "--from", path, "-o", "ndjson", *options)
    wait_for_lock_waiter(sql)
    process.send_signal(number)
    if options != ("--atomic",):  # the chunk in progress is finished
        other.rollback()
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    other.rollback()
    assert (process.returncode, len(stderr.splitlines())) == (128 + number, 1)
    assert [json.loads(line)["slot_id"] for line in stdout.splitlines()] == booked(sql)
    assert ("nothing was changed" in stderr) == (not booked(sql))


def test_second_ctrl_c_ends_a_chunk_that_never_ends(booking, open_booking, sql, path, sigint_handled):
    def press_twice():
        wait_for_lock_waiter(sql)
        os.kill(os.getpid(), signal.SIGINT)
        assert sigint_handled.wait(PATIENCE_SECONDS)
        os.kill(os.getpid(), signal.SIGINT)

    other, threads = open_booking(3), set(threading.enumerate())
    threading.Thread(target=press_twice).start()
    ran = booking("book", "--from", path, "-o", "json")
    other.rollback()
    for thread in set(threading.enumerate()) - threads:
        thread.join()
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()  # the connection of the abandoned chunk
    assert (ran.status, ran.json) == (130, [])
    assert "not known" in ran.error["message"]


@pytest.mark.usefixtures("slots")
def test_closed_pipe_is_an_error_after_the_chunk_in_progress_was_saved(start, tmp_path, open_booking, sql):
    path = tmp_path / "long.csv"
    unknown = "".join(f"{number},Pat,pat@example.com\n" for number in range(1_000, 4_000))
    path.write_text(f"{HEADER}{unknown}3,Pat,pat@example.com\n{unknown}")
    other = open_booking(3)
    process = start("book", "--from", path, "-o", "ndjson")
    wait_for_lock_waiter(sql)
    process.stdout.readline()
    process.stdout.close()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    other.rollback()
    assert process.wait(PATIENCE_SECONDS) == 1
    error = json.loads(process.stderr.read())["error"]
    assert error["code"] == "output_failed"
    assert "saved" in error["message"]
    assert booked(sql) == [3]


@pytest.mark.parametrize(
    ("locked", "results", "saved"),
    [(3, ["PENDING", "PENDING", "busy", "busy"], [1, 2]), (1, ["busy", "busy"], [])],
    ids=["second chunk", "first chunk"],
)
@pytest.mark.usefixtures("chunks_of_two")
def test_rows_that_wait_too_long_are_busy_and_end_the_import(booking, open_booking, sql, path, locked, results, saved):
    other = open_booking(locked)
    ran = booking("book", "--from", path, "-o", "json", BOOKING_STATEMENT_TIMEOUT="0.5")
    other.rollback()
    assert (ran.status, ran.error["code"], codes(ran), booked(sql)) == (6, "busy", results, saved)
    assert ("line 3" if saved else "No row was") in ran.error["message"]


def test_row_that_was_booked_before_another_row_of_the_chunk_fails_has_its_result(booking, raw, sql, held, path):
    """Another transaction locks the lapsed hold on slot 2, which is released after slot 4 is booked."""
    other = raw()
    other.execute("SELECT FROM bookings WHERE slot_id = 2 FOR UPDATE")
    path.write_text(HEADER + "2,Ida,ida@example.com\n4,Tom,tom@example.com\n")
    ran = booking("book", "--from", path, "-o", "json", BOOKING_STATEMENT_TIMEOUT="0.5")
    other.rollback()
    assert sql("SELECT patient_name AS name FROM booking_details WHERE slot_id = 4") == [{"name": "Tom"}]
    assert (ran.status, codes(ran)) == (6, ["busy", "PENDING"])


def test_ctrl_c_while_results_are_written_is_deferred_until_they_are(start, long_path):
    process = start("book", "--from", long_path, "-o", "json", "--allow-overlap")
    beginning = os.read(process.stdout.fileno(), 10).decode()  # and then nothing, so that the program waits
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    last_line = json.loads(beginning + stdout)[-1]["line"]
    assert (process.returncode, last_line < 20_001) == (130, True)
    assert f"line {last_line}" in json.loads(stderr)["error"]["message"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is a device of Linux")
@pytest.mark.parametrize("options", [(), ("--atomic",)], ids=["each", "atomic"])
def test_results_that_do_not_fit_on_the_disk_are_an_error_and_the_rows_stay_booked(start, path, sql, options):
    with open("/dev/full", "w") as full:
        process = start("book", "--from", path, "-o", "csv", *options, stdout=full)
        _, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, len(booked(sql))) == (1, 4)
    assert "No space left on device" in stderr
    assert "saved" in stderr


@pytest.mark.parametrize(
    ("options", "lines", "words"), [((), [2, 3], "line 3"), (("--atomic",), [], "Nothing was booked")]
)
def test_rows_before_a_read_error_are_booked(booking, path, slots, sql, monkeypatch, options, lines, words):
    class BrokenFile(io.BytesIO):
        def readline(self, size=-1):
            if self.tell() > len(HEADER) + 40:
                raise OSError(errno.EIO, "Input/output error")
            return super().readline(size)

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=BrokenFile(path.read_bytes())))
    ran = booking("book", "--from", "-", "-o", "csv", *options)
    assert (ran.status, booked(sql)) == (2, slots[: len(lines)])
    assert [int(line.split(",")[0]) for line in ran.stdout.splitlines()[1:]] == lines
    assert "Input/output error" in ran.stderr
    assert words in ran.stderr


@pytest.mark.usefixtures("chunks_of_two")
def test_results_before_a_bug_are_shown(booking, path, monkeypatch):
    book_all = new_bookings.book_all
    monkeypatch.setattr(new_bookings, "book_all", lambda *given: book_all(*given) if 2 in given[1].requests else 1 / 0)
    ran = booking("book", "--from", path, "-o", "ndjson")
    assert (ran.status, [json.loads(line)["line"] for line in ran.stdout.splitlines()]) == (1, [2, 3])
    assert "ZeroDivisionError" in ran.error["message"]


@pytest.mark.parametrize("blocks", [0, 1], ids=["no file", "small files"])
@pytest.mark.parametrize("source", ["long.csv", "- < <(cat long.csv)"], ids=["file", "pipe"])
def test_atomic_file_without_space_for_temporary_files_is_not_booked(environment, long_path, contents, source, blocks):
    command = f"ulimit -f {blocks}; exec '{PROGRAM}' book --atomic -o json --from {source}"
    done = subprocess.run(["bash", "-c", command], env=environment, cwd=long_path.parent, capture_output=True)
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "output_failed")
    assert [words in error["message"] for words in ("Nothing was booked", "TMPDIR")] == [True, True]
    assert contents() == [[], [], []]
