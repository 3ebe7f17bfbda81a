"""The state of the appointment book in plain Python, and what each command that only looks is due to show of it.

A row of a table is a frozen dataclass with the table's columns.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

# Half an hour off the hour and without clock changes: a mistaken zone is seen at every slot.
ZONE_NAME = "Asia/Kolkata"
ZONE = dt.timezone(dt.timedelta(hours=5, minutes=30))

STATUSES = ("CONFIRMED", "PENDING", "FAILED", "CANCELLED")
_STATUS_OF_SLOT = {"PENDING": "held", "CONFIRMED": "booked"}
_EXIT_STATUS = {"usage": 2, "invalid_input": 2, "not_found": 3}

Json = dict[str, Any]


class Refusal(Exception):
    """What a command is due to end with when it must change nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.exit_status = _EXIT_STATUS.get(code, 4)


@dataclass(frozen=True)
class Doctor:
    id: int
    name: str
    specialization: str
    email: str
    phone: str | None
    active: bool
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclass(frozen=True)
class Slot:
    id: int
    doctor_id: int
    starts_at: dt.datetime
    ends_at: dt.datetime


@dataclass(frozen=True)
class Booking:
    id: int
    reference: str
    slot_id: int
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
    request_id: str


@dataclass(frozen=True)
class Change:
    id: int
    booking_id: int
    at: dt.datetime
    actor: str
    from_status: str | None
    to_status: str
    reason: str | None
    request_id: str | None


@dataclass(frozen=True)
class Period:
    """From the first day on and up to and including the last, as far as they are given."""

    first: dt.date | None = None
    last: dt.date | None = None

    def __post_init__(self) -> None:
        if self.first and self.last and self.first > self.last:
            raise Refusal("invalid_input")

    def holds(self, slot: Slot) -> bool:
        date = slot.starts_at.astimezone(ZONE).date()
        return (self.first is None or self.first <= date) and (self.last is None or date <= self.last)

    def is_over(self, now: dt.datetime) -> bool:
        return self.last is not None and self.last < now.astimezone(ZONE).date()


