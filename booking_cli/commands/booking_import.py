"""`booking book --from`: many bookings from a file, with a result for each row."""

import datetime as dt
import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO

import typer

from booking_cli.cli.parameters import FORMAT, open_session
from booking_cli.domain.errors import (
    BookingError,
    Busy,
    DatabaseUnavailable,
    Interrupted,
    InvalidInput,
    OutcomeUnknown,
    OutputFailed,
    Refused,
)
from booking_cli.domain.models import NOT_MADE, RowResult
from booking_cli.domain.references import new_request_id
from booking_cli.domain.validation import quote
from booking_cli.output.results import Format, Many, One, Result

if TYPE_CHECKING:
    from booking_cli.importing.executor import ChunkResult
    from booking_cli.importing.rows import ImportRow

CHUNK = 2000
MAX_JOBS = 20
_BUFFER_BYTES = 2**18
# How long the main thread, which parses and writes rows, delays a thread whose database call has returned; Python's default is
# 5 ms.
_SWITCH_SECONDS = 0.0002
# Of longer results, a table shows the rejected rows only.
_MOST_IN_A_TABLE = 200
_RUN_AGAIN = (
    "It is safe to run it again: a row with a request_id is booked once, and the slots of other booked rows are taken."
)


@dataclass
class Tally:
    """The counts of the rows so far; `lapse` is when the first of the holds lapses."""

    lines: int = 0
    held: int = 0
    confirmed: int = 0
    rejected: int = 0
    lapse: dt.datetime | None = None

    def add(self, row: RowResult) -> None:
        """Count a row."""
        self.lines += 1
        if row.code is not None:
            self.rejected += row.code != NOT_MADE
        elif row.status == "CONFIRMED":
            self.confirmed += 1
        else:
            self.held += 1
            self.lapse = self.lapse or row.hold_expires_at

    def progress(self) -> str:
        """Return the text of a progress bar."""
        return f"{self.lines} rows"

    def __str__(self) -> str:
        counts = {"held": self.held, "confirmed": self.confirmed, "rejected": self.rejected}
        return f"{_rows(self.lines)}: {', '.join(f'{count} {what}' for what, count in counts.items() if count) or 'none booked'}."


def run(
    ctx: typer.Context,
    path: str,
    *,
    confirm: bool,
    hold: Decimal | None,
    allow_overlap: bool,
    jobs: int | None,
    atomic: bool,
) -> Result:
    """Book the rows of a file."""
    threads = _threads(jobs, atomic)
    file = _open(ctx, path, seekable=atomic)
    session = open_session(ctx, pool_size=threads if threads > 1 else 0)
    from booking_cli.importing import executor, reader
    from booking_cli.importing.rows import ImportOptions
    from booking_cli.output.progress import progress
    from booking_cli.repository import bookings

    options = ImportOptions(hold or session.hold_minutes, confirm, allow_overlap, new_request_id())

    chunks = _chunks(reader.read(file, options))  # raises InvalidInput for a wrong header, before anything changes

    def read_again() -> "Iterator[list[ImportRow]]":
        file.seek(0)
        return _chunks(reader.read(file, options))

    # Rows are booked in the order of the file only where no lapsed hold has to be released in between.
    bookings.expire(session)
    sys.setswitchinterval(_SWITCH_SECONDS)
    tally = Tally()
    booked = executor.book_atomically(session, read_again) if atomic else executor.book_chunks(session, chunks, threads)
    rows = _results(booked, tally, atomic=atomic)
    many = Many(RowResult, rows, "row", session.zone.key, has_changes=True)
    format_: Format = ctx.meta[FORMAT]
    if format_ is not Format.TABLE:
        if not sys.stdout.isatty():  # on one terminal a progress bar would overwrite the results
            ctx.with_resource(progress("Booking", tally.progress))
        return many
    first: list[RowResult] = []
    rejected: list[RowResult] = []
    failure = None
    with progress("Booking", tally.progress):
        try:
            for row in rows:
                first += [row] * (len(first) < _MOST_IN_A_TABLE)
                rejected += [row] * (row.code not in (None, NOT_MADE) and len(rejected) < _MOST_IN_A_TABLE)
        except BookingError as error:
            failure = error
    headline = str(tally)
    if tally.lapse:
        headline += f" The holds lapse at {session.clock_time(tally.lapse)} unless they are confirmed."
    shown = first
    if tally.lines > len(first):
        headline += " The table shows rejected rows only; -o csv shows all."
        shown = rejected
    return One(None, headline, details=False, many=many._replace(rows=shown) if shown else None, failure=failure)


