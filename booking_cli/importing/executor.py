"""Books the rows of an import file in chunks, with a result for each row in the order of the file."""

import contextlib
import pickle
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import NamedTuple, TypeVar

from booking_cli import signals
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import BookingError, Busy, DatabaseUnavailable, OutcomeUnknown, OutputFailed, Refused
from booking_cli.domain.models import NOT_MADE, RowResult
from booking_cli.importing.rows import ImportRow
from booking_cli.repository import bookings, patients
from booking_cli.repository.bookings import Booked, BookingRequest
from booking_cli.session import ClinicSession

T = TypeVar("T")
R = TypeVar("R")
Chunk = Sequence[ImportRow]


class ChunkResult(NamedTuple):
    """The results of a chunk's rows, and the error after which no further chunk is booked."""

    results: list[RowResult]
    failure: BookingError | None = None


class Abandoned(KeyboardInterrupt):
    """Ctrl-C for the second time: the outcome of the chunks in progress is not known."""


def book_chunks(session: ClinicSession, chunks: Iterator[Chunk], jobs: int) -> Iterator[ChunkResult]:
    """Book each chunk in transactions of its own, `jobs` chunks at a time, and yield their results in order.

    After a failure, and after Ctrl-C, no further chunk is started; those in progress are finished and yielded.
    """
    return in_order(
        chunks, lambda chunk: _book_chunk(session, chunk), jobs, is_last=lambda done: done.failure is not None
    )


def book_atomically(session: ClinicSession, read: Callable[[], Iterable[Chunk]]) -> Iterator[ChunkResult]:
    """Book all rows in one transaction or none, and yield their results; the last one has the failure.

    `read` returns the chunks anew for each retry. The results wait in a temporary file until the transaction is committed, so
    that memory is bounded.
    """
    with contextlib.ExitStack() as stack:
        with _disk_errors():
            results = stack.enter_context(tempfile.TemporaryFile())

        def work(tx: Transaction) -> tuple[str, str] | None:
            results.seek(0)
            results.truncate()
            started, rejected, count = time.monotonic(), 0, 0
            hold_minutes: float | None = None
            first: tuple[str, str] | None = None
            for chunk in read():
                requests = _requests(chunk)
                booked = bookings.book_all_within(tx, session, requests)
                rows = _row_results(chunk, booked)
                new = set()
                for request, result in zip(requests, booked, strict=True):
                    if isinstance(result, Booked) and not result.replayed:
                        new.add(request.request_id)
                        first = first or (request.request_id, result.booking.reference)
                        if request.hold_minutes is not None:
                            hold_minutes = float(request.hold_minutes)
                with _disk_errors():
                    pickle.dump((rows, new), results)
                    results.flush()
                count += len(rows)
                rejected += sum(row.code is not None for row in rows)
            if rejected:
                raise Refused(f"Nothing was booked; rejected rows: {rejected} of {count}.")
            took = time.monotonic() - started
            if hold_minutes is not None and took >= hold_minutes * 60:
                raise Refused(
                    f"Nothing was booked: it took {took:.0f} seconds, and the holds would have lapsed. Use a longer --hold."
                )
            tx.one("db.write_to_log")  # replayed results are reported only once a synchronous standby has them
            return first

        failure = None
        try:
            session.database.write(work, was_committed=_was_booked)
        except Refused as error:
            failure = error
        results.seek(0)
        with contextlib.suppress(EOFError):
            while True:
                rows, new = pickle.load(results)
                if failure:
                    rows = [_not_made(row) if row.code is None and row.request_id in new else row for row in rows]
                yield ChunkResult(rows)
        if failure:
            yield ChunkResult([], failure)


def in_order(items: Iterator[T], work: Callable[[T], R], jobs: int, *, is_last: Callable[[R], bool]) -> Iterator[R]:
    """Run `work` for items in up to `jobs` threads, and yield the results in the order of the items.

    For the main thread. Ctrl-C is delivered while it waits for an item or a result, and deferred while a result is used. After
    Ctrl-C or an error, the items in progress are finished and their results yielded before it is raised. The threads are
    daemons, so that after a second Ctrl-C the program ends although a server does not answer.
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
        yield from done
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


def _book_chunk(session: ClinicSession, chunk: Chunk) -> ChunkResult:
    requests = _requests(chunk)
    results = bookings.book_all(session, requests) if requests else []
    failure = next(
        (result for result in results if isinstance(result, Busy | DatabaseUnavailable | OutcomeUnknown)), None
    )
    return ChunkResult(_row_results(chunk, results), failure)


def _requests(chunk: Chunk) -> list[BookingRequest]:
    return [row.request for row in chunk if row.request is not None]


def _row_results(chunk: Chunk, results: Sequence[bookings.Result]) -> list[RowResult]:
    by_request = iter(results)
    return [
        _problem(row) if row.request is None else _row_result(row.line, row.request, next(by_request)) for row in chunk
    ]


def _row_result(line: int, request: BookingRequest, result: bookings.Result) -> RowResult:
    if isinstance(result, BookingError):
        return RowResult(
            line, request.slot_id, None, request.name, request.email, request.phone, request.request_id,
            None, None, None, None, result.code, str(result),
        )  # fmt: skip
    booking = result.booking
    return RowResult(
        line, request.slot_id, booking.patient_id, booking.patient_name, booking.patient_email, booking.patient_phone,
        request.request_id, booking.id, booking.reference, booking.status, booking.hold_expires_at, None,
        patients.contact_notice(booking, request.phone),
    )  # fmt: skip


def _problem(row: ImportRow) -> RowResult:
    return RowResult(
        row.line, None, None, None, None, None, None, None, None, None, None, "invalid_input", row.problem
    )  # fmt: skip


def _was_booked(tx: Transaction, made: tuple[str, str] | None) -> bool:
    found = made and tx.one("bookings.find_by_request", {"request_ids": [made[0]]})
    return bool(made and found and found["reference"] == made[1])


def _not_made(row: RowResult) -> RowResult:
    return row._replace(
        patient_id=None, booking_id=None, reference=None, status=None, hold_expires_at=None,
        code=NOT_MADE, message="Not booked, because other rows of the file were rejected.",
    )  # fmt: skip


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputFailed(
            f"Nothing was booked: a temporary file could not be written ({error.strerror}). "
            "Set TMPDIR to another folder."
        ) from error
