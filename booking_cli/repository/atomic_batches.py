"""Many bookings, all or none: every line of a file in one transaction.

The lines wait in a temporary file, because the transaction may have to begin again, what was seen before it in another, and the
answers in a third until it has been committed. So a file of any length takes no more memory than a few of its lines.
"""

import contextlib
import pickle
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple

from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import OutputFailed, Refused
from booking_cli.domain.models import NOT_MADE, LineAnswer
from booking_cli.importing.rows import Line, Wish, patient_mark
from booking_cli.importing.turns import Span
from booking_cli.repository import batches
from booking_cli.repository.batches import Outcome, Settled, Terms
from booking_cli.repository.ways import Within
from booking_cli.session import Book

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
            waiting, looked, answered = (files.enter_context(tempfile.TemporaryFile()) for _ in range(3))
            count = 0
            for lines in chunks:
                _pickle(lines, waiting)
                tell(count := count + len(lines))

        def look(tx: Transaction) -> None:
            with _room_or_failure():
                _look(tx, terms, waiting, looked)

        def work(tx: Transaction) -> tuple[str, str] | None:
            with _room_or_failure():
                return _book(tx, book, terms, (waiting, looked), answered, tell)

        failure = None
        try:
            book.database.write(work, stands=batches.stands, look=look)
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


class _Looked(NamedTuple):
    """What is known of some lines before the transaction, and of which patients it need not be asked again within it."""

    answers: dict[int, LineAnswer]
    spans: Mapping[int, Span]
    asked: Collection[int]


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


def _look(tx: Transaction, terms: Terms, waiting: IO[bytes], looked: IO[bytes]) -> None:
    """Write to a file what must be asked before: reads are kept out of the transaction that writes."""
    _empty(looked)
    patients = _Patients()
    for lines in _unpickled(waiting):
        wishes = [line for line in lines if isinstance(line, Wish)]
        settled, spans = Settled(), {}
        if repeatable := [wish for wish in wishes if wish.may_be_repeated]:
            settled.add(batches.repeated(tx, repeatable))
        if not terms.allow_overlap and (left := settled.left(wishes)):
            settled.add(batches.busy(tx, left))
            if several := batches.on_several_lines(left):
                spans = batches.spans_of(tx, several)
        # Within the transaction it is only asked about patients who may be on an earlier line as well.
        asked = {wish.line for wish in wishes if not patients.met_before(wish)}
        _pickle(_Looked(settled.answers, spans, asked), looked)


def _book(
    tx: Transaction,
    book: Book,
    terms: Terms,
    known: tuple[IO[bytes], IO[bytes]],
    answered: IO[bytes],
    tell: Callable[[int], None],
) -> tuple[str, str] | None:
    """Book all lines, and return the request id and the reference of one of them; raises _NothingBooked."""
    _empty(answered)
    begun, holds, repeats = time.monotonic(), False, False
    one: tuple[str, str] | None = None
    count = refused = 0
    for lines, looked in zip(*map(_unpickled, known), strict=True):
        settled = Settled(looked.answers)
        wishes = [line for line in lines if isinstance(line, Wish)]
        batches.settle(Within(tx), book, wishes, terms, looked.spans, settled, looked.asked)
        answers = batches.in_order(lines, settled.answers)
        repeats = repeats or any(answer.code is None and answer.line not in settled.new for answer in answers)
        _pickle((answers, settled.new), answered)
        count += len(answers)
        refused += sum(answer.code is not None for answer in answers)
        holds = holds or any(settled.answers[line].status == "PENDING" for line in settled.new)
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
    if repeats:
        tx.one("db.write_to_log")  # what was booked before is only said once that is there to stay
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


def _empty(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


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
