"""What the commands show. The fields, in this order, are the contract with scripts; a test holds them.

Instants (`…_at`) are timezone-aware and in the clinic's zone; `date` and `time` are the clinic's wall clock.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Clinic:
    """What holds for the whole clinic: its name, its clock, and for how many minutes a slot is held."""

    name: str
    timezone: str
    hold_minutes: Decimal
    updated_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Doctor:
    """Somebody who has slots. `version` counts the changes, from 1."""

    id: int
    name: str
    specialization: str
    email: str
    phone: str | None
    active: bool
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Slot:
    """A doctor's time that can be booked. `status` is free, held or booked; `booking_id` is what holds or books it."""

    id: int
    doctor_id: int
    doctor_name: str
    specialization: str
    date: dt.date
    time: dt.time
    minutes: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    status: str
    booking_id: int | None


@dataclass(frozen=True, slots=True)
class Booking:
    """A patient on a slot. `status` is PENDING, CONFIRMED, CANCELLED or FAILED; `version` counts the changes, from 1."""

    id: int
    reference: str
    slot_id: int
    doctor_id: int
    doctor_name: str
    specialization: str
    date: dt.date
    time: dt.time
    minutes: int
    starts_at: dt.datetime
    patient_name: str
    patient_email: str
    patient_phone: str | None
    status: str
    hold_expires_at: dt.datetime | None
    booked_at: dt.datetime
    confirmed_at: dt.datetime | None
    cancelled_at: dt.datetime | None
    failed_at: dt.datetime | None
    reason: str | None
    version: int


@dataclass(frozen=True, slots=True)
class LineAnswer:
    """What became of one line of `book --from`. Where it was booked, `code` and `message` are None.

    Otherwise they say why not, the booking's own fields are None, and so is what could not be read from a bad line.
    """

    line: int
    slot_id: int | None
    patient_name: str | None
    patient_email: str | None
    request_id: str | None
    booking_id: int | None
    reference: str | None
    status: str | None
    hold_expires_at: dt.datetime | None
    code: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change of a booking: when, who, from which state (None for a new booking) to which, and why."""

    id: int
    booking_id: int
    at: dt.datetime
    actor: str
    from_status: str | None
    to_status: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What `slots bulk` did with the times it planned; `planned` is the sum of the other four counts."""

    planned: int
    created: int
    existing: int
    conflicts: int
    past: int
    slots: list[Slot]


@dataclass(frozen=True, slots=True)
class Expiry:
    """The holds that one run of `expire` released."""

    expired: int
    bookings: list[Booking]


@dataclass(frozen=True, slots=True)
class Stats:
    """Bookings by state."""

    confirmed: int
    pending: int
    failed: int
    cancelled: int
    total: int


@dataclass(frozen=True, slots=True)
class StatusStats:
    """Bookings of one state."""

    status: str
    confirmed: int
    pending: int
    failed: int
    cancelled: int
    total: int


@dataclass(frozen=True, slots=True)
class DoctorStats:
    """Bookings by state, for one doctor."""

    doctor_id: int
    doctor_name: str
    confirmed: int
    pending: int
    failed: int
    cancelled: int
    total: int


@dataclass(frozen=True, slots=True)
class DayStats:
    """Bookings by state, for one day of appointments on the clinic's calendar."""

    date: dt.date
    confirmed: int
    pending: int
    failed: int
    cancelled: int
    total: int


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that the data breaks: which one, and where."""

    check: str
    message: str


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration of the schema; `applied_at` is None while it is pending."""

    version: int
    name: str
    applied_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is, without the password."""

    url: str


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """What the keeper of the database wants to know first; sizes are in bytes, and unknown where it does not run."""

    kind: str
    running: bool
    url: str | None
    server_version: str | None
    schema_version: int | None
    pending_migrations: int | None
    database_bytes: int | None
    doctors: int | None
    slots: int | None
    bookings: int | None
    data_dir: str | None


@dataclass(frozen=True, slots=True)
class Grant:
    """A role of the database that has the rights of a kind of user; `member` is the login that was made one of them."""

    role: str
    kind: str
    member: str | None
