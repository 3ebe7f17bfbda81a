"""What the log and the database say together: which operation may have made which row, how early and how late.

Two instants bound when a row of the history got its number. It was not before the start of the first operation that may
have written it, and not after the end of the first operation that was told of it. Both are on the clients' own clock,
which they share; the database's clock is never compared with it.
"""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from tests.chaos.contents import Contents, Row
from tests.chaos.history import Done, Operation, Refused

FINAL = ("CANCELLED", "FAILED")
MADE_BY = {"CONFIRMED": "confirm", "CANCELLED": "cancel"}
SlotShape = tuple[int, float, int]  # doctor, start in seconds of the epoch, minutes


class Evidence:
    """An index of operations and contents; `before` is what the database held before the first operation."""

    def __init__(self, operations: Sequence[Operation], contents: Contents, before: Contents) -> None:
        self.operations = sorted(operations, key=lambda operation: operation.number)
        self.before = before
        self.bookings: dict[int, Row] = {row["id"]: row for row in contents.bookings}
        self.slots: dict[int, Row] = {row["id"]: row for row in contents.slots}
        self.doctors: dict[int, Row] = {row["id"]: row for row in contents.doctors}
        self.clinic: Sequence[Row] = contents.clinic
        self.history: list[Row] = sorted(contents.history, key=lambda row: row["id"])
        self.steps: dict[int, list[Row]] = defaultdict(list)
        for row in self.history:
            self.steps[row["booking_id"]].append(row)
        self.by_reference: dict[str, Row] = {row["reference"]: row for row in contents.bookings}
        self.by_request: dict[str, list[Row]] = defaultdict(list)
        self.by_slot: dict[int, list[Row]] = defaultdict(list)
        self.by_patient: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in contents.bookings:
            self.by_request[row["request_id"]].append(row)
            self.by_slot[row["slot_id"]].append(row)
            self.by_patient[patient(row)].append(row)

    def of_kind(self, *kinds: str) -> list[Operation]:
        """Return the operations of some kinds, in order of start."""
        return [operation for operation in self.operations if operation.kind in kinds]

    def done(self, *kinds: str) -> Iterator[tuple[Operation, Any]]:
        """Yield the operations of some kinds that were acknowledged, each with what it showed."""
        for operation in self.of_kind(*kinds):
            if isinstance(operation.answer, Done):
                yield operation, operation.answer.result

    def refused(self, *kinds: str) -> Iterator[tuple[Operation, str]]:
        """Yield the operations of some kinds that were refused, each with the code of the refusal."""
        for operation in self.of_kind(*kinds):
            if isinstance(operation.answer, Refused):
                yield operation, operation.answer.code

    def rows_of(self, operation: Operation) -> list[Row]:
        """Return the rows of the history that are what a book, a confirm or a cancel asked for."""
        arguments = operation.arguments
        if operation.kind == "book":
            return [
                row
                for booking in self.by_request.get(arguments["request_id"], [])
                if booking["slot_id"] == arguments["slot_id"] and patient(booking) == patient(arguments)
                for row in self.steps.get(booking["id"], [])
                if row["from_status"] is None and row["request_id"] in (None, arguments["request_id"])
            ]
        booking = self.by_reference.get(arguments["reference"])
        if booking is None:
            return []
        return [
            row
            for row in self.steps.get(booking["id"], [])
            if row["from_status"] is not None
            and MADE_BY.get(row["to_status"]) == operation.kind
            and row["request_id"] == arguments["request_id"]
        ]

    @cached_property
    def _earliest(self) -> dict[int, float]:
        found: dict[int, float] = {}
        for operation in self.of_kind("book", "confirm", "cancel"):
            if not isinstance(operation.answer, Refused):
                for row in self.rows_of(operation):
                    found[row["id"]] = min(found.get(row["id"], math.inf), operation.started)
        # A lapsed hold is released by every expire and by everybody else who wants its slot, even who is then refused.
        first_expire = min((operation.started for operation in self.of_kind("expire")), default=math.inf)
        wanted: dict[int, list[tuple[float, str]]] = defaultdict(list)
        for operation in self.of_kind("book"):
            wanted[operation.arguments["slot_id"]].append((operation.started, operation.arguments["request_id"]))
        for row in self.history:
            if row["to_status"] == "FAILED" and (booking := self.bookings.get(row["booking_id"])):
                others = (start for start, request in wanted[booking["slot_id"]] if request != booking["request_id"])
                released = min(first_expire, min(others, default=math.inf))
                if released < math.inf:
                    found[row["id"]] = released
        found.update((row["id"], -math.inf) for row in self.before.history)
        return found

    @cached_property
    def _latest(self) -> dict[int, float]:
        found: dict[int, float] = {}
        for operation, _ in self.done("book", "confirm", "cancel"):
            for row in self.rows_of(operation):
                found[row["id"]] = min(found.get(row["id"], math.inf), operation.ended)
        for operation, shown in self.done("expire"):
            for booking in shown["bookings"]:
                for row in self.steps.get(booking["id"], []):
                    found[row["id"]] = min(found.get(row["id"], math.inf), operation.ended)
        return found

    def explained(self, row: Row) -> bool:
        """Tell whether a row of the history was there before, or an operation that was not refused may have written it."""
        return row["id"] in self._earliest

    def earliest(self, row: Row) -> float:
        """Return before which instant a row of the history was certainly not written."""
        return self._earliest.get(row["id"], -math.inf)

    def latest(self, row: Row) -> float:
        """Return at which instant a row of the history was certainly written and committed."""
        return self._latest.get(row["id"], math.inf)

    def may_be_active(self, booking: Row, operation: Operation) -> bool:
        """Tell whether a booking may have been active at some instant of an operation."""
        earliest, latest = self._active[booking["id"]]
        return earliest <= operation.ended and operation.started <= latest

    @cached_property
    def _active(self) -> dict[int, tuple[float, float]]:
        periods = dict.fromkeys(self.bookings, (-math.inf, math.inf))
        for number, steps in self.steps.items():
            released = (self.latest(row) for row in steps if row["to_status"] in FINAL)
            periods[number] = self.earliest(steps[0]), min(released, default=math.inf)
        return periods

    def acknowledged_slots(self) -> Iterator[tuple[Operation, Row]]:
        """Yield each slot that an operation said it had created."""
        for operation, shown in self.done("add_slot", "bulk"):
            for slot in [shown] if operation.kind == "add_slot" else shown["slots"]:
                yield operation, slot

    def may_be_deleted(self, slot_id: int, *, by: float = math.inf) -> bool:
        """Tell whether somebody who began up to the instant `by` may have deleted a slot."""
        return slot_id in self._first_deletion and self._first_deletion[slot_id] <= by

    @cached_property
    def _first_deletion(self) -> dict[int, float]:
        found: dict[int, float] = {}
        for operation in self.of_kind("delete_slot"):
            if not isinstance(operation.answer, Refused):
                slot_id = operation.arguments["slot_id"]
                found[slot_id] = min(found.get(slot_id, math.inf), operation.started)
        return found


