"""Rows of the database → what the commands show, with instants on the clinic's clock."""

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
        id=row["id"],
        doctor_id=row["doctor_id"],
        doctor_name=row["doctor_name"],
        specialization=row["specialization"],
        date=starts_at.date(),
        time=starts_at.time(),
        minutes=row["minutes"],
        starts_at=starts_at,
        ends_at=ends_at,
        status=_STATUS_OF_SLOT[row["booking_status"]],
        booking_id=row["booking_id"],
    )


def new_slot(row: Row, doctor: Doctor, minutes: int, zone: ZoneInfo) -> Slot:
    """Return a slot that was just added, from what only the database knows of it."""
    starts_at = row["starts_at"].astimezone(zone)
    return Slot(
        id=row["id"],
        doctor_id=doctor.id,
        doctor_name=doctor.name,
        specialization=doctor.specialization,
        date=starts_at.date(),
        time=starts_at.time(),
        minutes=minutes,
        starts_at=starts_at,
        ends_at=row["ends_at"].astimezone(zone),
        status="free",
        booking_id=None,
    )


def booking(row: Row, zone: ZoneInfo) -> Booking:
    """Return a booking from a row of `bookings` with its slot, the slot's minutes, and its doctor."""
    starts_at = row["starts_at"].astimezone(zone)
    return Booking(
        id=row["id"],
        reference=row["reference"],
        slot_id=row["slot_id"],
        doctor_id=row["doctor_id"],
        doctor_name=row["doctor_name"],
        specialization=row["specialization"],
        date=starts_at.date(),
        time=starts_at.time(),
        minutes=row["minutes"],
        starts_at=starts_at,
        patient_name=row["patient_name"],
        patient_email=row["patient_email"],
        patient_phone=row["patient_phone"],
        status=row["status"],
        hold_expires_at=_instant(row["hold_expires_at"], zone),
        booked_at=row["booked_at"].astimezone(zone),
        confirmed_at=_instant(row["confirmed_at"], zone),
        cancelled_at=_instant(row["cancelled_at"], zone),
        failed_at=_instant(row["failed_at"], zone),
        reason=row["reason"],
        version=row["version"],
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
