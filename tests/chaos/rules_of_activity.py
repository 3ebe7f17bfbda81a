"""Who takes no appointments gets none: bookings and slots against the times in which a doctor certainly was active or not."""

import math
from collections.abc import Iterator

from tests.chaos.careers import Career, careers
from tests.chaos.evidence import Evidence, told


def booked_inactive(evidence: Evidence) -> Iterator[str]:
    """No booking was made while its doctor certainly was not active.

    Its first step was written between the start of the first operation that may have asked for it, and the end of the first
    one that was told of it. What was there before the first operation is not judged.
    """
    known = careers(evidence)
    for booking in evidence.bookings.values():
        career, steps = _of_slot(evidence, known, booking["slot_id"]), evidence.steps.get(booking["id"], [])
        period = career and steps and career.period(evidence.earliest(steps[0]), evidence.latest(steps[0]))
        if career and period and not period.active and evidence.earliest(steps[0]) > -math.inf:
            yield f"Booking {booking['reference']} was made while doctor {career.doctor_id} was not active."


def slot_of_inactive(evidence: Evidence) -> Iterator[str]:
    """No slot was made while its doctor certainly was not active; a slot is made by the operation that was told so."""
    known = careers(evidence)
    for operation, slot in evidence.acknowledged_slots():
        career = known.get(slot["doctor_id"])
        period = career and career.period(operation.started, operation.ended)
        if period and not period.active:
            yield f"Slot {slot['id']} was made while the doctor was not active: {told(operation)}."


def refused_active(evidence: Evidence) -> Iterator[str]:
    """Nobody is told that a doctor is not active who certainly was."""
    known = careers(evidence)
    for operation, code in evidence.refused("book", "add_slot", "bulk"):
        if code != "doctor_inactive":
            continue
        if operation.kind == "book":
            career = _of_slot(evidence, known, operation.arguments["slot_id"])
        else:
            career = known.get(operation.arguments["doctor_id"])
        period = career and career.period(operation.started, operation.ended)
        if period and period.active:
            yield f"The doctor was active: {told(operation)}."


def _of_slot(evidence: Evidence, known: dict[int, Career], slot_id: int) -> Career | None:
    slot = evidence.slots.get(slot_id)
    return known.get(slot["doctor_id"]) if slot else None
