"""The appointment book in plain Python: what each command that changes something is due to change, to show or to refuse.

What nobody can foretell (numbers, references, the instant of a transaction) is `Given` by the book itself; everything else
follows from the rules, which are written here once more.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.concurrency.model_state import Booking, Change, Doctor, Json, Refusal, Slot, State, instant

# Much longer than an example runs: no hold lapses by itself.
CLINIC_HOLD_MINUTES = 90
LAPSED = "hold lapsed"
MOST_DAYS = 3 * 366
EVERY_DAY = set(range(7))
# Where the book made nothing although something is due.
NO_BOOKING, NO_CHANGE = (0, "", ""), (0, None)


@dataclass(frozen=True)
class Given:
    """What the book gave out in one command: the numbers of what is new, found by what they are for."""

    doctors: Mapping[str, int] = field(default_factory=dict)  # by email
    slots: Mapping[dt.datetime, int] = field(default_factory=dict)  # by start
    bookings: Mapping[int, tuple[int, str, str]] = field(default_factory=dict)  # number, reference, request id by slot
    changes: Mapping[int, tuple[int, str | None]] = field(default_factory=dict)  # number and request id, by booking


@dataclass(frozen=True)
class Hours:
    """The working hours of `slots bulk`, in minutes since midnight."""

    start: int
    end: int
    minutes: int
    breaks: Sequence[tuple[int, int]] = ()

    def starts(self) -> Iterator[int]:
        """Yield each start: a slot that runs into a break is not made, and work begins anew when the break is over."""
        time = self.start
        while time + self.minutes <= self.end:
            if ends := [end for start, end in self.breaks if start < time + self.minutes and time < end]:
                time = max(ends)
            else:
                yield time
                time += self.minutes


class Model(State):
    """The state of the book, and its commands; each returns what is shown, as JSON, or raises `Refusal`."""

    def __init__(self, now: dt.datetime) -> None:
        super().__init__(now)
        self.given = Given()
        self.actor = ""

    def expect(self, now: dt.datetime, given: Given, actor: str) -> None:
        """Take what the next command was given, and who runs it."""
        self.now, self.given, self.actor = now, given, actor

    def add_doctor(self, name: str, specialization: str, email: str, phone: str | None) -> Json:
        email = _normal(email)
        self._refuse_taken(email)
        number, now = self.given.doctors.get(email, 0), self.now
        self.doctors[number] = Doctor(number, name.strip(), specialization.strip(), email, phone, True, 1, now, now)
        return self.shown_doctor(self.doctors[number])

    def update_doctor(self, key: int | str, changes: Mapping[str, Any], if_version: int | None) -> Json:
        if not changes:
            raise Refusal("invalid_input")
        doctor = self.doctor(key)
        if if_version not in (None, doctor.version):
            raise Refusal("version_conflict")
        changes = {name: value.strip() if isinstance(value, str) else value for name, value in changes.items()}
        changed = replace(doctor, **changes, version=doctor.version + 1, updated_at=self.now)
        changed = replace(changed, email=_normal(changed.email), phone=changed.phone or None)
        self._refuse_taken(changed.email, by_others_than=doctor.id)
        self.doctors[doctor.id] = changed
        return self.shown_doctor(changed)

    def delete_doctor(self, key: int | str) -> Json:
        doctor = self.doctor(key)
        if any(slot.doctor_id == doctor.id for slot in self.slots.values()):
            raise Refusal("in_use")
        return self.shown_doctor(self.doctors.pop(doctor.id))

    def add_slot(self, key: int | str, date: dt.date, time: int, minutes: int) -> Json:
        doctor = self._active_doctor(key)
        new = self._new_slot(doctor, instant(date, time), minutes)
        if new.starts_at <= self.now:
            raise Refusal("slot_in_past")
        if self._in_conflict(new):
            raise Refusal("slot_overlap")
        self.slots[new.id] = new
        return self.shown_slot(new)

    def bulk(
        self,
        key: int | str,
        first: dt.date,
        last: dt.date | None,
        hours: Hours,
        days: set[int] | None,
        strict: bool,
        dry_run: bool,
    ) -> Json:
        if hours.start >= hours.end:
            raise Refusal("invalid_input")
        doctor = self._active_doctor(key)
        count = ((last or first) - first).days + 1
        if not 1 <= count <= MOST_DAYS:
            raise Refusal("invalid_input")
        dates = [first + dt.timedelta(days=number) for number in range(count)]
        starts = [instant(date, t) for date in dates if date.weekday() in (days or EVERY_DAY) for t in hours.starts()]
        planned = [self._new_slot(doctor, start, hours.minutes) for start in starts]
        to_come = [new for new in planned if new.starts_at > self.now]
        there = {(slot.doctor_id, slot.starts_at, slot.ends_at) for slot in self.slots.values()}
        missing = [new for new in to_come if (new.doctor_id, new.starts_at, new.ends_at) not in there]
        created = [new for new in missing if not self._in_conflict(new)]
        if strict and len(created) < len(missing):
            raise Refusal("slot_overlap")
        if not dry_run:
            self.slots |= {new.id: new for new in created}
        return {
            "planned": len(planned),
            "created": len(created),
            "existing": len(to_come) - len(missing),
            "conflicts": len(missing) - len(created),
            "past": len(planned) - len(to_come),
            "slots": [] if dry_run else [self.shown_slot(new) for new in created],
        }

    def delete_slot(self, slot_id: int) -> Json:
        shown = self.shown_slot(self.slot(slot_id))
        if any(booking.slot_id == slot_id for booking in self.bookings.values()):
            raise Refusal("in_use")
        del self.slots[slot_id]
        return shown

    def book(
        self,
        slot_id: int,
        patient: tuple[str, str],
        phone: str | None,
        *,
        confirm: bool,
        hold: float | None,
        allow_overlap: bool,
        request_id: str | None,
    ) -> Json:
        if confirm and hold is not None:
            raise Refusal("invalid_input")
        name, email = patient[0].strip(), _normal(patient[1])
        if made := self.made_by(request_id):
            if made.slot_id != slot_id or not _is_same(made, name, email):
                raise Refusal("request_id_reused")
            return self._first_answer(made)
        slot = self.slot(slot_id)
        if not allow_overlap and self._is_busy(name, email, slot):
            raise Refusal("patient_overlap")
        if slot.starts_at <= self.now:
            raise Refusal("slot_in_past")
        if not self.doctors[slot.doctor_id].active:
            raise Refusal("doctor_inactive")
        for other in [b for b in self.bookings.values() if b.slot_id == slot_id]:
            if self.is_active(other):
                raise Refusal("slot_taken")
            if other.status == "PENDING":
                self._become(other, "FAILED", LAPSED, request_id or self.given.bookings.get(slot_id, NO_BOOKING)[2])
        now = self.now
        number, reference, its_request = self.given.bookings.get(slot_id, NO_BOOKING)
        self.bookings[number] = Booking(
            id=number,
            reference=reference,
            slot_id=slot_id,
            patient_name=name,
            patient_email=email,
            patient_phone=phone,
            status="CONFIRMED" if confirm else "PENDING",
            hold_expires_at=None if confirm else now + dt.timedelta(minutes=hold or CLINIC_HOLD_MINUTES),
            booked_at=now,
            confirmed_at=now if confirm else None,
            cancelled_at=None,
            failed_at=None,
            reason=None,
            version=1,
            request_id=request_id or its_request,
        )
        self._record(None, self.bookings[number], None)
        return self.shown_booking(self.bookings[number])

    def confirm(self, booking_id: int, request_id: str | None) -> Json:
        booking = self.booking(booking_id)
        if self.changed_by(request_id, booking_id, "CONFIRMED"):
            as_it_was: Json = {"cancelled_at": None, "reason": None, "version": 2}
            return self.shown_booking(replace(booking, status="CONFIRMED", **as_it_was))
        if booking.status in ("CONFIRMED", "CANCELLED"):
            raise Refusal("wrong_state")
        if not self.is_active(booking):
            raise Refusal("hold_lapsed")
        return self.shown_booking(self._become(booking, "CONFIRMED", None, request_id))

    def cancel(self, booking_id: int, reason: str | None, request_id: str | None) -> Json:
        booking = self.booking(booking_id)
        if self.changed_by(request_id, booking_id, "CANCELLED"):
            return self.shown_booking(booking)
        if not self.is_active(booking):
            raise Refusal("wrong_state")
        return self.shown_booking(self._become(booking, "CANCELLED", reason and reason.strip(), request_id))

    def expire(self) -> Json:
        lapsed = [b for b in self.bookings.values() if b.status == "PENDING" and not self.is_active(b)]
        failed = self.in_order(self._become(booking, "FAILED", LAPSED, None) for booking in lapsed)
        return {"expired": len(failed), "bookings": [self.shown_booking(booking) for booking in failed]}

    def lapse(self, booking_id: int) -> None:
        """Let the time for which a slot was held pass, also that of a booking that was confirmed meanwhile."""
        booking = self.bookings[booking_id]
        self.bookings[booking_id] = replace(booking, hold_expires_at=booking.booked_at)

    def move(self, slot_id: int, by: dt.timedelta) -> None:
        """Let time pass until a slot is over."""
        slot = self.slots[slot_id]
        self.slots[slot_id] = replace(slot, starts_at=slot.starts_at + by, ends_at=slot.ends_at + by)

    def made_by(self, request_id: str | None) -> Booking | None:
        return next((b for b in self.bookings.values() if b.request_id == request_id), None)

    def changed_by(self, request_id: str | None, booking_id: int, status: str) -> bool:
        """Tell whether a request brought a booking into a state; the first state is the booking's own request's."""
        changes = {(c.request_id, c.booking_id, c.to_status) for c in self.booking_history.values()}
        return request_id is not None and (request_id, booking_id, status) in changes

    def _active_doctor(self, key: int | str) -> Doctor:
        doctor = self.doctor(key)
        if not doctor.active:
            raise Refusal("doctor_inactive")
        return doctor

    def _refuse_taken(self, email: str, by_others_than: int | None = None) -> None:
        if any(
            doctor.email.lower() == email.lower() for doctor in self.doctors.values() if doctor.id != by_others_than
        ):
            raise Refusal("email_taken")

    def _new_slot(self, doctor: Doctor, starts_at: dt.datetime, minutes: int) -> Slot:
        ends_at = starts_at + dt.timedelta(minutes=minutes)
        return Slot(self.given.slots.get(starts_at, 0), doctor.id, starts_at, ends_at)

    def _in_conflict(self, new: Slot) -> bool:
        return any(slot.doctor_id == new.doctor_id and overlap(slot, new) for slot in self.slots.values())

    def _is_busy(self, name: str, email: str, slot: Slot) -> bool:
        theirs = [b for b in self.bookings.values() if _is_same(b, name, email) and self.is_active(b)]
        return any(b.slot_id != slot.id and overlap(self.slots[b.slot_id], slot) for b in theirs)

    def _first_answer(self, made: Booking) -> Json:
        changes = self.booking_history.values()
        first = next(c.to_status for c in changes if c.booking_id == made.id and c.from_status is None)
        confirmed_at = made.booked_at if first == "CONFIRMED" else None
        as_it_was: Json = {
            "confirmed_at": confirmed_at,
            "cancelled_at": None,
            "failed_at": None,
            "reason": None,
            "version": 1,
        }
        return self.shown_booking(replace(made, status=first, **as_it_was))

    def _become(self, booking: Booking, status: str, reason: str | None, request_id: str | None) -> Booking:
        at: Json = {f"{status.lower()}_at": self.now}
        changed = replace(booking, status=status, reason=reason, version=booking.version + 1, **at)
        self.bookings[booking.id] = changed
        self._record(booking.status, changed, request_id or self.given.changes.get(booking.id, NO_CHANGE)[1])
        return changed

    def _record(self, before: str | None, booking: Booking, request_id: str | None) -> None:
        number, _ = self.given.changes.get(booking.id, NO_CHANGE)
        self.booking_history[number] = Change(
            number, booking.id, self.now, self.actor, before, booking.status, booking.reason, request_id
        )


def _normal(email: str) -> str:
    """Return an email address as the book keeps it: the domain in lower case."""
    name, _, domain = email.strip().partition("@")
    return f"{name}@{domain.lower()}"


def _is_same(booking: Booking, name: str, email: str) -> bool:
    return (booking.patient_name.lower(), booking.patient_email.lower()) == (name.lower(), email.lower())


def overlap(one: Slot, other: Slot) -> bool:
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at
