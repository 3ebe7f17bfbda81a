"""The results of commands. Their fields, in this order, are the contract with scripts; a test checks them.

Instants (`…_at`) are timezone-aware and in the clinic's zone; `date` and `time` are the clinic's wall clock. Compare and sort
instants by their `timestamp()`: for two instants in one zone Python compares the wall clocks, and an hour of autumn repeats.

Named tuples and not dataclasses: a frozen dataclass takes ten times as long to create, and six times as long to define.
"""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple


class Clinic(NamedTuple):
    """Clinic-wide settings: name, time zone, and for how many minutes a slot is held."""

    name: str
    timezone: str
    hold_minutes: Decimal
    updated_at: dt.datetime


class Doctor(NamedTuple):
    """A doctor. `version` counts the changes, from 1."""

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
    """A doctor's time that can be booked. `status` is free, held or booked; `booking_id` is the booking that holds or books it."""

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


class Patient(NamedTuple):
    """A registered patient, with an email address, a phone number or both. `version` counts the changes, from 1."""

    id: int
    name: str
    email: str | None
    phone: str | None
    note: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


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
    patient_id: int
    patient_name: str
    patient_email: str | None
    patient_phone: str | None
    status: str
    hold_expires_at: dt.datetime | None
    booked_at: dt.datetime
    confirmed_at: dt.datetime | None
    cancelled_at: dt.datetime | None
    failed_at: dt.datetime | None
    reason: str | None
    version: int


class PatientDetails(NamedTuple):
    """A patient with their bookings: active ones to come, the next first, and the others, the nearest to now first."""

    id: int
    name: str
    email: str | None
    phone: str | None
    note: str | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    coming: list[Booking]
    past: list[Booking]


class PatientChange(NamedTuple):
    """One change of a patient's record: when, who, and what was registered, updated or merged."""

    patient_id: int
    at: dt.datetime
    actor: str
    change: str
    details: str


# The code of a row that was not booked because another row of a file with --atomic was rejected.
NOT_MADE = "not_made"


class RowResult(NamedTuple):
    """The result of one row of `book --from`. Where the row was booked, `code` is None, and `message` a notice or None.

    Otherwise they are the reason, and the booking's own fields are None, like all fields of a row that could not be parsed.
    """

    line: int
    slot_id: int | None = None
    patient_id: int | None = None
    patient_name: str | None = None
    patient_email: str | None = None
    patient_phone: str | None = None
    request_id: str | None = None
    booking_id: int | None = None
    reference: str | None = None
    status: str | None = None
    hold_expires_at: dt.datetime | None = None
    code: str | None = None
    message: str | None = None


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
    """The result of `slots bulk`; `planned` is the sum of the other four counts."""

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
    """Counts of bookings by state."""

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
    """A violated invariant: which check found it, and where."""

    check: str
    message: str


class Migration(NamedTuple):
    """A migration of the schema; `applied_at` is None while it is pending."""

    version: int
    name: str
    applied_at: dt.datetime | None


class Address(NamedTuple):
    """The address of the database, without the password."""

    url: str


class DatabaseStatus(NamedTuple):
    """The state of the database for its administrator; sizes are in bytes, and None where the server is stopped.

    `schema_version` is 0 where no appointment book has been created.
    """

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
    """A role with the rights of an operator or a reader; `member` is the login that was granted the role."""

    role: str
    kind: str
    member: str | None
