"""Checks of slots: those in the database and those acknowledged, and that no slot of an inactive doctor was booked."""

import itertools
import math
from collections.abc import Iterator

from tests.chaos.history import Rejected
from tests.chaos.index import Index, Violation, grouped, shape, shapes_of, shapes_overlap


def lost(index: Index) -> Iterator[Violation]:
    """Each acknowledged slot is in the database unless it can have been deleted; one that was deleted is not."""
    known = [row["id"] for row in index.before.slots] + [slot["id"] for _, slot in index.acknowledged_slots()]
    for slot_id in known:
        if slot_id not in index.slots and not index.can_be_deleted(slot_id):
            yield Violation("lost", f"Slot {slot_id} is missing, and was not deleted.")
    for operation, _ in index.ok("delete_slot"):
        if operation.arguments["slot_id"] in index.slots:
            yield Violation("lost", f"There is a slot {operation.arguments['slot_id']}: {operation}.")


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
    """Slots of a doctor never overlap: not at the end, and not before, unless one can have been deleted before the other came."""
    made = {slot_id: (shape(row), slot_id, math.inf) for slot_id, row in index.slots.items()}
    made |= {slot["id"]: (shape(slot), slot["id"], operation.ended) for operation, slot in index.acknowledged_slots()}
    made |= {row["id"]: (shape(row), row["id"], -math.inf) for row in index.before.slots}
    in_order = sorted(made.values())
    for position, (one_shape, one, one_made) in enumerate(in_order):
        for other_shape, other, other_made in itertools.islice(in_order, position + 1, None):
            if not shapes_overlap(one_shape, other_shape):
                break
            if not index.can_be_deleted(one, by=other_made) and not index.can_be_deleted(other, by=one_made):
                yield Violation("slot_overlap", f"Slots {one} and {other} of one doctor overlap.")


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
