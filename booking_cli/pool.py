"""Where the runner's connections come from: one that is kept, or for threads a pool of them."""

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from booking_cli.connections import OPTIONS, Connection, Server, connect_to, patient
from booking_cli.errors import Busy

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

BORROW_SECONDS = 20.0


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
    """Up to `size` connections for as many threads."""

    def __init__(self, server: Server, size: int) -> None:
        self._server = server
        self._size = size
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None

    @contextlib.contextmanager
    def lend(self) -> Iterator[Connection]:
        """Lend a connection that nobody else has; raises Busy where none becomes free in time."""
        pool, connection = self._borrow()
        try:
            yield connection
        finally:
            # A pool whose server is away waits longer and longer before it connects again: begin with a new one.
            if connection.closed and self._forget(pool):
                pool.close(timeout=0)
            pool.putconn(connection)

    def close(self) -> None:
        """Close the connections that are not lent; the others are closed when they come back."""
        pool = self._pool
        if pool is not None and self._forget(pool):
            pool.close()

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
        from psycopg_pool import ConnectionPool

        pool = self._pool
        if pool is not None:
            return pool
        # Shows the real error at once, where the pool would wait for its timeout. Each thread sees for itself: behind one
        # lock they would wait one after the other for a server that does not answer.
        connect_to(self._server).close()
        with self._lock:
            if self._pool is None:
                self._pool = ConnectionPool(
                    patient(self._server.conninfo()),
                    kwargs=OPTIONS,
                    connection_class=Connection,
                    min_size=1,
                    max_size=self._size,
                    open=True,
                )
            return self._pool

    def _forget(self, pool: "ConnectionPool[Connection]") -> bool:
        """Let the next thread begin with a new pool, and tell whether this one was still in use."""
        with self._lock:
            if self._pool is not pool:
                return False
            self._pool = None
            return True
