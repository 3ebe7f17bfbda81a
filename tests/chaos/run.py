"""One run: clients on a server that keeps failing, and then the reckoning."""

import contextlib
import json
import logging
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import checker
from tests.chaos.checker import Contents, Violation
from tests.chaos.crowd import PROGRAM, Crowd, Size
from tests.chaos.history import Done, Operation, Refused, Unknown
from tests.chaos.nemesis import FAULTS, Nemesis
from tests.chaos.notes import CountRetries, Notes
from tests.chaos.proxy import Proxy
from tests.chaos.server import Server, own_server
from tests.chaos.workload import fill

# What was begun under failures ends in good weather.
GOOD_WEATHER_SECONDS = 2
SETTLE_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Plan:
    """Who does what for how long; `spoil` are statements that break the product, to see that it is noticed."""

    seed: str
    seconds: float
    size: Size = field(default_factory=Size)
    faults: Sequence[str] = tuple(FAULTS)
    spoil: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """What happened, and which promises were broken."""

    plan: Plan
    seconds: float
    operations: Sequence[Operation]
    retries: int
    faults: Counter[str]
    violations: Sequence[Violation]
    acknowledged: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for operation in self.operations:
            match operation.answer:
                case Done():
                    self.acknowledged[operation.kind] += 1
                case Refused(code):
                    self.refused[code] += 1
                case Unknown(why):
                    self.unknown[why] += 1

    @property
    def passed(self) -> bool:
        """Tell whether every promise was kept, and there was any."""
        return not self.violations and self.acknowledged.total() > 0

    def lines(self) -> Iterator[str]:
        """Yield the report line by line."""
        slowest = max(self.operations, key=lambda operation: operation.ended - operation.started, default=None)
        yield f"seconds       {self.seconds:.0f}"
        yield f"operations    {_counted(Counter(operation.kind for operation in self.operations))}"
        yield f"by clients    {_counted(Counter(operation.client.split('-')[0] for operation in self.operations))}"
        yield f"acknowledged  {_counted(self.acknowledged)}"
        yield f"refused       {_counted(self.refused)}"
        yield f"unknown       {_counted(self.unknown)}"
        yield f"retries       {self.retries}"
        if slowest:
            yield f"slowest       {slowest.ended - slowest.started:.1f} s ({slowest.kind} by {slowest.client})"
        yield f"faults        {_counted(self.faults)}"
        yield f"violations    {len(self.violations)}"
        for violation in self.violations:
            yield f"  {violation.kind}: {violation.message}"


def run(plan: Plan) -> Report:
    """Run clients under failures on a server of their own, and check every promise when it is over."""
    with contextlib.ExitStack() as stack:
        notes = Notes()
        stack.enter_context(_quiet(notes))
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="booking-chaos-home-")))
        server = stack.enter_context(own_server())
        stock = fill(server.conninfo)
        before = Contents.read(server.conninfo)
        for statement in plan.spoil:
            server.execute(statement)
        proxy = stack.enter_context(Proxy(server.conninfo))
        crowd = stack.enter_context(Crowd(plan.size, plan.seed, proxy, stock, notes, home))
        began = time.monotonic()
        nemesis = Nemesis(plan.seed, server, proxy, crowd.processes, crowd.expire_tenfold)
        if plan.faults:
            nemesis.run([*plan.faults], plan.seconds)
        else:
            time.sleep(plan.seconds)
        server.heal()
        time.sleep(GOOD_WEATHER_SECONDS)
        crowd.finish()
        seconds = time.monotonic() - began
        _wait_until_at_rest(server)
        operations = notes.history.operations()
        violations = [Violation("bug", message) for message in notes.bugs]
        violations += checker.violations(operations, Contents.read(server.conninfo), before)
        violations += _verify(server, home)
    return Report(plan, seconds, operations, notes.counts["retries"], nemesis.struck, violations)


def _verify(server: Server, home: Path) -> list[Violation]:
    """Return what `booking verify` finds."""
    ran = subprocess.run(
        [str(PROGRAM), "verify", "-o", "json"],
        env={"HOME": str(home), "BOOKING_DATABASE_URL": server.conninfo},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = [Violation("verify", problem["message"]) for problem in json.loads(ran.stdout)]
    except ValueError:
        found = []
    if ran.returncode != 0 and not found:
        return [Violation("verify", f"It ended with {ran.returncode} and said {ran.stderr!r}.")]
    return found


def _wait_until_at_rest(server: Server) -> None:
    give_up_at = time.monotonic() + SETTLE_PATIENCE_SECONDS
    while not server.at_rest():
        assert time.monotonic() < give_up_at, "waited in vain until every transaction had ended"
        time.sleep(0.1)


@contextlib.contextmanager
def _quiet(notes: Notes) -> Iterator[None]:
    """Count the attempts that this process repeats, and show nothing of what it says to itself meanwhile."""
    handlers = {"booking": CountRetries(notes), "psycopg": logging.NullHandler()}
    before = {name: (logging.getLogger(name).level, logging.getLogger(name).propagate) for name in handlers}
    for name, handler in handlers.items():
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for name, handler in handlers.items():
            logger = logging.getLogger(name)
            logger.removeHandler(handler)
            level, logger.propagate = before[name]
            logger.setLevel(level)


def _counted(counts: Counter[str]) -> str:
    """Return the sum and its parts, the largest first."""
    parts = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    return f"{counts.total()}{f' ({parts})' if parts else ''}"
