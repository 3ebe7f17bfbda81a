"""The reasons why a slot is not booked, or a booking not changed."""

from booking_cli.db.connections import Row
from booking_cli.domain.errors import (
    BookingError,
    HoldLapsed,
    NotFound,
    PatientOverlap,
    RequestIdReused,
    SlotInPast,
    SlotTaken,
    WrongState,
)
from booking_cli.domain.models import Booking
from booking_cli.repository import doctors
from booking_cli.session import ClinicSession


def not_bookable(slot_id: int, patient_id: int | None, row: Row) -> BookingError | None:
    """Return why a slot cannot be booked, apart from other bookings, from a row of `bookings.explain_rejections`.

    `patient_id` is the number of the patient where the request has one.
    """
    if row["slot_id"] is None:
        return NotFound("slot", slot_id)
    if patient_id is not None and row["patient_id"] is None:
        return NotFound("patient", patient_id)
    if not row["is_future"]:
        return SlotInPast(
            f"Slot {slot_id} began at {row['starts_at']:%Y-%m-%d %H:%M} and can no longer be booked. Choose a later one."
        )
    if not row["doctor_active"]:
        return doctors.inactive(row["doctor_id"], row["doctor_name"])
    return None


def blocked(session: ClinicSession, slot_id: int, name: str, row: Row) -> BookingError:
    """Return the rejection for an active booking that blocks a request, from a row of `bookings.explain_rejections`."""
    if row["same_slot"] and row["made_here"]:
        return SlotTaken(f"Slot {slot_id} is taken by another row of the file. Choose another one.")
    if row["same_slot"]:
        whom = f"{'the same' if row['same_patient'] else 'another'} patient ({row['reference']})"
        how = f"booked by {whom}"
        if row["status"] == "PENDING":
            how = f"held for {whom} until {session.clock_time(row['hold_expires_at'])}"
        return SlotTaken(f"Slot {slot_id} is taken: {how}. Choose another one with 'booking slots list'.")
    if row["made_here"]:
        return PatientOverlap(f"{name} is in another row of the file at an overlapping time.")
    return PatientOverlap(
        f"{name} already has booking {row['reference']} ({row['status']}) with {row['blocking_doctor_name']} at "
        f"{row['blocking_starts_at']:%Y-%m-%d %H:%M}, which overlaps. "
        "Cancel that one, choose another slot, or use --allow-overlap."
    )


def reused(request_id: str, reference: str, *, made_here: bool) -> RequestIdReused:
    """Return the rejection for a request id that made another patient's booking, or one of another slot."""
    if made_here:
        return RequestIdReused(f"Request id {request_id} is in another row of the file, for another patient or slot.")
    return RequestIdReused(
        f"Request id {request_id} already made booking {reference}, for another patient or slot. "
        "Use a new request id for a new request."
    )


def not_confirmed(session: ClinicSession, booking: Booking) -> WrongState | HoldLapsed:
    """Return why a booking could not be confirmed."""
    again = f"To book the slot again: booking book {booking.slot_id} --patient {booking.patient_id}"
    match booking.status:
        case "CONFIRMED":
            return WrongState(f"Booking {booking.reference} is already confirmed.")
        case "CANCELLED":
            return WrongState(f"Booking {booking.reference} is cancelled and cannot be reopened. {again}")
        case _:
            lapsed = f" at {session.clock_time(booking.hold_expires_at)}" if booking.hold_expires_at else ""
            return HoldLapsed(f"The hold of booking {booking.reference} lapsed{lapsed}. {again}")


def not_cancelled(booking: Booking) -> WrongState:
    """Return why a booking could not be cancelled."""
    if booking.status == "CANCELLED":
        return WrongState(f"Booking {booking.reference} is already cancelled.")
    return WrongState(f"The hold of booking {booking.reference} has lapsed; there is nothing to cancel.")
