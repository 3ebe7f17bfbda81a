"""Workers: threads that send one request after another through a client, and retry what was not decided."""

import random
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from booking_cli.db.external_server import ExternalServer
from booking_cli.db.runner import Database
from booking_cli.session import ClinicSession, open_session
from tests.chaos.clients import STUCK_SECONDS, Client, ImportClient, ProgramClient, SessionClient
from tests.chaos.history import History, Ok, Operation, Outcome, Unknown
from tests.chaos.processes import Processes, kill
from tests.chaos.proxy import Proxy
from tests.chaos.workload import Request, Workload

STATEMENT_TIMEOUT_SECONDS = 5
TRIES = 6
UNDECIDED = ("busy", "database_unavailable")
# The kinds of clients, and how many there are: threads on a pool, threads on own connections, processes, and files.
CLIENTS = {"pooled": 9, "single": 3, "process": 6, "import": 3}


def send(name: str, client: Client, requests: list[Request], history: History) -> list[Outcome]:
    """Send requests once, and record them with their outcomes."""
    started = time.time()
    try:
        outcomes = client(requests)
    except Exception:  # recorded as a bug, with its traceback
        outcomes = [history.bug(f"{name} failed at {requests}:\n{traceback.format_exc()}")] * len(requests)
    ended = time.time()
    for request, outcome in zip(requests, outcomes, strict=True):
        history.operations.append(Operation(name, *request, started, ended, outcome))
    return outcomes


class Workers:
    """All workers of a run; they work from the beginning of the `with` block until `finish`."""

    def __init__(
        self, counts: Mapping[str, int], seed: str, proxy: Proxy, workload: Workload, history: History, home: Path
    ) -> None:
        self.processes = Processes()
        self._seed, self._proxy, self._workload, self._history, self._home = seed, proxy, workload, history, home
        self._stop = threading.Event()
        self._databases: list[Database] = []
        pool, imports = self._session("pool", 9), self._session("imports", 6)
        new: dict[str, Callable[[str], Client]] = {
            "pooled": lambda name: SessionClient(pool, name, history),
            "single": lambda name: SessionClient(self._session(name), name, history),
            "process": self._program,
            "import": lambda name: ImportClient(imports, name, history),
        }
        clients = [(f"{kind}-{n}", new[kind](f"{kind}-{n}")) for kind, count in counts.items() for n in range(count)]
        self._threads = [threading.Thread(target=self._work, args=pair, daemon=True) for pair in clients]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for process_id in self.processes.ids():
            kill(process_id)
        self._join(5)
        for database in self._databases:
            database.close()

    def finish(self) -> None:
        """Stop all workers, and wait until they have ended; one that does not end is a bug."""
        self._stop.set()
        for thread in self._join(STUCK_SECONDS):
            stack = "".join(traceback.format_stack(sys._current_frames().get(thread.ident or 0)))
            self._history.bug(f"A worker did not end within {STUCK_SECONDS} seconds:\n{stack}")

    def _join(self, seconds: float) -> list[threading.Thread]:
        """Wait for the workers, and return those that have not ended."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))
        return [thread for thread in self._threads if thread.is_alive()]

    def _work(self, name: str, client: Client) -> None:
        """Send requests until the end. Undecided requests are retried; some are repeated, or given up."""
        rng = random.Random(f"{self._seed} {name}")
        while not self._stop.is_set():
            is_file = isinstance(client, ImportClient)
            requests = self._workload.file(rng) if is_file else [self._workload.request(rng)]
            for _ in range(TRIES):
                outcomes = send(name, client, requests, self._history)
                for request, outcome in zip(requests, outcomes, strict=True):
                    if isinstance(outcome, Ok):
                        self._workload.learn(request, outcome.result)
                undecided = any(
                    isinstance(o, Unknown) or o.code in UNDECIDED for o in outcomes if not isinstance(o, Ok)
                )
                repeated = "request_id" in requests[0].arguments and rng.random() < 0.05
                if not (undecided or repeated) or rng.random() < 0.15:
                    break
                if self._stop.wait(rng.uniform(0, 0.2)):
                    break

    def _session(self, name: str, pool_size: int = 0) -> ClinicSession:
        server = ExternalServer(self._proxy.url(name))
        database = Database(server, statement_timeout=STATEMENT_TIMEOUT_SECONDS, pool_size=pool_size)
        self._databases.append(database)
        return open_session(database)

    def _program(self, name: str) -> ProgramClient:
        url, timeout = self._proxy.url(name), str(STATEMENT_TIMEOUT_SECONDS)
        environment = {"BOOKING_DATABASE_URL": url, "BOOKING_STATEMENT_TIMEOUT": timeout, "HOME": str(self._home)}
        return ProgramClient(name, environment, self.processes, self._history)
