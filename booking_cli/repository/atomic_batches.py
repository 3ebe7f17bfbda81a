"""Many bookings, all or none: every line of a file in one transaction.

The lines wait in a temporary file, because the transaction may have to begin again, and the answers in another until it has
been committed. So a file of any length takes no more memory than a few of its lines.
"""

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple, TypeVar

from booking_cli.book import Book
from booking_cli.database import Transaction
from booking_cli.errors import Refused
from booking_cli.lines import Line, Wish
from booking_cli.models import LineAnswer
from booking_cli.repository import batches
from booking_cli.repository.batches import Terms

T = TypeVar("T")

NOT_MADE = "not_made"
_WHY_NOT_MADE = "Not booked, because other lines were refused."
# Of a filter that tells which patients may be on an earlier line: with a million of them it errs once in a hundred times.
_FILTER_BITS = 2**27


def book(book: Book, chunks: Iterable[Sequence[Line]], terms: Terms) -> Iterator[list[LineAnswer]]:
    """Book all lines or none, and return their answers; raises Refused after the answers where nothing was booked."""
    with tempfile.TemporaryFile() as waiting, tempfile.TemporaryFile() as answered:
        _spool(book, chunks, terms, waiting)

        def work(tx: Transaction) -> tuple[str, str] | None:
            return _book(tx, book, terms, waiting, answered)

        try:
            book.database.write(work, stands=batches.stands)
            failure = None
        except _NothingBooked as error:
            failure = error.refusal
        for answers, new in _unpickled(answered):
            yield [_not_made(answer) if answer.line in new else answer for answer in answers] if failure else answers
        if failure:
            raise failure


class _NothingBooked(Exception):
    """Rolls the transaction back."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class _Chunk(NamedTuple):
    """Some lines; the answers that are known before the transaction; and the lines to ask about within it."""

    lines: Sequence[Line]
    answers: dict[int, LineAnswer]
    asked: set[int]


class _Within:
    """One transaction for everything."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def read(self, work: Callable[[Transaction], T]) -> T:
        return work(self._tx)

    def read_what_lasts(self, work: Callable[[Transaction], T]) -> T:
        return work(self._tx)

    def write(self, work: Callable[[Transaction], T], *, stands: Callable[[Transaction, T], bool]) -> T:  # noqa: ARG002  # asked of the whole
        return work(self._tx)


class _Patients:
    """Remembers patients in little memory: it never forgets one, and seldom takes one for another."""

    def __init__(self) -> None:
        self._bits = bytearray(_FILTER_BITS // 8)

    def met_before(self, wish: Wish) -> bool:
        """Remember the patient of a wish, and tell whether it may have been met before."""
        place = hash((wish.patient_email.casefold(), wish.patient_name.casefold())) % _FILTER_BITS
        byte, bit = place >> 3, 1 << (place & 7)
        met = bool(self._bits[byte] & bit)
        self._bits[byte] |= bit
        return met


def _spool(book: Book, chunks: Iterable[Sequence[Line]], terms: Terms, waiting: IO[bytes]) -> None:
    """Write the lines to a file, with what must be asked before: reads are kept out of the transaction that writes."""
    patients = _Patients()
    for lines in chunks:
        wishes = [line for line in lines if isinstance(line, Wish)]
        answers, behind = batches.look_before(book.database, book, wishes, terms)
        # Within the transaction it is only asked about patients who may be on an earlier line as well.
        asked = set() if terms.allow_overlap else {wish.line for wish in wishes if patients.met_before(wish)}
        if behind:
            asked.update(wish.line for wish in wishes)
        pickle.dump(_Chunk(lines, answers, asked), waiting)


def _book(tx: Transaction, book: Book, terms: Terms, waiting: IO[bytes], answered: IO[bytes]) -> tuple[str, str] | None:
    """Book all lines, and return the request id and the reference of one of them; raises _NothingBooked."""
    answered.seek(0)
    answered.truncate()
    one: tuple[str, str] | None = None
    count = refused = 0
    for chunk in _unpickled(waiting):
        wishes = [line for line in chunk.lines if isinstance(line, Wish) and line.line not in chunk.answers]
        settled = batches.settle(_Within(tx), book, wishes, terms, chunk.asked)
        known = chunk.answers | settled.answers
        answers = [known[line.line] if isinstance(line, Wish) else batches.bad(line) for line in chunk.lines]
        pickle.dump((answers, settled.new), answered)
        count += len(answers)
        refused += sum(answer.code is not None for answer in answers)
        if one is None and settled.new:
            made = settled.answers[min(settled.new)]
            one = str(made.request_id), str(made.reference)
    if refused:
        raise _NothingBooked(Refused(f"Nothing was booked: {refused} of {count} lines were refused."))
    return one


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
