"""Why a slot is not booked, or a booking not changed: one sentence for each reason, for one booking and for many."""

from collections.abc import Mapping
from typing import Any

from booking_cli.domain.errors import (
    BookingError,
    HoldLapsed,
    PatientOverlap,
    RequestIdReused,
    SlotInPast,
    SlotTaken,
    WrongState,
)
from booking_cli.domain.models import Booking
from booking_cli.repository import doctors, slots
from booking_cli.session import Book


def overlap(patient_name: str, row: Mapping[str, Any]) -> PatientOverlap:
    """Return the refusal for a patient who has a booking at that time: a row with the booking, its slot and doctor."""
    return PatientOverlap(
        f"{patient_name} already has booking {row['reference']} ({row['status']}) with {row['doctor_name']} at "
        f"{row['starts_at']:%Y-%m-%d %H:%M}, which overlaps. "
        "Cancel that one, choose another slot, or use --allow-overlap."
    )


def not_booked(book: Book, slot_id: int, row: Mapping[str, Any] | None) -> BookingError | None:
    """Return why a slot could not be booked, from a row of `why_not_booked`.

    None is where trying again makes sense: a hold lapsed, or the slot just became free.
    """
    if row is None:
        return slots.not_found(slot_id)
    if not row["to_come"]:
        return SlotInPast(
            f"Slot {slot_id} began at {row['starts_at']:%Y-%m-%d %H:%M} and can no longer be booked. Choose a later one."
        )
    if not row["active"]:
        return doctors.inactive(row["doctor_id"], row["doctor_name"])
    if row["status"] is None or row["lapsed"]:
        return None
    whose = "the same patient" if row["same_patient"] else "somebody else"
    if row["status"] == "CONFIRMED":
        how = f"booked by {whose} ({row['reference']})"
    else:
        how = f"held by {whose} ({row['reference']}) until {book.moment(row['hold_expires_at'])}"
    return SlotTaken(f"Slot {slot_id} is taken: {how}. Choose another one with 'booking slots list'.")


def reused(request_id: str, reference: str) -> RequestIdReused:
    """Return the refusal for a request id that made another patient's booking, or one of another slot."""
    return RequestIdReused(
        f"The request id {request_id} already made booking {reference}, for another patient or slot. "
        "Use a new request id for a new request."
    )


def same_request(one: tuple[int, str, str], other: tuple[int, str, str]) -> bool:
    """Tell whether two requests are for the same slot, patient's name and patient's email, case aside."""
    return (one[0], one[1].lower(), one[2].lower()) == (other[0], other[1].lower(), other[2].lower())


def not_confirmed(book: Book, booking: Booking) -> WrongState | HoldLapsed:
    """Return why a booking could not be confirmed."""
    match booking.status:
        case "CONFIRMED":
            return WrongState(f"Booking {booking.reference} is already confirmed.")
        case "CANCELLED":
            return WrongState(f"Booking {booking.reference} was cancelled and stays so. Book the slot again.")
        case _:
            lapsed = f" at {book.moment(booking.hold_expires_at)}" if booking.hold_expires_at else ""
            return HoldLapsed(
                f"The hold of booking {booking.reference} lapsed{lapsed}. "
                f"Book the slot again: booking book {booking.slot_id}"
            )


def not_cancelled(booking: Booking) -> WrongState:
    """Return why a booking could not be cancelled."""
    if booking.status == "CANCELLED":
        return WrongState(f"Booking {booking.reference} is already cancelled.")
    return WrongState(f"Booking {booking.reference} has failed, because its hold lapsed; there is nothing to cancel.")
