"""How each kind of thing looks to people: its columns in a table, and its details when it stands alone.

A state is always shown by its word; colour only helps.
"""

import datetime as dt
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from booking_cli.domain import models

STATE_COLORS = {
    "free": "green",
    "held": "yellow",
    "booked": "cyan",
    "PENDING": "yellow",
    "CONFIRMED": "green",
    "CANCELLED": "red",
    "FAILED": "red",
    "inactive": "yellow",
}


class Column(NamedTuple):
    """A column: heading and text, whether it may be broken into lines where space is short, and whether it is a state."""

    heading: str
    text: Callable[[Any], str]
    breaks: bool = False
    right: bool = False
    is_state: bool = False


def columns(kind: type) -> list[Column]:
    """Return the columns of a table of things of one kind."""
    return _COLUMNS[kind]


def details(thing: Any) -> list[tuple[str, str]]:
    """Return label and text of what there is to say about one thing; what is empty is left out."""
    lines = _DETAILS.get(type(thing), _all_fields)(thing)
    return [(label, text) for label, text in lines if text]


def day(date: dt.date) -> str:
    """Return a date with its weekday."""
    return f"{date:%a %Y-%m-%d}"


def instant(value: dt.datetime | None) -> str:
    """Return an instant on the clinic's clock, to the second."""
    return f"{value:%Y-%m-%d %H:%M:%S}" if value else ""


def period(thing: models.Slot | models.Booking) -> str:
    """Return when a slot is, with the time zone."""
    return f"{day(thing.date)} {thing.time:%H:%M}, {thing.minutes} minutes ({thing.starts_at.tzinfo})"


def _all_fields(thing: Any) -> list[tuple[str, str]]:
    return [(name.replace("_", " ").capitalize(), _plain(value)) for name, value in thing._asdict().items()]


def _plain(value: Any) -> str:
    match value:
        case None | []:
            return ""
        case bool():
            return "yes" if value else "no"
        case dt.datetime():
            return instant(value)
        case _:
            return str(value)


def _doctor_details(doctor: models.Doctor) -> list[tuple[str, str]]:
    return [
        ("Doctor", str(doctor.id)),
        ("Name", doctor.name),
        ("Specialization", doctor.specialization),
        ("Email", doctor.email),
        ("Phone", doctor.phone or ""),
        ("State", _activity(doctor)),
        ("Version", str(doctor.version)),
        ("Added", instant(doctor.created_at)),
        ("Changed", instant(doctor.updated_at) if doctor.version > 1 else ""),
    ]


def _slot_details(slot: models.Slot) -> list[tuple[str, str]]:
    return [
        ("Slot", str(slot.id)),
        ("When", period(slot)),
        ("Doctor", f"{slot.doctor_name}, {slot.specialization} (doctor {slot.doctor_id})"),
        ("Status", slot.status if slot.booking_id is None else f"{slot.status}, booking {slot.booking_id}"),
    ]


def _booking_details(booking: models.Booking) -> list[tuple[str, str]]:
    return [
        ("Reference", f"{booking.reference} (booking {booking.id})"),
        ("Status", _state(booking)),
        ("Patient", booking.patient_name),
        ("Email", booking.patient_email),
        ("Phone", booking.patient_phone or ""),
        ("When", period(booking)),
        ("Doctor", f"{booking.doctor_name}, {booking.specialization} (doctor {booking.doctor_id})"),
        ("Slot", str(booking.slot_id)),
        ("Booked", instant(booking.booked_at)),
        ("Held until", instant(booking.hold_expires_at) if booking.status == "PENDING" else ""),
        ("Confirmed", instant(booking.confirmed_at)),
        ("Cancelled", instant(booking.cancelled_at)),
        ("Failed", instant(booking.failed_at)),
        ("Reason", booking.reason or ""),
    ]


def _database_details(status: models.DatabaseStatus) -> list[tuple[str, str]]:
    state = "runs" if status.running else "stopped; the next command starts it"
    schema = f"version {status.schema_version}, {status.pending_migrations or 'no'} migrations pending"
    return [
        ("Database", f"{'embedded' if status.kind == 'embedded' else 'your own'}, {state}"),
        ("Address", status.url or ""),
        ("PostgreSQL", status.server_version or ""),
        ("Schema", schema if status.running else ""),
        ("Size", "" if status.database_bytes is None else f"{status.database_bytes / 1e6:.1f} MB"),
        *((name.capitalize(), _plain(getattr(status, name))) for name in ("doctors", "slots", "bookings")),
        ("Data folder", status.data_dir or ""),
    ]


