"""A PostgreSQL server of the run's own, with everything written through to the disk, that can be made to die."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from booking_cli.db.connections import connect
from booking_cli.db.embedded_server import EmbeddedServer, program_folder
from booking_cli.db.migrations import migrate
from booking_cli.domain.errors import BookingError

RECOVERY_PATIENCE_SECONDS = 180


class Server:
    """Dies when it is told to, and comes back; nobody but who runs the chaos starts it."""

    def __init__(self, data_dir: Path) -> None:
        self.conninfo = ""
        self._embedded = EmbeddedServer(data_dir)
        self._dying = threading.Lock()

    def start(self) -> None:
        """Start it for the first time, with an empty book in UTC."""
        self._embedded.start()
        self.conninfo = self._embedded.conninfo()
        with connect(self.conninfo) as connection:
            migrate(connection)
            connection.execute("UPDATE booking.clinic SET timezone = 'UTC'")

    def stop_at_once(self, down_seconds: float) -> bool:
        """End it as `pg_ctl stop -m immediate` does, start it after a while, and tell whether it was there to end."""
        return self._die_and_return(self._stop_immediately, down_seconds)

    def kill(self, down_seconds: float) -> bool:
        """Kill its main process, start it after a while, and tell whether it was there to kill."""
        return self._die_and_return(self._kill_main_process, down_seconds)

    def main_process(self) -> int | None:
        """Return the process that all others of the server come from; None where there is none."""
        try:
            return int((self._embedded.cluster / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    def backends(self) -> list[int]:
        """Return the processes that serve clients of booking; none where the server does not answer."""
        rows = self._ask("SELECT pid FROM pg_stat_activity WHERE application_name = 'booking'")
        return [row[0] for row in rows]

    def end_connection(self, backend: int) -> bool:
        """End a connection as an administrator does, and tell whether it was there."""
        return self._ask("SELECT pg_terminate_backend(%s)", backend) == [(True,)]

    def kill_backend(self, backend: int) -> bool:
        """Kill a process that serves a client; the server then ends all others, and recovers by itself."""
        try:
            os.kill(backend, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def heal(self) -> None:
        """Return when it runs and answers."""
        give_up_at = time.monotonic() + RECOVERY_PATIENCE_SECONDS
        while not self.answers():
            assert time.monotonic() < give_up_at, "waited in vain until the server had recovered"
            # It fails while the server recovers by itself, or while what was killed is still going away.
            with contextlib.suppress(BookingError):
                self._embedded.start()

    def answers(self) -> bool:
        """Tell whether it runs and answers."""
        return self._ask("SELECT 1") == [(1,)]

    def at_rest(self) -> bool:
        """Tell whether it answers, and no transaction of booking is under way."""
        statement = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'booking' AND xact_start IS NOT NULL"
        )
        return self._ask(statement) == [(0,)]

    def execute(self, statement: str) -> None:
        """Run a statement as an administrator."""
        with psycopg.connect(self.conninfo, autocommit=True) as admin:
            admin.execute(statement.encode())

    def stop(self) -> None:
        """End it for good, whatever state it is in."""
        with contextlib.suppress(BookingError):
            if self._embedded.stop():
                return
        self._kill_main_process()

    def _die_and_return(self, die: Callable[[], object], down_seconds: float) -> bool:
        # Two faults at a time may both want its end; it has one.
        if not self._dying.acquire(blocking=False):
            return False
        try:
            if not self.answers():
                return False
            die()
            time.sleep(down_seconds)
            self.heal()
        finally:
            self._dying.release()
        return True

    def _stop_immediately(self) -> None:
        cluster = self._embedded.cluster
        owner = cluster.stat().st_uid
        subprocess.run(
            [str(program_folder() / "pg_ctl"), "stop", "-D", ".", "-m", "immediate", "-w"],
            cwd=cluster,
            user=owner if os.geteuid() == 0 else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )

    def _kill_main_process(self) -> None:
        if process_id := self.main_process():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)

    def _ask(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        try:
            with psycopg.connect(self.conninfo, autocommit=True, connect_timeout=10) as admin:
                return admin.execute(statement.encode(), parameters).fetchall()
        except psycopg.OperationalError:
            return []


@contextlib.contextmanager
def own_server() -> Iterator[Server]:
    """Lend a server with a migrated, empty book in a new folder."""
    # Not a test's folder: its path is too long for a socket, and other users cannot pass through it.
    place = Path(tempfile.mkdtemp(dir="/tmp", prefix="booking-chaos-"))
    server = Server(place / "data")
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)
