"""The README's way from the embedded database to one's own: nothing is lost, and nothing is half restored."""

import os
import re
import subprocess

import pytest

from booking_cli.db.embedded_server import program_folder
from tests.support.readme import README

MOVE = re.search(r"^pg_dump .*?^psql .*?$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def move(url, tmp_path):
    """Runs the README's lines, with the programs of the embedded PostgreSQL."""

    def run(target):
        assert MOVE
        lines = MOVE[0].replace("$(booking db url)", url)
        lines = re.sub("(?m)^export BOOKING_DATABASE_URL=.*$", f"BOOKING_DATABASE_URL={target!r}", lines)
        environment = {"PATH": f"{program_folder()}:{os.environ['PATH']}"}
        script = ["sh", "-ec", lines]
        return subprocess.run(script, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def busy_day(booking):
    booking("clinic", "set", "--name", "Central", "--timezone", "Asia/Kolkata", "--hold", "5")
    booking("doctors", "add", "Ana Lima", "--specialization", "Cardiology", "--email", "ana@clinic.example")
    booking("slots", "bulk", 1, "--from", "tomorrow", "--start", "09:00", "--end", "11:00")
    booking("book", 1, "--name", "Maria Silva", "--email", "maria@example.org")
    booking("confirm", 1)


def test_everything_arrives_in_an_empty_database(booking, busy_day, move, empty_url):
    commands = (("list",), ("slots", "list"), ("doctors", "list"), ("clinic", "show"), ("history", 1), ("verify",))
    before = [booking(*command, "-o", "json") for command in commands]
    moved = move(empty_url)
    assert moved.returncode == 0, moved.stderr
    assert [booking(*command, "-o", "json", BOOKING_DATABASE_URL=empty_url) for command in commands] == before
    added = booking("slots", "add", 1, "+3d", "09:00", BOOKING_DATABASE_URL=empty_url)
    assert added.status == 0, added.stderr


def test_a_database_that_is_not_empty_is_left_as_it_is(booking, busy_day, move, new_database, template):
    target = new_database(template)
    assert move(target).returncode != 0
    assert booking("doctors", "list", "-o", "json", BOOKING_DATABASE_URL=target).json == []
    assert booking("verify", BOOKING_DATABASE_URL=target).status == 0
