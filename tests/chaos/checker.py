"""Holds what clients were promised against what the database holds, and names each promise that was broken.

The rules conclude only what is certain, so that a violation is never a false alarm: where two operations overlapped, either
may have been first; an operation of unknown outcome may have happened or not, and at any later time. They rely on a database
that keeps what it has committed, on numbers that its sequences give out in order, and on clients that share one clock.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.chaos import (
    rules_of_activity,
    rules_of_answers,
    rules_of_clinic,
    rules_of_doctors,
    rules_of_rows,
    rules_of_slots,
    rules_of_time,
)
from tests.chaos.contents import Contents
from tests.chaos.evidence import Evidence
from tests.chaos.history import Operation

__all__ = ["RULES", "Contents", "Violation", "violations"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken: which one, and how."""

    kind: str
    message: str


RULES: list[tuple[str, Callable[[Evidence], Iterator[str]]]] = [
    ("double", rules_of_rows.double),
    ("history", rules_of_rows.history),
    ("deadline", rules_of_rows.deadline),
    ("twice", rules_of_rows.twice),
    ("orphan", rules_of_rows.orphan),
    ("lost", rules_of_answers.lost),
    ("differs", rules_of_answers.differs),
    ("undone", rules_of_answers.undone),
    ("refused", rules_of_answers.refused),
    ("nowhere", rules_of_answers.nowhere),
    ("claimed", rules_of_answers.claimed),
    ("expired", rules_of_answers.expired),
    ("order", rules_of_time.order),
    ("stale", rules_of_time.stale),
    ("repeat", rules_of_time.repeat),
    ("lost", rules_of_slots.slot_lost),
    ("differs", rules_of_slots.slot_differs),
    ("refused", rules_of_slots.slot_refused),
    ("nowhere", rules_of_slots.slot_nowhere),
    ("claimed", rules_of_slots.slot_claimed),
    ("overlap", rules_of_slots.overlapping),
    ("partial", rules_of_slots.partial),
    ("lost", rules_of_doctors.doctor_lost),
    ("undone", rules_of_doctors.doctor_undone),
    ("differs", rules_of_doctors.doctor_differs),
    ("refused", rules_of_doctors.doctor_refused),
    ("nowhere", rules_of_doctors.doctor_nowhere),
    ("claimed", rules_of_doctors.doctor_claimed),
    ("twice", rules_of_doctors.doctor_twice),
    ("orphan", rules_of_doctors.doctor_missing),
    ("order", rules_of_doctors.doctor_order),
    ("stale", rules_of_doctors.doctor_stale),
    ("inactive", rules_of_activity.booked_inactive),
    ("inactive", rules_of_activity.slot_of_inactive),
    ("stale", rules_of_activity.refused_active),
    ("undone", rules_of_clinic.clinic_undone),
    ("differs", rules_of_clinic.clinic_differs),
    ("refused", rules_of_clinic.clinic_refused),
    ("nowhere", rules_of_clinic.clinic_nowhere),
]


def violations(operations: Sequence[Operation], contents: Contents, before: Contents | None = None) -> list[Violation]:
    """Return every broken promise; empty where all were kept.

    `contents` is read after every operation has ended and the database has finished what killed clients left behind.
    `before` is what the database held before the first operation: what no operation created.
    """
    evidence = Evidence(operations, contents, before or Contents())
    return [Violation(kind, message) for kind, rule in RULES for message in rule(evidence)]
