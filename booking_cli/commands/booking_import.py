"""`booking book --from`: many bookings from a file, with a result for each row."""

import contextlib
import datetime as dt
import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO

from booking_cli import repository
from booking_cli.cli.parameters import Context
from booking_cli.domain.errors import (
    BookingError,
    Busy,
    DatabaseUnavailable,
    Interrupted,
    InvalidInput,
    OutcomeUnknown,
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
_BUFFER_BYTES = 2**18
# How long the main thread, which parses and writes rows, delays a thread whose database call has returned; Python's default is
# 5 ms.
_SWITCH_SECONDS = 0.0002
# Of longer results, a table shows the rejected rows only.
_MOST_IN_A_TABLE = 200
_RUN_AGAIN = "The command can be run again: a row with a request_id is booked once, and the slots of other booked rows are taken."


@dataclass
class Tally:
    """The counts of the rows so far, when the first of the holds lapses, and the error with which the command ends."""

    rows: int = 0
    held: int = 0
    confirmed: int = 0
    rejected: int = 0
    lapse: dt.datetime | None = None
    failure: BookingError | None = None

    def add(self, rows: Sequence[RowResult]) -> None:
        """Count rows."""
        holds = [row.hold_expires_at for row in rows if row.status == "PENDING"]
        self.rows += len(rows)
        self.held += len(holds)
        self.confirmed += sum(row.status == "CONFIRMED" for row in rows)
        self.rejected += sum(map(_is_rejected, rows))
        self.lapse = self.lapse or next(iter(holds), None)

    def progress(self) -> str:
        """Return the text of a progress bar."""
        return f"{self.rows} row{'s' * (self.rows != 1)}"

    def __str__(self) -> str:
        counts = {"held": self.held, "confirmed": self.confirmed, "rejected": self.rejected}
        return f"{self.progress()}: {', '.join(f'{n} {what}' for what, n in counts.items() if n) or 'none booked'}."


def run(
    ctx: Context, path: str, *, confirm: bool, hold: Decimal | None, allow_overlap: bool, jobs: int, atomic: bool
) -> Result:
    """Book the rows of a file, up to `jobs` chunks at the same time."""
    from booking_cli import settings
    from booking_cli.importing import executor, reader
    from booking_cli.importing.rows import ImportOptions
    from booking_cli.output.progress import progress

    if jobs > 1 and atomic:
        raise InvalidInput("Use either --atomic or --jobs: one transaction runs on one connection.")
    most = settings.load().pool_size
    if jobs > most:
        raise InvalidInput(f"--jobs {jobs} is more than BOOKING_POOL_SIZE, which is {most}; that can be set up to 20.")
    file = _open(ctx, path, seekable=atomic)
    session = ctx.open_session(pool_size=jobs if jobs > 1 else 0)
    options = ImportOptions(hold or session.hold_minutes, confirm, allow_overlap, new_request_id())

    def read() -> "Iterator[list[ImportRow]]":
        if atomic:
            file.seek(0)
        return _chunks(reader.read(file, options))

    chunks = read()  # raises InvalidInput for a wrong header, before anything changes
    # Rows are booked in the order of the file only where no lapsed hold has to be released in between.
    repository.bookings.expire(session)
    sys.setswitchinterval(_SWITCH_SECONDS)
    tally = Tally()
    booked = executor.book_atomically(session, read) if atomic else executor.book_chunks(session, chunks, jobs)
    ctx.with_resource(contextlib.closing(booked))  # before the connections, which its threads use
    rows = _results(booked, tally, atomic=atomic)
    many = Many(RowResult, rows, "row", session.zone.key, failure=lambda: tally.failure, has_changes=True)
    if ctx.format is not Format.TABLE:
        if not sys.stdout.isatty():  # on one terminal a progress bar would overwrite the results
            ctx.with_resource(progress("Booking", tally.progress))
        return many
    with progress("Booking", tally.progress):
        shown = list(itertools.islice(rows, _MOST_IN_A_TABLE))
        rejected = list(itertools.islice(filter(_is_rejected, itertools.chain(shown, rows)), _MOST_IN_A_TABLE))
        for _ in rows:
            pass  # books the remaining rows
    headline = str(tally)
    if tally.lapse:
        headline += f" The holds lapse at {session.clock_time(tally.lapse)} unless they are confirmed."
    if tally.rows > len(shown):
        headline += f" The table shows up to {_MOST_IN_A_TABLE} rejected rows; -o csv shows all rows."
        shown = rejected
    table = many._replace(rows=shown) if shown else None
    return One(None, headline, details=False, many=table, failure=many.failure, has_changes=True)


def _is_rejected(row: RowResult) -> bool:
    return row.code not in (None, NOT_MADE)


def _results(chunks: "Iterator[ChunkResult]", tally: Tally, *, atomic: bool) -> Iterator[RowResult]:
    """Yield the results of the rows, count them, and set the failure."""
    from booking_cli.importing.executor import Abandoned

    last_line = 0
    failure: BookingError | None = None
    try:
        for rows, chunk_failure in chunks:
            tally.add(rows)
            yield from rows
            failure = failure or chunk_failure
            if rows and failure is None:
                last_line = rows[-1].line
    except Abandoned:
        failure = Interrupted("Interrupted; it is not known which of the remaining rows were booked.")
    except KeyboardInterrupt:
        failure = Interrupted("Interrupted; nothing was changed." if atomic and not tally.rows else "Interrupted.")
    except BookingError as error:
        failure = failure or error
    if failure is None:
        tally.failure = Refused(f"Rows not booked: {tally.rejected} of {tally.rows}.") if tally.rejected else None
    elif not atomic:
        tally.failure = _failure(failure, last_line)
    else:
        tally.failure = InvalidInput(f"{failure} Nothing was booked.") if isinstance(failure, InvalidInput) else failure


def _failure(failure: BookingError, last_line: int) -> BookingError:
    """Return an error that says what was booked before it, and that the command can be run again."""
    reach = f"Rows up to line {last_line} were processed and saved." if last_line else "No row was completed."
    if isinstance(failure, OutcomeUnknown):  # also of a Ctrl-C during COMMIT
        return OutcomeUnknown(None, f"{reach} {_RUN_AGAIN}")
    reasons = {Busy: "The database was too busy.", DatabaseUnavailable: "The database could not be reached."}
    return type(failure)(f"{reasons.get(type(failure), str(failure))} {reach} {_RUN_AGAIN}")


def _chunks(rows: "Iterator[ImportRow]") -> "Iterator[list[ImportRow]]":
    """Yield the rows in chunks; before an error of reading, the rows that were read."""
    failure: InvalidInput | None = None
    while True:
        chunk: list[ImportRow] = []
        try:
            chunk.extend(itertools.islice(rows, CHUNK))
        except InvalidInput as error:
            failure = error
        if chunk:
            yield chunk
        elif failure:
            raise failure
        else:
            return


def _open(ctx: Context, path: str, *, seekable: bool) -> BinaryIO:
    """Open a file, or stdin for `-`, until the command ends; raises InvalidInput.

    With `seekable`, a pipe is copied to a temporary file.
    """
    file: BinaryIO = sys.stdin.buffer
    if path != "-":
        try:
            file = ctx.with_resource(open(path, "rb", buffering=_BUFFER_BYTES))  # noqa: SIM115  # closed with ctx
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "the name is not valid"
            raise InvalidInput(f"{quote(path)} cannot be read: {reason}.") from None
    if not seekable or file.seekable():
        return file
    from booking_cli.importing.executor import temporary_file_errors

    with temporary_file_errors():
        copy: BinaryIO = ctx.with_resource(tempfile.TemporaryFile())  # noqa: SIM115  # closed with ctx
        shutil.copyfileobj(file, copy)
        copy.flush()
    return copy
