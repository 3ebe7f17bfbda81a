"""The documented commands that move the embedded database to an external server: everything arrives, or nothing."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from booking_cli.db.embedded_server import program_folder

DOCUMENT = Path(__file__).parents[2] / "docs" / "administration.md"
[COMMANDS] = re.findall(r"^pg_dump .*?^psql .*?$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def move(url, tmp_path):
    """Runs the documented commands with the programs of the embedded PostgreSQL, and returns the exit status."""

    def run(target):
        lines = COMMANDS.replace("$(booking db url)", url)
        lines = re.sub("(?m)^export BOOKING_DATABASE_URL=.*$", f"BOOKING_DATABASE_URL={target!r}", lines)
        environment = {"PATH": f"{program_folder()}:{os.environ['PATH']}"}
        return subprocess.run(["sh", "-ec", lines], env=environment, cwd=tmp_path, check=False).returncode

    return run


@pytest.mark.usefixtures("day")
def test_move_to_an_empty_database_brings_everything(booking, move, empty_url):
    booking("clinic", "set", "--name", "Central", "--timezone", "Asia/Kolkata", "--hold", "5")
    booking("confirm", 1)
    commands = ("list", "slots list", "doctors list", "patients list", "clinic show", "history 1", "verify")
    before = [booking(*command.split(), "-o", "json") for command in commands]
    assert move(empty_url) == 0
    assert [booking(*command.split(), "-o", "json", BOOKING_DATABASE_URL=empty_url) for command in commands] == before
    added = booking("slots", "add", 1, "+3d", "09:00", BOOKING_DATABASE_URL=empty_url)
    assert added.status == 0, added.stderr


@pytest.mark.usefixtures("day")
def test_move_to_a_database_with_tables_fails_and_changes_nothing(booking, move, new_database, template):
    target = new_database(template)
    assert move(target) != 0
    assert booking("doctors", "list", "-o", "json", BOOKING_DATABASE_URL=target).json == []
    assert booking("verify", BOOKING_DATABASE_URL=target).status == 0
