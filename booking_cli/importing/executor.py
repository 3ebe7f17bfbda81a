"""Books the rows of an import file in chunks, with a result for each row in the order of the file."""

import contextlib
import datetime as dt
import pickle
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import NamedTuple, TypeVar

from booking_cli import signals
from booking_cli.db.runner import OpenTransaction
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import BookingError, Busy, DatabaseUnavailable, OutcomeUnknown, OutputFailed, Refused
from booking_cli.domain.models import NOT_MADE, Booking, RowResult
from booking_cli.importing.rows import ImportRow
from booking_cli.repository import new_bookings, patients
from booking_cli.repository.new_bookings import Batch, Booked, Result
from booking_cli.session import ClinicSession

T = TypeVar("T")
R = TypeVar("R")
Chunk = Sequence[ImportRow]


class ChunkResult(NamedTuple):
    """The results of a chunk's rows, and the error after which no further chunk is booked."""

    rows: list[RowResult]
    failure: BookingError | None = None


class Abandoned(KeyboardInterrupt):
    """A second Ctrl-C: the outcome of the chunks in progress is not known."""


def book_chunks(session: ClinicSession, chunks: Iterator[Chunk], jobs: int) -> "Generator[ChunkResult]":
    """Book each chunk in transactions of its own, `jobs` chunks at a time, and yield their results in order.

    After a failure, and after Ctrl-C, no further chunk is started; those in progress are finished and yielded.
    """

    def book(chunk: Chunk, batch: Batch) -> ChunkResult:
        results = new_bookings.book_all(session, batch)
        failures = (one for one in results.values() if isinstance(one, Busy | DatabaseUnavailable | OutcomeUnknown))
        return ChunkResult(_row_results(chunk, results), next(failures, None))

    with_batches = ((chunk, _batch(chunk)) for chunk in chunks)
    return in_order(with_batches, lambda one: book(*one), jobs, is_last=lambda done: done.failure is not None)


def book_atomically(session: ClinicSession, read: Callable[[], Iterable[Chunk]]) -> "Generator[ChunkResult]":
    """Book all rows in one transaction or none, and yield their results; the last one has the failure.

    `read` returns the chunks again for each retry. The results are stored in a temporary file until the transaction is
    committed, so that memory is bounded.
    """
    with contextlib.ExitStack() as stack:
        with temporary_file_errors():
            file = stack.enter_context(tempfile.TemporaryFile())

        def work(tx: Transaction) -> Booking | None:
            file.seek(0)
            file.truncate()
            within = replace(session, database=OpenTransaction(tx))
            first: Booking | None = None
            lapse: dt.datetime | None = None
            count = rejected = 0
            for chunk in read():
                results = new_bookings.book_all(within, _batch(chunk))
                rows = _row_results(chunk, results)
                made = [one.booking for one in results.values() if isinstance(one, Booked) and not one.replayed]
                first = first or next(iter(made), None)
                lapse = lapse or next((booking.hold_expires_at for booking in made if booking.hold_expires_at), None)
                with temporary_file_errors():
                    pickle.dump((rows, {booking.id for booking in made}), file)
                    file.flush()
                count += len(rows)
                rejected += sum(row.code is not None for row in rows)
            if rejected:
                raise Refused(f"Nothing was booked; rejected rows: {rejected} of {count}.")
            # Replayed results are reported only once a synchronous standby has them.
            end = tx.one("db.write_to_log")
            if lapse and end and lapse <= end["now"]:
                raise Refused("Nothing was booked: the holds would have lapsed. Use --confirm or a longer --hold.")
            return first

        failure = None
        try:
            session.database.write(work, was_committed=new_bookings.is_saved)
        except Refused as error:
            failure = error
        file.seek(0)
        with contextlib.suppress(EOFError):
            while True:
                rows, made = pickle.load(file)
                yield ChunkResult([_not_made(row) if failure and row.booking_id in made else row for row in rows])
        if failure:
            yield ChunkResult([], failure)


def in_order(items: Iterator[T], work: Callable[[T], R], jobs: int, *, is_last: Callable[[R], bool]) -> "Generator[R]":
    """Run `work` for items in up to `jobs` threads, and yield the results in the order of the items.

    For the main thread. Ctrl-C is delivered while it waits for an item or a result, and deferred while a result is used. After
    Ctrl-C or an error, the items in progress are finished and their results yielded before it is raised; closing the iterator
    waits for them too. The threads are daemons, so that after a second Ctrl-C the program ends although a server does not answer.
    """
    running: deque[Future[R]] = deque()
    failure: BaseException | None = None
    stop = False
    signals.defer_sigint()
    while running or not stop:
        item, done = None, []
        try:
            if not stop:
                item = _interruptible(lambda: next(items, None))
                stop = item is None
            if running and (stop or len(running) >= jobs):
                done = [_interruptible(running[0].result)]
                running.popleft()
                stop = stop or is_last(done[0])
            if not stop and item is not None:
                running.append(_start(work, item))
        except KeyboardInterrupt as error:
            if isinstance(failure, KeyboardInterrupt):
                raise Abandoned from error
            failure, stop = error, True
        except Exception as error:
            if running and running[0].done() and running[0].exception() is error:
                running.popleft()
            failure, stop = failure or error, True
        try:
            yield from done
        except GeneratorExit:
            if signals.is_deferring():  # no second Ctrl-C
                wait(running)
            raise
    if failure is not None:
        raise failure


def _start(work: Callable[[T], R], item: T) -> "Future[R]":
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(work(item))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def _interruptible(wait: Callable[[], T]) -> T:
    try:
        signals.deliver_sigint()
        return wait()
    finally:
        signals.defer_sigint()


def _batch(chunk: Chunk) -> Batch:
    return Batch.of({row.line: row.request for row in chunk if row.request is not None})


def _row_results(chunk: Chunk, results: Mapping[int, Result]) -> list[RowResult]:
    return [_row_result(row, results.get(row.line)) for row in chunk]


def _row_result(row: ImportRow, result: Result | None) -> RowResult:
    request = row.request
    if request is None or result is None:
        return RowResult(row.line, code="invalid_input", message=row.problem)
    if isinstance(result, BookingError):
        return RowResult(
            row.line, request.slot_id, None, request.name, request.email, request.phone, request.request_id,
            code=result.code, message=str(result),
        )  # fmt: skip
    made = result.booking
    return RowResult(
        row.line, request.slot_id, made.patient_id, made.patient_name, made.patient_email, made.patient_phone,
        request.request_id, made.id, made.reference, made.status, made.hold_expires_at, None,
        patients.contact_notice(made, request.phone),
    )  # fmt: skip


def _not_made(row: RowResult) -> RowResult:
    return row._replace(
        patient_id=None, booking_id=None, reference=None, status=None, hold_expires_at=None,
        code=NOT_MADE, message="Not booked, because not all rows of the file could be booked.",
    )  # fmt: skip


@contextlib.contextmanager
def temporary_file_errors() -> Iterator[None]:
    """Translate errors of writing a temporary file."""
    try:
        yield
    except OSError as error:
        raise OutputFailed(
            f"Nothing was booked: a temporary file could not be written ({error.strerror}). "
            "Set TMPDIR to another folder."
        ) from error
