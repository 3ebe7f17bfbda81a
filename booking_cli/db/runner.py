"""Runs every transaction: retry on serialization failure, reconnection, and resolution of ambiguous commits.

Writes are SERIALIZABLE; so are short reads, READ ONLY. No session state is used, so that it works behind a pooler in
transaction mode. Where a connection breaks during COMMIT, the runner connects again, waits until the server has ended the
transaction, and reads whether its changes are there, with the function `was_committed` of each write.
"""

import contextlib
import itertools
import logging
import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg.rows import RowFactory

from booking_cli import signals
from booking_cli.db import transaction
from booking_cli.db.connections import Connection
from booking_cli.db.error_translation import connection_lost, first_line, is_lost, raise_translated
from booking_cli.db.pool import Pool, Server, SingleConnection
from booking_cli.db.transaction import AmbiguousCommit, Begin, Transaction, roll_back
from booking_cli.domain.errors import Busy, DatabaseUnavailable, InterruptedInDoubt, NotSetUp, OutcomeUnknown

T = TypeVar("T")
DEFAULT_SCHEMA = "booking"
UTC = "UTC"
# Longer lists are streamed.
LONGEST_READ = 2000
# A person may read a long list slowly.
STREAM_SECONDS = 3600

# The limits of retries on serialization failure.
MAX_ATTEMPTS = 30
MAX_SECONDS = 20.0
# For how long to reconnect when the server goes away during a command: long enough for a restart or a failover.
RECONNECT_SECONDS = 20.0
# After so many COMMITs without an answer, another one is unlikely to succeed.
MAX_AMBIGUOUS_COMMITS = 10
FIRST_BACKOFF_SECONDS = 0.005
LONGEST_BACKOFF_SECONDS = 0.5

log = logging.getLogger("booking.database")


