"""`booking slots`: the times that can be booked."""

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from booking_cli.cli.parameters import (
    DEFAULT_LIMIT,
    Command,
    DateOption,
    DoctorArgument,
    DoctorOption,
    FromOption,
    LimitOption,
    SlotArgument,
    ToOption,
    checked,
    instants,
    open_book,
)
from booking_cli.domain.dates import (
    Break,
    Day,
    parse_break,
    parse_clock_time,
    parse_day,
    parse_end_time,
    parse_weekdays,
)
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import parse_slot_minutes, parse_specialization
from booking_cli.output import Many, One, Result, tell

if TYPE_CHECKING:
    from booking_cli.domain.models import BulkResult
    from booking_cli.session import Book

DEFAULT_MINUTES = 30
MAX_BULK_DAYS = 3 * 366
MAX_BULK_SLOTS = 100_000

app = typer.Typer(help="The times that can be booked.", rich_markup_mode=None)

MinutesOption = Annotated[
    int, typer.Option(metavar="N", parser=checked(parse_slot_minutes), help="Length of a slot, 5 to 480 minutes.")
]


class Status(StrEnum):
    """Which slots to list."""

    FREE = "free"
    HELD = "held"
    BOOKED = "booked"
    ALL = "all"


@app.command("add", cls=Command)
def add(
    ctx: typer.Context,
    doctor: DoctorArgument,
    date: Annotated[Day, typer.Argument(metavar="DATE", parser=checked(parse_day), help="Day of the slot.")],
    time: Annotated[
        int, typer.Argument(metavar="TIME", parser=checked(parse_clock_time), help="HH:MM on the clinic's clock.")
    ],
    minutes: MinutesOption = DEFAULT_MINUTES,
) -> Result:
    """Add a slot."""
    book = open_book(ctx)
    from booking_cli.domain.working_hours import instant_of
    from booking_cli.repository import slots

    slot = slots.add(book, doctor, instant_of(date.on(book.today), time, book.zone), minutes)
    return One(slot, f"Added slot {slot.id}.")


@app.command("bulk", cls=Command)
def bulk(
    ctx: typer.Context,
    doctor: DoctorArgument,
    first: Annotated[Day, typer.Option("--from", metavar="DATE", parser=checked(parse_day), help="First day.")],
    start: Annotated[
        int, typer.Option("--start", metavar="TIME", parser=checked(parse_clock_time), help="When work starts.")
    ],
    end: Annotated[
        int, typer.Option("--end", metavar="TIME", parser=checked(parse_end_time), help="When work ends, up to 24:00.")
    ],
    last: Annotated[
        Day | None,
        typer.Option("--to", metavar="DATE", parser=checked(parse_day), help="Last day; the first one unless given."),
    ] = None,
    minutes: MinutesOption = DEFAULT_MINUTES,
    days: Annotated[
        frozenset[int] | None,
        typer.Option(
            metavar="DAYS",
            parser=checked(parse_weekdays),
            help="Only on these weekdays: mon-fri, or mon,wed, or sat.",
        ),
    ] = None,
    breaks: Annotated[
        list[Break] | None,
        typer.Option(
            "--break",
            metavar="FROM-TO",
            parser=checked(parse_break),
            help="No slots in this time, such as 12:00-13:00; can be given several times.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Create nothing where any slot overlaps another.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be created.")] = False,
) -> Result:
    """Add slots for a range of days.

    To run it again changes nothing: what is there already is left as it is.
    """
    if start >= end:
        raise InvalidInput("--start must be before --end.")
    book = open_book(ctx)
    from booking_cli.domain.working_hours import Hours, plan
    from booking_cli.output.progress import progress
    from booking_cli.repository import doctors, slots

    whom = doctors.find_active(book, doctor)
    dates = _dates(book, first, last, days)
    planned = plan(dates, Hours(start, end, minutes, breaks or []), book.zone)
    if len(planned.starts) > MAX_BULK_SLOTS:
        raise InvalidInput(f"{len(planned.starts)} slots are too many at once; use at most {MAX_BULK_SLOTS}.")
    for remark in planned.remarks:
        tell(remark)
    if dry_run:
        result = slots.outlook(book, whom, planned.starts, minutes)
        if strict and result.conflicts:
            raise slots.strict_conflict(whom, result.conflicts, result.planned)
    else:
        with progress(f"Creating {len(planned.starts)} slots"):
            result = slots.add_many(book, whom, planned.starts, minutes, strict=strict)
    return One(result, _summary(result, whom.name, dry_run=dry_run), details=False)


