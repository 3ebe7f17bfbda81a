"""Checks of order: what must hold because one operation had ended before another one started.

An acknowledged change is committed, and visible to every operation that starts later. Of operations that ran at the same time
either can have been first.
"""

import math
from collections.abc import Iterator

from booking_cli.domain.models import NOT_MADE
from tests.chaos.history import Operation, person
from tests.chaos.index import Index, Row, Violation, grouped

# The states in which a confirm or a cancel is rejected with a code; None before the booking was made, and LAPSED for a hold
# that has lapsed while its row is still PENDING.
LAPSED = "LAPSED"
REJECTED_IN: dict[tuple[str, str], set[str | None]] = {
    ("confirm", "wrong_state"): {"CONFIRMED", "CANCELLED"},
    ("confirm", "hold_lapsed"): {LAPSED, "FAILED"},
    ("confirm", "not_found"): {None},
    ("cancel", "wrong_state"): {LAPSED, "CANCELLED", "FAILED"},
    ("cancel", "not_found"): {None},
}
# A replay returns the first result, and can only be rejected with these.
UNDECIDED = {"busy", "database_unavailable", NOT_MADE}


def real_time_order(index: Index) -> Iterator[Violation]:
    """No change has a lower number in booking_history than one that was acknowledged before the first was requested.

    Numbers are drawn from one sequence, after the request of a change and before its acknowledgement.
    """
    soonest, acknowledged = math.inf, None
    for row in reversed(index.history):
        if index.latest(row) < soonest:
            soonest, acknowledged = index.latest(row), row
        if acknowledged is not None and index.earliest(row) > soonest:
            sentence = f"History row {row['id']} was requested after row {acknowledged['id']} had been acknowledged."
            yield Violation("real_time_order", sentence)


def unjustified_rejections(index: Index) -> Iterator[Violation]:
    """Each rejection has a cause that can have existed during the operation."""
    for operation, code in index.rejected("confirm", "cancel"):
        booking = index.by_reference.get(operation.arguments["reference"])
        states = REJECTED_IN.get((operation.kind, code))
        if booking and states and not states & _possible_states(index, booking, operation):
            yield Violation(
                "unjustified_rejection", f"Booking {booking['reference']} was in no such state: {operation}."
            )
    made = {row["id"]: -math.inf for row in index.before.slots}
    made |= {slot["id"]: operation.ended for operation, slot in index.acknowledged_slots()}
    for operation, code in index.rejected("book", "merge_patients"):
        slot_id = operation.arguments.get("slot_id")
        existed = slot_id is None or made.get(slot_id, math.inf) < operation.started
        if code in ("not_found", "invalid_input") and existed and not _can_be_merged(index, operation):
            yield Violation("unjustified_rejection", f"{operation.arguments} existed: {operation}.")
        # The cause can be an earlier row of a file that was rolled back.
        judged = code in ("slot_taken", "patient_overlap") and not operation.arguments.get("atomic")
        if judged and not _has_cause(index, operation, code):
            yield Violation("unjustified_rejection", f"No booking can have been the cause: {operation}.")


def rejected_replays(index: Index) -> Iterator[Violation]:
    """A request that is sent again after it was acknowledged gets its first result."""
    kinds = ("book", "confirm", "cancel")
    acknowledged = grouped((operation.arguments["request_id"], operation.ended) for operation, _ in index.ok(*kinds))
    for operation, code in index.rejected(*kinds):
        ended = min(acknowledged.get(operation.arguments["request_id"], [math.inf]))
        if code not in UNDECIDED and ended < operation.started:
            yield Violation("rejected_replay", f"It was acknowledged before: {operation}.")


def _has_cause(index: Index, operation: Operation, code: str) -> bool:
    """Return whether another booking of the slot, or overlapping ones of the patient or of two to be merged, can be active."""
    arguments, own = operation.arguments, operation.arguments.get("request_id")
    of_person = index.by_person.get(person(arguments["patient_name"]), [])
    others = index.by_slot.get(arguments["slot_id"], []) if code == "slot_taken" else of_person
    active = [row for row in others if row["request_id"] != own and index.can_be_active(row, operation)]
    if code == "slot_taken":
        return bool(active)
    if operation.kind == "merge_patients":
        slots = [row["slot_id"] for row in active]
        return any(index.slots_overlap(one, other) for one in slots for other in slots if one != other)
    overlapping = (row for row in active if index.slots_overlap(row["slot_id"], arguments["slot_id"]))
    return not arguments["allow_overlap"] and any(index.same_patient(row, arguments) for row in overlapping)


def _can_be_merged(index: Index, operation: Operation) -> bool:
    """Return whether a patient whose number an operation has can have been removed by a merge until its end."""
    numbers = {operation.arguments.get("patient_id"), operation.arguments.get("into_id")} - {None}
    return bool(numbers - index.patients.keys()) and index.first_merge(operation.arguments) <= operation.ended


def _possible_states(index: Index, booking: Row, operation: Operation) -> set[str | None]:
    """Return the states in which an operation can have found a booking."""
    steps = index.steps.get(booking["id"], [])
    seen = [number for number, row in enumerate(steps) if index.latest(row) < operation.started]
    later = [number for number, row in enumerate(steps) if index.earliest(row) > operation.ended]
    first, end = max(seen, default=-1), min(later, default=len(steps))
    states: set[str | None] = {row["to_status"] for row in steps[max(first, 0) : end]}
    if first == -1:
        states.add(None)
    # A hold that was confirmed or cancelled afterwards had not lapsed.
    if "PENDING" in states and not (end == 1 and len(steps) > 1 and steps[1]["to_status"] != "FAILED"):
        states.add(LAPSED)
    return states


CHECKS = (real_time_order, unjustified_rejections, rejected_replays)
