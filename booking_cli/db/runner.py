"""The one runner that every transaction goes through.

Writes are SERIALIZABLE and repeated on a serialization failure; reads are SERIALIZABLE and READ ONLY. Nothing is kept in
the session: what a transaction needs is set with SET LOCAL when it begins, in the same round trip, so that a pooler that
gives each transaction another connection does no harm.

Where a connection breaks during COMMIT, nobody knows whether it happened. Then the runner connects again, waits until the
lost transaction has ended on the server, and asks the data: each write brings along how to see that what it did stands.
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

from booking_cli import signals as interrupts
from booking_cli.db import queries
from booking_cli.db import transaction as transactions
from booking_cli.db.connections import Connection, Row, Server
from booking_cli.db.error_translation import first_line, is_from_a_standby, is_lost, raise_translated, went_away
from booking_cli.db.pool import Lender, Pool, SingleConnection
from booking_cli.db.transaction import Begin, LostCommit, Transaction, roll_back
from booking_cli.domain.errors import (
    BookingError,
    Busy,
    DatabaseUnavailable,
    InterruptedInDoubt,
    NotSetUp,
    OutcomeUnknown,
)

T = TypeVar("T")
SCHEMA = "booking"
UTC = "UTC"
# Temporary tables are looked for last. Unless it is named, their schema comes first, and through a pooler the session may have
# some of a stranger's.
SEARCH_PATH = f"{SCHEMA}, pg_temp"
# A client that stops between two statements must not hold its locks for long.
IDLE_IN_TRANSACTION_SECONDS = 60

# More rows than this are not held in memory.
LONGEST_READ = 2000
# Whoever reads a long list may take their time.
STREAM_SECONDS = 3600

# How often, and for how long, a transaction is repeated that others came in the way of.
MAX_ATTEMPTS = 30
MAX_SECONDS = 20.0
# How long to wait for a database that went away in the middle of a command: long enough for a restart or a failover.
RECONNECT_SECONDS = 20.0
# A connection may break once; one that breaks during every COMMIT will go on doing so.
MAX_BROKEN_COMMITS = 10
FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.5

log = logging.getLogger("booking.database")


class Database:
    """Runs work in transactions: on one connection, or with `pool_size` on as many as threads need."""

    def __init__(self, server: Server, *, statement_timeout: float, pool_size: int = 0) -> None:
        self.server = server
        # The time zone in which instants come. The clinic's own is known, and set here, when the book is open.
        self.clock = UTC
        self._timeout_ms = max(1, round(statement_timeout * 1000))
        self._connections: Lender = Pool(server, pool_size) if pool_size else SingleConnection(server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        self._connections.close()

    def read(self, work: Callable[[Transaction], T], *, timeout_seconds: float | None = None) -> T:
        """Run `work` in a READ ONLY transaction, on one snapshot, and return what it returns."""
        begin = self._begin("READ ONLY", timeout_seconds)
        return self._run(lambda connection: transactions.read(connection, begin, work))

    def glance(self, name: str) -> Row:
        """Return the one row of a statement that only reads: its whole transaction is one round trip.

        It can have no parameters, and its row no instants, which would come as text.
        """
        statements = f"{self._begin('READ ONLY').statements}; {queries.statement(name)} COMMIT"
        return self._run(lambda connection: transactions.read_at_once(connection, statements))

    def read_what_lasts(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` as `read` does, and return when a synchronous standby, where there is one, has what it saw.

        A change whose COMMIT was cut off while it waited for the standby can be seen, and would still be lost in a failover.
        This transaction's COMMIT comes after it in the log, and is only answered when the standby has both. Where it breaks,
        `work` looks again.
        """

        def look(tx: Transaction) -> T:
            tx.one("db.write_to_log")
            return work(tx)

        begin = self._begin("READ WRITE")
        return self._run(lambda connection: transactions.read(connection, begin, look), reconnects=True)

    def listing(self, name: str, parameters: Mapping[str, object], limit: int, rows: RowFactory[T]) -> Iterable[T]:
        """Return the rows of a statement that gives one more than `limit` at most: as `read` does, or many as `stream` does."""
        if limit > LONGEST_READ:
            return self.stream(name, parameters, rows)
        return self.read(lambda tx: tx.all(name, parameters, rows))

    def stream(self, name: str, parameters: Mapping[str, object], rows: RowFactory[T]) -> Iterator[T]:
        """Yield the rows of a statement as the server sends them, from one snapshot, however many there are.

        What has been yielded cannot be taken back, so this is not repeated: the transaction is DEFERRABLE, which waits for a
        snapshot that no other transaction can spoil. Raises what `read` raises, also in the middle.
        """
        begin = self._begin("READ ONLY DEFERRABLE", STREAM_SECONDS)
        with self.connection() as connection:
            try:
                yield from Transaction(connection, begin).stream(name, parameters, rows)
            except psycopg.Error as error:
                if is_lost(error, connection):
                    connection.close()
                    raise went_away(error) from error
                raise_translated(error)
            finally:
                # There is nothing to commit, and the server may have ended the session of a reader who paused at the end.
                roll_back(connection)

    def write(
        self,
        work: Callable[[Transaction], T],
        *,
        stands: Callable[[Transaction, T], bool],
        look: Callable[[Transaction], T | None] | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
        clock: str | None = None,
    ) -> T:
        """Run `work` in a SERIALIZABLE transaction, again on each serialization failure, and return what it returns.

        `look` reads before, in a READ ONLY transaction of its own each time: what is read there stands in nobody's way. Where
        it returns something, that is returned, and nothing is written.

        `work` may run several times: it must change nothing but the database, and print and ask nothing. Where the
        connection broke during COMMIT, `stands` tells, in a later transaction, whether what `work` returned is in the
        database; where it is not, nothing was changed, and `work` is run again.

        `clock` is for instants that are to come in another time zone than the clinic's.

        Raises Busy where it does not get through; then nothing was changed. Raises OutcomeUnknown where the database does
        not come back in time to be asked; `request_id` is what the user can ask by later.
        """
        # A small table that is read whole is locked whole (predicate locks): keep writes on index scans. The id of the
        # transaction is for finding out, should the connection break, when the server has done with it.
        begin = self._begin("READ WRITE", timeout_seconds, clock)
        begin = begin._replace(
            statements=f"{begin.statements}; SET LOCAL enable_seqscan = off"
            "; SELECT pg_current_xact_id()::text AS transaction_id"
        )
        begin_looking = self._begin("READ ONLY")
        try:
            for _ in range(MAX_BROKEN_COMMITS):
                try:
                    return self._run(
                        lambda connection: transactions.write(connection, begin, work, look, begin_looking)
                    )
                except LostCommit as lost:
                    log.info("The connection broke during COMMIT (%s); finding out.", first_line(lost.error))
                    made = self._find_out(lost, stands, request_id)
                    interrupts.note_outcome(committed=made)
                    if made:
                        result: T = lost.result
                        return result
        except KeyboardInterrupt:
            if interrupts.in_doubt():
                raise InterruptedInDoubt(request_id) from None
            raise
        raise Busy(
            "The connection to the database breaks whenever a change is to be committed. Nothing was changed; "
            "please try again."
        )

    def connection(self) -> contextlib.AbstractContextManager[Connection]:
        """Lend a connection outside any transaction, for what cannot run in the runner's."""
        return self._connections.lend()

    def _run(self, attempt: Callable[[Connection], T], *, reconnects: bool = False) -> T:
        """Make an attempt at a transaction, as often as it takes.

        With `reconnects` a database that cannot be reached is waited for, as it is when a connection that was there breaks.
        """
        failing_since = None
        for number in itertools.count(1):
            failure: BookingError
            try:
                with self.connection() as connection, _closed_where_lost(connection):
                    return attempt(connection)
            except (pg.SerializationFailure, pg.DeadlockDetected) as error:
                failure, reason = _too_many(number), first_line(error)
                patience, most_attempts = MAX_SECONDS, float(MAX_ATTEMPTS)
            except psycopg.Error as error:
                reconnects = reconnects or is_lost(error, connection)
                if not reconnects or not (is_lost(error, connection) or is_from_a_standby(error)):
                    raise_translated(error)
                failure, reason = went_away(error), first_line(error)
                patience, most_attempts = RECONNECT_SECONDS, math.inf
            except (DatabaseUnavailable, Busy) as error:
                if not reconnects:
                    raise
                failure, reason = error, str(error)
                patience, most_attempts = RECONNECT_SECONDS, math.inf

            # Not from the beginning: what broke may have worked for long before.
            failing_since = failing_since or time.monotonic()
            if number >= most_attempts or time.monotonic() - failing_since > patience:
                raise failure
            pause = _pause(number)
            log.info("Attempt %d failed (%s); trying again in %.0f ms.", number, reason, pause * 1000)
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _find_out(self, lost: LostCommit, stands: Callable[[Transaction, Any], bool], request_id: str | None) -> bool:
        """Tell whether a transaction stands whose COMMIT was never answered; raises OutcomeUnknown."""

        def ended(tx: Transaction) -> bool:
            row = tx.one("db.transaction_status", {"id": lost.transaction_id})
            return row is None or row["status"] != "in progress"

        interrupts.release()
        give_up_at = time.monotonic() + RECONNECT_SECONDS
        pauses = map(_pause, itertools.count(1))
        try:
            while not self._has_ended(ended):
                if time.monotonic() > give_up_at:
                    raise Busy("The lost transaction does not end.")
                time.sleep(next(pauses))
            return self.read_what_lasts(lambda tx: stands(tx, lost.result))
        except (DatabaseUnavailable, Busy, NotSetUp, psycopg.Error) as error:
            log.info("It could not be found out: %s.", first_line(error))
            raise OutcomeUnknown(request_id) from error

    def _has_ended(self, ended: Callable[[Transaction], bool]) -> bool:
        try:
            begin = self._begin("READ ONLY")
            return self._run(lambda connection: transactions.read(connection, begin, ended), reconnects=True)
        except pg.InvalidParameterValue:
            return True  # "is in the future": after a crash, or on a standby, the server has never heard of it

    def _begin(self, access: str, timeout_seconds: float | None = None, clock: str | None = None) -> Begin:
        clock = clock or self.clock
        timeout_ms = max(self._timeout_ms, round((timeout_seconds or 0) * 1000))
        statements = (
            f"BEGIN ISOLATION LEVEL SERIALIZABLE {access}"
            f"; SET LOCAL search_path = {SEARCH_PATH}"
            f"; SET LOCAL timezone = '{clock}'"
            f"; SET LOCAL statement_timeout = {timeout_ms}"
            f"; SET LOCAL idle_in_transaction_session_timeout = {round(IDLE_IN_TRANSACTION_SECONDS * 1000)}"
        )
        return Begin(statements, clock)


@contextlib.contextmanager
def _closed_where_lost(connection: Connection) -> Iterator[None]:
    """Let nobody use a connection again that broke, whatever it looks like."""
    try:
        yield
    except psycopg.Error as error:
        if is_lost(error, connection):
            connection.close()
        raise


def _too_many(attempts: int) -> Busy:
    return Busy(
        "Too many people are changing the same thing at once. "
        f"It was tried {attempts} times and nothing was changed; please try again."
    )


def _pause(attempt: int) -> float:
    """Return for how many seconds to wait after an attempt: longer each time, and at random, so that rivals do not meet again."""
    return random.uniform(0, min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt))
