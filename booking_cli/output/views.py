"""The table columns and the details of each model.

A state is always shown as a word, and never by colour alone.
"""

import datetime as dt
from collections.abc import Callable, Mapping
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
# The name of a field, or a function of the record.
Source = str | Callable[[Any], str]


class Column(NamedTuple):
    """A column: its heading and text, whether long text is wrapped, and whether it is a state."""

    heading: str
    source: Source
    breaks: bool = False
    right: bool = False
    is_state: bool = False

    def text(self, record: Any) -> str:
        """Return the text of a record in this column."""
        return _text(record, self.source)


def columns(model: type) -> list[Column]:
    """Return the columns of a table of one model."""
    return _COLUMNS[model]


def details(record: Any) -> list[tuple[str, str]]:
    """Return the labels and texts of one record, without empty ones."""
    sources = _DETAILS.get(type(record)) or {name.replace("_", " ").capitalize(): name for name in type(record)._fields}
    lines = [(label, _text(record, source)) for label, source in sources.items()]
    if isinstance(record, models.PatientDetails):
        lines += [*_bookings("Coming", record.coming), *_bookings("Past", record.past)]
    return [(label, text) for label, text in lines if text]


def day(date: dt.date) -> str:
    """Return a date with its weekday."""
    return f"{date:%a %Y-%m-%d}"


def _text(record: Any, source: Source) -> str:
    return _plain(getattr(record, source)) if isinstance(source, str) else source(record)


def _plain(value: Any) -> str:
    match value:
        case None | []:
            return ""
        case bool():
            return "yes" if value else "no"
        case dt.datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case dt.date():
            return day(value)
        case dt.time():
            return f"{value:%H:%M}"
        case _:
            return str(value)


def _period(record: models.Slot | models.Booking) -> str:
    return f"{day(record.date)} {record.time:%H:%M}, {record.minutes} minutes ({record.starts_at.tzinfo})"


def _doctor(record: models.Slot | models.Booking) -> str:
    return f"{record.doctor_name}, {record.specialization} (doctor {record.doctor_id})"


def _activity(doctor: models.Doctor) -> str:
    return "active" if doctor.active else "inactive"


def _changed(record: models.Doctor | models.Patient) -> str:
    return _plain(record.updated_at) if record.version > 1 else ""


def _slot_status(slot: models.Slot) -> str:
    return slot.status if slot.booking_id is None else f"{slot.status}, booking {slot.booking_id}"


def _state(booking: models.Booking) -> str:
    """Return a booking's state, and whether its hold has lapsed before `expire` has run."""
    expires = booking.hold_expires_at
    if booking.status == "PENDING" and expires is not None and expires <= dt.datetime.now(dt.UTC):
        return "PENDING, lapsed"
    return booking.status


def _bookings(label: str, bookings: list[models.Booking]) -> list[tuple[str, str]]:
    lines = [
        f"{day(b.date)} {b.time:%H:%M}  {b.reference}  {_state(b)}  {b.doctor_name}, {b.specialization}"
        for b in bookings
    ]
    return [(label if number == 0 else "", line) for number, line in enumerate(lines or ["none"])]


def _server(status: models.DatabaseStatus) -> str:
    return f"{status.kind}, {'running' if status.running else 'stopped; the next command starts it'}"


def _schema(status: models.DatabaseStatus) -> str:
    return f"version {status.schema_version}, pending migrations: {status.pending_migrations}" if status.running else ""


