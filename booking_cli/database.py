"""Connections, and the one runner that every transaction goes through.

Writes are SERIALIZABLE and repeated on a serialization failure; reads are SERIALIZABLE and READ ONLY. Nothing is kept in
the session: what a transaction needs is set with SET LOCAL when it begins, in the same round trip, so that a pooler that
gives each transaction another connection does no harm.
"""

import contextlib
import itertools
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg.rows import DictRow, dict_row

from booking_cli import interrupts, queries
from booking_cli.errors import BookingError, Busy, DatabaseUnavailable, NotSetUp, OutcomeUnknown

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

T = TypeVar("T")
Row = DictRow
Connection = psycopg.Connection[DictRow]

SCHEMA = "booking"
CONNECT_TIMEOUT_SECONDS = 10
# A client that stops between two statements must not hold its locks for long.
IDLE_IN_TRANSACTION_SECONDS = 60

MAX_ATTEMPTS = 30
MAX_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.5

log = logging.getLogger("booking.database")


class Server(Protocol):
    """Where the database is: one's own, or the embedded one."""

    def conninfo(self) -> str:
        """Return a libpq connection string; raises DatabaseUnavailable where the server is known not to run."""

    def start(self) -> bool:
        """Start the server where that is ours to do, and tell whether connecting again makes sense."""


class Transaction:
    """The statements of one transaction, by their names in `sql/queries`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self, name: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
        """Run a statement and return its rows."""
        cursor = self._connection.execute(queries.statement(name).encode(), parameters or {})
        return cursor.fetchall()

    def one(self, name: str, parameters: Mapping[str, object] | None = None) -> Row | None:
        """Run a statement and return its first row, or None where there is none."""
        cursor = self._connection.execute(queries.statement(name).encode(), parameters or {})
        return cursor.fetchone()


class Database:
    """Runs work in transactions: on one connection, or with `pool_size` on as many as threads need."""

    def __init__(self, server: Server, *, statement_timeout: float, pool_size: int = 0) -> None:
        self.server = server
        self._pool_size = pool_size
        self._timeout_ms = max(1, round(statement_timeout * 1000))
        self._connection: Connection | None = None
        self._pool: ConnectionPool[Connection] | None = None
        self._pool_lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def read(self, work: Callable[[Transaction], T], *, timeout_seconds: float | None = None) -> T:
        """Run `work` in a READ ONLY transaction, on one snapshot, and return what it returns."""
        return self._run(_begin("READ ONLY", self._milliseconds(timeout_seconds)), work)

    def write(
        self, work: Callable[[Transaction], T], *, request_id: str | None = None, timeout_seconds: float | None = None
    ) -> T:
        """Run `work` in a SERIALIZABLE transaction, again on each serialization failure, and return what it returns.

        `work` may run several times: it must change nothing but the database, and print and ask nothing. A `request_id`
        says that the database recognizes it, so that repeating it does no harm even after it was committed.

        Raises Busy where it does not get through, and OutcomeUnknown where the connection broke during COMMIT and
        repeating could do harm or does not get through.
        """
        # A small table that is read whole is locked whole (predicate locks): keep writes on index scans.
        begin = _begin("READ WRITE", self._milliseconds(timeout_seconds)) + "; SET LOCAL enable_seqscan = off"
        return self._run(begin, work, request_id=request_id, changes=True)

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection outside any transaction, for what cannot run in the runner's."""
        if self._pool_size:
            from psycopg_pool import PoolTimeout

            try:
                connection = self._open_pool().getconn()
            except PoolTimeout:
                raise Busy("No connection became free in time. Nothing was changed; please try again.") from None
            try:
                yield connection
            finally:
                self._open_pool().putconn(connection)
            return
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        yield self._connection

    def _run(
        self, begin: str, work: Callable[[Transaction], T], *, request_id: str | None = None, changes: bool = False
    ) -> T:
        give_up_at = time.monotonic() + MAX_SECONDS
        in_doubt: OutcomeUnknown | None = None
        was_lost = False
        for attempt in itertools.count(1):
            failure: BookingError
            try:
                with self.connection() as connection:
                    return _attempt(connection, begin, work, changes=changes)
            except (pg.SerializationFailure, pg.DeadlockDetected) as error:
                failure, reason = Busy("Too many people are changing the same thing at once."), _first_line(error)
            except _LostDuringCommit as error:
                reason = "the connection broke during COMMIT"
                failure = in_doubt = _outcome_unknown(request_id)
                if request_id is None:
                    raise in_doubt from error.__cause__
                was_lost = True
            except psycopg.OperationalError as error:
                if not _is_lost(error, connection):
                    _raise_known(error, in_doubt)
                failure, reason = DatabaseUnavailable(f"The database went away: {_first_line(error)}."), str(error)
                was_lost = True
            except psycopg.Error as error:
                _raise_known(error, in_doubt)
            except (DatabaseUnavailable, Busy) as error:
                if not was_lost:
                    raise
                failure, reason = error, str(error)

            pause = random.uniform(0, min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt))
            if attempt >= MAX_ATTEMPTS or time.monotonic() + pause > give_up_at:
                if isinstance(failure, Busy) and not in_doubt:
                    raise Busy(f"{failure} It was tried {attempt} times and nothing was changed; please try again.")
                raise in_doubt or failure
            log.info("Attempt %d failed (%s); trying again in %.0f ms.", attempt, reason, pause * 1000)
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _milliseconds(self, timeout_seconds: float | None) -> int:
        return max(self._timeout_ms, round((timeout_seconds or 0) * 1000))

    def _open_pool(self) -> "ConnectionPool[Connection]":
        from psycopg_pool import ConnectionPool

        with self._pool_lock:
            if self._pool is None:
                self._connect().close()  # shows the real error at once, where the pool would wait for its timeout
                self._pool = ConnectionPool(
                    self.server.conninfo(),
                    kwargs=_CONNECT_OPTIONS,
                    connection_class=Connection,
                    min_size=1,
                    max_size=self._pool_size,
                    open=True,
                )
        return self._pool

    def _connect(self) -> Connection:
        try:
            return connect(self.server.conninfo())
        except DatabaseUnavailable:
            if not self.server.start():
                raise
        return connect(self.server.conninfo())


