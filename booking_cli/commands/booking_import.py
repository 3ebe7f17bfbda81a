"""`booking book --from`: many bookings from a file, with an answer for each of its lines."""

import itertools
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO

import typer

from booking_cli.cli.parameters import FORM, open_book
from booking_cli.commands.import_results import Answers
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import quote
from booking_cli.output import Format, Many, One, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from booking_cli.importing.rows import Line
    from booking_cli.importing.workers import Workers
    from booking_cli.repository.batches import Outcome

CHUNK = 2000
# While one thread waits for the database, another makes ready; more only pay where the database has more processors.
USUAL_JOBS = 2
MAX_JOBS = 20
_BUFFER_BYTES = 2**18
# How long the main thread, which reads and writes lines, keeps a thread waiting whose answer from the database is there. With
# Python's own 5 ms a worker waits longer for its turn than for the database.
_SWITCH_SECONDS = 0.0002
# A table is for people, who look at so many refusals before they take another form of output.
_MOST_IN_A_TABLE = 200


def book(
    ctx: typer.Context,
    path: str,
    *,
    confirm: bool,
    hold: Decimal | None,
    allow_overlap: bool,
    jobs: int | None,
    atomic: bool,
) -> Result:
    """Book what stands on the lines of a file."""
    threads = _threads(jobs, atomic)
    from booking_cli.domain.models import LineAnswer
    from booking_cli.importing import reader as line_files
    from booking_cli.output.progress import progress

    chunks = _chunks(line_files.read(_open(ctx, path), confirms=confirm))
    opened = open_book(ctx, pool_size=0 if atomic else threads)
    from booking_cli.repository import atomic_batches, batches, ways

    terms = batches.Terms(hold or opened.hold_minutes, allow_overlap)
    answers = Answers(atomic=atomic)
    if atomic:
        answers.take(atomic_batches.book(opened, chunks, terms, answers.reach))
    else:
        sys.setswitchinterval(_SWITCH_SECONDS)
        way = ways.Apart(opened.database)
        workers = _workers(threads, allow_overlap, lambda lines: batches.book(way, opened, lines, terms))
        ctx.call_on_close(workers.close)
        answers.take(workers.results(chunks))
    form: Format = ctx.meta[FORM]
    many = Many(LineAnswer, answers, "line", failure=answers.failure, cut_off=answers.cut_off)
    if form is not Format.TABLE:
        # A bar and the lines of the answer on one terminal would be written over one another.
        if not sys.stdout.isatty():
            ctx.with_resource(progress("Booking", answers.progress))
        return many
    with progress("Booking", answers.progress):
        refusals = list(itertools.islice(answers.refusals(), _MOST_IN_A_TABLE))
        for _ in answers:
            pass  # the others are only counted
    left_out = answers.refused - len(refusals)
    more = f", the first {_MOST_IN_A_TABLE} of them here; all are shown with -o csv" if left_out else ""
    headline = (
        f"{answers.booked} of {answers.lines} line{'s' * (answers.lines != 1)} booked, {answers.refused} refused{more}."
    )
    shown = many._replace(rows=refusals) if refusals else None
    return One(None, headline, details=False, many=shown, failure=answers.failure)


def _workers(jobs: int, allow_overlap: bool, work: "Callable[[list[Line]], Outcome]") -> "Workers[list[Line], Outcome]":
    from booking_cli.importing.rows import Wish, patient_mark
    from booking_cli.importing.workers import Workers

    def marks(lines: "list[Line]") -> "Set[object]":
        """Return what lines want: those that want the same keep their order."""
        wishes = [line for line in lines if isinstance(line, Wish)]
        patients = () if allow_overlap else map(patient_mark, wishes)
        return {*(wish.slot_id for wish in wishes), *(wish.request_id for wish in wishes), *patients}

    return Workers(jobs, work, is_last=lambda outcome: outcome.failure is not None, marks=marks)


def _chunks(lines: "Iterator[Line]") -> "Iterator[list[Line]]":
    """Return the lines in lots; where they cannot be read on, those before that first."""
    while True:
        chunk: list[Line] = []
        failure = None
        try:
            chunk.extend(itertools.islice(lines, CHUNK))
        except InvalidInput as error:
            failure = error
        if chunk:
            yield chunk
        if failure:
            raise failure
        if not chunk:
            return


def _threads(jobs: int | None, atomic: bool) -> int:
    """Return how many lots of lines are worked on at a time; raises InvalidInput."""
    if atomic and (jobs or 1) > 1:
        raise InvalidInput("Use either --atomic or --jobs: what is made as a whole is made on one connection.")
    if atomic:
        return 1
    if (jobs or 1) > MAX_JOBS:
        raise InvalidInput(f"--jobs goes from 1 to {MAX_JOBS}; each takes a connection to the database.")
    from booking_cli import settings

    most = settings.load().pool_size
    if jobs is None:
        return min(USUAL_JOBS, most)
    if jobs > most:
        raise InvalidInput(
            f"--jobs {jobs} is more than BOOKING_POOL_SIZE, which is {most}. Use fewer, or set it higher."
        )
    return jobs


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
