"""`booking slots`."""

import datetime as dt
from typing import Annotated, Literal

import typer

from booking_cli import repository
from booking_cli.cli import parameters
from booking_cli.cli.parameters import Command, Context, argument, option, period
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
from booking_cli.domain.models import BulkResult, Slot
from booking_cli.domain.validation import parse_slot_minutes
from booking_cli.output.results import Many, One, Result
from booking_cli.output.show import tell

DEFAULT_MINUTES = 30
MAX_BULK_DAYS = 3 * 366
MAX_BULK_SLOTS = 100_000

app = typer.Typer(help="Manage the times that can be booked.", rich_markup_mode=None)

MinutesOption = Annotated[int, option("N", parse_slot_minutes, "Length of a slot, 5 to 480 minutes.", "--minutes")]


@app.command("add", cls=Command)
def add(
    ctx: Context,
    doctor: parameters.DoctorArgument,
    date: Annotated[Day, argument("DATE", parse_day, "Day of the slot.")],
    time: Annotated[int, argument("TIME", parse_clock_time, "HH:MM on the clinic's clock.")],
    minutes: MinutesOption = DEFAULT_MINUTES,
) -> Result:
    """Add a slot."""
    from booking_cli.domain.working_hours import instant_of

    starts_at = instant_of(date.on(ctx.session.today), time, ctx.session.zone)
    slot = repository.slots.add(ctx.session, doctor, starts_at, minutes)
    return One(slot, f"Added slot {slot.id}.")


@app.command("bulk", cls=Command)
def bulk(
    ctx: Context,
    doctor: parameters.DoctorArgument,
    first: Annotated[Day, option("DATE", parse_day, "First day.", "--from")],
    start: Annotated[int, option("TIME", parse_clock_time, "When work starts.")],
    end: Annotated[int, option("TIME", parse_end_time, "When work ends, up to 24:00.")],
    last: Annotated[Day | None, option("DATE", parse_day, "Last day; by default the first one.", "--to")] = None,
    minutes: MinutesOption = DEFAULT_MINUTES,
    days: Annotated[
        frozenset[int] | None, option("DAYS", parse_weekdays, "Only on these weekdays: mon-fri, or mon,wed, or sat.")
    ] = None,
    breaks: Annotated[
        list[Break] | None,
        option(
            "FROM-TO",
            parse_break,
            "No slots during this break, such as 12:00-13:00; can be given several times.",
            "--break",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Create nothing if any slot overlaps another.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be created; change nothing.")] = False,
) -> Result:
    """Add slots for a range of days.

    Slots that exist already are left as they are, so it can be run again.
    """
    if start >= end:
        raise InvalidInput("--start must be before --end.")
    from booking_cli.domain.working_hours import Hours, plan
    from booking_cli.output.progress import progress

    active = repository.doctors.find_active(ctx.session, doctor)
    dates = _dates(ctx.session.today, first, last, days)
    planned = plan(dates, Hours(start, end, minutes, breaks or []), ctx.session.zone)
    if len(planned.starts) > MAX_BULK_SLOTS:
        raise InvalidInput(f"{len(planned.starts)} slots are too many at once; use at most {MAX_BULK_SLOTS}.")
    for remark in planned.remarks:
        tell(remark)
    if dry_run:
        result = repository.slots.preview(ctx.session, active, planned.starts, minutes, strict=strict)
    else:
        with progress(f"Creating {len(planned.starts)} slots"):
            result = repository.slots.add_many(ctx.session, active, planned.starts, minutes, strict=strict)
    return One(result, _summary(result, active.name, dry_run=dry_run), details=False)


@app.command("list", cls=Command)
def list_(
    ctx: Context,
    doctor: parameters.DoctorFilter = None,
    specialization: parameters.SpecializationFilter = None,
    date: parameters.DateOption = None,
    first: parameters.FromOption = None,
    last: parameters.ToOption = None,
    status: Annotated[Literal["free", "held", "booked", "all"], typer.Option(help="Which slots.")] = "free",
    limit: parameters.LimitOption = parameters.DEFAULT_LIMIT,
) -> Result:
    """List slots by start.

    By default, free slots from now on. A slot is free if it can be booked.
    """
    dates, now = period(ctx.session, date, first, last), ctx.session.now
    is_over = dates.starts_before is not None and dates.starts_before <= now
    if not is_over and (dates.starts_from is None or status == "free"):  # a slot that has begun cannot be booked
        dates = dates._replace(starts_from=max(dates.starts_from or now, now))
    found = repository.slots.list_slots(
        ctx.session,
        dates,
        doctor_id=repository.doctors.find(ctx.session, doctor).id if doctor else None,
        specialization=specialization,
        status=status,
        limit=limit,
    )
    return Many(Slot, found, "slot" if status == "all" else f"{status} slot", ctx.session.zone.key, limit)


@app.command("show", cls=Command)
def show(ctx: Context, slot: parameters.SlotArgument) -> Result:
    """Show a slot."""
    return One(repository.slots.find(ctx.session, slot))


@app.command("delete", cls=Command)
def delete(ctx: Context, slot: parameters.SlotArgument) -> Result:
    """Delete a slot that never had a booking."""
    deleted = repository.slots.delete(ctx.session, slot)
    return One(deleted, f"Deleted slot {deleted.id}.", details=False)


def _dates(today: dt.date, first: Day, last: Day | None, weekdays: frozenset[int] | None) -> list[dt.date]:
    """Return the working days of a range; raises InvalidInput where it is empty or too long."""
    start = first.on(today)
    end = last.on(today) if last else start
    if end < start:
        raise InvalidInput(f"--to {end} is before --from {start}.")
    count = (end - start).days + 1
    if count > MAX_BULK_DAYS:
        raise InvalidInput(f"{count} days are too many at once; use at most {MAX_BULK_DAYS}.")
    dates = (start + dt.timedelta(days=offset) for offset in range(count))
    return [date for date in dates if weekdays is None or date.weekday() in weekdays]


def _summary(result: BulkResult, name: str, *, dry_run: bool) -> str:
    if not result.planned:
        return "No slot fits. Change --days, --start, --end or --minutes."
    left_out = {
        "existing": result.existing,
        "in conflict with other slots": result.conflicts,
        "in the past": result.past,
    }
    listed = ", ".join(f"{count} {what}" for what, count in left_out.items() if count)
    verb = "Would create" if dry_run else "Created"
    return f"{verb} {result.created} of {result.planned} slots for {name}{': ' if listed else ''}{listed}."