class Database:
    """Runs work in transactions: on one connection, or with `pool_size` on a pool for several threads."""

    def __init__(
        self, server: Server, *, statement_timeout: float, pool_size: int = 0, schema: str = DEFAULT_SCHEMA
    ) -> None:
        self.server = server
        self.schema = schema
        # The time zone of the instants that statements return. The session sets the clinic's.
        self.timezone = UTC
        self._statement_timeout = statement_timeout
        self._connections = Pool(server, pool_size) if pool_size else SingleConnection(server)
        self._read_level = "SERIALIZABLE"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def read(self, work: Callable[[Transaction], T], *, timeout_seconds: float = 0) -> T:
        """Run `work` in a READ ONLY transaction, on one snapshot, and return what it returns."""
        try:
            return self._read(f"{self._read_level} READ ONLY", work, timeout_seconds=timeout_seconds)
        except DatabaseUnavailable as error:
            # A hot standby refuses SERIALIZABLE.
            if self._read_level == "REPEATABLE READ" or not isinstance(error.__cause__, pg.ReadOnlySqlTransaction):
                raise
            self._read_level = "REPEATABLE READ"
            return self.read(work, timeout_seconds=timeout_seconds)

    def read_after_sync_replication(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` as `read` does, and return when a synchronous standby, if there is one, has what it saw.

        A change whose COMMIT was cut off while it waited for the standby is visible, and could still be lost in a failover.
        This transaction's COMMIT follows it in the log, and is only answered when the standby has both.
        """

        def write_and_read(tx: Transaction) -> T:
            tx.one("db.write_to_log")
            return work(tx)

        return self._read("SERIALIZABLE READ WRITE", write_and_read, reconnects=True)

    def list(self, name: str, parameters: Mapping[str, object], limit: int, rows: RowFactory[T]) -> Iterable[T]:
        """Return the rows of a statement that returns up to `limit` + 1 rows; many rows are streamed."""
        if limit > LONGEST_READ:
            return self.stream(name, parameters, rows)
        return self.read(lambda tx: tx.all(name, parameters, rows))

    def stream(self, name: str, parameters: Mapping[str, object], rows: RowFactory[T]) -> Iterator[T]:
        """Yield the rows of a statement as the server sends them, from one snapshot.

        There is no retry, because rows may have been shown already; at REPEATABLE READ none is needed. Raises the errors of
        `read`, also after some rows.
        """
        begin = self._begin("REPEATABLE READ READ ONLY", STREAM_SECONDS)
        try:
            with self.connection() as connection:
                try:
                    yield from Transaction(connection, begin).stream(name, parameters, rows)
                finally:
                    # There is nothing to commit, and the server may have ended the session of a reader who paused at the end.
                    roll_back(connection)
        except psycopg.Error as error:
            raise_translated(error)

    def write(
        self,
        work: Callable[[Transaction], T],
        *,
        was_committed: Callable[[Transaction, T], bool],
        request_id: str | None = None,
        timeout_seconds: float = 0,
    ) -> T:
        """Run `work` in a SERIALIZABLE transaction, retry it on serialization failure, and return what it returns.

        `work` may run several times: it must change only the database. After an ambiguous commit, `was_committed` gets the
        result of `work` and reads, in a later transaction, whether its changes are there; if not, `work` is retried.

        Raises Busy after the last retry; then nothing was changed. Raises OutcomeUnknown where an ambiguous commit cannot be
        resolved; `request_id` is the idempotency key for running the command again.
        """
        begin = self._begin("SERIALIZABLE READ WRITE", timeout_seconds)
        try:
            for _ in range(MAX_AMBIGUOUS_COMMITS):
                try:
                    return self._run(lambda connection: transaction.write(connection, begin, work))
                except AmbiguousCommit as ambiguous:
                    log.info("The connection broke during COMMIT (%s); resolving.", first_line(ambiguous.error))
                    committed = self._resolve_ambiguous_commit(ambiguous, was_committed, request_id)
                    signals.commit_ended(committed=committed)
                    if committed:
                        result: T = ambiguous.result
                        return result
        except KeyboardInterrupt:
            if signals.is_committing():
                raise InterruptedInDoubt(request_id) from None
            raise
        raise Busy("The connection to the database breaks during every COMMIT. Nothing was changed; please try again.")

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        """Acquire a connection outside any transaction; raises DatabaseUnavailable and Busy."""
        with self._connections.acquire() as connection:
            try:
                yield connection
            except psycopg.Error as error:
                if is_lost(error, connection):
                    connection.close()  # also where it still looks open
                raise

    def _read(
        self, mode: str, work: Callable[[Transaction], T], *, timeout_seconds: float = 0, reconnects: bool = False
    ) -> T:
        begin = self._begin(mode, timeout_seconds)
        return self._run(lambda connection: transaction.read(connection, begin, work), reconnects=reconnects)

    def _run(self, attempt: Callable[[Connection], T], *, reconnects: bool = False) -> T:
        """Run an attempt at a transaction until it succeeds or the limits are reached.

        With `reconnects` also the first connection is retried, and not only one that was there and broke.
        """
        failing_since = None
        for number in itertools.count(1):
            failure: Busy | DatabaseUnavailable
            connection: Connection | None = None
            longest_seconds, most_attempts = RECONNECT_SECONDS, math.inf
            try:
                with self.connection() as connection:
                    return attempt(connection)
            except (pg.SerializationFailure, pg.DeadlockDetected) as error:
                failure = Busy(
                    f"Too many changes are made at the same time. Nothing was changed in {number} attempts; please try again."
                )
                reason, longest_seconds, most_attempts = first_line(error), MAX_SECONDS, MAX_ATTEMPTS
            except psycopg.Error as error:
                if not is_lost(error, connection) and not (reconnects and isinstance(error, pg.ReadOnlySqlTransaction)):
                    raise_translated(error)
                failure, reason = connection_lost(error), first_line(error)
                reconnects = True
            except (DatabaseUnavailable, Busy) as error:
                if not reconnects:
                    raise
                failure, reason = error, first_line(error)

            # Counted from the first failure: the attempt that broke may have taken long.
            failing_since = failing_since or time.monotonic()
            if number >= most_attempts or time.monotonic() - failing_since > longest_seconds:
                raise failure
            pause = _backoff(number)
            log.info("Attempt %d failed (%s); retrying in %.0f ms.", number, reason, pause * 1000)
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _resolve_ambiguous_commit(
        self, ambiguous: AmbiguousCommit, was_committed: Callable[[Transaction, Any], bool], request_id: str | None
    ) -> bool:
        """Return whether a transaction was committed; raises OutcomeUnknown."""
        signals.deliver_sigint()
        deadline = time.monotonic() + RECONNECT_SECONDS
        pauses = map(_backoff, itertools.count(1))
        try:
            while not self._has_ended(ambiguous.transaction_id):
                if time.monotonic() > deadline:
                    raise Busy("The transaction is still in progress.")
                time.sleep(next(pauses))
            return self.read_after_sync_replication(lambda tx: was_committed(tx, ambiguous.result))
        except (DatabaseUnavailable, Busy, NotSetUp, psycopg.Error) as error:
            log.info("The outcome could not be resolved: %s.", first_line(error))
            raise OutcomeUnknown(request_id) from error

    def _has_ended(self, transaction_id: str) -> bool:
        """Return whether a transaction has ended, by COMMIT or ROLLBACK."""
        parameters = {"id": transaction_id}
        try:
            row = self._read(
                "SERIALIZABLE READ ONLY", lambda tx: tx.one("db.transaction_status", parameters), reconnects=True
            )
        except pg.InvalidParameterValue:
            return True  # "is in the future": after a crash, or on a standby, the server does not have the number
        return row is None or row["status"] != "in progress"

    def _begin(self, mode: str, timeout_seconds: float = 0) -> Begin:
        timeout_seconds = max(self._statement_timeout, timeout_seconds)
        statements = (
            f"BEGIN ISOLATION LEVEL {mode}; SET LOCAL timezone = '{self.timezone}'"
            f"; {transaction.settings(timeout_seconds, self.schema)}"
        )
        if mode.endswith("READ WRITE"):
            # A sequential scan takes a predicate lock on the whole table, so writes use indexes. The transaction's number is
            # for resolving an ambiguous commit.
            statements += "; SET LOCAL enable_seqscan = off; SELECT pg_current_xact_id()::text AS transaction_id"
        return Begin(statements, self.timezone)


class OpenTransaction(Database):
    """Runs reads and writes within a transaction that is open already, which alone is committed or rolled back."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def read(self, work: Callable[[Transaction], T], **_options: object) -> T:
        """Run `work`."""
        return work(self._tx)

    read_after_sync_replication = read
    write = read


def _backoff(attempt: int) -> float:
    """Return how many seconds to wait after an attempt: exponential, with full jitter."""
    return random.uniform(0, min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**attempt))
