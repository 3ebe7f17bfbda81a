"""The table columns and the details of each model.

A state is always shown as a word, and never by colour alone.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from booking_cli import clock
from booking_cli.domain import models

# The name of a field, or a function of the record.
Source = str | Callable[[Any], str]

# The headings of columns that are not wrapped.
UNBROKEN = {"Date", "When", "Reference"}
_STATES = {"State", "Status", "From", "To"}
_COLORS = {
    "free": "green",
    "held": "yellow",
    "booked": "cyan",
    "PENDING": "yellow",
    "CONFIRMED": "green",
    "CANCELLED": "red",
    "FAILED": "red",
    "inactive": "yellow",
}


def color(heading: str, text: str) -> str:
    """Return the colour of a state, or an empty string."""
    return _COLORS.get(text.partition(",")[0], "") if heading in _STATES else ""


def details(record: Any) -> list[tuple[str, str]]:
    """Return the labels and texts of one record, without empty ones."""
    model = type(record)
    sources = _DETAILS.get(model) or {name.replace("_", " ").capitalize(): name for name in model._fields}
    lines = [(label, text(record, source)) for label, source in sources.items()]
    if isinstance(record, models.PatientDetails):
        lines += [*_bookings("Coming", record.coming), *_bookings("Past", record.past)]
    return [(label, shown) for label, shown in lines if shown]


def text(record: Any, source: Source) -> str:
    """Return a field of a record as text."""
    return _plain(getattr(record, source)) if isinstance(source, str) else source(record)


def _plain(value: Any) -> str:
    match value:
        case None:
            return ""
        case dt.datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case dt.date():
            return f"{value:%a %Y-%m-%d}"
        case dt.time():
            return f"{value:%H:%M}"
        case _:
            return str(value)


def _period(record: models.Slot | models.Booking) -> str:
    return f"{_plain(record.date)} {_plain(record.time)}, {record.minutes} minutes ({record.starts_at.tzinfo})"


def _doctor(record: models.Slot | models.Booking) -> str:
    return f"{record.doctor_name}, {record.specialization} (doctor {record.doctor_id})"


def _changed(record: models.Doctor | models.Patient) -> str:
    return _plain(record.updated_at) if record.version > 1 else ""


def _state(booking: models.Booking) -> str:
    """Return a booking's state, and whether its hold has lapsed before `expire` has run."""
    expires = booking.hold_expires_at
    if booking.status == "PENDING" and expires is not None and expires <= clock.now():
        return "PENDING, lapsed"
    return booking.status


def _server_state(status: models.DatabaseStatus) -> str:
    if status.running:
        return f"{status.kind}, running"
    return (
        f"{status.kind}, {'stopped; the next command starts it' if status.schema_version != 0 else 'not created yet'}"
    )


def _bookings(label: str, bookings: list[models.Booking]) -> list[tuple[str, str]]:
    lines = [
        f"{_plain(b.date)} {_plain(b.time)}  {b.reference}  {_state(b)}  {b.doctor_name}, {b.specialization}"
        for b in bookings
    ]
    return [(label if number == 0 else "", line) for number, line in enumerate(lines or ["none"])]


_COUNTS: dict[str, Source] = {name.capitalize(): name for name in models.Stats._fields}
# The columns of a table, by model: each heading, and the source of its texts.
COLUMNS: dict[type, dict[str, Source]] = {
    models.Doctor: {
        "Doctor": "id",
        "Name": "name",
        "Specialization": "specialization",
        "Email": "email",
        "Phone": "phone",
        "State": lambda d: "active" if d.active else "inactive",
    },
    models.Slot: {
        "Slot": "id",
        "Date": "date",
        "Time": "time",
        "Min": "minutes",
        "Doctor": "doctor_name",
        "Specialization": "specialization",
        "Status": "status",
    },
    models.Patient: {"Patient": "id", "Name": "name", "Email": "email", "Phone": "phone", "Note": "note"},
    models.Booking: {
        "No.": "id",
        "Reference": "reference",
        "Date": "date",
        "Time": "time",
        "Doctor": "doctor_name",
        "Patient": "patient_name",
        "Status": _state,
    },
    models.RowResult: {
        "Line": "line",
        "Slot": "slot_id",
        "Patient": "patient_name",
        "Reference": "reference",
        "Status": lambda row: row.code or row.status,
        "Message": "message",
    },
    models.HistoryEntry: {"When": "at", "Who": "actor", "From": "from_status", "To": "to_status", "Why": "reason"},
    models.PatientChange: {"When": "at", "Who": "actor", "Change": "change", "Details": "details"},
    models.StatusStats: {"Status": "status", "Bookings": "total"},
    models.DoctorStats: {"Doctor": lambda row: f"{row.doctor_name} ({row.doctor_id})", **_COUNTS},
    models.DayStats: {"Date": "date", **_COUNTS},
    models.Violation: {"Check": "check", "Violation": "message"},
    models.Migration: {
        "Version": lambda m: f"{m.version:04}",
        "Name": "name",
        "Applied": lambda m: _plain(m.applied_at) or "pending",
    },
}
_PATIENT = {**COLUMNS[models.Patient], "Version": "version", "Registered": "created_at", "Changed": _changed}
# The labels and texts of one record; other models have a line for each field.
_DETAILS: dict[type, dict[str, Source]] = {
    models.Doctor: {**COLUMNS[models.Doctor], "Version": "version", "Added": "created_at", "Changed": _changed},
    models.Slot: {
        "Slot": "id",
        "When": _period,
        "Doctor": _doctor,
        "Status": lambda s: f"{s.status}, booking {s.booking_id}" if s.booking_id else s.status,
    },
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
        "Database": _server_state,
        "Address": "url",
        "PostgreSQL": "server_version",
        "Schema": lambda s: (
            f"version {s.schema_version}, pending migrations: {s.pending_migrations}" if s.running else ""
        ),
        "Size": lambda s: "" if s.database_bytes is None else f"{s.database_bytes / 1e6:.1f} MB",
        "Doctors": "doctors",
        "Slots": "slots",
        "Bookings": "bookings",
        "Data folder": "data_dir",
    },
}