class State:
    """The tables, by number, as they are at an instant; what is shown is JSON."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self.doctors: dict[int, Doctor] = {}
        self.slots: dict[int, Slot] = {}
        self.bookings: dict[int, Booking] = {}
        self.booking_history: dict[int, Change] = {}

    def tables(self) -> dict[str, list[Json]]:
        """Return all there is, in the form of plain SQL's answers."""
        return {
            "doctors": _in_order_of_number(self.doctors),
            "slots": _in_order_of_number(self.slots),
            "bookings": _in_order_of_number(self.bookings),
            "booking_history": _in_order_of_number(self.booking_history),
        }

    def doctor(self, key: int | str) -> Doctor:
        for doctor in self.doctors.values():
            if key == doctor.id or (isinstance(key, str) and key.lower() == doctor.email.lower()):
                return doctor
        raise Refusal("not_found")

    def slot(self, slot_id: int) -> Slot:
        if slot_id not in self.slots:
            raise Refusal("not_found")
        return self.slots[slot_id]

    def booking(self, booking_id: int) -> Booking:
        if booking_id not in self.bookings:
            raise Refusal("not_found")
        return self.bookings[booking_id]

    def is_held(self, booking: Booking) -> bool:
        """Tell whether a booking is a hold that has not lapsed."""
        return (
            booking.status == "PENDING" and booking.hold_expires_at is not None and booking.hold_expires_at > self.now
        )

    def is_active(self, booking: Booking) -> bool:
        """Tell whether a booking blocks its slot."""
        return booking.status == "CONFIRMED" or self.is_held(booking)

    def in_order(self, bookings: Iterable[Booking]) -> list[Booking]:
        return sorted(bookings, key=lambda b: (self.slots[b.slot_id].starts_at, b.id))

    def shown_doctor(self, doctor: Doctor) -> Json:
        return asdict(doctor) | {"created_at": local(doctor.created_at), "updated_at": local(doctor.updated_at)}

    def shown_slot(self, slot: Slot) -> Json:
        standing = [b for b in self.bookings.values() if b.slot_id == slot.id and self.is_active(b)]
        return {
            "id": slot.id,
            **self._shown_time(slot),
            "ends_at": local(slot.ends_at),
            "status": _STATUS_OF_SLOT[standing[0].status] if standing else "free",
            "booking_id": standing[0].id if standing else None,
        }

    def shown_booking(self, booking: Booking) -> Json:
        shown = asdict(booking) | self._shown_time(self.slots[booking.slot_id])
        shown |= {name: local(value) for name, value in shown.items() if isinstance(value, dt.datetime)}
        del shown["request_id"]
        return shown

    def show_history(self, booking_id: int) -> list[Json]:
        self.booking(booking_id)
        changes = [change for _, change in sorted(self.booking_history.items()) if change.booking_id == booking_id]
        shown = [asdict(change) | {"at": local(change.at)} for change in changes]
        return [{name: value for name, value in change.items() if name != "request_id"} for change in shown]

    def list_doctors(self, specialization: str | None, search: str | None, inactive_too: bool) -> list[Json]:
        def is_wanted(doctor: Doctor) -> bool:
            return (
                (doctor.active or inactive_too)
                and (specialization is None or doctor.specialization.lower() == specialization.lower())
                and (search is None or any(search.lower() in text.lower() for text in (doctor.name, doctor.email)))
            )

        found = sorted(filter(is_wanted, self.doctors.values()), key=lambda doctor: (doctor.name.lower(), doctor.id))
        return [self.shown_doctor(doctor) for doctor in found]

    def list_slots(self, key: int | str | None, specialization: str | None, period: Period, status: str) -> list[Json]:
        """List slots; what has begun is left out unless a period that begins earlier is asked for, and never is free."""
        doctor_id = key and self.doctor(key).id
        from_now = not period.is_over(self.now) and (period.first is None or status == "free")

        def is_wanted(slot: Slot) -> bool:
            doctor = self.doctors[slot.doctor_id]
            return (
                doctor_id in (None, doctor.id)
                and (specialization is None or doctor.specialization.lower() == specialization.lower())
                and period.holds(slot)
                and not (from_now and slot.starts_at < self.now)
                and status in ("all", self.shown_slot(slot)["status"])
                and (doctor.active or status != "free")
            )

        found = sorted(filter(is_wanted, self.slots.values()), key=lambda slot: (slot.starts_at, slot.id))
        return [self.shown_slot(slot) for slot in found]

    def list_bookings(self, status: str | None, email: str | None, key: int | str | None, period: Period) -> list[Json]:
        doctor_id = key and self.doctor(key).id

        def is_wanted(booking: Booking) -> bool:
            slot = self.slots[booking.slot_id]
            return (
                status in (None, booking.status)
                and (email is None or booking.patient_email.lower() == email.lower())
                and doctor_id in (None, slot.doctor_id)
                and period.holds(slot)
            )

        return [self.shown_booking(booking) for booking in self.in_order(filter(is_wanted, self.bookings.values()))]

    def stats(self, by: str | None, period: Period) -> Json | list[Json]:
        counted = [b for b in self.bookings.values() if period.holds(self.slots[b.slot_id])]
        match by:
            case None:
                return _counts(counted)
            case "status":
                each = {name: [b for b in counted if b.status == name] for name in STATUSES}
                return [{"status": name, **_counts(bookings)} for name, bookings in each.items()]
            case "day":
                dates = _grouped(counted, lambda b: self.slots[b.slot_id].starts_at.astimezone(ZONE).date().isoformat())
                return [{"date": date, **_counts(dates[date])} for date in sorted(dates)]
            case _:
                doctors = _grouped(counted, lambda b: self.doctors[self.slots[b.slot_id].doctor_id])
                return [
                    {"doctor_id": doctor.id, "doctor_name": doctor.name, **_counts(doctors[doctor])}
                    for doctor in sorted(doctors, key=lambda doctor: (doctor.name.lower(), doctor.id))
                ]

    def _shown_time(self, slot: Slot) -> Json:
        doctor, starts_at = self.doctors[slot.doctor_id], slot.starts_at.astimezone(ZONE)
        return {
            "doctor_id": doctor.id,
            "doctor_name": doctor.name,
            "specialization": doctor.specialization,
            "date": starts_at.date().isoformat(),
            "time": f"{starts_at:%H:%M}",
            "minutes": (slot.ends_at - slot.starts_at) // dt.timedelta(minutes=1),
            "starts_at": starts_at.isoformat(),
        }


def instant(date: dt.date, minutes: int) -> dt.datetime:
    """Return the instant so many minutes after midnight on the clinic's clock."""
    return dt.datetime.combine(date, dt.time(), ZONE) + dt.timedelta(minutes=minutes)


def local(value: dt.datetime) -> str:
    """Return what stands for an instant in JSON."""
    return value.astimezone(ZONE).isoformat()


def _in_order_of_number(table: Mapping[int, Any]) -> list[Json]:
    return [asdict(table[number]) for number in sorted(table)]


def _grouped(bookings: Iterable[Booking], key: Callable[[Booking], Any]) -> dict[Any, list[Booking]]:
    groups: dict[Any, list[Booking]] = {}
    for booking in bookings:
        groups.setdefault(key(booking), []).append(booking)
    return groups


def _counts(bookings: Sequence[Booking]) -> Json:
    counts = {status.lower(): sum(b.status == status for b in bookings) for status in STATUSES}
    return counts | {"total": len(bookings)}
