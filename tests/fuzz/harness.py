"""Runs inputs on one database, in this process or through the program, and collects violations."""

import contextlib
import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from booking_cli import settings
from booking_cli.cli import application
from tests.conftest import PROGRAM, Ran
from tests.fuzz.database import FuzzDatabase
from tests.fuzz.environment import ADDRESS, SETTINGS_FILE, complete
from tests.fuzz.inputs import IMPORT_FILE, Input, any_input
from tests.fuzz.invariants import violations

# An argument of a process is shorter than this.
LONGEST_ARGUMENT = 131_000
IN_A_PROCESS = 200  # one in this many inputs
MAINTENANCE = 25  # after this many inputs
INTERRUPTED = 130
LOCALES = ({"LANG": "C"}, {"LANG": "C.UTF-8"}, {"LC_ALL": "C"})


@dataclass
class Report:
    """The result of a run: the inputs with violations, and how many inputs ended with each exit status, by command."""

    findings: list[str] = field(default_factory=list)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    in_a_process: int = 0

    def accepted(self) -> float:
        """Return the share of inputs that were not refused as invalid."""
        refused = sum(count for (_, status), count in self.statuses.items() if status == 2)
        return 1 - refused / max(1, self.statuses.total())

    def __str__(self) -> str:
        lines = [
            f"{self.statuses.total()} inputs, {self.in_a_process} in a process; {self.accepted():.0%} were accepted."
        ]
        for path in sorted({path for path, _ in self.statuses}):
            counts = sorted((status, count) for (of, status), count in self.statuses.items() if of == path)
            lines.append(f"  {path:<16} " + "  ".join(f"{status}: {count}" for status, count in counts))
        return "\n".join(lines)


class Harness:
    """Runs inputs on a database at `url`; `folder` is the home folder and the current folder."""

    def __init__(self, url: str, folder: Path) -> None:
        self.database = FuzzDatabase(url)
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), ADDRESS: url, "BOOKING_ACTOR": "tester"}

    def run(self, seed: int, inputs: int) -> Report:
        """Try some inputs; the same seed gives the same inputs as long as the database is the same."""
        report = Report()
        for number in range(inputs):
            rng = Random(f"{seed}.{number}")
            if number % MAINTENANCE == 0:
                self.database.maintain()
            before = self.database.rows()
            tried, locale = any_input(rng, self.database.known()), rng.choice(LOCALES)
            in_a_process = rng.randrange(IN_A_PROCESS) == 0 and _fits_a_process(tried)
            ran = self.in_a_process(tried, locale) if in_a_process else self.in_this_process(tried)
            after = self.database.rows()
            if sentences := list(violations(tried, ran, before, after)):
                report.findings.append(_finding(f"seed {seed}, input {number}", tried, ran, sentences))
            report.statuses[tried.path, ran.status] += 1
            report.in_a_process += in_a_process
            if len(after["slots"]) > 2 * len(before["slots"]):
                self.database.maintain()
        return report

    def in_this_process(self, tried: Input) -> Ran:
        """Run an input in this process; an exception that escapes counts as exit status 1."""
        stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
        stdin = io.TextIOWrapper(io.BytesIO(tried.content))
        with self._files(tried), _process(self._variables(tried), self.folder, stdin, stdout, stderr):
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
        with self._files(tried):
            done = subprocess.run(
                [os.fsencode(PROGRAM), *map(os.fsencode, tried.argv)],
                env={**self._variables(tried), **locale},
                cwd=self.folder,
                input=tried.content,
                capture_output=True,
                timeout=300,
                check=False,
            )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def _variables(self, tried: Input) -> dict[str, str]:
        chosen = {**self.environment, **tried.settings, SETTINGS_FILE: None}
        return complete({name: value for name, value in chosen.items() if value is not None}, self.database.url)

    @contextlib.contextmanager
    def _files(self, tried: Input) -> Iterator[None]:
        (self.folder / IMPORT_FILE).write_bytes(tried.content)
        settings_file, text = self.folder / SETTINGS_FILE, tried.settings.get(SETTINGS_FILE)
        if text is not None:
            settings_file.write_bytes(os.fsencode(text))
        yield
        settings_file.unlink(missing_ok=True)


def _finding(where: str, tried: Input, ran: Ran, sentences: list[str]) -> str:
    parts = {"argv": list(tried.argv), "settings": dict(tried.settings), "file": tried.content}
    outputs = {"exit status": ran.status, "stdout": ran.stdout[:1000], "stderr": ran.stderr[-1500:]}
    lines = [f"  {name}: {value!r:.3000}" for name, value in (parts | outputs).items()]
    return "\n".join([where, *(f"  VIOLATION: {sentence:.1000}" for sentence in sentences), *lines])


def _fits_a_process(tried: Input) -> bool:
    try:
        return all(len(os.fsencode(word)) < LONGEST_ARGUMENT and "\0" not in word for word in tried.argv)
    except UnicodeEncodeError:
        return False


@contextlib.contextmanager
def _process(
    variables: Mapping[str, str],
    folder: Path,
    stdin: io.TextIOWrapper,
    stdout: io.TextIOWrapper,
    stderr: io.TextIOWrapper,
) -> Iterator[None]:
    """Replace the environment, the current folder and the streams of this process."""
    original, current, original_stdin = dict(os.environ), Path.cwd(), sys.stdin
    os.environ.clear()
    try:
        os.environ.update(variables)
        os.chdir(folder)
        sys.stdin = stdin
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            yield
    finally:
        sys.stdin = original_stdin
        os.chdir(current)
        os.environ.clear()
        os.environ.update(original)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
