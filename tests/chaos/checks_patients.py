"""Checks of patients: their bookings do not overlap, and they are registered once."""

import math
from collections.abc import Iterator

from tests.chaos.index import ACTIVE, Index, Row, Violation, grouped, patient_key


def overlaps(index: Index) -> Iterator[Violation]:
    """No patient has two active bookings at overlapping times, at any time, unless an overlap was requested.

    At the end, the patient is the one whom the database has. Earlier, two bookings were of one patient if they were requested
    for the same name and contact, before the first merge of patients with that name.
    """

    def conflict(one: Row, other: Row) -> bool:
        if not index.slots_overlap(one["slot_id"], other["slot_id"]):
            return False
        if one["status"] in ACTIVE and other["status"] in ACTIVE and one["patient_id"] == other["patient_id"]:
            return True
        keys = {patient_key(index.arguments(booking)) for booking in (one, other)}
        steps = index.steps.get(other["id"])
        return len(keys) == 1 and (index.latest(steps[0]) if steps else math.inf) <= index.first_merge(other)

    for bookings in index.by_person.values():
        judged = (booking for booking in bookings if not index.arguments(booking)["allow_overlap"])
        for one, other in index.active_together(judged, conflict):
            yield Violation("patient_overlap", f"{other['reference']} overlaps {one['reference']}, which was active.")


def registered_twice(index: Index) -> Iterator[Violation]:
    """No two patients have the same name and contact, in whatever spelling, in the database or in what was acknowledged."""
    at_the_end = grouped((patient_key(row), number) for number, row in index.patients.items())
    acknowledged = grouped(
        (patient_key(operation.arguments), shown["patient_id"] if operation.kind == "book" else shown["id"])
        for operation, shown in index.ok("book", "add_patient")
        if operation.ended <= index.first_merge(operation.arguments)
    )
    for key, ids in [*at_the_end.items(), *acknowledged.items()]:
        if len({*ids}) > 1:
            sentence = f"{key[0]}, {key[1]}, was registered as patients {', '.join(map(str, sorted({*ids})))}."
            yield Violation("registered_twice", sentence)


CHECKS = (overlaps, registered_twice)
