"""The runner's connections: one, or a pool for several threads."""

import contextlib
from collections.abc import Iterator

import psycopg

from booking_cli.db.connections import OPTIONS, Connection, connect, with_default_timeouts
from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.db.external_server import ExternalServer
from booking_cli.domain.errors import Busy, DatabaseUnavailable

ACQUIRE_SECONDS = 20.0
Server = EmbeddedServer | ExternalServer


def connect_to(server: Server) -> Connection:
    """Connect, and start an embedded server first where it is stopped; raises DatabaseUnavailable and Busy."""
    try:
        return connect(server.conninfo())
    except DatabaseUnavailable:
        if not isinstance(server, EmbeddedServer):
            raise
    server.start()
    return connect(server.conninfo())


class SingleConnection:
    """One connection, opened at its first use, and again after it was closed; needs no threads, as a pool does."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: Connection | None = None

    @contextlib.contextmanager
    def acquire(self) -> Iterator[Connection]:
        """Acquire the connection; raises DatabaseUnavailable and Busy."""
        if self._connection is None or self._connection.closed:
            self._connection = connect_to(self._server)
        yield self._connection

    def close(self) -> None:
        """Close the connection, unless a thread that a second Ctrl-C left behind is using it."""
        if self._connection is not None and self._connection.lock.acquire(blocking=False):
            self._connection.close()


class Pool:
    """Up to `size` connections; psycopg_pool opens, checks and replaces them."""

    def __init__(self, server: Server, size: int) -> None:
        from psycopg_pool import ConnectionPool

        self._server = server
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            lambda: with_default_timeouts(server.conninfo()),
            kwargs=OPTIONS,
            connection_class=Connection,
            configure=_prepare_unless_pooled,
            check=_check_socket,
            min_size=0,
            max_size=size,
            reconnect_timeout=ACQUIRE_SECONDS,
            open=False,
        )

    @contextlib.contextmanager
    def acquire(self) -> Iterator[Connection]:
        """Acquire a connection; raises DatabaseUnavailable where none can be opened, and Busy where none becomes free in time."""
        if self._pool.closed:
            connect_to(self._server).close()  # starts an embedded server, and raises at once where none can be reached
        try:
            self._pool.open()
            connection = self._pool.getconn(ACQUIRE_SECONDS)
        except psycopg.OperationalError:  # none became free, or the pool was closed
            connect_to(self._server).close()
            raise Busy("No connection became free in time. Nothing was changed; please try again.") from None
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def _prepare_unless_pooled(connection: Connection) -> None:
    """Prepare and plan repeated statements once, which halves their cost, unless a pooler shares the sessions.

    Behind a pooler, the process number that the connection reports is not that of the server process.
    """
    row = connection.execute("SELECT pg_backend_pid() AS pid").fetchone()
    if row is not None and row["pid"] == connection.info.backend_pid:
        connection.prepare_threshold = 1
        connection.execute("SET plan_cache_mode = force_generic_plan")


def _check_socket(connection: Connection) -> None:
    """Raise OperationalError where the server has closed an idle connection; costs no round trip."""
    connection.pgconn.consume_input()
    if connection.pgconn.status != psycopg.pq.ConnStatus.OK:
        raise psycopg.OperationalError("the connection was closed while it was idle")
