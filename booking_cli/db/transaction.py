"""One attempt at a transaction: its BEGIN, its named statements, and its end. The runner retries it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, overload

import psycopg
from psycopg import errors as pg
from psycopg.rows import RowFactory, dict_row

from booking_cli import signals
from booking_cli.db import queries
from booking_cli.db.connections import Connection, Row
from booking_cli.db.error_translation import is_lost
from booking_cli.domain.errors import DatabaseUnavailable

T = TypeVar("T")
Parameters = Mapping[str, object]
_NONE: Parameters = {}

# How many rows of a long list are fetched at a time.
STREAM_CHUNK = 500
# A client that stops between two statements must not hold its locks for long.
IDLE_IN_TRANSACTION_SECONDS = 60


class Begin(NamedTuple):
    """The statements with which a transaction begins, and the time zone of its instants, which they set."""

    statements: str
    timezone: str


class Transaction:
    """An open transaction, which runs statements by their names in `sql/queries`."""

    def __init__(self, connection: Connection, begin: Begin) -> None:
        try:
            self._begun = connection.execute(begin.statements.encode(), prepare=False)
        except pg.FeatureNotSupported as error:  # a hot standby refuses SERIALIZABLE
            raise pg.ReadOnlySqlTransaction("the server is a hot standby") from error
        self._connection = connection
        # psycopg converts instants to the zone that the server reports. A pooler that hides the report would shift every time.
        if (reported := (connection.pgconn.parameter_status(b"TimeZone") or b"").decode()) != begin.timezone:
            raise DatabaseUnavailable(
                f"The pooler in front of the database reports the time zone {reported!r}, but {begin.timezone} was set. "
                "Configure it to forward parameter reports, or connect without it."
            )

    @property
    def id(self) -> str:
        """The server's number of a transaction that writes, which its BEGIN selects."""
        while self._begun.nextset():
            pass
        row = self._begun.fetchone()
        assert row is not None
        return str(row["transaction_id"])

    @overload
    def all(self, name: str, parameters: Parameters = ...) -> list[Row]: ...
    @overload
    def all(self, name: str, parameters: Parameters, rows: RowFactory[T]) -> list[T]: ...
    def all(self, name: str, parameters: Parameters = _NONE, rows: RowFactory[Any] = dict_row) -> list[Any]:
        """Run a statement and return its rows, by default as dictionaries."""
        return self._run(name, parameters, rows).fetchall()

    @overload
    def one(self, name: str, parameters: Parameters = ...) -> Row | None: ...
    @overload
    def one(self, name: str, parameters: Parameters, rows: RowFactory[T]) -> T | None: ...
    def one(self, name: str, parameters: Parameters = _NONE, rows: RowFactory[Any] = dict_row) -> Any:
        """Run a statement and return its first row, or None."""
        return self._run(name, parameters, rows).fetchone()

    def run(self, name: str, parameters: Parameters) -> None:
        """Run a statement whose rows are not needed."""
        self._run(name, parameters, dict_row)

    def stream(self, name: str, parameters: Parameters, rows: RowFactory[T]) -> Iterator[T]:
        """Run a statement and yield its rows as the server sends them."""
        cursor = self._connection.cursor(row_factory=rows)
        # Before version 17, libpq returns one row at a time, or all.
        size = STREAM_CHUNK if psycopg.capabilities.has_stream_chunked() else 1
        yield from cursor.stream(queries.statement(name), parameters, binary=True, size=size)

    def _run(self, name: str, parameters: Parameters, rows: RowFactory[Any]) -> psycopg.Cursor[Any]:
        # Binary results are parsed in half the time, and do not depend on the login's DateStyle.
        return self._connection.cursor(row_factory=rows, binary=True).execute(queries.statement(name), parameters)

    def commit(self) -> None:
        """Send COMMIT and wait for the answer."""
        self._connection.execute("COMMIT", prepare=False)


class Rollback(Exception):
    """Raised by the work of a write: rolls back, which needs no disk flush, and makes the write return the argument."""


class AmbiguousCommit(Exception):
    """The connection broke after COMMIT was sent and before the answer: whether it was committed is not known."""

    def __init__(self, transaction_id: str, result: Any, error: psycopg.Error) -> None:
        super().__init__(transaction_id)
        self.transaction_id, self.result, self.error = transaction_id, result, error


def read(connection: Connection, begin: Begin, work: Callable[[Transaction], T]) -> T:
    """Run `work` in a transaction that changes nothing; raises psycopg's errors."""
    with _rolled_back_on_error(connection):
        tx = Transaction(connection, begin)
        result = work(tx)
    tx.commit()
    return result


def write(connection: Connection, begin: Begin, work: Callable[[Transaction], T]) -> T:
    """Run `work` in a transaction and commit it; raises psycopg's errors, and AmbiguousCommit."""
    try:
        with _rolled_back_on_error(connection):
            tx = Transaction(connection, begin)
            result = work(tx)
    except Rollback as rollback:
        unchanged: T = rollback.args[0]
        return unchanged
    signals.commit_started()
    try:
        tx.commit()
    except psycopg.Error as error:
        if is_lost(error, connection):
            connection.close()
            raise AmbiguousCommit(tx.id, result, error) from error
        signals.commit_ended(committed=False)
        raise
    signals.commit_ended(committed=True)
    return result


@contextlib.contextmanager
def transaction(connection: Connection, timeout_seconds: float, *schemas: str) -> Iterator[None]:
    """Run a block in a transaction outside the runner, with Ctrl-C deferred during COMMIT; raises psycopg's errors."""
    signals.deliver_sigint()
    with connection.transaction():
        connection.execute(settings(timeout_seconds, *schemas).encode())
        yield
        signals.commit_started()
    signals.commit_ended(committed=True)


def settings(timeout_seconds: float, *schemas: str) -> str:
    """Return the statements that set the search path and the timeouts of one transaction.

    Temporary tables come last. Unless pg_temp is named it comes first, and a pooled session may hold tables of other clients.
    """
    path = ", ".join(f'"{schema}"' for schema in (*schemas, "pg_temp"))
    return (
        f"SET LOCAL search_path = {path}"
        f"; SET LOCAL statement_timeout = {max(1, round(timeout_seconds * 1000))}"
        f"; SET LOCAL idle_in_transaction_session_timeout = {round(IDLE_IN_TRANSACTION_SECONDS * 1000)}"
    )


@contextlib.contextmanager
def _rolled_back_on_error(connection: Connection) -> Iterator[None]:
    signals.deliver_sigint()
    try:
        yield
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: Connection) -> None:
    """Roll back; closes the connection where that fails, and then the server rolls back."""
    try:
        connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()
