"""A book of a few rows with the log of the operations that wrote them: right, until a test makes it wrong."""

import datetime as dt
from typing import Any

from tests.chaos.checker import Contents, Violation, violations
from tests.chaos.history import Answer, Done, Operation

# The clients' clock starts at 0 and each operation takes 5 of every 10 seconds; the database's is somewhere else.
_DATABASE_TIME = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
_FIRST_SLOT = dt.datetime(2030, 6, 3, 9, tzinfo=dt.UTC)
_STAMPS = {"CONFIRMED": "confirmed_at", "CANCELLED": "cancelled_at", "FAILED": "failed_at"}
_REQUEST = ("slot_id", "patient_name", "patient_email", "request_id")
Span = tuple[float, float]
Row = dict[str, Any]


class SmallBook:
    """Writes operations and rows together.

    Each method takes what the client was answered (`None`: done) and whether it `happens` in the database (`None`: if it was
    done). `span` is from when to when it ran on the clients' clock, where that is not simply after the one before.
    """

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.bookings: list[Row] = []
        self.history: list[Row] = []
        self.slots: list[Row] = [self.slot_row(1), self.slot_row(2)]
        self.doctors: list[Row] = [self.doctor_row(1), self.doctor_row(2)]
        self.clinic: list[Row] = [{"name": "Clinic", "timezone": "UTC", "hold_minutes": 2}]
        self.before: Contents | None = self._contents()

    def kinds(self) -> set[str]:
        """Return the kinds of violations that the checker finds."""
        return {violation.kind for violation in self.violations()}

    def violations(self) -> list[Violation]:
        """Return what the checker finds."""
        return violations(self.operations, self._contents(), self.before)

    def book(
        self,
        slot_id: int,
        name: str,
        answer: Answer | None = None,
        *,
        happens: bool | None = None,
        confirm: bool = False,
        hold: float = 1000,
        request: str | None = None,
        span: Span | None = None,
    ) -> Row:
        """Book a slot, and return the booking's row, which is in the book only if it happens."""
        number, at = len(self.bookings) + 1, self._now(span)
        booking: Row = {
            "id": number,
            "reference": f"REF-{number}",
            "slot_id": slot_id,
            "patient_name": name,
            "patient_email": f"{name}@x.de",
            "status": "CONFIRMED" if confirm else "PENDING",
            "hold_expires_at": None if confirm else at + dt.timedelta(seconds=hold),
            "booked_at": at,
            "confirmed_at": at if confirm else None,
            "cancelled_at": None,
            "failed_at": None,
            "version": 1,
            "request_id": request or f"book-{name}-{slot_id}",
        }
        arguments = {field: booking[field] for field in _REQUEST}
        self._log("book", {**arguments, "confirm": confirm}, answer or Done(dict(booking)), span)
        if happens or (happens is None and answer is None):
            self.bookings.append(booking)
            self._step(booking, None, booking["status"], at, None)
        return booking

    def again(self, booking: Row, answer: Answer | None = None, *, span: Span | None = None) -> None:
        """Repeat the request that made a booking, on behalf of the same patient."""
        steps = [row for row in self.history if row["booking_id"] == booking["id"]]
        first = steps[0]["to_status"] if steps else booking["status"]
        arguments = {field: booking[field] for field in _REQUEST}
        shown = Done({**booking, "status": first, "version": 1})
        self._log("book", {**arguments, "confirm": first == "CONFIRMED"}, answer or shown, span)

    def before_everything(self, booking: Row) -> Row:
        """Let a booking have been there before the first operation, and return its row."""
        self.operations.pop()
        self.before = self._contents()
        return booking

    def confirm(self, booking: Row, answer: Answer | None = None, **options: Any) -> None:
        """Confirm a booking."""
        self._change(booking, "confirm", "CONFIRMED", answer, **options)

    def cancel(self, booking: Row, answer: Answer | None = None, **options: Any) -> None:
        """Cancel a booking."""
        self._change(booking, "cancel", "CANCELLED", answer, **options)

    def expire(
        self,
        *bookings: Row,
        answer: Answer | None = None,
        happens: bool | None = None,
        count: int | None = None,
        span: Span | None = None,
    ) -> None:
        """Release lapsed holds."""
        at = self._now(span)
        if happens or (happens is None and answer is None):
            for booking in bookings:
                self.fail(booking, at)
        shown = {"expired": len(bookings) if count is None else count, "bookings": [dict(row) for row in bookings]}
        self._log("expire", {}, answer or Done(shown), span)

    def fail(self, booking: Row, at: dt.datetime | None = None) -> None:
        """Let a hold fail without an operation, as before somebody takes its slot over."""
        self._step(booking, booking["status"], "FAILED", at or self._now(None), None)

    def slot_row(self, number: int, *, half_hour: int | None = None) -> Row:
        """Return the row of a slot; the half hour of the doctor's day is its number unless given."""
        starts_at = _FIRST_SLOT + dt.timedelta(minutes=30 * (number if half_hour is None else half_hour))
        return {"id": number, "doctor_id": 1, "starts_at": starts_at, "ends_at": starts_at + dt.timedelta(minutes=30)}

    def add_slot(
        self, row: Row, answer: Answer | None = None, *, happens: bool | None = None, span: Span | None = None
    ) -> None:
        """Add a slot."""
        if happens or (happens is None and answer is None):
            self.slots.append(row)
        arguments = {"doctor_id": row["doctor_id"], "starts_at": row["starts_at"].isoformat(), "minutes": 30}
        self._log("add_slot", arguments, answer or Done(_shown(row)), span)

    def bulk(
        self, *rows: Row, answer: Answer | None = None, created: list[Row] | None = None, span: Span | None = None
    ) -> None:
        """Ask for many slots, of which those in `created` are (`None`: all if it was done)."""
        if created is None:
            created = [] if answer else list(rows)
        self.slots += created
        arguments = {"doctor_id": 1, "starts": [row["starts_at"].isoformat() for row in rows], "minutes": 30}
        self._log("bulk", arguments, answer or Done({"slots": [_shown(row) for row in created]}), span)

    def delete_slot(
        self, slot_id: int, answer: Answer | None = None, *, happens: bool | None = None, span: Span | None = None
    ) -> None:
        """Delete a slot."""
        if happens or (happens is None and answer is None):
            self.slots = [row for row in self.slots if row["id"] != slot_id]
        self._log("delete_slot", {"slot_id": slot_id}, answer or Done({"id": slot_id}), span)

    def doctor_row(self, number: int) -> Row:
        """Return the row of a doctor as they are added."""
        name = f"Doctor {number}"
        return {
            "id": number,
            "name": name,
            "specialization": "Cardiology",
            "email": f"doctor{number}@x.de",
            "phone": None,
            "active": True,
            "version": 1,
        }

    def add_doctor(
        self, row: Row, answer: Answer | None = None, *, happens: bool | None = None, span: Span | None = None
    ) -> Row:
        """Add a doctor, and return their row."""
        if happens or (happens is None and answer is None):
            self.doctors.append(row)
        arguments = {name: row[name] for name in ("name", "specialization", "email", "phone")}
        self._log("add_doctor", arguments, answer or Done(dict(row)), span)
        return row

    def update_doctor(
        self,
        row: Row,
        answer: Answer | None = None,
        *,
        happens: bool | None = None,
        span: Span | None = None,
        **change: Any,
    ) -> None:
        """Change a doctor."""
        changed = {**row, **change, "version": row["version"] + 1}
        if happens or (happens is None and answer is None):
            row |= changed
        self._log("update_doctor", {"doctor_id": row["id"], "change": change}, answer or Done(changed), span)

    def delete_doctor(
        self, row: Row, answer: Answer | None = None, *, happens: bool | None = None, span: Span | None = None
    ) -> None:
        """Delete a doctor."""
        if happens or (happens is None and answer is None):
            self.doctors = [other for other in self.doctors if other["id"] != row["id"]]
        self._log("delete_doctor", {"doctor_id": row["id"]}, answer or Done(dict(row)), span)

    def set_clinic(
        self, name: str, answer: Answer | None = None, *, happens: bool | None = None, span: Span | None = None
    ) -> None:
        """Give the clinic a name."""
        if happens or (happens is None and answer is None):
            self.clinic = [{**row, "name": name} for row in self.clinic]
        self._log("set_clinic", {"name": name}, answer or Done({"name": name}), span)

    def _contents(self) -> Contents:
        tables = (self.bookings, self.history, self.slots, self.doctors, self.clinic)
        return Contents(*([dict(row) for row in table] for table in tables))

    def _change(
        self,
        booking: Row,
        kind: str,
        status: str,
        answer: Answer | None,
        *,
        happens: bool | None = None,
        request: str | None = None,
        span: Span | None = None,
    ) -> None:
        request_id = request or f"{kind}-{booking['id']}"
        if happens or (happens is None and answer is None):
            self._step(booking, booking["status"], status, self._now(span), request_id)
        arguments = {"reference": booking["reference"], "request_id": request_id}
        self._log(kind, arguments, answer or Done({**booking, "status": status}), span)

    def _step(
        self, booking: Row, from_status: str | None, to_status: str, at: dt.datetime, request_id: str | None
    ) -> None:
        if from_status is not None:
            booking |= {"status": to_status, _STAMPS[to_status]: at, "version": booking["version"] + 1}
        self.history.append(
            {
                "id": len(self.history) + 1,
                "booking_id": booking["id"],
                "at": at,
                "from_status": from_status,
                "to_status": to_status,
                "request_id": request_id,
            }
        )

    def _now(self, span: Span | None) -> dt.datetime:
        started, _ = self._span(span)
        return _DATABASE_TIME + dt.timedelta(seconds=started + 1)

    def _span(self, span: Span | None) -> Span:
        started = len(self.operations) * 10.0
        return span or (started, started + 5)

    def _log(self, kind: str, arguments: Row, answer: Answer, span: Span | None) -> None:
        started, ended = self._span(span)
        self.operations.append(Operation(len(self.operations) + 1, "client", kind, arguments, started, ended, answer))


def _shown(row: Row) -> Row:
    return {**row, "starts_at": row["starts_at"].isoformat(), "ends_at": row["ends_at"].isoformat(), "minutes": 30}
