"""How the transactions of many bookings are run: each of its own, or all within one."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from psycopg import errors as pg

from booking_cli.db.error_translation import violates
from booking_cli.db.runner import Database
from booking_cli.db.transaction import Transaction

T = TypeVar("T")

BOOK = "batches.book"
BOOK_AROUND = "batches.book_around"


class Way(Protocol):
    """How transactions are run."""

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run what only reads."""

    def read_what_lasts(self, work: Callable[[Transaction], T]) -> T:
        """Run what only reads, and return when what it saw is there to stay."""

    def write(self, work: Callable[[Transaction, str], T], stands: Callable[[Transaction, T], bool]) -> T:
        """Run what changes the book, which gets the name of the statement to book with."""


class Apart:
    """Transactions each of its own, for all threads that work on one file."""

    def __init__(self, database: Database) -> None:
        self.read, self.read_what_lasts, self._write = database.read, database.read_what_lasts, database.write
        self._statement = BOOK

    def write(self, work: Callable[[Transaction, str], T], stands: Callable[[Transaction, T], bool]) -> T:
        """Run `work` as `Database.write` does."""
        try:
            return self._write(lambda tx: work(tx, self._statement), stands=stands)
        except pg.UniqueViolation as error:
            # Where some slots of a file are taken, others are likely to be; but a reference is there already by mere chance.
            if not violates(error, "bookings_reference_is_unique"):
                self._statement = BOOK_AROUND
            return self._write(lambda tx: work(tx, BOOK_AROUND), stands=stands)


class Within:
    """One transaction for everything; whoever runs it sees to what lasts, and to what stands."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` here."""
        return work(self._tx)

    def read_what_lasts(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` here."""
        return work(self._tx)

    def write(self, work: Callable[[Transaction, str], T], stands: Callable[[Transaction, T], bool]) -> T:  # noqa: ARG002  # it is asked of the whole
        """Run `work` here, where an error must not occur: after it nothing could go on."""
        return work(self._tx, BOOK_AROUND)
