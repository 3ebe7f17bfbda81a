"""The README is true: its generated parts are not stale, and every command in it works as written."""

import re
import shlex

import pytest

from tests.conftest import Ran
from tests.support import readme

TEXT = readme.README.read_text(encoding="utf-8")
CONSOLE = re.findall(r"^\$ booking (.+)$", TEXT, re.MULTILINE)


def test_the_generated_parts_are_not_stale():
    assert readme.updated(TEXT) == TEXT, "run 'make readme'"


def test_every_command_of_the_working_day_succeeds_in_order(booking):
    assert len(CONSOLE) > 10
    for command in CONSOLE:
        ended = booking(*shlex.split(command))
        assert ended.status == 0, f"booking {command}: {ended.stderr}"


def test_the_cron_line_runs_and_is_silent(booking):
    (line,) = re.findall(r"^\* \* \* \* \* booking (.+)$", TEXT, re.MULTILINE)
    assert booking(*line.split()) == Ran(0, "", "")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z]+)", TEXT))))
def test_every_make_target_that_is_named_exists(target):
    makefile = (readme.README.parent / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_command_has_a_sentence_of_help():
    for path, command in readme.leaves(readme.get_command(readme.app), "booking"):
        assert (command.help or "").endswith("."), path
        for param in command.params:
            if param.name != "help":
                assert getattr(param, "help", ""), f"{path}: {param.name}"