@app.command("list", cls=Command)
def list_(
    ctx: typer.Context,
    doctor: DoctorOption = None,
    specialization: Annotated[
        str | None, typer.Option(metavar="TEXT", parser=checked(parse_specialization), help="Only of such doctors.")
    ] = None,
    date: DateOption = None,
    first: FromOption = None,
    last: ToOption = None,
    status: Annotated[Status, typer.Option(help="Which slots.")] = Status.FREE,
    limit: LimitOption = DEFAULT_LIMIT,
) -> Result:
    """List slots by start.

    The free ones from now on, unless told otherwise. Free means that it can be booked.
    """
    book = open_book(ctx)
    from booking_cli.domain.models import Slot
    from booking_cli.repository import doctors, slots

    starts_from, starts_before = instants(book, date, first, last)
    if starts_from is None:
        if starts_before is None or starts_before > book.now:
            starts_from = book.now
    elif status is Status.FREE and (starts_before is None or starts_before > book.now):
        # Nobody can book what has begun: of a period that is not over, only the rest is free.
        starts_from = max(starts_from, book.now)
    found = slots.listing(
        book,
        doctor_id=doctors.find(book, doctor).id if doctor else None,
        specialization=specialization,
        starts_from=starts_from,
        starts_before=starts_before,
        status=status.value,
        limit=limit,
    )
    return Many(Slot, found, "slot" if status is Status.ALL else f"{status.value} slot", book.zone.key, limit)


@app.command("show", cls=Command)
def show(ctx: typer.Context, slot: SlotArgument) -> Result:
    """Show a slot."""
    book = open_book(ctx)
    from booking_cli.repository import slots

    return One(slots.find(book, slot), details=True)


@app.command("delete", cls=Command)
def delete(ctx: typer.Context, slot: SlotArgument) -> Result:
    """Delete a slot that never had a booking."""
    book = open_book(ctx)
    from booking_cli.repository import slots

    deleted = slots.delete(book, slot)
    return One(deleted, f"Deleted slot {deleted.id}.", details=False)


def _dates(book: "Book", first: Day, last: Day | None, weekdays: frozenset[int] | None) -> list[dt.date]:
    """Return the working days of a range; raises InvalidInput where it is empty or too long."""
    start = first.on(book.today)
    end = last.on(book.today) if last else start
    if end < start:
        raise InvalidInput(f"--to {end} is before --from {start}.")
    count = (end - start).days + 1
    if count > MAX_BULK_DAYS:
        raise InvalidInput(f"{count} days are too many at once; use at most {MAX_BULK_DAYS}.")
    dates = (start + dt.timedelta(days=offset) for offset in range(count))
    return [date for date in dates if weekdays is None or date.weekday() in weekdays]


def _summary(result: "BulkResult", name: str, *, dry_run: bool) -> str:
    left_out = [
        f"{count} {what}"
        for count, what in (
            (result.existing, "there already"),
            (result.conflicts, "in conflict with other slots"),
            (result.past, "in the past"),
        )
        if count
    ]
    verb = "Would create" if dry_run else "Created"
    if not result.planned:
        return "No slot fits into these days and hours."
    return f"{verb} {result.created} of {result.planned} slots for {name}{': ' * bool(left_out)}{', '.join(left_out)}."
