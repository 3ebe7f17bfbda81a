"""Bookings: book, confirm, cancel, find, list, history, expire."""

import datetime as dt
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from booking_cli.db import row_factories as rows
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import Busy, DatabaseUnavailable, NotFound
from booking_cli.domain.models import Booking, Expiry, HistoryEntry
from booking_cli.domain.references import new_reference, new_request_id
from booking_cli.domain.validation import BookingKey
from booking_cli.repository import rejections as refusals
from booking_cli.session import Book

EXPIRE_BATCH = 1000
# A slot can be lost and become free again between two looks; more often than this is somebody's mistake.
MAX_ROUNDS = 10


class BookingRequest(NamedTuple):
    """Who wants which slot; `hold_minutes` is None to confirm at once.

    `request_id` makes it happen once; `may_be_repeated` is False where nobody can have used that id before.
    """

    slot_id: int
    patient_name: str
    patient_email: str
    patient_phone: str | None
    hold_minutes: Decimal | None
    request_id: str
    allow_overlap: bool = False
    may_be_repeated: bool = True


class Answer(NamedTuple):
    """The booking as it was made, and the state it is in now where the request was a repetition."""

    booking: Booking
    status_now: str
    repeated: bool


def book(book: Book, request: BookingRequest) -> Answer:
    """Hold or book a slot for a patient.

    A request id that was used before gets its first answer again. Raises NotFound, SlotTaken, SlotInPast, DoctorInactive,
    PatientOverlap and RequestIdReused; then nothing was changed.
    """

    def before(tx: Transaction) -> Answer | None:
        return _before_booking(tx, request)

    def after(tx: Transaction) -> Answer | Exception | None:
        return _after_refusal(tx, book, request)

    look = before if request.may_be_repeated or not request.allow_overlap else None
    for _ in range(MAX_ROUNDS):
        made = _insert(book, request, look)
        if isinstance(made, Answer):
            if answer := book.database.read_what_lasts(before):
                return answer
            continue  # what was seen did not last
        if made:
            return _made(made)
        refusal = book.database.read(after)
        if isinstance(refusal, Answer):
            refusal = book.database.read_what_lasts(after)
        if isinstance(refusal, Answer):
            return refusal
        if isinstance(refusal, Exception):
            raise refusal
        if taken_over := _take_over(book, request):
            return _made(taken_over)
    raise Busy(f"Slot {request.slot_id} changes all the time. Nothing was booked; please try again.")


def confirm(book: Book, key: BookingKey, request_id: str) -> Answer:
    """Confirm a hold and return the booking; raises NotFound, HoldLapsed and WrongState.

    A request id that confirmed this booking before gets its first answer again.
    """
    parameters = {"id": key.id, "reference": key.reference, "request_id": request_id, "actor": book.actor}
    confirmed = book.database.write(
        lambda tx: tx.one("bookings.confirm", parameters, rows.booking),
        stands=lambda tx, made: _is_recorded(tx, made, "CONFIRMED", request_id),
        request_id=request_id,
    )
    if confirmed:
        return _made(confirmed)
    if not (found := _repeated_change(book, key, "CONFIRMED", request_id)):
        raise refusals.not_confirmed(book, find(book, key))
    first = found._replace(status="CONFIRMED", cancelled_at=None, reason=None, version=2)
    return Answer(first, status_now=found.status, repeated=True)


def cancel(book: Book, key: BookingKey, reason: str | None, request_id: str) -> Answer:
    """Cancel a hold or a confirmed booking and return it; raises NotFound and WrongState.

    A request id that cancelled this booking before gets its first answer again.
    """
    parameters = {
        "id": key.id,
        "reference": key.reference,
        "reason": reason,
        "request_id": request_id,
        "actor": book.actor,
    }
    cancelled = book.database.write(
        lambda tx: tx.one("bookings.cancel", parameters, rows.booking),
        stands=lambda tx, made: _is_recorded(tx, made, "CANCELLED", request_id),
        request_id=request_id,
    )
    if cancelled:
        return _made(cancelled)
    if not (found := _repeated_change(book, key, "CANCELLED", request_id)):
        raise refusals.not_cancelled(find(book, key))
    return Answer(found, status_now=found.status, repeated=True)


def find(book: Book, key: BookingKey) -> Booking:
    """Return a booking; raises NotFound."""
    parameters = {"id": key.id, "reference": key.reference}
    found = book.database.read(lambda tx: tx.one("bookings.find", parameters, rows.booking))
    if found is None:
        raise NotFound("booking", key, "See 'booking list'.")
    return found


def listing(
    book: Book,
    *,
    status: str | None,
    email: str | None,
    doctor_id: int | None,
    starts_from: dt.datetime | None,
    starts_before: dt.datetime | None,
    limit: int,
) -> Iterable[Booking]:
    """Return bookings by the start of their slot, at most one more than `limit`."""
    parameters = {
        "status": status,
        "email": email,
        "doctor_id": doctor_id,
        "starts_from": starts_from,
        "starts_before": starts_before,
        "limit": limit,
    }
    return book.database.listing("bookings.list", parameters, limit, rows.booking)


def history(book: Book, key: BookingKey) -> list[HistoryEntry]:
    """Return what happened to a booking, the first change first; raises NotFound."""
    booking_id = find(book, key).id
    return book.database.read(lambda tx: tx.all("bookings.history", {"id": booking_id}, rows.history_entry))