def patient(row: Row) -> tuple[str, str]:
    """Return who a booking or a request is for: two that differ in case only are the same."""
    return row["patient_name"].casefold(), row["patient_email"].casefold()


def told(operation: Operation) -> str:
    """Name an operation in a sentence."""
    return f"operation {operation.number} ({operation.kind} by {operation.client}, {operation.answer})"


def slot_shapes(operation: Operation) -> list[SlotShape]:
    """Return the slots that an add_slot or a bulk asked for."""
    arguments = operation.arguments
    starts = arguments["starts"] if operation.kind == "bulk" else [arguments["starts_at"]]
    return [(arguments["doctor_id"], seconds(start), arguments["minutes"]) for start in starts]


def slot_shape(row: Row) -> SlotShape:
    """Return the doctor, the start and the length of a slot, from its row or from what a command showed."""
    starts_at, ends_at = seconds(row["starts_at"]), seconds(row["ends_at"])
    return row["doctor_id"], starts_at, round((ends_at - starts_at) / 60)


def overlap(one: SlotShape, other: SlotShape) -> bool:
    """Tell whether two slots are of one doctor and share time."""
    return one[0] == other[0] and one[1] < other[1] + other[2] * 60 and other[1] < one[1] + one[2] * 60


def seconds(instant: dt.datetime | str) -> float:
    """Return an instant, of the database or in JSON, in seconds of the epoch."""
    return (dt.datetime.fromisoformat(instant) if isinstance(instant, str) else instant).timestamp()
