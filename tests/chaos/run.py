"""One run: workers on a server with injected faults, and then the check of the history against the database."""

import contextlib
import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.chaos.checker import Contents, Violation, violations
from tests.chaos.history import History, Ok, Operation, Rejected, Unknown
from tests.chaos.nemesis import FAULTS, Nemesis
from tests.chaos.proxy import Proxy
from tests.chaos.server import Server, new_server
from tests.chaos.workers import CLIENTS, Workers
from tests.chaos.workload import fill
from tests.conftest import PROGRAM
from tests.support.waiting import wait_until

# At the end without faults, so that operations that were retried under faults can succeed.
CALM_SECONDS = 1
IDLE = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'booking' AND xact_start IS NOT NULL"


class Plan(NamedTuple):
    """What to run for how long; `sabotage` are statements that remove a guarantee, to test that the checker notices."""

    seed: str
    seconds: float
    clients: Mapping[str, int] = CLIENTS
    faults: Sequence[str] = (*FAULTS,)
    sabotage: Sequence[str] = ()


class Report(NamedTuple):
    seconds: float
    operations: Sequence[Operation]
    faults: Counter[str]
    violations: Sequence[Violation]

    def counted(self, outcome: type) -> Counter[str]:
        """Count the outcomes of a type: Ok by the kind of operation, others by error code or reason."""
        found = (operation for operation in self.operations if isinstance(operation.outcome, outcome))
        return Counter(operation.kind if outcome is Ok else operation.outcome[0] for operation in found)

    def lines(self) -> Iterator[str]:
        """Yield the report line by line."""
        counts = {outcome.__name__.lower(): self.counted(outcome) for outcome in (Ok, Rejected, Unknown)}
        yield f"operations    {len(self.operations)} in {self.seconds:.0f} seconds"
        for name, counted in {**counts, "faults": self.faults}.items():
            yield f"{name:14}{counted.total()} ({', '.join(f'{part} {count}' for part, count in counted.most_common())})"
        yield f"violations    {len(self.violations)}"
        yield from (f"  {violation.kind}: {violation.message}" for violation in self.violations)


def run(plan: Plan) -> Report:
    """Run workers on a new server while faults are injected, and check every promise afterwards."""
    with contextlib.ExitStack() as stack:
        history = History()
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="booking-chaos-home-")))
        server = stack.enter_context(new_server())
        workload = fill(server.conninfo)
        before = Contents.read(server.conninfo)
        for statement in plan.sabotage:
            server.sql(statement)
        proxy = stack.enter_context(Proxy(server.conninfo))
        workers = stack.enter_context(Workers(plan.clients, plan.seed, proxy, workload, history, home))
        began = time.monotonic()
        nemesis = Nemesis(plan.seed, server, proxy, workers.processes)
        if plan.faults:
            nemesis.run([*plan.faults], plan.seconds)
        else:
            time.sleep(plan.seconds)
        server.recover()
        time.sleep(CALM_SECONDS)
        workers.finish()
        seconds = time.monotonic() - began
        wait_until(lambda: server.sql(IDLE) == [(True,)], "no transaction is in progress")
        found = [Violation("bug", message) for message in history.bugs]
        found += violations(history.operations, Contents.read(server.conninfo), before)
        found += _verify(server, home)
    report = Report(seconds, history.operations, nemesis.injected, found)
    assert report.counted(Ok), "no operation was acknowledged"
    return report


def _verify(server: Server, home: Path) -> list[Violation]:
    """Return the violations that `booking verify` finds."""
    environment = {"HOME": str(home), "BOOKING_DATABASE_URL": server.conninfo}
    ran = subprocess.run([PROGRAM, "verify", "-o", "json"], env=environment, cwd=home, capture_output=True, check=False)
    assert ran.returncode in (0, 4), ran.stderr
    return [Violation("verify", found["message"]) for found in json.loads(ran.stdout)]
