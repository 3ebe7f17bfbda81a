"""All clients of a run: threads on a pool, threads with a connection of their own, `booking` processes, and files of bookings."""

import os
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from booking_cli import session as books
from booking_cli.db.runner import Database
from booking_cli.session import Book
from tests.chaos.callers import STUCK_SECONDS, InBatches, InProcess, InThread, Processes
from tests.chaos.clients import BatchClient, Caller, Client, ask
from tests.chaos.notes import Notes
from tests.chaos.proxy import Proxy
from tests.chaos.workload import Request, Stock

PROGRAM = Path(sys.executable).with_name("booking")
STATEMENT_TIMEOUT_SECONDS = 5
GIVE_UP_SECONDS = 5


@dataclass(frozen=True)
class Size:
    """How many clients there are of each kind."""

    pooled: int = 9
    single: int = 3
    processes: int = 6
    batches: int = 3


class Crowd:
    """Works from the beginning of the `with` block until `finish`."""

    def __init__(self, size: Size, seed: str, proxy: Proxy, stock: Stock, notes: Notes, home: Path) -> None:
        self.processes = Processes()
        self._proxy = proxy
        self._notes = notes
        self._home = home
        self._enough = threading.Event()
        self._databases: list[Database] = []
        callers: dict[str, Caller] = {}
        if size.pooled:
            pool = self._book("pool", pool_size=size.pooled)
            callers |= {name: InThread(pool, name, notes) for name in _names("pooled", size.pooled)}
        callers |= {name: InThread(self._book(name), name, notes) for name in _names("single", size.single)}
        callers |= {name: self._program(name) for name in _names("process", size.processes)}
        self._clients = [Client(name, call, stock, notes, seed, self._enough) for name, call in callers.items()]
        if size.batches:
            book = self._book("batches", pool_size=size.batches)
            self._clients += [
                BatchClient(name, InBatches(book, name, notes), stock, notes, seed, self._enough)
                for name in _names("batch", size.batches)
            ]
        expirers = self._book("expire", pool_size=8)
        self._expire: dict[str, Caller] = {name: InThread(expirers, name, notes) for name in _names("expire", 8)}
        self._expire |= {name: self._program(name) for name in _names("expire_process", 2)}

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.processes.kill_all()
        self._join(GIVE_UP_SECONDS)
        for database in self._databases:
            database.close()

    def expire_tenfold(self) -> int:
        """Run ten `expire` at once to their end, and return how many."""
        request = Request("expire", {})
        threads = [
            threading.Thread(target=ask, args=[name, call, request, self._notes], name=name, daemon=True)
            for name, call in self._expire.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(threads)

    def finish(self) -> None:
        """Let every client come to its end; one that does not is a bug."""
        self._enough.set()
        for client in self._join(STUCK_SECONDS):
            frame = sys._current_frames().get(client.ident or 0)
            where = "".join(traceback.format_stack(frame)) if frame else "nowhere\n"
            self._notes.bug(f"{client.name} had not ended after {STUCK_SECONDS} seconds; it is at\n{where}")

    def _join(self, seconds: float) -> list[Client]:
        """Wait for the clients, and return those that are still at work."""
        give_up_at = time.monotonic() + seconds
        for client in self._clients:
            client.join(max(0, give_up_at - time.monotonic()))
        return [client for client in self._clients if client.is_alive()]

    def _book(self, name: str, *, pool_size: int = 0) -> Book:
        server = books.OwnServer(self._proxy.url(name))
        database = Database(server, statement_timeout=STATEMENT_TIMEOUT_SECONDS, pool_size=pool_size)
        self._databases.append(database)
        return books.open_book(database)

    def _program(self, name: str) -> InProcess:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "BOOKING_DATABASE_URL": self._proxy.url(name),
            "BOOKING_STATEMENT_TIMEOUT": str(STATEMENT_TIMEOUT_SECONDS),
        }
        return InProcess(name, PROGRAM, environment, self._home, self.processes, self._notes)


def _names(kind: str, count: int) -> list[str]:
    return [f"{kind}-{number}" for number in range(1, count + 1)]
