"""An index of the history and the tables: which operation can have written which row, and when.

Two instants bound when a row of booking_history was written: not before the start of the first operation that can have
requested it, and not after the end of the first operation that acknowledged it. Both are on the clients' clock, which all
clients share; the database's clock is never compared with it.
"""

import datetime as dt
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Self

import psycopg
from psycopg.rows import dict_row

from booking_cli.db.runner import DEFAULT_SCHEMA
from tests.chaos.history import Ok, Operation, Rejected, person

Row = Mapping[str, Any]
ACTIVE = ("PENDING", "CONFIRMED")
FINAL = ("CANCELLED", "FAILED")
PATIENT = ("patient_name", "patient_email", "patient_phone")
STATUS_AFTER = {"confirm": "CONFIRMED", "cancel": "CANCELLED"}
SlotShape = tuple[int, float, int]  # doctor, start in seconds of the epoch, minutes


class Violation(NamedTuple):
    """A broken promise: its kind, and a sentence."""

    kind: str
    message: str


class Contents(NamedTuple):
    """The rows of the tables, from one snapshot."""

    bookings: Sequence[Row]
    history: Sequence[Row]
    slots: Sequence[Row]
    doctors: Sequence[Row]
    patients: Sequence[Row]

    @classmethod
    def read(cls, conninfo: str) -> Self:
        options = f"-c search_path={DEFAULT_SCHEMA}"
        with psycopg.connect(conninfo, row_factory=dict_row, options=options) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            tables = ("bookings", "booking_history", "slots", "doctors", "patients")
            return cls(*(connection.execute(f"SELECT * FROM {table}".encode()).fetchall() for table in tables))