def _results(chunks: "Iterator[ChunkResult]", tally: Tally, *, atomic: bool) -> Iterator[RowResult]:
    """Yield the results of the rows, and then raise the error with which the command ends."""
    from booking_cli.importing.executor import Abandoned

    last_line, failure = 0, None
    try:
        for results, chunk_failure in chunks:
            for row in results:
                tally.add(row)
                yield row
            failure = failure or chunk_failure
            if results and failure is None:
                last_line = results[-1].line
    except Abandoned:
        failure = Interrupted("Interrupted; it is not known which of the remaining rows were booked.")
    except KeyboardInterrupt:
        failure = Interrupted("Interrupted; nothing was changed." if atomic else "Interrupted.")
    except BookingError as error:
        failure = failure or error
    if failure is None:
        if tally.rejected:
            raise Refused(f"Rows not booked: {tally.rejected} of {tally.lines}.")
        return
    if atomic:
        raise InvalidInput(f"{failure} Nothing was booked.") if isinstance(failure, InvalidInput) else failure
    reach = (
        f"Rows up to line {last_line} were processed and saved." if last_line else "No row was processed completely."
    )
    if isinstance(failure, OutcomeUnknown):  # also of a Ctrl-C during COMMIT
        raise OutcomeUnknown(None, f"{reach} {_RUN_AGAIN}")
    reasons = {Busy: "The database was too busy.", DatabaseUnavailable: "The database could not be reached."}
    raise type(failure)(f"{reasons.get(type(failure), failure)} {reach} {_RUN_AGAIN}")


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def _chunks(rows: "Iterator[ImportRow]") -> "Iterator[list[ImportRow]]":
    """Yield the rows in chunks; before an error of reading, the rows that were read."""
    while True:
        chunk: list[ImportRow] = []
        try:
            chunk.extend(itertools.islice(rows, CHUNK))
        except InvalidInput:
            if chunk:
                yield chunk
            raise
        if not chunk:
            return
        yield chunk


def _threads(jobs: int | None, atomic: bool) -> int:
    """Return how many chunks are booked at the same time; raises InvalidInput."""
    if jobs is None or jobs == 1:
        return 1
    if atomic:
        raise InvalidInput("Use either --atomic or --jobs: one transaction runs on one connection.")
    if jobs > MAX_JOBS:
        raise InvalidInput(f"--jobs goes from 1 to {MAX_JOBS}; each takes a connection to the database.")
    from booking_cli import settings

    most = settings.load().pool_size
    if jobs > most:
        raise InvalidInput(
            f"--jobs {jobs} is more than BOOKING_POOL_SIZE, which is {most}. Use fewer, or set it higher."
        )
    return jobs


def _open(ctx: typer.Context, path: str, *, seekable: bool) -> BinaryIO:
    """Open a file, or stdin for `-`, until the command ends; raises InvalidInput.

    With `seekable`, a pipe is copied to a temporary file.
    """
    try:
        file = sys.stdin.buffer if path == "-" else open(path, "rb", buffering=_BUFFER_BYTES)  # noqa: SIM115  # closed below
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name is not valid"
        raise InvalidInput(f"{quote(path)} cannot be read: {reason}.") from None
    if path != "-":
        ctx.call_on_close(file.close)
    if not seekable or file.seekable():
        return file
    try:
        copy = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the context
        ctx.call_on_close(copy.close)
        shutil.copyfileobj(file, copy)
        copy.flush()
    except OSError as error:
        raise OutputFailed(
            f"Nothing was booked: the input could not be copied to a temporary file ({error.strerror}). "
            "Set TMPDIR to another folder."
        ) from error
    return copy
