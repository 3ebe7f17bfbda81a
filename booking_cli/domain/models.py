"""What the commands show. The fields, in this order, are the contract with scripts; a test holds them.

Instants (`…_at`) are timezone-aware and in the clinic's zone; `date` and `time` are the clinic's wall clock. Compare and sort
instants by their `timestamp()`: of two in the same zone, Python compares the wall clocks, and an hour of autumn comes twice.

Named tuples and not dataclasses: a frozen dataclass takes ten times as long to make, and six times as long to define.
"""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple


class Clinic(NamedTuple):
    """What holds for the whole clinic: its name, its clock, and for how many minutes a slot is held."""

    name: str
    timezone: str
    hold_minutes: Decimal
    updated_at: dt.datetime


class Doctor(NamedTuple):
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


class Slot(NamedTuple):
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


class Booking(NamedTuple):
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


# The code of a line that was not refused itself, where all lines or none were to be booked.
NOT_MADE = "not_made"


class LineAnswer(NamedTuple):
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


class HistoryEntry(NamedTuple):
    """One change of a booking: when, who, from which state (None for a new booking) to which, and why."""

    id: int
    booking_id: int
    at: dt.datetime
    actor: str
    from_status: str | None
    to_status: str
    reason: str | None


class BulkResult(NamedTuple):
    """What `slots bulk` did with the times it planned; `planned` is the sum of the other four counts."""

    planned: int
    created: int
    existing: int
    conflicts: int
    past: int
    slots: list[Slot]


class Expiry(NamedTuple):
    """The holds that one run of `expire` released."""

    expired: int
    bookings: list[Booking]


class Stats(NamedTuple):
    """Bookings by state."""

    confirmed: int
    pending: int
    failed: int
    cancelled: int
    total: int


class StatusStats(NamedTuple):
    """Bookings of one state."""

    status: str
    confirmed: int
    pending: int
    failed: int
    cancelled: int
    total: int


class DoctorStats(NamedTuple):
    """Bookings by state, for one doctor."""

    doctor_id: int
    doctor_name: str
    confirmed: int
    pending: int
    failed: int
    cancelled: int
    total: int


class DayStats(NamedTuple):
    """Bookings by state, for one day of appointments on the clinic's calendar."""

    date: dt.date
    confirmed: int
    pending: int
    failed: int
    cancelled: int
    total: int


class Violation(NamedTuple):
    """A promise that the data breaks: which one, and where."""

    check: str
    message: str


class Migration(NamedTuple):
    """A migration of the schema; `applied_at` is None while it is pending."""

    version: int
    name: str
    applied_at: dt.datetime | None


class Address(NamedTuple):
    """Where the database is, without the password."""

    url: str


class DatabaseStatus(NamedTuple):
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


class Grant(NamedTuple):
    """A role of the database that has the rights of a kind of user; `member` is the login that was made one of them."""

    role: str
    kind: str
    member: str | None