def _activity(doctor: models.Doctor) -> str:
    return "active" if doctor.active else "inactive"


def _state(booking: models.Booking) -> str:
    """Return a booking's state; that a hold has lapsed is said even before `expire` has run."""
    expires = booking.hold_expires_at
    if booking.status == "PENDING" and expires is not None and expires <= dt.datetime.now(dt.UTC):
        return "PENDING, lapsed"
    return booking.status


def _counts() -> list[Column]:
    names = ("confirmed", "pending", "failed", "cancelled", "total")
    return [Column(name.capitalize(), functools.partial(_field, name), right=True) for name in names]


def _field(name: str, thing: Any) -> str:
    return str(getattr(thing, name))


_DETAILS: dict[type, Callable[[Any], list[tuple[str, str]]]] = {
    models.Doctor: _doctor_details,
    models.Slot: _slot_details,
    models.Booking: _booking_details,
    models.DatabaseStatus: _database_details,
}

_COLUMNS: dict[type, list[Column]] = {
    models.Doctor: [
        Column("Doctor", lambda d: str(d.id), right=True),
        Column("Name", lambda d: d.name, breaks=True),
        Column("Specialization", lambda d: d.specialization, breaks=True),
        Column("Email", lambda d: d.email, breaks=True),
        Column("Phone", lambda d: d.phone or "", breaks=True),
        Column("State", _activity, is_state=True),
    ],
    models.Slot: [
        Column("Slot", lambda s: str(s.id), right=True),
        Column("Date", lambda s: day(s.date)),
        Column("Time", lambda s: f"{s.time:%H:%M}"),
        Column("Min", lambda s: str(s.minutes), right=True),
        Column("Doctor", lambda s: s.doctor_name, breaks=True),
        Column("Specialization", lambda s: s.specialization, breaks=True),
        Column("Status", lambda s: s.status, is_state=True),
    ],
    models.Booking: [
        Column("No.", lambda b: str(b.id), right=True),
        Column("Reference", lambda b: b.reference),
        Column("Date", lambda b: day(b.date)),
        Column("Time", lambda b: f"{b.time:%H:%M}"),
        Column("Doctor", lambda b: b.doctor_name, breaks=True),
        Column("Patient", lambda b: b.patient_name, breaks=True),
        Column("Status", _state, breaks=True, is_state=True),
    ],
    models.LineAnswer: [
        Column("Line", lambda a: str(a.line), right=True),
        Column("Slot", lambda a: str(a.slot_id or ""), right=True),
        Column("Patient", lambda a: a.patient_name or "", breaks=True),
        Column("Code", lambda a: a.code or ""),
        Column("Why not", lambda a: a.message or "", breaks=True),
    ],
    models.HistoryEntry: [
        Column("When", lambda h: instant(h.at)),
        Column("Who", lambda h: h.actor, breaks=True),
        Column("From", lambda h: h.from_status or "", is_state=True),
        Column("To", lambda h: h.to_status, is_state=True),
        Column("Why", lambda h: h.reason or "", breaks=True),
    ],
    models.StatusStats: [
        Column("Status", lambda row: row.status, is_state=True),
        Column("Bookings", lambda row: str(row.total), right=True),
    ],
    models.DoctorStats: [
        Column("Doctor", lambda row: f"{row.doctor_name} ({row.doctor_id})", breaks=True),
        *_counts(),
    ],
    models.DayStats: [Column("Date", lambda row: day(row.date)), *_counts()],
    models.Violation: [
        Column("Check", lambda v: v.check, breaks=True),
        Column("What is wrong", lambda v: v.message, breaks=True),
    ],
    models.Migration: [
        Column("Version", lambda m: f"{m.version:04}"),
        Column("Name", lambda m: m.name, breaks=True),
        Column("Applied", lambda m: instant(m.applied_at) or "pending"),
    ],
}