def connect(conninfo: str) -> Connection:
    """Connect; raises DatabaseUnavailable, or Busy where the server has no connection left."""
    from psycopg.conninfo import conninfo_to_dict

    try:
        address = conninfo_to_dict(conninfo)
        if any("@" in host[1:] for host in str(address.get("host", "")).split(",")):
            raise psycopg.ProgrammingError("what stands before the last @ belongs to the password")
        timeout = address.get("connect_timeout", CONNECT_TIMEOUT_SECONDS)
        return psycopg.connect(conninfo, connect_timeout=timeout, **_CONNECT_OPTIONS)
    except (psycopg.ProgrammingError, UnicodeError):
        # The driver's own words quote from the address, and may quote the password.
        raise DatabaseUnavailable(
            "BOOKING_DATABASE_URL is not an address that PostgreSQL understands; "
            "use postgresql://user:password@host:5432/name, with special characters percent-encoded."
        ) from None
    except psycopg.OperationalError as error:
        # libpq indents its guesses about the cause, and ours follows.
        lines = [line.strip() for line in str(error).splitlines() if not line.startswith("\t")]
        reason = " ".join(lines).removeprefix("connection failed: ").removeprefix("connection is bad: ")
        if "too many clients" in reason or "remaining connection slots" in reason or "too many connections" in reason:
            raise Busy("The database has no connection left. Nothing was changed; please try again.") from error
        raise DatabaseUnavailable(
            f"The database cannot be reached: {reason.rstrip('.')}. Is it running, and is BOOKING_DATABASE_URL right?"
        ) from error


def violates(error: psycopg.IntegrityError, constraint: str) -> bool:
    """Tell whether `error` is about a constraint; Citus adds a number to a constraint's name."""
    return (error.diag.constraint_name or "").startswith(constraint)


