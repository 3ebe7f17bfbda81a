"""Runs inputs on one database, in this process or through the program, and collects violations."""

import contextlib
import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from unittest import mock

from booking_cli import settings
from booking_cli.cli import application
from tests.conftest import PROGRAM, Ran
from tests.fuzz.database import FuzzDatabase
from tests.fuzz.inputs import IMPORT_FILE, Input, any_input
from tests.fuzz.invariants import violations

IN_A_PROCESS = 200  # one in this many inputs
BETWEEN_SEEDS = 50  # inputs
INTERRUPTED = 130
LOCALES = ({"LANG": "C"}, {"LANG": "C.UTF-8"}, {"LC_ALL": "C"})


@dataclass
class Report:
    """The result of a run: the inputs with violations, and how many inputs ended with each exit status."""

    findings: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def __str__(self) -> str:
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.statuses.total()} inputs, with the exit statuses {statuses}"


class Harness:
    """Runs inputs on a database at `url`; `folder` is the home folder and the current folder."""

    def __init__(self, url: str, folder: Path) -> None:
        self.database = FuzzDatabase(url)
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "BOOKING_DATABASE_URL": url}

    def run(self, seed: int, inputs: int) -> Report:
        """Try some inputs; the same seed gives the same inputs as long as the database is the same."""
        report = Report()
        for number in range(inputs):
            rng = Random(f"{seed}.{number}")
            before = self.database.rows()
            tried, locale = any_input(rng, self.database.known()), rng.choice(LOCALES)
            ran = self.in_this_process(tried) if number % IN_A_PROCESS else self.in_a_process(tried, locale)
            after = self.database.rows()
            if sentences := list(violations(tried, ran, before, after)):
                report.findings.append(_finding(f"seed {seed}, input {number}", tried, ran, sentences))
            report.statuses[ran.status] += 1
            last = number == inputs - 1 or number % BETWEEN_SEEDS == BETWEEN_SEEDS - 1
            if last or len(after["slots"]) > 2 * len(before["slots"]):
                self.start_over(report)
        return report

    def start_over(self, report: Report) -> None:
        """Let `booking verify` check what the inputs have left, and seed the database again."""
        verify = Input(("verify",), "verify")
        if (ran := self.in_this_process(verify)).status != 0:
            report.findings.append(_finding("after these inputs", verify, ran, ["the database is not sound"]))
        self.database.seed()

    def in_this_process(self, tried: Input) -> Ran:
        """Run an input in this process; an exception that escapes counts as exit status 1."""
        stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
        stdin = io.TextIOWrapper(io.BytesIO(tried.content))
        (self.folder / IMPORT_FILE).write_bytes(tried.content)
        with (
            mock.patch.dict(os.environ, {**self.environment, **tried.settings}, clear=True),
            contextlib.chdir(self.folder),
            mock.patch.object(sys, "stdin", stdin),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            settings.load.cache_clear()
            try:
                status = application.run(list(tried.argv))
            except SystemExit as exit_:
                status = exit_.code if isinstance(exit_.code, int) else 1
            except Exception as error:
                status = 1
                stderr.write(f"{type(error).__name__} escaped: {error!r}\n")
        settings.load.cache_clear()
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        return Ran(status, *(_written(stream) for stream in (stdout, stderr)))

    def in_a_process(self, tried: Input, locale: Mapping[str, str]) -> Ran:
        """Run an input through the program; its arguments are bytes, and need not be text."""
        (self.folder / IMPORT_FILE).write_bytes(tried.content)
        try:
            done = subprocess.run(
                [os.fsencode(PROGRAM), *map(os.fsencode, tried.argv)],
                env={**self.environment, **tried.settings, **locale},
                cwd=self.folder,
                input=tried.content,
                capture_output=True,
                timeout=300,
                check=False,
            )
        except (
            ValueError,
            OSError,
        ):  # the arguments have a NUL or an unpaired surrogate, or are too long for a process
            return self.in_this_process(tried)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def _finding(where: str, tried: Input, ran: Ran, sentences: list[str]) -> str:
    parts = {"argv": list(tried.argv), "settings": dict(tried.settings), "file": tried.content}
    outputs = {"exit status": ran.status, "stdout": ran.stdout[:1000], "stderr": ran.stderr[-1500:]}
    lines = [f"  {name}: {value!r:.3000}" for name, value in (parts | outputs).items()]
    return "\n".join([where, *(f"  VIOLATION: {sentence:.1000}" for sentence in sentences), *lines])


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
