"""Many bookings, all or none: every line of a file in one transaction.

The lines wait in a temporary file, because the transaction may have to begin again, and the answers in another until it has
been committed. So a file of any length takes no more memory than a few of its lines.
"""

import contextlib
import pickle
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple, TypeVar

from booking_cli.book import Book
from booking_cli.errors import OutputFailed, Refused
from booking_cli.lines import Line, Wish, patient_mark
from booking_cli.models import NOT_MADE, LineAnswer
from booking_cli.repository import batches
from booking_cli.repository.batches import Outcome, Settled, Terms
from booking_cli.transactions import Transaction
from booking_cli.turns import Span

T = TypeVar("T")

_WHY_NOT_MADE = "Not booked, because nothing of the file was."
# Of a filter that tells which patients may be on an earlier line: with a million of them it errs once in a hundred times.
_FILTER_BITS = 2**27


def book(book: Book, chunks: Iterable[Sequence[Line]], terms: Terms, tell: Callable[[int], None]) -> Iterator[Outcome]:
    """Book all lines or none, and return their answers; with the last of them, why nothing was booked.

    `tell` gets the number of lines that were gone through so far; it begins anew where the transaction does. Raises
    OutputFailed where there is no room for the temporary files; then nothing was booked.
    """
    with contextlib.ExitStack() as files:
        with _room_or_failure():
            waiting, answered = (files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            _spool(book, chunks, terms, waiting, tell)

        def work(tx: Transaction) -> tuple[str, str] | None:
            with _room_or_failure():
                return _book(tx, book, terms, waiting, answered, tell)

        failure = None
        try:
            book.database.write(work, stands=batches.stands)
        except _NothingBooked as error:
            failure = error.refusal
        for answers, new in _unpickled(answered):
            yield Outcome(
                [_not_made(answer) if answer.line in new else answer for answer in answers] if failure else answers
            )
        if failure:
            yield Outcome([], failure)


class _NothingBooked(Exception):
    """Rolls the transaction back."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class _Chunk(NamedTuple):
    """Some lines, the answers that are known before the transaction, and the lines to ask about within it."""

    lines: Sequence[Line]
    answers: Mapping[int, LineAnswer]
    spans: Mapping[int, Span]
    asked: Sequence[Wish]


class _Within:
    """One transaction for everything."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def read(self, work: Callable[[Transaction], T]) -> T:
        return work(self._tx)

    def read_what_lasts(self, work: Callable[[Transaction], T]) -> T:
        return work(self._tx)

    def write(self, work: Callable[[Transaction, str], T], stands: Callable[[Transaction, T], bool]) -> T:  # noqa: ARG002  # asked of the whole
        return work(self._tx, batches.BOOK_AROUND)  # after an error nothing could go on


class _Patients:
    """Remembers patients in little memory: it never forgets one, and seldom takes one for another."""

    def __init__(self) -> None:
        self._bits = bytearray(_FILTER_BITS // 8)

    def met_before(self, wish: Wish) -> bool:
        """Remember the patient of a wish, and tell whether it may have been met before."""
        place = hash(patient_mark(wish)) % _FILTER_BITS
        byte, bit = place >> 3, 1 << (place & 7)
        met = bool(self._bits[byte] & bit)
        self._bits[byte] |= bit
        return met


def _spool(
    book: Book, chunks: Iterable[Sequence[Line]], terms: Terms, waiting: IO[bytes], tell: Callable[[int], None]
) -> None:
    """Write the lines to a file, with what must be asked before: reads are kept out of the transaction that writes."""
    patients, way, count = _Patients(), batches.Apart(book.database), 0
    for lines in chunks:
        wishes, settled = [line for line in lines if isinstance(line, Wish)], Settled()
        spans = batches.look(way, book, wishes, terms, settled)
        # Within the transaction it is only asked about patients who may be on an earlier line as well.
        asked = [] if terms.allow_overlap else [wish for wish in wishes if patients.met_before(wish)]
        _pickle(_Chunk(lines, settled.answers, spans, asked), waiting)
        count += len(lines)
        tell(count)


def _book(
    tx: Transaction, book: Book, terms: Terms, waiting: IO[bytes], answered: IO[bytes], tell: Callable[[int], None]
) -> tuple[str, str] | None:
    """Book all lines, and return the request id and the reference of one of them; raises _NothingBooked."""
    answered.seek(0)
    answered.truncate()
    begun, holds = time.monotonic(), False
    one: tuple[str, str] | None = None
    count = refused = 0
    for chunk in _unpickled(waiting):
        settled, way = Settled(dict(chunk.answers)), _Within(tx)
        wishes = [line for line in chunk.lines if isinstance(line, Wish)]
        if asked := [wish for wish in chunk.asked if wish.line not in settled.answers]:
            batches.refuse_busy(book, asked, batches.find_busy(tx, asked), settled)
        batches.settle(way, book, wishes, terms, chunk.spans, settled)
        answers = batches.in_order(chunk.lines, settled.answers)
        _pickle((answers, settled.new), answered)
        count += len(answers)
        refused += sum(answer.code is not None for answer in answers)
        holds = holds or any(answer.status == "PENDING" for answer in answers)
        if one is None and settled.new:
            made = settled.answers[min(settled.new)]
            one = str(made.request_id), str(made.reference)
        tell(count)
    if refused:
        raise _NothingBooked(Refused(f"Nothing was booked: {refused} of {count} lines were refused."))
    took = time.monotonic() - begun
    if holds and took >= terms.hold_minutes * 60:
        raise _NothingBooked(
            Refused(
                f"Nothing was booked: it took {took:.0f} seconds, and the holds would have lapsed. Use a longer --hold."
            )
        )
    return one


@contextlib.contextmanager
def _room_or_failure() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputFailed(
            f"Nothing was booked: there is no room for a temporary file in {tempfile.gettempdir()} ({error.strerror}). "
            "Set TMPDIR to another folder."
        ) from error


def _pickle(thing: object, file: IO[bytes]) -> None:
    pickle.dump(thing, file)
    file.flush()  # so that where there is no room, it is said here


def _unpickled(file: IO[bytes]) -> Iterator[Any]:
    file.seek(0)
    while True:
        try:
            yield pickle.load(file)
        except EOFError:
            return


def _not_made(answer: LineAnswer) -> LineAnswer:
    return answer._replace(
        booking_id=None, reference=None, status=None, hold_expires_at=None, code=NOT_MADE, message=_WHY_NOT_MADE
    )
