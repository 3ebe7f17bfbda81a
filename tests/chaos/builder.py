"""Builds small histories together with the rows that they lead to, correct until a test makes them wrong."""

import datetime as dt
import functools
import itertools

from tests.chaos.checker import Contents, violations
from tests.chaos.history import Ok, Operation, Rejected, Unknown
from tests.chaos.index import STATUS_AFTER, patient_key

# The clients' clock starts at 0, and each operation takes 5 of every 10 seconds; the database's clock shows another time.
_DATABASE_START = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
_FIRST_SLOT = dt.datetime(2030, 6, 3, 9, tzinfo=dt.UTC)
_HALF_HOUR = dt.timedelta(minutes=30)
KILLED, BUSY = Unknown("killed"), Rejected("busy")


class HistoryBuilder:
    """Records operations, and writes their rows.

    Each method takes the outcome (None: Ok) and whether the change `happens` in the database (None: if the outcome is Ok).
    `span` is the start and the end on the clients' clock, unless the operation follows the one before.

    Slots 1 and 2 are of doctor 1, one after the other; slot 3 is of doctor 2, at the time of slot 1.
    """

    def __init__(self):
        self.operations, self.bookings, self.history, self.patients, self.requests = [], [], [], [], {}
        self._patient_numbers, self._numbers = {}, itertools.count(1)
        self.doctors = [{"id": number, "active": True, "version": 1} for number in (1, 2)]
        self.slots = [self.slot_row(1), self.slot_row(2), self.slot_row(3, half_hour=1, doctor_id=2)]
        self.before = self._contents()

    def kinds(self):
        """Return the kinds of violations that the checker finds."""
        return {violation.kind for violation in violations(self.operations, self._contents(), self.before)}

    def book(self, slot_id, name, outcome=None, *, happens=None, confirm=False, hold=1000, span=None, **options):
        """Book a slot, and return the booking's row, which is in the database only if it happens.

        `options` are phone (instead of an email address), request, and further arguments: allow_overlap, atomic.
        """
        happens, at = _happens(outcome, happens), self._now(span)
        patient, request = _patient(name, options.pop("phone", None)), options.pop("request", f"book-{name}-{slot_id}")
        booking = {
            "id": len(self.bookings) + 1,
            "reference": f"REF-{len(self.bookings) + 1}",
            "slot_id": slot_id,
            "patient_id": self._register(patient) if happens else 0,
            "overlap_allowed": options.get("allow_overlap", False),
            "status": "CONFIRMED" if confirm else "PENDING",
            "hold_expires_at": None if confirm else at + dt.timedelta(seconds=hold),
            "request_id": request,
        }
        arguments = {"slot_id": slot_id, "request_id": request, "confirm": confirm, **patient}
        arguments |= {"patient_id": None, "allow_overlap": False, **options}
        self.requests[request] = arguments
        self._record("book", arguments, outcome or Ok({**booking, **patient}), span)
        if happens:
            self.bookings.append(booking)
            self._step(booking, None, booking["status"], at, None)
        return booking

    def retry(self, booking, outcome=None, *, span=None, **changed):
        """Send the request of a booking again, with the first result, or one that is changed in some fields."""
        arguments = self.requests[booking["request_id"]]
        shown = {**arguments, **booking, "status": "CONFIRMED" if arguments["confirm"] else "PENDING", **changed}
        self._record("book", arguments, outcome or Ok(shown), span)

    def expire(self, booking, *, happens=True):
        if happens:
            self.lapse(booking)
        self._record("expire", {}, Ok({"expired": 1, "bookings": [dict(booking)]}), None)

    def lapse(self, booking):
        """Let a hold fail without an operation, as when another booking releases it."""
        self._step(booking, booking["status"], "FAILED", self._now(None), None)

    def slot_row(self, number, *, half_hour=None, doctor_id=1):
        """Return a slot; its half hour of the day is its number unless given."""
        starts_at = _FIRST_SLOT + (half_hour or number) * _HALF_HOUR
        return {"id": number, "doctor_id": doctor_id, "starts_at": starts_at, "ends_at": starts_at + _HALF_HOUR}

    def add_slot(self, row, *, outcome=None, happens=None, span=None):
        if _happens(outcome, happens):
            self.slots.append(row)
        arguments = {"doctor_id": row["doctor_id"], "starts": [row["starts_at"].isoformat()], "minutes": 30}
        self._record("add_slots", arguments, outcome or Ok({"slots": [dict(row)]}), span)

    def set_active(self, active, outcome=None, *, happens=None, span=None):
        """Make doctor 1 active or inactive."""
        changed = {"id": 1, "active": active, "version": self.doctors[0]["version"] + 1}
        if _happens(outcome, happens):
            self.doctors[0] |= changed
        self._record("update_doctor", {"doctor_id": 1, "active": active}, outcome or Ok(changed), span)

    def merge(self, patient_id, into_id, outcome=None, *, happens=None, span=None):
        """Merge two patients with the name ana; the bookings move with them."""
        if _happens(outcome, happens):
            self.patients = [row for row in self.patients if row["id"] != patient_id]
            self._patient_numbers = {key: n for key, n in self._patient_numbers.items() if n != patient_id}
            for booking in self.bookings:
                booking["patient_id"] = into_id if booking["patient_id"] == patient_id else booking["patient_id"]
        arguments = {"patient_id": patient_id, "into_id": into_id, "patient_name": "ana"}
        self._record("merge_patients", arguments, outcome or Ok({"id": into_id}), span)

    def _register(self, patient):
        if (key := patient_key(patient)) not in self._patient_numbers:
            self._patient_numbers[key] = number = next(self._numbers)
            self.patients.append({"id": number, **{f.removeprefix("patient_"): text for f, text in patient.items()}})
        return self._patient_numbers[key]

    def _change(self, kind, booking, outcome=None, *, happens=None, request=None, span=None):
        status, request_id = STATUS_AFTER[kind], request or f"{kind}-{booking['id']}"
        if _happens(outcome, happens):
            self._step(booking, booking["status"], status, self._now(span), request_id)
        shown = {**self.requests[booking["request_id"]], **booking, "status": status}
        self._record(kind, {"reference": booking["reference"], "request_id": request_id}, outcome or Ok(shown), span)

    confirm = functools.partialmethod(_change, "confirm")
    cancel = functools.partialmethod(_change, "cancel")

    def _step(self, booking, from_status, to_status, at, request_id):
        if from_status:
            booking["status"] = to_status
        row = {"id": len(self.history) + 1, "booking_id": booking["id"], "at": at, "request_id": request_id}
        self.history.append({**row, "from_status": from_status, "to_status": to_status})

    def _contents(self):
        tables = (self.bookings, self.history, self.slots, self.doctors, self.patients)
        return Contents(*([dict(row) for row in table] for table in tables))

    def _now(self, span):
        return _DATABASE_START + dt.timedelta(seconds=(span or self._next_span())[0] + 1)

    def _next_span(self):
        return len(self.operations) * 10.0, len(self.operations) * 10.0 + 5

    def _record(self, kind, arguments, outcome, span):
        self.operations.append(Operation("client", kind, arguments, *(span or self._next_span()), outcome))


def _happens(outcome, happens):
    return outcome is None if happens is None else happens


def _patient(name, phone):
    email = None if phone else f"{name.casefold()}@x.example"
    return {"patient_name": name, "patient_email": email, "patient_phone": phone}
