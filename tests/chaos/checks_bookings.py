"""Checks of bookings: the rows among themselves, and what was acknowledged or rejected."""

import math
from collections import Counter
from collections.abc import Iterator

from tests.chaos.index import STATUS_AFTER, Index, Violation

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


def requests_done_twice(index: Index) -> Iterator[Violation]:
    """A request made one booking or none, however often it was sent."""
    for request_id, bookings in index.by_request.items():
        if len(bookings) > 1:
            yield Violation("request_twice", f"Request {request_id} made {len(bookings)} bookings.")


def orphans(index: Index) -> Iterator[Violation]:
    """Each booking has its slot and its patient."""
    for booking in index.bookings.values():
        if booking["slot_id"] not in index.slots or booking["patient_id"] not in index.patients:
            yield Violation("orphan", f"The slot or the patient of {booking['reference']} does not exist.")


def lost(index: Index) -> Iterator[Violation]:
    """Each acknowledged booking, confirmation and cancellation is in the database, and was not reverted."""
    for operation, shown in index.ok("book", "confirm", "cancel"):
        booking = index.bookings.get(shown["id"])
        if booking is None or (operation.kind != "book" and not index.rows_of(operation)):
            yield Violation("lost", f"Booking {shown['reference']} does not have {operation}.")
        elif booking["status"] not in LATER.get(shown["status"], ()):
            yield Violation("reverted", f"Booking {booking['reference']} is {booking['status']}: {operation}.")


def mismatches(index: Index) -> Iterator[Violation]:
    """What was acknowledged is what was requested, and what is in the database."""
    for operation, shown in index.ok("book", "confirm", "cancel"):
        booking, requested = index.bookings.get(shown["id"]), operation.arguments
        if booking is None:
            continue
        expected = {"reference": booking["reference"], "slot_id": booking["slot_id"]}
        if index.first_merge(shown) == math.inf:
            expected["patient_id"] = booking["patient_id"]
        if operation.kind == "book":
            expected["status"] = "CONFIRMED" if requested["confirm"] else "PENDING"
            first = [row["to_status"] for row in index.steps.get(shown["id"], [])[:1]]
            matches = index.same_patient(booking, requested) and first in ([], [expected["status"]])
            matches = matches and all(booking[field] == requested[field] for field in ("request_id", "slot_id"))
        else:
            expected["status"] = STATUS_AFTER[operation.kind]
            matches = booking["reference"] == requested["reference"]
        matches = matches and index.same_patient(booking, shown)
        if not matches or any(shown[field] != value for field, value in expected.items()):
            yield Violation("mismatch", f"{booking['reference']} differs from {operation}: {booking}.")


def unexplained(index: Index) -> Iterator[Violation]:
    """Each row of booking_history was requested by an operation that was not rejected, or was there before."""
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


CHECKS = (double_bookings, deadlines, requests_done_twice, orphans, lost, mismatches, unexplained, expired)
