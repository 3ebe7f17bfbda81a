"""Checks of slots: those in the database and those acknowledged, and that no slot of an inactive doctor was booked."""

import itertools
import math
from collections.abc import Iterator

from tests.chaos.history import Rejected
from tests.chaos.index import Index, Violation, grouped, shape, shapes_of


def lost(index: Index) -> Iterator[Violation]:
    """Each slot that was there before or was acknowledged is in the database; a run deletes none."""
    known = [row["id"] for row in index.before.slots] + [slot["id"] for _, slot in index.acknowledged_slots()]
    yield from (Violation("lost", f"Slot {slot_id} is missing.") for slot_id in known if slot_id not in index.slots)


def mismatches(index: Index) -> Iterator[Violation]:
    """An acknowledged slot is what was requested, and what is in the database."""
    for operation, slot in index.acknowledged_slots():
        row = index.slots.get(slot["id"], slot)
        if shape(slot) not in shapes_of(operation) or shape(row) != shape(slot):
            yield Violation("mismatch", f"Slot {slot['id']} differs from {operation}.")


def unexplained(index: Index) -> Iterator[Violation]:
    """Each slot was requested by an operation that was not rejected, or was there before."""
    requested = grouped((one, operation) for operation in index.of("add_slots") for one in shapes_of(operation))
    before = {row["id"] for row in index.before.slots}
    for row in index.slots.values():
        operations = requested.get(shape(row), [])
        if row["id"] not in before and all(isinstance(operation.outcome, Rejected) for operation in operations):
            reason = f"by {operations[0]}" if operations else "without a request"
            kind = "rejected_but_done" if operations else "unrequested"
            yield Violation(kind, f"Slot {row['id']} was created {reason}.")


def overlaps(index: Index) -> Iterator[Violation]:
    """Slots of a doctor never overlap."""
    for slots in grouped((row["doctor_id"], row) for row in index.slots.values()).values():
        for one, other in itertools.pairwise(sorted(slots, key=lambda row: row["starts_at"])):
            if other["starts_at"] < one["ends_at"]:
                yield Violation("slot_overlap", f"Slots {one['id']} and {other['id']} of one doctor overlap.")


def inactive_doctors(index: Index) -> Iterator[Violation]:
    """No booking was made while its doctor was certainly inactive.

    Each change raises a doctor's version, and its answer shows it: a doctor was certainly inactive from the acknowledgement of
    one version to the request of the next one, or to the end, unless there is a version between them.
    """
    versions = [(row["id"], (row["version"], 0.0, 0.0, row["active"])) for row in index.before.doctors]
    for operation, shown in index.ok("update_doctor"):
        versions.append((shown["id"], (shown["version"], operation.started, operation.ended, shown["active"])))
    known = {doctor_id: sorted(found) for doctor_id, found in grouped(versions).items()}
    for doctor_id, row in index.doctors.items():
        known.setdefault(doctor_id, []).append((row["version"] + 1, math.inf, math.inf, True))
    for booking in index.bookings.values():
        slot, steps = index.slots.get(booking["slot_id"]), index.steps.get(booking["id"])
        pairs = itertools.pairwise(known.get(slot["doctor_id"], []) if slot and steps else [])
        for (number, _, ended, active), (following, started, _, _) in pairs:
            certain = (
                following == number + 1 and ended <= index.earliest(steps[0]) and index.latest(steps[0]) <= started
            )
            if certain and not active:
                yield Violation("inactive_doctor", f"{booking['reference']} was made while the doctor was inactive.")


CHECKS = (lost, mismatches, unexplained, overlaps, inactive_doctors)
