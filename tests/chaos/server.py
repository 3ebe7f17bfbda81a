"""A PostgreSQL server for one run, with durable writes, that can be stopped and killed."""

import contextlib
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from booking_cli.db.connections import connect
from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.db.migrations import migrate
from booking_cli.db.runner import DEFAULT_SCHEMA
from booking_cli.domain.errors import BookingError
from tests.chaos.processes import kill
from tests.support.waiting import wait_until


class Server:
    """The server and its faults; clients cannot start it."""

    def __init__(self, data_dir: Path) -> None:
        """Start a new server, with an empty clinic in UTC."""
        self._stopping = threading.Lock()
        self._embedded = EmbeddedServer(data_dir, creates=True)
        self._embedded.start()
        self.conninfo = self._embedded.conninfo()
        with connect(self.conninfo) as connection:
            migrate(connection, DEFAULT_SCHEMA)
            connection.execute(f"UPDATE {DEFAULT_SCHEMA}.clinic SET timezone = 'UTC'".encode())

    def restart(self, number: signal.Signals, down_seconds: float) -> bool:
        """Send the postmaster a signal that ends it, start it after a while, and return whether it ran."""
        with self._stopping:  # two faults at the same time may both stop it
            if runs := self.answers():
                kill(self.postmaster(), number)
                wait_until(lambda: not self.answers(), "the server has ended")
                time.sleep(down_seconds)
                self.recover()
        return runs

    def postmaster(self) -> int | None:
        """Return the process that starts all others of the server, or None where there is none."""
        try:
            return int((self._embedded.cluster / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    def backends(self) -> list[int]:
        """Return the processes that serve connections of booking; none where the server does not answer."""
        return [pid for (pid,) in self.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'booking'")]

    def terminate(self, backend: int | None) -> bool:
        """End a connection with pg_terminate_backend, and return whether it was there."""
        return self.sql("SELECT pg_terminate_backend(%s)", backend) == [(True,)]

    def recover(self) -> None:
        """Start it unless it runs, and return when it answers."""

        def runs() -> bool:
            if not (answers := self.answers()):
                # Starting fails while the server recovers by itself, or while a killed one is still ending.
                with contextlib.suppress(BookingError):
                    self._embedded.start()
            return answers

        wait_until(runs, "the server answers")

    def answers(self) -> bool:
        return self.sql("SELECT 1") == [(1,)]

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement as an administrator, and return its rows; none where the server does not answer."""
        try:
            with psycopg.connect(self.conninfo, autocommit=True, connect_timeout=10) as admin:
                cursor = admin.execute(statement.encode(), parameters)
                return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError:
            return []

    def stop(self) -> None:
        """Stop it for good, whatever its state."""
        with contextlib.suppress(BookingError):
            if self._embedded.stop():
                return
        kill(self.postmaster())


@contextlib.contextmanager
def new_server() -> Iterator[Server]:
    """Start a server with a migrated, empty clinic in a new folder, and remove both afterwards."""
    # Not pytest's folder: its path is too long for a socket, and other users cannot pass through it.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="booking-chaos-", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder) / "data")
        try:
            yield server
        finally:
            server.stop()
