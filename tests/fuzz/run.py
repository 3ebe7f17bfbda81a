"""Tries one input after the other on one book, in this process or through the real program, and collects what is broken."""

import contextlib
import io
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from booking_cli import settings
from booking_cli.cli import application as cli
from tests.conftest import PROGRAM, Ran
from tests.fuzz.book import FuzzedBook
from tests.fuzz.environment import FILE, complete
from tests.fuzz.lines import Input, any_input
from tests.fuzz.promises import broken

# An argument of a process holds less than this, and no NUL.
LONGEST_ARGUMENT = 131_000
IN_A_PROCESS = 200  # one in so many
TEND = 25
INTERRUPTED = 130
LOCALES = ({"LANG": "C"}, {"LANG": "C.UTF-8"}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX"})


@dataclass(frozen=True)
class Finding:
    """A promise that an input broke; `str` says how to repeat it."""

    seed: int
    number: int
    tried: Input
    where: str
    ran: Ran
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(
            (
                f"seed {self.seed}, input {self.number}, {self.where}: it ended with {self.ran.status}",
                *(f"  BROKEN    {sentence[:1000]}" for sentence in self.sentences),
                f"  argv      [{', '.join(map(as_python, self.tried.argv))}]",
                f"  settings  {{{', '.join(f'{n!r}: {as_python(v)}' for n, v in self.tried.settings.items())}}}",
                f"  stdout    {self.ran.stdout[:1000]!r}",
                f"  stderr    {self.ran.stderr[-1500:]!r}",
            )
        )


def as_python(text: str | None) -> str:
    """Return a text as it is written in Python, the same many times over as a product."""
    if text is not None and len(text) > 200:
        period = (text + text).find(text, 1)
        if len(text) > 2 * period:
            return f"{text[:period]!r} * {len(text) // period}"
    return repr(text)


@dataclass
class Tally:
    """How a run went: what was broken, how inputs ended, and which took longest."""

    findings: list[Finding] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)
    in_a_process: int = 0
    slowest: tuple[float, str] = (0.0, "")

    @property
    def inputs(self) -> int:
        return self.statuses.total()

    def first_of_each_kind(self) -> list[Finding]:
        """Return the shortest finding of each kind: what was broken alike counts as one."""
        kinds: dict[str, Finding] = {}
        for finding in sorted(self.findings, key=lambda finding: len(repr(finding.tried))):
            bug = re.findall(r"report it: (\w+: \w+)", finding.ran.stderr)
            alike = re.sub("[0-9]+|'.*'", "", finding.sentences[0])
            kinds.setdefault(f"{finding.ran.status} {bug} {alike}", finding)
        return list(kinds.values())

    @property
    def share_understood(self) -> float:
        """The share of inputs that were not turned away as wrong usage or invalid."""
        return 1 - self.statuses[2] / max(1, self.inputs)