def translated(error: psycopg.Error) -> Exception:
    """Return what an error of the database means for whoever typed the command; a bug stays what it is."""
    reason = _first_line(error)
    match error:
        case pg.UndefinedTable() | pg.InvalidSchemaName() | pg.UndefinedColumn():
            return NotSetUp("The database is not set up for booking. Run 'booking db migrate' once.")
        case pg.QueryCanceled() | pg.LockNotAvailable():
            return Busy(
                "The database took too long to answer and was stopped; nothing was changed. "
                "Please try again, or raise BOOKING_STATEMENT_TIMEOUT."
            )
        case pg.InsufficientPrivilege():
            return DatabaseUnavailable(f"The database does not allow it: {reason}. Ask whoever runs the database.")
        case pg.ReadOnlySqlTransaction():
            return DatabaseUnavailable(
                "The database only allows reading; it may be a standby. Check BOOKING_DATABASE_URL."
            )
        case pg.TooManyConnections():
            return Busy("The database has no connection left. Nothing was changed; please try again.")
        case psycopg.OperationalError():
            return DatabaseUnavailable(f"The database failed: {reason}.")
    return error


def raise_translated(error: psycopg.Error) -> NoReturn:
    """Raise what an error of the database means for whoever typed the command."""
    meaning = translated(error)
    if meaning is error:
        raise error
    raise meaning from error


class _LostDuringCommit(Exception):
    """The connection broke while COMMIT was under way; its cause says how."""


_CONNECT_OPTIONS: dict[str, Any] = {
    "autocommit": True,  # the runner writes BEGIN and COMMIT itself
    "row_factory": dict_row,
    "application_name": "booking",
    "client_encoding": "UTF8",
    "prepare_threshold": None,  # prepared statements belong to a session, and a pooler shares sessions
}


def _begin(access: str, timeout_ms: int) -> str:
    return (
        f"BEGIN ISOLATION LEVEL SERIALIZABLE {access}"
        f"; SET LOCAL search_path = {SCHEMA}"
        f"; SET LOCAL statement_timeout = {timeout_ms}"
        f"; SET LOCAL idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_SECONDS * 1000}"
    )


def _attempt(connection: Connection, begin: str, work: Callable[[Transaction], T], *, changes: bool) -> T:
    interrupts.release()
    try:
        connection.execute(begin.encode())
        result = work(Transaction(connection))
    except BaseException:
        _roll_back(connection)
        raise
    if not changes:
        connection.execute("COMMIT")
        return result
    interrupts.hold_back()
    try:
        connection.execute("COMMIT")
    except psycopg.Error as error:
        if isinstance(error, psycopg.OperationalError) and _is_lost(error, connection):
            raise _LostDuringCommit from error
        interrupts.note_outcome(committed=False)
        raise
    interrupts.note_outcome(committed=True)
    return result


def _raise_known(error: psycopg.Error, in_doubt: OutcomeUnknown | None) -> NoReturn:
    """Raise what `error` means; where an earlier COMMIT is in doubt, that is what matters."""
    if in_doubt is not None:
        raise in_doubt from error
    raise_translated(error)


def _outcome_unknown(request_id: str | None) -> OutcomeUnknown:
    broke = "The connection to the database broke while the change was being committed"
    if request_id is not None:
        return OutcomeUnknown(
            f"{broke}, and the database does not answer: it is not known whether the change was made. "
            f"Repeat the command with --request-id {request_id}; then it happens once."
        )
    return OutcomeUnknown(
        f"{broke}, so it is not known whether it was made. Look at the record, and repeat the command if it was not."
    )


def _roll_back(connection: Connection) -> None:
    # What went wrong before matters more than a rollback that fails; the server rolls back by itself when we are gone.
    try:
        connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()


def _is_lost(error: psycopg.OperationalError, connection: Connection) -> bool:
    return connection.closed or isinstance(error, pg.AdminShutdown | pg.CrashShutdown | pg.CannotConnectNow)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
