"""What clients were told about bookings, against the rows: each promise is there, each refusal is not, and nothing else is."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.evidence import MADE_BY, Evidence, patient, told

LATER = {
    "PENDING": ("PENDING", "CONFIRMED", "CANCELLED", "FAILED"),
    "CONFIRMED": ("CONFIRMED", "CANCELLED"),
    "CANCELLED": ("CANCELLED",),
    "FAILED": ("FAILED",),
}


def lost(evidence: Evidence) -> Iterator[str]:
    """Each booking, confirm and cancel that was acknowledged is there."""
    for operation, shown in evidence.done("book", "confirm", "cancel"):
        if shown["id"] not in evidence.bookings:
            yield f"Booking {shown['reference']} is not there: {told(operation)}."
        elif operation.kind != "book" and not evidence.rows_of(operation):
            yield f"Booking {shown['reference']} knows nothing of {told(operation)}."


def differs(evidence: Evidence) -> Iterator[str]:
    """What was acknowledged is what was asked for, and what is there: number, reference, slot, patient, request and state."""
    confirm_or_not = defaultdict(set)
    for operation in evidence.of_kind("book"):
        confirm_or_not[operation.arguments["request_id"]].add(
            "CONFIRMED" if operation.arguments["confirm"] else "PENDING"
        )
    for operation, shown in evidence.done("book", "confirm", "cancel"):
        booking, arguments = evidence.bookings.get(shown["id"]), operation.arguments
        if booking is None:
            continue
        fields = ["reference", "slot_id", "patient_name", "patient_email"]
        wrong = [field for field in fields if shown[field] != booking[field]]
        if operation.kind == "book":
            steps = evidence.steps.get(shown["id"])
            if arguments["request_id"] != booking["request_id"]:
                wrong.append("request_id")
            if arguments["slot_id"] != shown["slot_id"] or patient(arguments) != patient(shown):
                wrong.append("arguments")
            if shown["status"] not in confirm_or_not[arguments["request_id"]]:
                wrong.append("status")
            if steps and steps[0]["to_status"] != shown["status"]:
                wrong.append("first status")
        else:
            if arguments["reference"] != shown["reference"]:
                wrong.append("arguments")
            if MADE_BY.get(shown["status"]) != operation.kind:
                wrong.append("status")
        if wrong:
            yield f"Booking {booking['reference']} is not what was acknowledged ({', '.join(wrong)}): {told(operation)}."


def undone(evidence: Evidence) -> Iterator[str]:
    """A booking is in the state that was acknowledged, or in one that it can have come to since."""
    for operation, shown in evidence.done("book", "confirm", "cancel"):
        booking = evidence.bookings.get(shown["id"])
        if booking is not None and booking["status"] not in LATER.get(shown["status"], ()):
            yield f"Booking {booking['reference']} is {booking['status']} again: {told(operation)}."


def refused(evidence: Evidence) -> Iterator[str]:
    """What was refused is not there, unless another try of the same request was not refused."""
    for operation, _ in evidence.refused("book", "confirm", "cancel"):
        for row in evidence.rows_of(operation):
            if not evidence.explained(row):
                yield f"Booking {row['booking_id']} became {row['to_status']} by what was refused: {told(operation)}."


def nowhere(evidence: Evidence) -> Iterator[str]:
    """Each booking and each step of its history is what some operation asked for; what was refused has a rule of its own."""
    known: set[int] = set()
    for operation, _ in evidence.refused("book", "confirm", "cancel"):
        known.update(row["id"] for row in evidence.rows_of(operation))
    for row in evidence.history:
        if not evidence.explained(row) and row["id"] not in known:
            yield f"Nobody asked for history row {row['id']}: booking {row['booking_id']} became {row['to_status']}."
    requests = {operation.arguments["request_id"] for operation in evidence.of_kind("book")}
    requests.update(row["request_id"] for row in evidence.before.bookings)
    for booking in evidence.bookings.values():
        if booking["request_id"] not in requests:
            yield f"Nobody asked for booking {booking['reference']}."


def claimed(evidence: Evidence) -> Iterator[str]:
    """A booking is confirmed once and cancelled once, so that two requests are never told that each of them did it."""
    requests = defaultdict(set)
    for operation, shown in evidence.done("confirm", "cancel"):
        requests[operation.kind, shown["id"]].add(operation.arguments["request_id"])
    for (kind, booking_id), claims in requests.items():
        if len(claims) > 1:
            yield f"Requests {', '.join(sorted(claims))} were all told that their {kind} of booking {booking_id} was done."


def expired(evidence: Evidence) -> Iterator[str]:
    """What an expire says that it released has failed, and no other expire says the same."""
    released: Counter[int] = Counter()
    for operation, shown in evidence.done("expire"):
        if shown["expired"] != len(shown["bookings"]):
            yield f"{len(shown['bookings'])} bookings are not {shown['expired']}: {told(operation)}."
        for booking in shown["bookings"]:
            released[booking["id"]] += 1
            if all(row["to_status"] != "FAILED" for row in evidence.steps.get(booking["id"], [])):
                yield f"Booking {booking['reference']} has not failed: {told(operation)}."
    for booking_id, count in released.items():
        if count > 1:
            yield f"Booking {booking_id} was reported as released {count} times."
