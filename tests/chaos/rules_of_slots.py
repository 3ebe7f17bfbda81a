"""What clients were told about slots, against the slots that are there."""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.contents import Row
from tests.chaos.evidence import Evidence, SlotShape, overlap, slot_shape, slot_shapes, told
from tests.chaos.history import Operation, Refused

# A bulk leaves out what has passed; what begins so long after the bulk had not.
TO_COME_SECONDS = 3600


def slot_lost(evidence: Evidence) -> Iterator[str]:
    """Each slot that was acknowledged is there unless it may have been deleted; what was deleted is not."""
    for row in evidence.before.slots:
        if row["id"] not in evidence.slots and not evidence.may_be_deleted(row["id"]):
            yield f"Slot {row['id']} was there from the beginning, and nobody has deleted it."
    for operation, slot in evidence.acknowledged_slots():
        if slot["id"] not in evidence.slots and not evidence.may_be_deleted(slot["id"]):
            yield f"Slot {slot['id']} is not there, and nobody has deleted it: {told(operation)}."
    for operation, _ in evidence.done("delete_slot"):
        if operation.arguments["slot_id"] in evidence.slots:
            yield f"Slot {operation.arguments['slot_id']} is there still: {told(operation)}."


def slot_differs(evidence: Evidence) -> Iterator[str]:
    """A slot that was acknowledged is what was asked for, and what is there."""
    for operation, slot in evidence.acknowledged_slots():
        if slot_shape(slot) not in slot_shapes(operation):
            yield f"Slot {slot['id']} is not what was asked for: {told(operation)}."
        row = evidence.slots.get(slot["id"])
        if row is not None and slot_shape(row) != slot_shape(slot):
            yield f"Slot {slot['id']} is not what was acknowledged: {told(operation)}."


def slot_refused(evidence: Evidence) -> Iterator[str]:
    """A slot that was refused is not there, unless somebody else may have made it."""
    for row, askers in _unexplained(evidence):
        if askers:
            yield f"Slot {row['id']} is there by what was refused: {told(askers[0])}."


def slot_nowhere(evidence: Evidence) -> Iterator[str]:
    """Each slot is what some operation asked for, or was there before."""
    for row, askers in _unexplained(evidence):
        if not askers:
            yield f"Nobody asked for slot {row['id']}."


def slot_claimed(evidence: Evidence) -> Iterator[str]:
    """A slot is created once, so that two operations are never told that each of them created it."""
    for slot_id, count in Counter(slot["id"] for _, slot in evidence.acknowledged_slots()).items():
        if count > 1:
            yield f"{count} operations were told that they created slot {slot_id}."


def overlapping(evidence: Evidence) -> Iterator[str]:
    """A doctor's slots never overlap: not at the end, and not before, unless one may have been deleted before the other came."""
    there = [(slot_shape(row), row["id"], math.inf) for row in evidence.slots.values()]
    for (_, one, _), (_, other, _) in _overlaps(there):
        yield f"Slots {one} and {other} of one doctor overlap."
    known = [(slot_shape(row), row["id"], -math.inf) for row in evidence.before.slots]
    known += [(slot_shape(slot), slot["id"], operation.ended) for operation, slot in evidence.acknowledged_slots()]
    for (_, one, one_made), (_, other, other_made) in _overlaps(known):
        if one != other and not (
            evidence.may_be_deleted(one, by=other_made) or evidence.may_be_deleted(other, by=one_made)
        ):
            yield f"Slots {one} and {other} of one doctor were there together, and overlap."


def partial(evidence: Evidence) -> Iterator[str]:
    """A bulk happened as a whole or not at all; judged where nobody else can have made, or deleted, one of its slots."""
    tries: dict[tuple[SlotShape, ...], list[Operation]] = defaultdict(list)
    others: dict[_Near, list[tuple[SlotShape, tuple[SlotShape, ...]]]] = defaultdict(list)
    for row in evidence.before.slots:
        others[_near(slot_shape(row))].append((slot_shape(row), ()))
    for operation in evidence.of_kind("add_slot", "bulk"):
        shapes = tuple(sorted(slot_shapes(operation)))
        tries[shapes].append(operation)
        if not isinstance(operation.answer, Refused):
            for shape in shapes:
                others[_near(shape)].append((shape, shapes))
    makers: dict[int, tuple[SlotShape, ...]] = {row["id"]: () for row in evidence.before.slots}
    makers |= {slot["id"]: tuple(sorted(slot_shapes(maker))) for maker, slot in evidence.acknowledged_slots()}
    deletions = [deletion for deletion in evidence.of_kind("delete_slot") if not isinstance(deletion.answer, Refused)]
    deleted = {makers.get(deletion.arguments["slot_id"]) for deletion in deletions}
    there = {slot_shape(row) for row in evidence.slots.values()}
    for shapes, operations in tries.items():
        starts_at = min(start for _, start, _ in shapes)
        alone = not any(
            owner != shapes and overlap(shape, other)
            for shape in shapes
            for days in (-1, 0, 1)
            for other, owner in others.get(_near(shape, days), ())
        )
        lasting = shapes not in deleted and None not in deleted
        to_come = starts_at > max(operation.ended for operation in operations) + TO_COME_SECONDS
        apart = not any(overlap(one, other) for one, other in itertools.pairwise(shapes))
        if not (alone and lasting and to_come and apart):
            continue
        created = sum(shape in there for shape in shapes)
        if created not in (0, len(shapes)):
            yield f"Of the {len(shapes)} slots of a bulk {created} are there: {told(operations[0])}."


def _unexplained(evidence: Evidence) -> Iterator[tuple[Row, list[Operation]]]:
    """Yield the slots that nobody can have made, each with those who asked for one like it and were refused."""
    asked: dict[SlotShape, list[Operation]] = defaultdict(list)
    for operation in evidence.of_kind("add_slot", "bulk"):
        for shape in slot_shapes(operation):
            asked[shape].append(operation)
    before = {row["id"] for row in evidence.before.slots}
    for row in evidence.slots.values():
        askers = asked.get(slot_shape(row), [])
        if row["id"] not in before and all(isinstance(operation.answer, Refused) for operation in askers):
            yield row, askers


_Known = tuple[SlotShape, int, float]
_Near = tuple[int, int]


def _near(shape: SlotShape, days: int = 0) -> _Near:
    """Return the doctor and the day of a slot, or of some days after it: what overlaps it begins at most a day away."""
    doctor_id, starts_at, _ = shape
    return doctor_id, int(starts_at // 86_400) + days


def _overlaps(slots: list[_Known]) -> Iterator[tuple[_Known, _Known]]:
    """Yield the pairs of slots that overlap."""
    in_order = sorted(slots)
    for number, one in enumerate(in_order):
        for other in in_order[number + 1 :]:
            if not overlap(one[0], other[0]):
                break
            yield one, other
