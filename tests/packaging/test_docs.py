"""README.md and docs/ are current: the examples run, links and make targets exist, and the reference is generated."""

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.support import reference

ROOT = reference.PAGE.parents[1]
PAGES = {str(path.relative_to(ROOT)): path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
# A command of a set-up comment, a file that the commands read, or a command with the output that the page shows.
EXAMPLE = re.compile(
    r"^<!-- setup: booking (?P<setup>.+) -->$"
    r"|^<!-- file: (?P<file>\S+) -->\n```\w+\n(?P<contents>[\s\S]*?)^```$"
    r"|^\$ booking (?P<command>.+)\n(?P<output>(?:(?!\$ |```).*\n)*)",
    re.MULTILINE,
)
# What differs from run to run.
VARYING = {
    r"\d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d": "INSTANT",
    r"(\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?\d{4}-\d\d-\d\d": "DATE",
    r"(DATE )?\d\d:\d\d:\d\d": "TIME",
    r"\b[1-9A-Z]{4}-[1-9A-Z]{4}\b": "REFERENCE",
    "─+": "─",
}
LINK = re.compile(r"\[[^]]*\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
every_page = pytest.mark.parametrize("name", PAGES)


def words(text):
    """Return the words of an output, without those that differ from run to run."""
    for pattern, replacement in VARYING.items():
        text = re.sub(pattern, replacement, text)
    return text.split()


def examples_in(text):
    return list(EXAMPLE.finditer(text.replace("\\\n", " ")))


@every_page
def test_every_example_runs_with_the_output_and_the_exit_status_that_the_page_shows(name, booking, tmp_path):
    for example in examples_in(TEXTS[name]):
        if example["file"]:
            (tmp_path / example["file"]).write_text(example["contents"], encoding="utf-8")
            continue
        command = example["setup"] or example["command"]
        declared = re.search(r"# exit status (\d)$", command)
        ran = booking(*shlex.split(command, comments=True))
        assert ran.status == (int(declared[1]) if declared else 0), f"booking {command}: {ran.stderr}"
        shown, shortened, _ = (example["output"] or "").partition("...\n")
        for stream in (ran.stdout + ran.stderr, ran.stderr + ran.stdout):
            output = words(stream)
            if words(shown) == (output[: len(words(shown))] if shortened or not shown else output):
                break
        else:
            pytest.fail(f"booking {command}:\n{ran.stderr}{ran.stdout}")


def test_examples_are_found():
    assert len(examples_in(TEXTS["README.md"])) > 10


@pytest.mark.parametrize(
    "line", {line for text in TEXTS.values() for line in re.findall(r"^\* \* .+ \* .+$", text, re.M)}
)
def test_a_cron_line_runs_silently(line, booking):
    assert booking(*line.split("booking ")[1].split()) == Ran(0, "", "")


@every_page
def test_every_make_target_exists(name):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z]+)", TEXTS[name], re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@every_page
def test_every_relative_link_points_to_a_file_and_a_heading(name):
    for path, anchor in LINK.findall(TEXTS[name]):
        target = (PAGES[name].parent / path).resolve() if path else PAGES[name]
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"


def anchors(page: Path):
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_reference_is_current():
    assert TEXTS["docs/reference.md"] == reference.page(), "run 'make docs'"


def test_every_command_and_option_has_a_help_sentence():
    for path, command in reference.commands():
        assert (command.help or "").endswith("."), path
        for param in command.params:
            assert (getattr(param, "help", None) or "").endswith("."), f"{path}: {param.name}"
