"""Where the runner's connections come from: one that is kept, or for threads a pool of them."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from booking_cli.db.connections import OPTIONS, Connection, Server, connect_to, patient
from booking_cli.domain.errors import Busy

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

BORROW_SECONDS = 20.0


def _prepare_where_safe(connection: Connection) -> None:
    """Let a connection keep the statements that it runs again, which halves what they cost the server.

    A pooler between would give them to strangers. It has no process of the server's to name when a connection begins, and
    names one of its own making.
    """
    row = connection.execute("SELECT pg_backend_pid() AS pid").fetchone()
    if row is not None and row["pid"] == connection.info.backend_pid:
        connection.prepare_threshold = 1


class Lender(Protocol):
    """Lends connections, each to one transaction at a time."""

    def lend(self) -> "contextlib.AbstractContextManager[Connection]":
        """Lend a connection for a `with` block; raises DatabaseUnavailable, or Busy where there is none."""

    def close(self) -> None:
        """Close what is open and not lent."""


class SingleConnection:
    """One connection for one thread, opened when it is needed first, and anew after it broke."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: Connection | None = None

    @contextlib.contextmanager
    def lend(self) -> Iterator[Connection]:
        """Lend the connection."""
        if self._connection is None or self._connection.closed:
            self._connection = connect_to(self._server)
        yield self._connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Pool:
    """Up to `size` connections for as many threads; those lent when another one broke come on top until they are back."""

    def __init__(self, server: Server, size: int) -> None:
        self._server = server
        self._size = size
        self._lock = threading.Lock()
        # Being opened, or open: whoever comes meanwhile waits for the same one, and learns the same error.
        self._opened: Future[ConnectionPool[Connection]] | None = None
        self._closed = False

    @contextlib.contextmanager
    def lend(self) -> Iterator[Connection]:
        """Lend a connection that nobody else has; raises Busy where none becomes free in time."""
        pool, connection = self._borrow()
        try:
            yield connection
        finally:
            # A pool whose server is away waits longer and longer before it connects again: begin with a new one.
            if connection.closed:
                self._forget(pool)
            pool.putconn(connection)

    def close(self) -> None:
        """Close the connections that are not lent; the others are closed when they come back."""
        with self._lock:
            opened, self._opened, self._closed = self._opened, None, True
        if opened is not None and opened.exception() is None:
            opened.result().close()

    def _borrow(self) -> "tuple[ConnectionPool[Connection], Connection]":
        from psycopg_pool import PoolClosed, PoolTimeout

        while True:
            pool = self._open()
            try:
                return pool, pool.getconn(BORROW_SECONDS)
            except PoolClosed:
                continue  # another thread's connection broke, and there is a new pool, or soon will be
            except PoolTimeout:
                raise Busy("No connection became free in time. Nothing was changed; please try again.") from None

    def _open(self) -> "ConnectionPool[Connection]":
        with self._lock:
            if self._closed:
                raise RuntimeError("a connection is wanted from a pool that was closed")
            opened, is_mine = self._opened, self._opened is None
            if opened is None:
                opened = self._opened = Future()
        if is_mine:
            try:
                opened.set_result(self._connected_pool())
            except BaseException as error:
                with self._lock:
                    self._opened = None
                opened.set_exception(error)
        return opened.result()

    def _connected_pool(self) -> "ConnectionPool[Connection]":
        from psycopg_pool import ConnectionPool

        # Shows the real error at once, where the pool would wait for its timeout.
        connect_to(self._server).close()
        return ConnectionPool(
            patient(self._server.conninfo()),
            kwargs=OPTIONS,
            connection_class=Connection,
            configure=_prepare_where_safe,
            min_size=1,
            max_size=self._size,
            open=True,
        )

    def _forget(self, pool: "ConnectionPool[Connection]") -> None:
        """Close a pool, and let the next thread begin with a new one."""
        with self._lock:
            if self._opened is None or not self._opened.done() or self._opened.result() is not pool:
                return
            self._opened = None
        pool.close(timeout=0)
