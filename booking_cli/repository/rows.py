"""Rows of the database → what the commands show, with instants on the clinic's clock.

Slots and bookings come by the thousand, and by name a field takes twice as long: theirs stand in the order of the model.
"""

import datetime as dt
from zoneinfo import ZoneInfo

from booking_cli.connections import Row
from booking_cli.models import Booking, Doctor, HistoryEntry, Slot

_STATUS_OF_SLOT = {None: "free", "PENDING": "held", "CONFIRMED": "booked"}


def doctor(row: Row, zone: ZoneInfo) -> Doctor:
    """Return a doctor from a row of `doctors`."""
    return Doctor(
        id=row["id"],
        name=row["name"],
        specialization=row["specialization"],
        email=row["email"],
        phone=row["phone"],
        active=row["active"],
        version=row["version"],
        created_at=row["created_at"].astimezone(zone),
        updated_at=row["updated_at"].astimezone(zone),
    )


def slot(row: Row, zone: ZoneInfo) -> Slot:
    """Return a slot from a row of `slots` with its doctor and the booking that holds or books it."""
    starts_at, ends_at = row["starts_at"].astimezone(zone), row["ends_at"].astimezone(zone)
    return Slot(
        row["id"],
        row["doctor_id"],
        row["doctor_name"],
        row["specialization"],
        starts_at.date(),
        starts_at.time(),
        row["minutes"],
        starts_at,
        ends_at,
        _STATUS_OF_SLOT[row["booking_status"]],
        row["booking_id"],
    )


def new_slot(row: Row, doctor: Doctor, minutes: int, zone: ZoneInfo) -> Slot:
    """Return a slot that was just added, from what only the database knows of it."""
    starts_at = row["starts_at"].astimezone(zone)
    return Slot(
        row["id"],
        doctor.id,
        doctor.name,
        doctor.specialization,
        starts_at.date(),
        starts_at.time(),
        minutes,
        starts_at,
        row["ends_at"].astimezone(zone),
        "free",
        None,
    )


def booking(row: Row, zone: ZoneInfo) -> Booking:
    """Return a booking from a row of `bookings` with its slot, the slot's minutes, and its doctor."""
    starts_at = row["starts_at"].astimezone(zone)
    return Booking(
        row["id"],
        row["reference"],
        row["slot_id"],
        row["doctor_id"],
        row["doctor_name"],
        row["specialization"],
        starts_at.date(),
        starts_at.time(),
        row["minutes"],
        starts_at,
        row["patient_name"],
        row["patient_email"],
        row["patient_phone"],
        row["status"],
        _instant(row["hold_expires_at"], zone),
        row["booked_at"].astimezone(zone),
        _instant(row["confirmed_at"], zone),
        _instant(row["cancelled_at"], zone),
        _instant(row["failed_at"], zone),
        row["reason"],
        row["version"],
    )


def history_entry(row: Row, zone: ZoneInfo) -> HistoryEntry:
    """Return a change of a booking from a row of `booking_history`."""
    return HistoryEntry(
        id=row["id"],
        booking_id=row["booking_id"],
        at=row["at"].astimezone(zone),
        actor=row["actor"],
        from_status=row["from_status"],
        to_status=row["to_status"],
        reason=row["reason"],
    )


def _instant(value: dt.datetime | None, zone: ZoneInfo) -> dt.datetime | None:
    return value and value.astimezone(zone)
