"""What must hold because one operation had ended before another began.

Who was answered has a database that committed; whoever begins later sees that. Of operations that overlapped, either may
have been first, and nothing is concluded.
"""

import math
from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.contents import Row
from tests.chaos.evidence import Evidence, patient, told
from tests.chaos.history import Operation

# The states in which a confirm or a cancel may say so; None where the booking was not there yet, LAPSED for a hold that has
# run out while its row is PENDING still.
LAPSED = "LAPSED"
SEEN: dict[tuple[str, str], set[str | None]] = {
    ("confirm", "wrong_state"): {"CONFIRMED", "CANCELLED"},
    ("confirm", "hold_lapsed"): {LAPSED, "FAILED"},
    ("confirm", "not_found"): {None},
    ("cancel", "wrong_state"): {LAPSED, "CANCELLED", "FAILED"},
    ("cancel", "not_found"): {None},
}
# Refusals by a rule: who repeats a request that was done gets its answer, and none of these.
BY_A_RULE = {
    "not_found",
    "slot_taken",
    "slot_in_past",
    "doctor_inactive",
    "patient_overlap",
    "request_id_reused",
    "wrong_state",
    "hold_lapsed",
}


def order(evidence: Evidence) -> Iterator[str]:
    """No change of the history comes before one of a lower number that was asked for only after it had been acknowledged.

    Numbers are drawn from one sequence, which never goes back. A number is drawn after the operation began that asked for
    it, and before the first operation ended that was told of it. So for two numbers the lower one's request began before the
    higher one's was acknowledged. Whatever contradicts that has happened in an order that nobody can have seen: a cancelled
    booking confirmed, or a slot booked that was taken and is released only later.
    """
    soonest, told_of = math.inf, None
    for row in reversed(evidence.history):
        if evidence.latest(row) < soonest:
            soonest, told_of = evidence.latest(row), row
        if told_of is not None and evidence.earliest(row) > soonest:
            yield (
                f"Booking {row['booking_id']} became {row['to_status']} (history row {row['id']}) before booking "
                f"{told_of['booking_id']} became {told_of['to_status']} (row {told_of['id']}), "
                "which was acknowledged before the first was asked for."
            )


def stale(evidence: Evidence) -> Iterator[str]:
    """A refusal never contradicts what was acknowledged before it was asked for."""
    for operation, code in evidence.refused("confirm", "cancel"):
        booking = evidence.by_reference.get(operation.arguments["reference"])
        needed = SEEN.get((operation.kind, code))
        if booking is not None and needed is not None and not needed & _states_seen(evidence, booking, operation):
            yield f"Booking {booking['reference']} was in no state for {told(operation)}."
    for operation, code in evidence.refused("book"):
        if code == "slot_taken" and not any(
            booking["request_id"] != operation.arguments["request_id"] and evidence.may_be_active(booking, operation)
            for booking in evidence.by_slot.get(operation.arguments["slot_id"], [])
        ):
            yield f"Nobody can have had the slot: {told(operation)}."
        if code == "patient_overlap" and not any(
            booking["slot_id"] != operation.arguments["slot_id"] and evidence.may_be_active(booking, operation)
            for booking in evidence.by_patient.get(patient(operation.arguments), [])
        ):
            yield f"The patient can have had no other booking: {told(operation)}."
    made = {row["id"]: -math.inf for row in evidence.before.slots}
    made |= {slot["id"]: operation.ended for operation, slot in evidence.acknowledged_slots()}
    for operation, code in evidence.refused("book", "delete_slot"):
        slot_id = operation.arguments["slot_id"]
        if (
            code == "not_found"
            and made.get(slot_id, math.inf) < operation.started
            and not evidence.may_be_deleted(slot_id, by=operation.ended)
        ):
            yield f"Slot {slot_id} was there: {told(operation)}."


def repeat(evidence: Evidence) -> Iterator[str]:
    """A request that is repeated after it was acknowledged gets its answer again, and no refusal by a rule."""
    acknowledged: dict[tuple[object, ...], float] = defaultdict(lambda: math.inf)
    kinds = ("book", "confirm", "cancel")
    for operation, _ in evidence.done(*kinds):
        acknowledged[_request(operation)] = min(acknowledged[_request(operation)], operation.ended)
    for operation, code in evidence.refused(*kinds):
        if code in BY_A_RULE and acknowledged[_request(operation)] < operation.started:
            yield f"It was done before: {told(operation)}."


def _request(operation: Operation) -> tuple[object, ...]:
    arguments = operation.arguments
    what = (arguments["slot_id"], patient(arguments)) if operation.kind == "book" else (arguments["reference"],)
    return operation.kind, arguments["request_id"], *what


def _states_seen(evidence: Evidence, booking: Row, operation: Operation) -> set[str | None]:
    """Return the states in which an operation may have found a booking."""
    steps = evidence.steps.get(booking["id"], [])
    known = [number for number, row in enumerate(steps) if evidence.latest(row) < operation.started]
    to_come = [number for number, row in enumerate(steps) if evidence.earliest(row) > operation.ended]
    first, end = max(known, default=-1), min(to_come, default=len(steps))
    seen: set[str | None] = {row["to_status"] for row in steps[max(first, 0) : end]}
    if first == -1:
        seen.add(None)
    # A hold that was confirmed or cancelled afterwards had not lapsed yet.
    if "PENDING" in seen and not (end == 1 and len(steps) > 1 and steps[1]["to_status"] != "FAILED"):
        seen.add(LAPSED)
    return seen