class Index:
    """An index of operations and contents; `before` is the contents before the first operation."""

    def __init__(self, operations: Sequence[Operation], contents: Contents, before: Contents) -> None:
        self.operations = sorted(operations, key=lambda operation: operation.started)
        self.before = before
        self.slots = {row["id"]: row for row in contents.slots}
        self.doctors = {row["id"]: row for row in contents.doctors}
        self.patients = {
            row["id"]: {field: row[field.removeprefix("patient_")] for field in PATIENT} for row in contents.patients
        }
        bookings = [
            {**row, **self.patients.get(row["patient_id"], dict.fromkeys(PATIENT))} for row in contents.bookings
        ]
        self.bookings = {row["id"]: row for row in bookings}
        self.by_reference = {row["reference"]: row for row in bookings}
        self.by_request = grouped((row["request_id"], row) for row in bookings)
        self.by_slot = grouped((row["slot_id"], row) for row in bookings)
        self.history = sorted(contents.history, key=lambda row: row["id"])
        self.steps = grouped((row["booking_id"], row) for row in self.history)
        self.requests = {operation.arguments["request_id"]: operation for operation in reversed(self.of("book"))}
        # Without the bookings whose requests allowed an overlap.
        judged = (row for row in bookings if row["patient_name"] and not self.arguments(row)["allow_overlap"])
        self.by_person = grouped((person(row["patient_name"]), row) for row in judged)
        self._first_merges: dict[str, float] = {}
        self.merged_into: dict[int, int] = {}  # a common number of all patients whom possible merges make one
        for merge in self.of("merge_patients"):
            if not isinstance(merge.outcome, Rejected):
                self._first_merges.setdefault(person(merge.arguments["patient_name"]), merge.started)
                one, other = (self.merged_into.get(n, n) for n in map(merge.arguments.get, ("patient_id", "into_id")))
                self.merged_into |= {n: other for n, known in [*self.merged_into.items(), (one, one)] if known == one}

    def of(self, *kinds: str) -> list[Operation]:
        """Return the operations of some kinds, in the order of their starts."""
        return [operation for operation in self.operations if operation.kind in kinds]

    def ok(self, *kinds: str) -> Iterator[tuple[Operation, Any]]:
        """Yield the operations of some kinds that were acknowledged, each with its result."""
        return ((op, op.outcome.result) for op in self.of(*kinds) if isinstance(op.outcome, Ok))

    def rejected(self, *kinds: str) -> Iterator[tuple[Operation, str]]:
        """Yield the operations of some kinds that were rejected, each with its error code."""
        return ((op, op.outcome.code) for op in self.of(*kinds) if isinstance(op.outcome, Rejected))

    def rows_of(self, operation: Operation) -> list[Row]:
        """Return the rows of booking_history that are what a book, a confirm or a cancel requested."""
        arguments = operation.arguments
        request_id = arguments["request_id"]
        if operation.kind == "book":
            return [
                row
                for booking in self.by_request.get(request_id, [])
                if booking["slot_id"] == arguments["slot_id"] and self.same_patient(booking, arguments)
                for row in self.steps.get(booking["id"], [])
                if row["from_status"] is None and row["request_id"] in (None, request_id)
            ]
        booking = self.by_reference.get(arguments["reference"], {"id": None})
        return [
            row
            for row in self.steps.get(booking["id"], [])
            if row["from_status"] is not None
            and (row["to_status"], row["request_id"]) == (STATUS_AFTER[operation.kind], request_id)
        ]

    def earliest(self, row: Row) -> float:
        """Return the instant before which a row of booking_history was certainly not written."""
        return self.requested.get(row["id"], -math.inf)

    def latest(self, row: Row) -> float:
        """Return the instant at which a row of booking_history was certainly committed."""
        return self._latest.get(row["id"], math.inf)

    @cached_property
    def requested(self) -> dict[int, float]:
        """The earliest instants of the rows that an operation can have written that was not rejected."""
        found: dict[int, float] = {}
        for operation in self.of("book", "confirm", "cancel"):
            for row in () if isinstance(operation.outcome, Rejected) else self.rows_of(operation):
                found.setdefault(row["id"], operation.started)
        # A lapsed hold is released by every expire, and by other bookings of the slot or the patient, even rejected ones.
        return found | {row["id"]: -math.inf for row in self.history if row["to_status"] == "FAILED"}

    @cached_property
    def _latest(self) -> dict[int, float]:
        acknowledged = [
            (row["id"], op.ended) for op, _ in self.ok("book", "confirm", "cancel") for row in self.rows_of(op)
        ]
        for operation, result in self.ok("expire"):
            steps = (row for booking in result["bookings"] for row in self.steps.get(booking["id"], []))
            acknowledged += [(row["id"], operation.ended) for row in steps]
        return {row_id: min(ends) for row_id, ends in grouped(acknowledged).items()}

    def can_be_active(self, booking: Row, operation: Operation) -> bool:
        """Return whether a booking can have been active at some instant of an operation."""
        steps = self.steps.get(booking["id"], [])
        made = self.earliest(steps[0]) if steps else -math.inf
        released = min((self.latest(row) for row in steps if row["to_status"] in FINAL), default=math.inf)
        return made <= operation.ended and operation.started <= released

    def active_together(
        self, bookings: Iterable[Row], conflict: Callable[[Row, Row], bool] = lambda _one, _other: True
    ) -> Iterator[tuple[Row, Row]]:
        """Yield for each booking, of those of one slot or one patient, an earlier conflicting one that was active with it.

        The order is that of the numbers of booking_history; `at` is only the start of a transaction. A constraint lets B in after
        the commit of A's release, or after the release in the same transaction. The number of A's release is drawn before that,
        and B's first number afterwards. So where B's number is lower, both were active.
        """
        active: list[tuple[float, Row]] = []
        for booking in sorted(bookings, key=self._made):
            active = [(released, earlier) for released, earlier in active if released > self._made(booking)]
            yield from itertools.islice(((one, booking) for _, one in active if conflict(one, booking)), 1)
            never = math.inf if booking["status"] in ACTIVE else -1
            steps = self.steps.get(booking["id"], [])
            active.append((min((row["id"] for row in steps if row["to_status"] in FINAL), default=never), booking))

    def _made(self, booking: Row) -> int:
        return self.steps[booking["id"]][0]["id"] if booking["id"] in self.steps else 0

    def same_patient(self, booking: Row, arguments: Row) -> bool:
        """Return whether a booking is of a request's patient, or of one who can be merged with them; also if of no patient."""
        one, other = (row["patient_name"] and patient_key(row) for row in (booking, arguments))
        return not one or one == other or (one[0] == other[0] and self.first_merge(arguments) < math.inf)

    def first_merge(self, patient: Row) -> float:
        """Return the start of the first possible merge of patients with a name."""
        return self._first_merges.get(person(patient["patient_name"]), math.inf)

    def arguments(self, booking: Row) -> Row:
        """Return the arguments of the request of a booking, whatever its row says; what the row says where there was none."""
        operation = self.requests.get(booking["request_id"])
        return operation.arguments if operation else {**booking, "allow_overlap": booking["overlap_allowed"]}

    def slots_overlap(self, one_id: int, other_id: int) -> bool:
        """Return whether two slots, of any doctors, share time; False where one does not exist."""
        one, other = self.slots.get(one_id), self.slots.get(other_id)
        return bool(one and other and one["starts_at"] < other["ends_at"] and other["starts_at"] < one["ends_at"])

    def acknowledged_slots(self) -> Iterator[tuple[Operation, Row]]:
        """Yield each slot that an operation reported as created."""
        return ((operation, slot) for operation, result in self.ok("add_slots") for slot in result["slots"])


def grouped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    """Return the second values by the first."""
    found: dict[Any, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return dict(found)


def patient_key(row: Row) -> tuple[str, str]:
    """Return what makes two patients, or the patients of two requests, the same: name, and email address or phone number."""
    email, phone = row["patient_email"], row["patient_phone"]
    return person(row["patient_name"]), person(email) if email else re.sub(r"\D", "", phone or "")


def shapes_of(operation: Operation) -> tuple[SlotShape, ...]:
    """Return the slots that an add_slots requested."""
    arguments = operation.arguments
    return tuple((arguments["doctor_id"], _seconds(start), arguments["minutes"]) for start in arguments["starts"])


def shape(slot: Row) -> SlotShape:
    """Return the doctor, the start and the length of a slot, from its row or from JSON."""
    starts_at, ends_at = _seconds(slot["starts_at"]), _seconds(slot["ends_at"])
    return slot["doctor_id"], starts_at, round((ends_at - starts_at) / 60)


def _seconds(instant: dt.datetime | str) -> float:
    return (dt.datetime.fromisoformat(instant) if isinstance(instant, str) else instant).timestamp()
