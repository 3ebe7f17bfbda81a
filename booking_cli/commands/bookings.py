"""`booking book`, `confirm`, `cancel`, `show`, `list`, `history` and `expire`: patients on slots."""

import logging
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from booking_cli.cli.parameters import (
    DEFAULT_LIMIT,
    BookingArgument,
    DateOption,
    DoctorOption,
    FromOption,
    LimitOption,
    ToOption,
    checked,
    instants,
    open_book,
)
from booking_cli.domain.errors import InvalidInput, UsageError
from booking_cli.domain.references import new_request_id
from booking_cli.domain.validation import (
    parse_count,
    parse_email,
    parse_hold_minutes,
    parse_id,
    parse_name,
    parse_phone,
    parse_reason,
    parse_request_id,
)
from booking_cli.output import Many, One, Result, tell

if TYPE_CHECKING:
    from booking_cli.repository.bookings import Answer
    from booking_cli.session import Book


RequestIdOption = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        parser=checked(parse_request_id),
        help="Do it only once, however often the command runs with this key.",
    ),
]

OptionalSlotArgument = Annotated[
    int | None, typer.Argument(metavar="SLOT", parser=checked(parse_id), help="Number of the slot.")
]


class Status(StrEnum):
    """The states of a booking."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


def book(
    ctx: typer.Context,
    slot: OptionalSlotArgument = None,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", parser=checked(parse_name), help="The patient's name.")
    ] = None,
    email: Annotated[
        str | None, typer.Option(metavar="EMAIL", parser=checked(parse_email), help="The patient's email address.")
    ] = None,
    phone: Annotated[
        str | None, typer.Option(metavar="PHONE", parser=checked(parse_phone), help="The patient's phone number.")
    ] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Book and confirm in one step.")] = False,
    hold: Annotated[
        Decimal | None,
        typer.Option(
            metavar="MINUTES",
            parser=checked(parse_hold_minutes),
            help="Hold the slot this long, above 0 and up to 1440; decimals are allowed.",
        ),
    ] = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Even if the patient has another booking at that time.")
    ] = False,
    request_id: RequestIdOption = None,
    path: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Book many: CSV or NDJSON from this file, or from stdin with '-'."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=checked(parse_count), help="With --from: so many at a time, 1 to 20; usually 2."
        ),
    ] = None,
    atomic: Annotated[bool, typer.Option("--atomic", help="With --from: all lines or none.")] = False,
) -> Result:
    """Hold a slot for a patient.

    The hold lapses unless it is confirmed in time; --confirm books at once. With --from, many slots for many patients.
    """
    if confirm and hold is not None:
        raise InvalidInput("Use either --confirm or --hold: what is confirmed at once is not held.")
    if path is not None:
        if any(given is not None for given in (slot, name, email, phone, request_id)):
            raise InvalidInput(
                "With --from, each line says itself which slot, name, email, phone and request id it has."
            )
        from booking_cli.commands import booking_import as batches

        return batches.book(
            ctx, path, confirm=confirm, hold=hold, allow_overlap=allow_overlap, jobs=jobs, atomic=atomic
        )
    if jobs is not None or atomic:
        raise InvalidInput("--jobs and --atomic are for many bookings, with --from.")
    _ask_for_what_is_missing(ctx, slot, name, email)
    assert slot is not None
    assert name is not None
    assert email is not None
    opened = open_book(ctx)
    from booking_cli.repository import bookings

    request = bookings.BookingRequest(
        slot_id=slot,
        patient_name=name,
        patient_email=email,
        patient_phone=phone,
        hold_minutes=None if confirm else hold or opened.hold_minutes,
        request_id=request_id or new_request_id(),
        allow_overlap=allow_overlap,
        may_be_repeated=request_id is not None,
    )
    answer = bookings.book(opened, request)
    made = answer.booking
    if answer.repeated and request_id:
        _tell_what_became_of(opened, answer, "booked once")
    if made.status == "CONFIRMED":
        return One(made, f"Booked and confirmed: {made.reference}.")
    assert made.hold_expires_at is not None
    return One(
        made,
        f"Held until {opened.moment(made.hold_expires_at)}: {made.reference}. To keep it: booking confirm {made.reference}",
    )


def confirm(ctx: typer.Context, booking: BookingArgument, request_id: RequestIdOption = None) -> Result:
    """Confirm a hold."""
    opened = open_book(ctx)
    from booking_cli.repository import bookings

    answer = bookings.confirm(opened, booking, request_id or new_request_id())
    if answer.repeated:
        _tell_what_became_of(opened, answer, "confirmed once")
    return One(answer.booking, f"Confirmed: {answer.booking.reference}.")


def cancel(
    ctx: typer.Context,
    booking: BookingArgument,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", parser=checked(parse_reason), help="Why; kept in the history.")
    ] = None,
    request_id: RequestIdOption = None,
) -> Result:
    """Cancel a hold or a confirmed booking."""
    opened = open_book(ctx)
    from booking_cli.repository import bookings

    answer = bookings.cancel(opened, booking, reason, request_id or new_request_id())
    if answer.repeated:
        _tell_what_became_of(opened, answer, "cancelled once")
    return One(answer.booking, f"Cancelled: {answer.booking.reference}.")


def show(ctx: typer.Context, booking: BookingArgument) -> Result:
    """Show a booking."""
    opened = open_book(ctx)
    from booking_cli.repository import bookings

    return One(bookings.find(opened, booking))


def list_(
    ctx: typer.Context,
    status: Annotated[Status | None, typer.Option(case_sensitive=False, help="Only in this state.")] = None,
    email: Annotated[
        str | None, typer.Option(metavar="EMAIL", parser=checked(parse_email), help="Only of this patient.")
    ] = None,
    doctor: DoctorOption = None,
    date: DateOption = None,
    first: FromOption = None,
    last: ToOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
) -> Result:
    """List bookings by the start of their slot."""
    opened = open_book(ctx)
    from booking_cli.domain.models import Booking
    from booking_cli.repository import bookings, doctors

    starts_from, starts_before = instants(opened, date, first, last)
    found = bookings.listing(
        opened,
        status=status and status.value,
        email=email,
        doctor_id=doctors.find(opened, doctor).id if doctor else None,
        starts_from=starts_from,
        starts_before=starts_before,
        limit=limit,
    )
    return Many(Booking, found, "booking", opened.zone.key, limit)


def history(ctx: typer.Context, booking: BookingArgument) -> Result:
    """Show what happened to a booking.

    When, who, from which state to which, and why.
    """
    opened = open_book(ctx)
    from booking_cli.domain.models import HistoryEntry
    from booking_cli.repository import bookings

    return Many(HistoryEntry, bookings.history(opened, booking), "change", opened.zone.key)


def expire(
    ctx: typer.Context,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write nothing unless something is wrong.")] = False,
) -> Result | None:
    """Release every hold that has lapsed."""
    if quiet:
        logging.getLogger("booking").setLevel(logging.ERROR)
    opened = open_book(ctx)
    from booking_cli.domain.models import Booking
    from booking_cli.repository import bookings

    expiry = bookings.expire(opened)
    if quiet:
        return None
    if not expiry.expired:
        return One(expiry, "No hold has lapsed.", details=False)
    headline = f"Released {expiry.expired} lapsed hold{'s' * (expiry.expired != 1)}."
    return One(expiry, headline, many=Many(Booking, expiry.bookings, "booking", opened.zone.key))


def _ask_for_what_is_missing(ctx: typer.Context, slot: int | None, name: str | None, email: str | None) -> None:
    """Complain about what only --from makes unnecessary as about any other parameter that is missing."""
    for value, what in ((slot, "argument 'SLOT'"), (name, "option '--name'"), (email, "option '--email'")):
        if value is None:
            raise UsageError(f"Missing {what}. See '{ctx.command_path} --help'.")


def _tell_what_became_of(book: "Book", answer: "Answer", what: str) -> None:
    first = answer.booking
    tell(f"This request was made before, and {what}: {first.reference}.")
    if answer.status_now != first.status:
        tell(f"Since then booking {first.reference} has become {answer.status_now}.")
    elif first.status == "PENDING" and first.hold_expires_at and first.hold_expires_at <= book.now:
        tell(f"Since then the hold of booking {first.reference} has lapsed.")


# A booking is what this program is about, so its noun is left out: these are commands of the root.
app: dict[str, Callable[..., Result | None]] = {
    "book": book,
    "confirm": confirm,
    "cancel": cancel,
    "show": show,
    "list": list_,
    "history": history,
    "expire": expire,
}
