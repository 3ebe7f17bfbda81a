"""Checks of bookings and patients: the rows among themselves, and what was acknowledged or rejected."""

import math
from collections import Counter
from collections.abc import Iterator

from tests.chaos.index import ACTIVE, STATUS_AFTER, Index, Row, Violation, grouped, patient_key

LATER = {
    "PENDING": ("PENDING", "CONFIRMED", "CANCELLED", "FAILED"),
    "CONFIRMED": ("CONFIRMED", "CANCELLED"),
    "CANCELLED": ("CANCELLED",),
}


def double_bookings(index: Index) -> Iterator[Violation]:
    """No slot has two active bookings at any time."""
    for slot_id, bookings in index.by_slot.items():
        for one, other in index.active_together(bookings):
            yield Violation(
                "double_booking", f"{other['reference']} has slot {slot_id} like {one['reference']}, which was active."
            )


def deadlines(index: Index) -> Iterator[Violation]:
    """A hold fails only after it lapsed, and is confirmed or cancelled only before, by the database's clock."""
    for row in index.history:
        deadline = index.bookings.get(row["booking_id"], {}).get("hold_expires_at")
        if row["from_status"] != "PENDING" or deadline is None:
            continue
        if (row["at"] >= deadline) != (row["to_status"] == "FAILED"):
            sentence = f"Booking {row['booking_id']}, held until {deadline}, became {row['to_status']} at {row['at']}."
            yield Violation("deadline", sentence)


def repeated_requests(index: Index) -> Iterator[Violation]:
    """A request made one booking or none, however often it was sent."""
    for request_id, bookings in index.by_request.items():
        if len(bookings) > 1:
            yield Violation("request_twice", f"Request {request_id} made {len(bookings)} bookings.")


def lost(index: Index) -> Iterator[Violation]:
    """Each acknowledged booking, confirmation, cancellation and merge is in the database, and was not reverted."""
    for operation, shown in index.ok("book", "confirm", "cancel"):
        booking = index.bookings.get(shown["id"])
        if booking is None or (operation.kind != "book" and not index.rows_of(operation)):
            yield Violation("lost", f"Booking {shown['reference']} does not have {operation}.")
        elif booking["status"] not in LATER.get(shown["status"], ()):
            yield Violation("reverted", f"Booking {booking['reference']} is {booking['status']}: {operation}.")
    for operation, _ in index.ok("merge_patients"):
        if operation.arguments["patient_id"] in index.patients:
            yield Violation("lost", f"The merged patient is still registered: {operation}.")


def mismatches(index: Index) -> Iterator[Violation]:
    """What was acknowledged is what was requested, and what is in the database."""
    for operation, shown in index.ok("book", "confirm", "cancel"):
        booking, requested = index.bookings.get(shown["id"]), operation.arguments
        if booking is None:
            continue
        expected = {field: booking[field] for field in ("reference", "slot_id")}
        if operation.kind == "book":
            expected["status"] = "CONFIRMED" if requested["confirm"] else "PENDING"
            first = [row["to_status"] for row in index.steps.get(shown["id"], [])[:1]]
            matches = index.same_patient(booking, requested) and first in ([], [expected["status"]])
            matches = matches and all(booking[field] == requested[field] for field in ("request_id", "slot_id"))
        else:
            expected["status"] = STATUS_AFTER[operation.kind]
            matches = booking["reference"] == requested["reference"]
        numbers = [shown["patient_id"], booking["patient_id"], requested.get("patient_id") or shown["patient_id"]]
        matches = matches and len({index.merged_into.get(number, number) for number in numbers}) == 1
        matches = matches and booking["patient_id"] in index.patients and index.same_patient(booking, shown)
        if not matches or any(shown[field] != value for field, value in expected.items()):
            yield Violation("mismatch", f"{booking['reference']} differs from {operation}: {booking}.")


def unexplained(index: Index) -> Iterator[Violation]:
    """Each row of booking_history was requested by an operation that was not rejected."""
    rejected = {
        row["id"]: operation
        for operation, _ in index.rejected("book", "confirm", "cancel")
        for row in index.rows_of(operation)
    }
    for row in index.history:
        if row["id"] not in index.requested:
            kind = "rejected_but_done" if row["id"] in rejected else "unrequested"
            change = f"booking {row['booking_id']} became {row['to_status']} (history row {row['id']})"
            yield Violation(kind, f"Without a request that can explain it {change}: {rejected.get(row['id'])}.")


def expired(index: Index) -> Iterator[Violation]:
    """Each hold that an expire reported has failed, and no other expire reported it."""
    reported = Counter(booking["id"] for _, result in index.ok("expire") for booking in result["bookings"])
    for booking_id, count in reported.items():
        if count > 1 or all(row["to_status"] != "FAILED" for row in index.steps.get(booking_id, [])):
            yield Violation("wrong_expire", f"Booking {booking_id} was reported as released {count} times.")


def patient_overlaps(index: Index) -> Iterator[Violation]:
    """No patient has two active bookings at overlapping times, at any time, unless an overlap was requested."""

    # At the end by the numbers in the database, and before the first merge by the patients for whom they were requested.
    def conflict(one: Row, other: Row) -> bool:
        at_the_end = {one["status"], other["status"]} <= {*ACTIVE} and one["patient_id"] == other["patient_id"]
        made = max(map(index.latest, index.steps.get(other["id"], [])[:1]), default=math.inf)
        keys = {patient_key(index.arguments(booking)) for booking in (one, other)}
        of_one_patient = at_the_end or (len(keys) == 1 and made <= index.first_merge(other))
        return of_one_patient and index.slots_overlap(one["slot_id"], other["slot_id"])

    for bookings in index.by_person.values():
        for one, other in index.active_together(bookings, conflict):
            yield Violation("patient_overlap", f"{other['reference']} overlaps {one['reference']}, which was active.")


def registered_twice(index: Index) -> Iterator[Violation]:
    """No two patients have the same name and contact, in whatever spelling, in the database or in what was acknowledged."""
    at_the_end = grouped((patient_key(row), number) for number, row in index.patients.items())
    acknowledged = grouped(
        (patient_key(operation.arguments), shown["patient_id"])
        for operation, shown in index.ok("book")
        if operation.ended <= index.first_merge(operation.arguments)
    )
    for key, ids in [*at_the_end.items(), *acknowledged.items()]:
        if len({*ids}) > 1:
            sentence = f"{key[0]}, {key[1]}, was registered as patients {', '.join(map(str, sorted({*ids})))}."
            yield Violation("registered_twice", sentence)


CHECKS = (double_bookings, deadlines, repeated_requests, lost, mismatches, unexplained, expired)
CHECKS += (patient_overlaps, registered_twice)
