"""`booking book --from`: many bookings from a file, with an answer for each of its lines."""

import contextlib
import itertools
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO

import typer

from booking_cli.commands.base import FORM, open_book
from booking_cli.errors import (
    BookingError,
    Busy,
    DatabaseUnavailable,
    Interrupted,
    InvalidInput,
    OutcomeUnknown,
    Refused,
)
from booking_cli.inputs import quote
from booking_cli.output import Format, Many, One, Result

if TYPE_CHECKING:
    from booking_cli.lines import Line
    from booking_cli.models import LineAnswer
    from booking_cli.workers import Workers

CHUNK = 1000
MAX_JOBS = 20
_BUFFER_BYTES = 2**18
# How long the main thread, which reads and writes lines, keeps a thread waiting whose answer from the database is there. With
# Python's own 5 ms a worker waits longer for its turn than for the database.
_SWITCH_SECONDS = 0.0002
# A table is for people, who look at so many refusals before they take another form of output.
_MOST_IN_A_TABLE = 200
_RUN_AGAIN = "It is safe to run it again: what has a request_id is booked once, and the slots of other lines that were booked are taken."


def book(
    ctx: typer.Context,
    path: str,
    *,
    confirm: bool,
    hold: Decimal | None,
    allow_overlap: bool,
    jobs: int,
    atomic: bool,
) -> Result:
    """Book what stands on the lines of a file."""
    _check_jobs(jobs, atomic)
    from booking_cli import line_files
    from booking_cli.models import LineAnswer
    from booking_cli.output.progress import progress

    lines = line_files.read(_open(ctx, path), confirms=confirm)
    opened = open_book(ctx, pool_size=0 if atomic else jobs)
    from booking_cli.repository import atomic_batches, batches

    terms = batches.Terms(hold or opened.hold_minutes, allow_overlap)
    if atomic:
        answers = Answers(atomic_batches.book(opened, _chunks(lines), terms), atomic=True)
    else:
        from booking_cli.workers import Workers

        sys.setswitchinterval(_SWITCH_SECONDS)
        workers: Workers[list[Line], list[LineAnswer]] = Workers(jobs, lambda chunk: batches.book(opened, chunk, terms))
        ctx.call_on_close(workers.close)
        answers = Answers(_in_order(workers, _chunks(lines)))
    form: Format = ctx.meta[FORM]
    # A bar and the lines of the answer on one terminal would be written over one another.
    if form is Format.TABLE or not sys.stdout.isatty():
        ctx.with_resource(progress("Booking", lambda: f"{answers.lines} lines"))
    if form is not Format.TABLE:
        return Many(LineAnswer, answers, "line", failure=answers.failure)
    refusals = list(itertools.islice((answer for answer in answers if answer.code), _MOST_IN_A_TABLE))
    for _ in answers:
        pass  # the others are only counted
    more = (
        f", the first {_MOST_IN_A_TABLE} of them here; all are shown with -o csv"
        if answers.refused > len(refusals)
        else ""
    )
    many = Many(LineAnswer, refusals, "line", failure=answers.failure) if refusals else None
    done = answers.lines - answers.refused
    headline = f"{done} of {answers.lines} line{'s' * (answers.lines != 1)} booked, {answers.refused} refused{more}."
    if many is None and (failure := answers.failure()):
        raise failure
    return One(None, headline, details=False, many=many)


class Answers:
    """The answers, counted as they are shown; afterwards `failure` is what to end with."""

    def __init__(self, chunks: "Iterator[list[LineAnswer]]", *, atomic: bool = False) -> None:
        self._rows = itertools.chain.from_iterable(self._counted(chunks))
        self._atomic = atomic
        self._error: BookingError | None = None
        self._last = 0
        self.lines = self.refused = 0

    def __iter__(self) -> "Iterator[LineAnswer]":
        return self._rows

    def failure(self) -> BookingError | None:
        """Return what to end with once the answers have been shown."""
        match self._error:
            case None if self.refused:
                return Refused(f"{self.refused} of {self.lines} lines were not booked.")
            case OutcomeUnknown():
                return OutcomeUnknown(None, f"{self._reach()} {_RUN_AGAIN}")
            case Busy() | DatabaseUnavailable() | Interrupted() if not self._atomic:
                return type(self._error)(f"{self._error} {self._reach()} {_RUN_AGAIN}")
        return self._error

    def _reach(self) -> str:
        if self._atomic:
            return ""
        return f"The lines up to {self._last} are answered." if self._last else "No line is answered."

    def _counted(self, chunks: "Iterator[list[LineAnswer]]") -> "Iterator[list[LineAnswer]]":
        try:
            for answers in chunks:
                self.lines += len(answers)
                self.refused += sum(answer.code is not None for answer in answers)
                self._last = answers[-1].line
                yield answers
        except BookingError as error:
            self._error = error


def _in_order(
    workers: "Workers[list[Line], list[LineAnswer]]", chunks: "Iterable[list[Line]]"
) -> "Iterator[list[LineAnswer]]":
    """Return the answers chunk by chunk; after an error, or Ctrl-C, also those of what was in hand, and only then raise it."""
    results = workers.results(chunks)
    failure: BookingError
    in_hand: list[Future[list[LineAnswer]]] = []
    while True:
        in_hand.clear()
        try:
            if (result := next(results, None)) is None:
                return
            in_hand.append(result)
            answers = result.result()
        except BookingError as error:
            in_hand.clear()
            failure = error
            break
        except KeyboardInterrupt:
            failure = Interrupted("Interrupted; what was booked before is whole and stays.")
            break
        yield answers
    try:
        workers.stop()
        in_hand.extend(workers.rest())
        for result in in_hand:
            with contextlib.suppress(BookingError, CancelledError):
                yield result.result()
    except KeyboardInterrupt:
        workers.abandon()
        raise Interrupted("Interrupted; it is not known which lines after those answered were booked.") from None
    raise failure


def _chunks(lines: "Iterator[Line]") -> "Iterator[list[Line]]":
    while chunk := list(itertools.islice(lines, CHUNK)):
        yield chunk


def _check_jobs(jobs: int, atomic: bool) -> None:
    if atomic and jobs > 1:
        raise InvalidInput("Use either --atomic or --jobs: what is made as a whole is made on one connection.")
    if jobs > MAX_JOBS:
        raise InvalidInput(f"--jobs goes from 1 to {MAX_JOBS}; each takes a connection to the database.")
    if jobs > 1:
        from booking_cli import settings

        most = settings.load().pool_size
        if jobs > most:
            raise InvalidInput(
                f"--jobs {jobs} is more than BOOKING_POOL_SIZE, which is {most}. Use fewer, or set it higher."
            )


def _open(ctx: typer.Context, path: str) -> BinaryIO:
    """Open the file, or stdin for `-`, until the command is done; raises InvalidInput where that cannot be done."""
    if path == "-":
        return sys.stdin.buffer
    try:
        file = open(path, "rb", buffering=_BUFFER_BYTES)  # noqa: SIM115  # closed with the context
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file has such a name"
        raise InvalidInput(f"{quote(path)} cannot be read: {reason}.") from None
    ctx.call_on_close(file.close)
    return file
