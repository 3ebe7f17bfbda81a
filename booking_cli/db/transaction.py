"""One transaction: what it begins with, its statements by their names, and how it ends. Nothing is repeated here."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, overload

import psycopg
from psycopg.rows import RowFactory, dict_row

from booking_cli import signals as interrupts
from booking_cli.db import queries
from booking_cli.db.connections import Connection, Row
from booking_cli.db.error_translation import is_lost
from booking_cli.domain.errors import DatabaseUnavailable

T = TypeVar("T")


# How many rows of a long list are fetched at a time.
STREAM_CHUNK = 500


class Begin(NamedTuple):
    """The statements that a transaction begins with, and the time zone that they set, in which instants come."""

    statements: str
    clock: str


class Transaction:
    """The statements of one transaction, by their names in `sql/queries`."""

    def __init__(self, connection: Connection, begin: Begin) -> None:
        self._begun = connection.execute(begin.statements.encode(), prepare=False)
        self._connection = connection
        # The driver goes by what the server reports; a pooler that keeps that to itself would have people told wrong hours.
        if (reported := (connection.pgconn.parameter_status(b"TimeZone") or b"").decode()) != begin.clock:
            raise DatabaseUnavailable(
                f"What is between booking and the database reports the time zone {reported!r} and not {begin.clock}, which was "
                "set. Let it pass on what the server reports, or connect without it."
            )

    @property
    def id(self) -> str:
        """The number that the server gave it: of one that writes, the last of the statements with which it began asks for it."""
        while self._begun.nextset():
            pass
        row = self._begun.fetchone()
        assert row is not None
        return str(row["transaction_id"])

    @overload
    def all(self, name: str, parameters: Mapping[str, object] | None = None) -> list[Row]: ...
    @overload
    def all(self, name: str, parameters: Mapping[str, object] | None, rows: RowFactory[T]) -> list[T]: ...
    def all(
        self, name: str, parameters: Mapping[str, object] | None = None, rows: RowFactory[Any] = dict_row
    ) -> list[Any]:
        """Run a statement and return its rows, as dictionaries unless said otherwise."""
        return self._run(name, parameters, rows).fetchall()

    @overload
    def one(self, name: str, parameters: Mapping[str, object] | None = None) -> Row | None: ...
    @overload
    def one(self, name: str, parameters: Mapping[str, object] | None, rows: RowFactory[T]) -> T | None: ...
    def one(
        self, name: str, parameters: Mapping[str, object] | None = None, rows: RowFactory[Any] = dict_row
    ) -> Any | None:
        """Run a statement and return its first row, or None where there is none."""
        return self._run(name, parameters, rows).fetchone()

    def stream(self, name: str, parameters: Mapping[str, object], rows: RowFactory[T]) -> Iterator[T]:
        """Run a statement and yield its rows as the server sends them."""
        cursor = self._connection.cursor(row_factory=rows)
        # Before version 17, libpq gives one row at a time, or all.
        size = STREAM_CHUNK if psycopg.capabilities.has_stream_chunked() else 1
        yield from cursor.stream(queries.statement(name), parameters, binary=True, size=size)

    def _run(self, name: str, parameters: Mapping[str, object] | None, rows: RowFactory[Any]) -> psycopg.Cursor[Any]:
        # In binary form a row takes half as long to read, and no login's DateStyle matters.
        return self._connection.cursor(row_factory=rows, binary=True).execute(queries.statement(name), parameters or {})

    def commit(self) -> None:
        """Send COMMIT, and return when it is answered."""
        self._connection.execute("COMMIT", prepare=False)


class LostCommit(Exception):
    """The connection broke while COMMIT was under way: which transaction it was, what its work returned, and what broke."""

    def __init__(self, transaction_id: str, result: Any, error: psycopg.Error) -> None:
        super().__init__(transaction_id)
        self.transaction_id, self.result, self.error = transaction_id, result, error


def read(connection: Connection, begin: Begin, work: Callable[[Transaction], T]) -> T:
    """Run one that changes nothing; raises what the driver raises."""
    with _whole_or_rolled_back(connection):
        tx = Transaction(connection, begin)
        result = work(tx)
    tx.commit()
    return result


def read_at_once(connection: Connection, statements: str) -> Row:
    """Run one that changes nothing in one round trip, and return the row of the one statement in it that returns any."""
    with _whole_or_rolled_back(connection):
        cursor = connection.execute(statements.encode(), prepare=False)
        while not cursor.description and cursor.nextset():
            pass
        row = cursor.fetchone()
    assert row is not None
    return row


def write(
    connection: Connection,
    begin: Begin,
    work: Callable[[Transaction], T],
    look: Callable[[Transaction], T | None] | None,
    begin_looking: Begin,
) -> T:
    """Run one that changes something; a COMMIT that breaks raises LostCommit.

    `look` is for a transaction that goes before it, and makes it unnecessary where it returns something.
    """
    with _whole_or_rolled_back(connection):
        if look is not None:
            tx = Transaction(connection, begin_looking)
            if (seen := look(tx)) is not None:
                tx.commit()
                return seen
            begin = begin._replace(statements=f"COMMIT; {begin.statements}")  # one round trip for both
        tx = Transaction(connection, begin)
        result = work(tx)
    interrupts.hold_back()
    try:
        tx.commit()
    except psycopg.Error as error:
        if is_lost(error, connection):
            connection.close()
            raise LostCommit(tx.id, result, error) from error
        interrupts.note_outcome(committed=False)
        raise
    interrupts.note_outcome(committed=True)
    return result


@contextlib.contextmanager
def _whole_or_rolled_back(connection: Connection) -> Iterator[None]:
    """Obey Ctrl-C within, and undo what was done where anything goes wrong."""
    interrupts.release()
    try:
        yield
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: Connection) -> None:
    """Undo what a transaction did. What went wrong before matters more than a rollback that fails."""
    # The server rolls back by itself when we are gone.
    try:
        connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()
