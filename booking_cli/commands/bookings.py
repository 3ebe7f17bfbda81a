"""`booking book`, `confirm`, `cancel`, `show`, `list`, `history` and `expire`."""

import logging
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import typer

from booking_cli import repository
from booking_cli.cli import parameters
from booking_cli.cli.parameters import Command, Context, argument, option, period
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.models import Booking, HistoryEntry
from booking_cli.domain.references import new_request_id
from booking_cli.domain.validation import (
    PatientKey,
    parse_count,
    parse_email,
    parse_hold_minutes,
    parse_id,
    parse_name,
    parse_patient,
    parse_phone,
    parse_reason,
    parse_request_id,
)
from booking_cli.output.results import Many, One, Result
from booking_cli.output.show import tell

app = typer.Typer(rich_markup_mode=None)

RequestIdOption = Annotated[
    str | None,
    option("KEY", parse_request_id, "Idempotency key: a repeated command with the same key makes the change once."),
]


# Typer takes no list of literals.
Status = StrEnum(
    "Status", {"PENDING": "PENDING", "CONFIRMED": "CONFIRMED", "CANCELLED": "CANCELLED", "FAILED": "FAILED"}
)


@app.command("book", cls=Command)
def book(
    ctx: Context,
    slot: Annotated[int | None, argument("SLOT", parse_id, "Number of the slot.")] = None,
    patient: Annotated[
        PatientKey | None,
        option("PATIENT", parse_patient, "A registered patient: number, email address or phone number."),
    ] = None,
    name: Annotated[str | None, option("TEXT", parse_name, "The patient's name.")] = None,
    email: Annotated[str | None, option("EMAIL", parse_email, "The patient's email address.")] = None,
    phone: Annotated[str | None, option("PHONE", parse_phone, "The patient's phone number.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Book and confirm in one step.")] = False,
    hold: Annotated[
        Decimal | None,
        option("MINUTES", parse_hold_minutes, "Hold the slot this long, above 0 and up to 1440; decimals are allowed."),
    ] = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Book even if the patient has another booking at that time.")
    ] = False,
    request_id: RequestIdOption = None,
    path: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Book the rows of a CSV or NDJSON file, or of stdin with '-'."),
    ] = None,
    jobs: Annotated[
        int | None,
        option("N", parse_count, "With --from: how many chunks are booked at the same time, 1 to 20; by default 1."),
    ] = None,
    atomic: Annotated[bool, typer.Option("--atomic", help="With --from: book all rows or none.")] = False,
) -> Result:
    """Hold a slot for a patient.

    The hold lapses unless it is confirmed in time; --confirm books at once. Give a registered patient with --patient, or a name
    with an email address, a phone number or both; a new patient is registered. The columns of a file are slot_id and name, and
    optionally email, phone, confirm and request_id.
    """
    if confirm and hold is not None:
        raise InvalidInput("Use either --confirm or --hold: a confirmed booking is not held.")
    if path is not None:
        if any(given is not None for given in (slot, patient, name, email, phone, request_id)):
            raise InvalidInput("With --from, the file has the slot, name, email, phone and request id of each row.")
        from booking_cli.commands import booking_import

        return booking_import.run(
            ctx, path, confirm=confirm, hold=hold, allow_overlap=allow_overlap, jobs=jobs or 1, atomic=atomic
        )
    if jobs is not None or atomic:
        raise InvalidInput("--jobs and --atomic need --from.")
    if slot is None:
        ctx.fail("Missing argument 'SLOT'.")
    if patient is not None:
        if any((name, email, phone)):
            raise InvalidInput("Use either --patient, or --name with --email or --phone.")
    elif name is None:
        ctx.fail("Missing option '--patient', or '--name' with '--email' or '--phone'.")
    elif email is None and phone is None:
        ctx.fail("Missing option '--email' or '--phone'.")
    registered = repository.patients.find(ctx.session, patient) if patient else None
    request = repository.new_bookings.BookingRequest(
        slot_id=slot,
        patient_id=registered.id if registered else None,
        name=registered.name if registered else name or "",
        email=email,
        phone=phone,
        hold_minutes=None if confirm else hold or ctx.session.hold_minutes,
        request_id=request_id or new_request_id(),
        may_be_replay=request_id is not None,
        allow_overlap=allow_overlap,
    )
    booked = repository.new_bookings.book(ctx.session, request)
    made = booked.booking
    if booked.replayed:
        _tell_replay(ctx, booked, "booked")
    elif notice := repository.patients.contact_notice(made, phone):
        tell(notice)
    if made.status == "CONFIRMED":
        return One(made, f"Booked and confirmed: {made.reference}.")
    assert made.hold_expires_at is not None
    until = ctx.session.clock_time(made.hold_expires_at)
    return One(made, f"Held until {until}: {made.reference}. To keep it: booking confirm {made.reference}")