_PATIENT: Mapping[str, Source] = {
    "Patient": "id",
    "Name": "name",
    "Email": "email",
    "Phone": "phone",
    "Note": "note",
    "Version": "version",
    "Registered": "created_at",
    "Changed": _changed,
}
_DETAILS: dict[type, Mapping[str, Source]] = {
    models.Doctor: {
        "Doctor": "id",
        "Name": "name",
        "Specialization": "specialization",
        "Email": "email",
        "Phone": "phone",
        "State": _activity,
        "Version": "version",
        "Added": "created_at",
        "Changed": _changed,
    },
    models.Slot: {"Slot": "id", "When": _period, "Doctor": _doctor, "Status": _slot_status},
    models.Patient: _PATIENT,
    models.PatientDetails: _PATIENT,
    models.Booking: {
        "Reference": lambda b: f"{b.reference} (booking {b.id})",
        "Status": _state,
        "Patient": lambda b: f"{b.patient_name} (patient {b.patient_id})",
        "Email": "patient_email",
        "Phone": "patient_phone",
        "When": _period,
        "Doctor": _doctor,
        "Slot": "slot_id",
        "Booked": "booked_at",
        "Held until": lambda b: _plain(b.hold_expires_at) if b.status == "PENDING" else "",
        "Confirmed": "confirmed_at",
        "Cancelled": "cancelled_at",
        "Failed": "failed_at",
        "Reason": "reason",
    },
    models.DatabaseStatus: {
        "Database": _server,
        "Address": "url",
        "PostgreSQL": "server_version",
        "Schema": _schema,
        "Size": lambda s: "" if s.database_bytes is None else f"{s.database_bytes / 1e6:.1f} MB",
        "Doctors": "doctors",
        "Slots": "slots",
        "Bookings": "bookings",
        "Data folder": "data_dir",
    },
}
_COUNTS = [Column(name.capitalize(), name, right=True) for name in models.Stats._fields]
_COLUMNS: dict[type, list[Column]] = {
    models.Doctor: [
        Column("Doctor", "id", right=True),
        Column("Name", "name", breaks=True),
        Column("Specialization", "specialization", breaks=True),
        Column("Email", "email", breaks=True),
        Column("Phone", "phone", breaks=True),
        Column("State", _activity, is_state=True),
    ],
    models.Slot: [
        Column("Slot", "id", right=True),
        Column("Date", "date"),
        Column("Time", "time"),
        Column("Min", "minutes", right=True),
        Column("Doctor", "doctor_name", breaks=True),
        Column("Specialization", "specialization", breaks=True),
        Column("Status", "status", is_state=True),
    ],
    models.Patient: [
        Column("Patient", "id", right=True),
        Column("Name", "name", breaks=True),
        Column("Email", "email", breaks=True),
        Column("Phone", "phone", breaks=True),
        Column("Note", "note", breaks=True),
    ],
    models.Booking: [
        Column("No.", "id", right=True),
        Column("Reference", "reference"),
        Column("Date", "date"),
        Column("Time", "time"),
        Column("Doctor", "doctor_name", breaks=True),
        Column("Patient", "patient_name", breaks=True),
        Column("Status", _state, breaks=True, is_state=True),
    ],
    models.RowResult: [
        Column("Line", "line", right=True),
        Column("Slot", "slot_id", right=True),
        Column("Patient", "patient_name", breaks=True),
        Column("Reference", "reference"),
        Column("Status", lambda row: row.code or row.status, is_state=True),
        Column("Message", "message", breaks=True),
    ],
    models.HistoryEntry: [
        Column("When", "at"),
        Column("Who", "actor", breaks=True),
        Column("From", "from_status", is_state=True),
        Column("To", "to_status", is_state=True),
        Column("Why", "reason", breaks=True),
    ],
    models.PatientChange: [
        Column("When", "at"),
        Column("Who", "actor", breaks=True),
        Column("Change", "change"),
        Column("Details", "details", breaks=True),
    ],
    models.StatusStats: [Column("Status", "status", is_state=True), Column("Bookings", "total", right=True)],
    models.DoctorStats: [Column("Doctor", lambda row: f"{row.doctor_name} ({row.doctor_id})", breaks=True), *_COUNTS],
    models.DayStats: [Column("Date", "date"), *_COUNTS],
    models.Violation: [Column("Check", "check", breaks=True), Column("Violation", "message", breaks=True)],
    models.Migration: [
        Column("Version", lambda m: f"{m.version:04}"),
        Column("Name", "name", breaks=True),
        Column("Applied", lambda m: _plain(m.applied_at) or "pending"),
    ],
}
