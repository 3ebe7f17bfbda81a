"""What the rows of the database must be among themselves, whoever wrote them."""

import math
from collections import Counter
from collections.abc import Iterator

from tests.chaos.evidence import FINAL, Evidence

ACTIVE = ("PENDING", "CONFIRMED")
PATHS = {
    ("PENDING",),
    ("CONFIRMED",),
    ("PENDING", "CONFIRMED"),
    ("PENDING", "CANCELLED"),
    ("PENDING", "FAILED"),
    ("CONFIRMED", "CANCELLED"),
    ("PENDING", "CONFIRMED", "CANCELLED"),
}
STAMP_OF = {"CONFIRMED": "confirmed_at", "CANCELLED": "cancelled_at", "FAILED": "failed_at"}


def double(evidence: Evidence) -> Iterator[str]:
    """No slot has two active bookings, at any time.

    When a booking was active is read from the numbers of its rows in the history, not from their `at`: that is the start
    of a transaction, and one that started first may well commit last. A number is drawn from the history's sequence, which
    never goes back. Let A release a slot and B get it. A's release draws its number before its transaction commits. B's row
    enters the unique index of active bookings only after that commit (or after that release in the same transaction, which
    is a statement of its own), and the history row is made from the row that entered, so B's number is drawn later still.
    So where the promise is kept, A's last number is below B's first. Where they are the other way round, B was made before
    A was released, and both were active together. What this cannot see is a B that was committed in the instant between
    A's drawing of its last number and A's commit.
    """
    for slot_id, bookings in evidence.by_slot.items():
        active = [booking["reference"] for booking in bookings if booking["status"] in ACTIVE]
        if len(active) > 1:
            yield f"Slot {slot_id} has {len(active)} active bookings: {', '.join(active)}."
        periods: list[tuple[int, float, str]] = []
        for booking in bookings:
            if steps := evidence.steps.get(booking["id"]):
                released = min((row["id"] for row in steps if row["to_status"] in FINAL), default=math.inf)
                periods.append((steps[0]["id"], released, booking["reference"]))
        last_released, last = -math.inf, ""
        for made, released, reference in sorted(periods):
            if made < last_released:
                yield f"Slot {slot_id} was given to {reference} while {last} had it."
            if released > last_released:
                last_released, last = released, reference


def history(evidence: Evidence) -> Iterator[str]:
    """Each booking came to its state step by legal step, a version for each, and each stamp is its step's instant.

    Booking and step are written in one transaction, so that both have its now(). The instants of two steps may be in
    either order, though: a transaction that starts first may read last.
    """
    for booking in evidence.bookings.values():
        steps = evidence.steps.get(booking["id"], [])
        path = tuple(row["to_status"] for row in steps)
        name = f"Booking {booking['reference']}"
        if path not in PATHS or [row["from_status"] for row in steps] != [None, *path[:-1]]:
            yield f"{name} has an impossible history: {' '.join(path) or 'nothing'}."
        elif path[-1] != booking["status"]:
            yield f"{name} is {booking['status']}, and its history ends with {path[-1]}."
        if booking["version"] != len(steps):
            yield f"{name} is at version {booking['version']}, and its history has {len(steps)} steps."
        due = {"booked_at": steps[0]["at"] if steps else None, **dict.fromkeys(STAMP_OF.values())}
        due |= {STAMP_OF[row["to_status"]]: row["at"] for row in steps if row["to_status"] in STAMP_OF}
        for stamp, at in due.items():
            if booking[stamp] != at:
                yield f"{name} has {stamp} {booking[stamp]}, and its history says {at}."


def deadline(evidence: Evidence) -> Iterator[str]:
    """A hold fails only once it has lapsed, and is confirmed or cancelled only before; one clock, the database's, decides."""
    for booking in evidence.bookings.values():
        for row in evidence.steps.get(booking["id"], []):
            if row["from_status"] != "PENDING" or booking["hold_expires_at"] is None:
                continue
            if (row["at"] >= booking["hold_expires_at"]) != (row["to_status"] == "FAILED"):
                yield (
                    f"Booking {booking['reference']}, held until {booking['hold_expires_at']}, "
                    f"became {row['to_status']} at {row['at']}."
                )


def twice(evidence: Evidence) -> Iterator[str]:
    """A request happened once or not at all, however often it was tried and however that ended."""
    for request_id, bookings in evidence.by_request.items():
        if len(bookings) > 1:
            yield f"Request {request_id} made {len(bookings)} bookings."
    changes = Counter((row["booking_id"], row["request_id"]) for row in evidence.history)
    for (booking_id, change), count in changes.items():
        if change is not None and count > 1:
            yield f"Request {change} changed booking {booking_id} {count} times."


def orphan(evidence: Evidence) -> Iterator[str]:
    """Each booking has its slot, and each step of the history its booking."""
    for booking in evidence.bookings.values():
        if booking["slot_id"] not in evidence.slots:
            yield f"Booking {booking['reference']} is for slot {booking['slot_id']}, which is not there."
    for row in evidence.history:
        if row["booking_id"] not in evidence.bookings:
            yield f"History row {row['id']} is about booking {row['booking_id']}, which is not there."