@app.command("confirm", cls=Command)
def confirm(ctx: Context, booking: parameters.BookingArgument, request_id: RequestIdOption = None) -> Result:
    """Confirm a hold."""
    confirmed = repository.bookings.confirm(ctx.session, booking, request_id or new_request_id())
    if confirmed.replayed:
        _tell_replay(ctx, confirmed, "confirmed")
    return One(confirmed.booking, f"Confirmed: {confirmed.booking.reference}.")


@app.command("cancel", cls=Command)
def cancel(
    ctx: Context,
    booking: parameters.BookingArgument,
    reason: Annotated[str | None, option("TEXT", parse_reason, "Why; kept in the history.")] = None,
    request_id: RequestIdOption = None,
) -> Result:
    """Cancel a hold or a confirmed booking."""
    cancelled = repository.bookings.cancel(ctx.session, booking, reason, request_id or new_request_id())
    if cancelled.replayed:
        _tell_replay(ctx, cancelled, "cancelled")
    return One(cancelled.booking, f"Cancelled: {cancelled.booking.reference}.")


@app.command("show", cls=Command)
def show(ctx: Context, booking: parameters.BookingArgument) -> Result:
    """Show a booking."""
    return One(repository.bookings.find(ctx.session, booking))


@app.command("list", cls=Command)
def list_(
    ctx: Context,
    status: Annotated[
        list[Status] | None, typer.Option(case_sensitive=False, help="Only in this state; can be given several times.")
    ] = None,
    email: Annotated[str | None, option("EMAIL", parse_email, "Only bookings of patients with this address.")] = None,
    doctor: parameters.DoctorFilter = None,
    date: parameters.DateOption = None,
    first: parameters.FromOption = None,
    last: parameters.ToOption = None,
    limit: parameters.LimitOption = parameters.DEFAULT_LIMIT,
) -> Result:
    """List bookings by the start of their slot."""
    found = repository.bookings.list_bookings(
        ctx.session,
        period(ctx.session, date, first, last),
        statuses=[one.value for one in status] if status else None,
        email=email,
        doctor_id=repository.doctors.find(ctx.session, doctor).id if doctor else None,
        limit=limit,
    )
    return Many(Booking, found, "booking", ctx.session.zone.key, limit)


@app.command("history", cls=Command)
def history(ctx: Context, booking: parameters.BookingArgument) -> Result:
    """Show the changes of a booking.

    When, who, from which state to which, and why.
    """
    return Many(HistoryEntry, repository.bookings.history(ctx.session, booking), "change", ctx.session.zone.key)


@app.command("expire", cls=Command)
def expire(
    ctx: Context,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write nothing unless something is wrong.")] = False,
) -> Result | None:
    """Release every hold that has lapsed."""
    if quiet:
        logging.getLogger("booking").setLevel(logging.ERROR)
    expiry = repository.bookings.expire(ctx.session)
    if quiet:
        return None
    if not expiry.expired:
        return One(expiry, "No hold has lapsed.", details=False)
    headline = f"Released {expiry.expired} lapsed hold{'s' * (expiry.expired != 1)}."
    return One(expiry, headline, many=Many(Booking, expiry.bookings, "booking", ctx.session.zone.key))


def _tell_replay(ctx: Context, booked: "repository.new_bookings.Booked", verb: str) -> None:
    first = booked.booking
    tell(f"The request id was used before; {first.reference} was {verb} once.")
    if booked.status_now != first.status:
        tell(f"Since then booking {first.reference} has become {booked.status_now}.")
    elif first.status == "PENDING" and first.hold_expires_at and first.hold_expires_at <= ctx.session.now:
        tell(f"Since then the hold of booking {first.reference} has lapsed.")