def expire(book: Book) -> Expiry:
    """Let every lapsed hold fail, in transactions of a thousand, and return them; others may do the same meanwhile."""
    released: list[Booking] = []
    try:
        while book.database.glance("bookings.any_lapsed")["any_lapsed"]:
            batch = _expire_batch(book)
            released.extend(batch)
            if len(batch) < EXPIRE_BATCH:
                break
    except (Busy, DatabaseUnavailable) as error:
        if released:
            then = "was too busy" if isinstance(error, Busy) else "went away"
            count = f"{len(released)} lapsed hold{'s were' if len(released) > 1 else ' was'} released"
            raise type(error)(f"{count}, then the database {then}; run it again.") from error
        raise
    released.sort(key=lambda booking: (booking.starts_at.timestamp(), booking.id))
    return Expiry(len(released), released)


def _expire_batch(book: Book) -> list[Booking]:
    request_id = new_request_id()
    parameters = {"batch": EXPIRE_BATCH, "request_id": request_id, "actor": book.actor}
    return book.database.write(
        lambda tx: tx.all("bookings.expire", parameters, rows.booking),
        stands=lambda tx, made: bool(made) and _is_recorded(tx, made[0], "FAILED", request_id),
    )


def _insert(
    book: Book, request: BookingRequest, look: Callable[[Transaction], Answer | None] | None
) -> Booking | Answer | None:
    """Look, unless there is nothing to look for, and then try to book the slot; None where it cannot be booked."""
    parameters = _parameters(book, request)
    return book.database.write(
        lambda tx: tx.one("bookings.book", parameters, rows.booking),
        stands=lambda tx, made: _stands(tx, made, request),
        look=look,
        request_id=request.request_id,
    )


def _take_over(book: Book, request: BookingRequest) -> Booking | None:
    """Try to book the slot, and let a lapsed hold on it fail before, in the same transaction."""
    parameters = _parameters(book, request)

    def work(tx: Transaction) -> Booking | None:
        tx.all("bookings.release_lapsed_hold", parameters)
        return tx.one("bookings.book", parameters, rows.booking)

    return book.database.write(work, stands=lambda tx, made: _stands(tx, made, request), request_id=request.request_id)


def _parameters(book: Book, request: BookingRequest) -> dict[str, object]:
    return {
        "slot_id": request.slot_id,
        "patient_name": request.patient_name,
        "patient_email": request.patient_email,
        "patient_phone": request.patient_phone,
        "confirm": request.hold_minutes is None,
        "hold_minutes": request.hold_minutes,
        "request_id": request.request_id,
        "reference": new_reference(),
        "actor": book.actor,
    }


def _stands(tx: Transaction, made: Booking | Answer | None, request: BookingRequest) -> bool:
    """Tell whether the booking that a request made is there."""
    found = tx.one("bookings.find_request", {"request_id": request.request_id})
    return isinstance(made, Booking) and found is not None and found["reference"] == made.reference


def _before_booking(tx: Transaction, request: BookingRequest) -> Answer | None:
    """Answer a repeated request, and refuse a patient who is busy at that time; outside the write, on purpose."""
    if request.may_be_repeated and (answer := _repeated(tx, request)):
        return answer
    if request.allow_overlap:
        return None
    parameters = {
        "slot_id": request.slot_id,
        "patient_name": request.patient_name,
        "patient_email": request.patient_email,
    }
    if row := tx.one("bookings.find_overlap", parameters):
        raise refusals.overlap(request.patient_name, row)
    return None


def _after_refusal(tx: Transaction, book: Book, request: BookingRequest) -> Answer | Exception | None:
    """Return why a slot could not be booked, or None where trying again makes sense: a hold lapsed, or it just became free."""
    if answer := _repeated(tx, request):
        return answer
    parameters = {
        "slot_id": request.slot_id,
        "patient_name": request.patient_name,
        "patient_email": request.patient_email,
    }
    return refusals.not_booked(book, request.slot_id, tx.one("bookings.why_not_booked", parameters))


def _repeated(tx: Transaction, request: BookingRequest) -> Answer | None:
    parameters = {"request_id": request.request_id}
    found = tx.one("bookings.find_request", parameters, rows.booking_and_first_status)
    if found is None:
        return None
    made, first_status = found
    wanted = (request.slot_id, request.patient_name, request.patient_email)
    if not refusals.same_request((made.slot_id, made.patient_name, made.patient_email), wanted):
        raise refusals.reused(request.request_id, made.reference)
    first = made._replace(
        status=first_status,
        confirmed_at=made.booked_at if first_status == "CONFIRMED" else None,
        cancelled_at=None,
        failed_at=None,
        reason=None,
        version=1,
    )
    return Answer(first, status_now=made.status, repeated=True)


def _is_recorded(tx: Transaction, made: Booking | None, status: str, request_id: str) -> bool:
    """Tell whether the history says that a request brought a booking into a state."""
    if made is None:
        return False
    parameters = {"id": made.id, "reference": None, "status": status, "request_id": request_id}
    return tx.one("bookings.find_change", parameters) is not None


def _repeated_change(book: Book, key: BookingKey, status: str, request_id: str) -> Booking | None:
    """Return the booking as it is now, where this very request brought it into a state before."""
    parameters = {"id": key.id, "reference": key.reference, "status": status, "request_id": request_id}

    def find_change(tx: Transaction) -> Booking | None:
        return tx.one("bookings.find_change", parameters, rows.booking)

    return book.database.read(find_change) and book.database.read_what_lasts(find_change)


def _made(booking: Booking) -> Answer:
    return Answer(booking, status_now=booking.status, repeated=False)