class Fuzz:
    """Runs inputs on a book of its own, whose database is at `url`; `folder` is the home and the current folder."""

    def __init__(self, url: str, folder: Path) -> None:
        self.book = FuzzedBook(url)
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "BOOKING_DATABASE_URL": url,
            "BOOKING_ACTOR": "tester",
        }

    def run(self, seed: int, inputs: int) -> Tally:
        """Try as many inputs as told; the same seed tries the same, as far as the book is the same."""
        tally = Tally()
        before = self.book.rows()
        for number in range(inputs):
            rng = Random(f"{seed}.{number}")
            if number % TEND == 0:
                self.book.tend()
                before = self.book.rows()
            tried = any_input(rng, self.book.known())
            through_a_process = rng.randrange(IN_A_PROCESS) == 0 and fits_a_process(tried)
            begun = time.monotonic()
            where = f"in a process with {rng.choice(LOCALES)}" if through_a_process else "in this process"
            ran = self.in_a_process(tried, rng.choice(LOCALES)) if through_a_process else self.here(tried)
            taken = time.monotonic() - begun
            after = self.book.rows()
            sentences = tuple(broken(tried, ran, before, after))
            if sentences:
                tally.findings.append(Finding(seed, number, tried, where, ran, sentences))
            tally.statuses[ran.status] += 1
            tally.ends[tried.path, ran.status] += 1
            tally.in_a_process += through_a_process
            tally.slowest = max(tally.slowest, (taken, ", ".join(map(as_python, tried.argv))))
            if len(after["slots"]) > 2 * len(before["slots"]):
                self.book.tend()
                after = self.book.rows()
            before = after
        return tally

    def here(self, tried: Input) -> Ran:
        """Run an input in this process; what escapes from the program counts as exit status 1, and Ctrl-C is Ctrl-C."""
        stdout, stderr = _Captured(), _Captured()
        with (
            self._settings_file(tried),
            surroundings(self._environment(tried), self.folder),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            settings.load.cache_clear()
            try:
                status = cli.run(list(tried.argv))
            except SystemExit as exit_:
                status = exit_.code if isinstance(exit_.code, int) else 1
            except Exception as error:
                status = 1
                stderr.write(f"{type(error).__name__} escaped: {error!r}\n")
        settings.load.cache_clear()
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        return Ran(status, stdout.text(), stderr.text())

    def in_a_process(self, tried: Input, locale: Mapping[str, str]) -> Ran:
        """Run an input through the real program; its arguments are bytes, and need not be text."""
        with self._settings_file(tried):
            done = subprocess.run(
                [os.fsencode(PROGRAM), *map(os.fsencode, tried.argv)],
                env={**self._environment(tried), **locale},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=300,
                check=False,
            )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def _environment(self, tried: Input) -> dict[str, str]:
        chosen = {**self.environment, **tried.settings}
        chosen.pop(FILE, None)
        return complete({name: value for name, value in chosen.items() if value is not None}, self.book.url)

    @contextlib.contextmanager
    def _settings_file(self, tried: Input) -> Iterator[None]:
        file, text = self.folder / FILE, tried.settings.get(FILE)
        if text is not None:
            file.write_bytes(os.fsencode(text))
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def fits_a_process(tried: Input) -> bool:
    """Tell whether a process can be given these arguments."""
    try:
        return all(len(os.fsencode(word)) < LONGEST_ARGUMENT and "\0" not in word for word in tried.argv)
    except UnicodeEncodeError:
        return False


@contextlib.contextmanager
def surroundings(environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Let this process have an environment and a current folder for a while."""
    was, where = dict(os.environ), Path.cwd()
    os.environ.clear()
    try:
        os.environ.update(environment)
        os.chdir(folder)
        yield
    finally:
        os.chdir(where)
        os.environ.clear()
        os.environ.update(was)


class _Captured(io.TextIOWrapper):
    """A stream as the program finds it: text over bytes, which it makes safe for itself."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="")

    def text(self) -> str:
        self.flush()
        written: io.BytesIO = self.buffer  # type: ignore[assignment]
        return written.getvalue().decode("utf-8")


def write_summary(tally: Tally, seconds: float, out: "io.TextIOBase | None" = None) -> None:
    """Write how a run went."""
    out = out or sys.stdout  # type: ignore[assignment]
    print(
        f"{tally.inputs} inputs in {seconds:.0f} s, {tally.in_a_process} of them through a process; "
        f"{tally.share_understood:.0%} were not turned away as invalid.",
        file=out,
    )
    print("Exit statuses: " + ", ".join(f"{s}: {n}" for s, n in sorted(tally.statuses.items())), file=out)
    for path in sorted({path for path, _ in tally.ends}):
        ends = sorted((status, n) for (p, status), n in tally.ends.items() if p == path)
        print(f"  {path:<16} " + "  ".join(f"{status}: {n}" for status, n in ends), file=out)
    print(f"The slowest took {tally.slowest[0]:.1f} s: {tally.slowest[1]}", file=out)
