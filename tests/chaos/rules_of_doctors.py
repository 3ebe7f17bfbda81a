"""What clients were told about doctors, against the doctors who are there."""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.careers import FIELDS, Career, Version, askers, careers
from tests.chaos.evidence import Evidence, told
from tests.chaos.history import Operation, Refused


def doctor_lost(evidence: Evidence) -> Iterator[str]:
    """Each doctor and each change that was acknowledged is there, unless the doctor may have been deleted."""
    for career in careers(evidence).values():
        if not career.versions:
            continue
        last = career.versions[-1]
        if career.row is None:
            if not career.deletions:
                yield f"Doctor {career.doctor_id} is not there, and nobody has deleted them{_as_told(last)}."
        elif career.row["version"] < last.number:
            yield f"Doctor {career.doctor_id} is at version {career.row['version']}{_as_told(last)}."


def doctor_undone(evidence: Evidence) -> Iterator[str]:
    """A doctor whose deletion was acknowledged is gone and stays gone."""
    known = careers(evidence)
    for operation, _ in evidence.done("delete_doctor"):
        if operation.arguments["doctor_id"] in evidence.doctors:
            yield f"Doctor {operation.arguments['doctor_id']} is there still: {told(operation)}."
    for operation, _ in evidence.done("update_doctor", "add_slot", "bulk"):
        career = known.get(operation.arguments["doctor_id"])
        if career is not None and career.deleted < operation.started:
            yield f"Doctor {career.doctor_id} had been deleted: {told(operation)}."


def doctor_differs(evidence: Evidence) -> Iterator[str]:
    """A doctor who was acknowledged is what was asked for, what they were before but for that, and what is there."""
    for operation, shown in evidence.done("add_doctor"):
        wanted = {**operation.arguments, "active": True, "version": 1}
        if wrong := [name for name, value in wanted.items() if shown[name] != value]:
            yield f"Doctor {shown['id']} is not what was asked for ({', '.join(wrong)}): {told(operation)}."
    for operation, shown in evidence.done("update_doctor", "delete_doctor"):
        wanted = {"id": operation.arguments["doctor_id"], **operation.arguments.get("change", {})}
        if wrong := [name for name, value in wanted.items() if shown[name] != value]:
            yield f"Doctor {shown['id']} is not what was asked for ({', '.join(wrong)}): {told(operation)}."
    for career in careers(evidence).values():
        for earlier, later in itertools.pairwise(career.versions):
            if later.by and (wrong := _changed(career, earlier, later)):
                yield f"Doctor {career.doctor_id} was changed in {', '.join(wrong)} as well: {told(later.by)}."
        if career.row is not None and career.versions:
            last, end = career.versions[-1], Version(career.row["version"], career.row)
            if wrong := _changed(career, last, end):
                yield f"Doctor {career.doctor_id} is not what was acknowledged ({', '.join(wrong)}){_as_told(last)}."


def doctor_refused(evidence: Evidence) -> Iterator[str]:
    """A doctor, or a change, that was refused is not there, unless another try of the same request was not refused."""
    for doctor_id, tries in _unexplained(evidence):
        if tries:
            yield f"Doctor {doctor_id} is there by what was refused: {told(tries[0])}."
    for career in careers(evidence).values():
        if (count := _unexplained_versions(career)) and career.refused:
            yield f"Doctor {career.doctor_id} was changed {count} times more than anybody may have: {told(career.refused[0])}."


def doctor_nowhere(evidence: Evidence) -> Iterator[str]:
    """Each doctor, and each change, is what some operation asked for, or was there before."""
    for doctor_id, tries in _unexplained(evidence):
        if not tries:
            yield f"Nobody asked for doctor {doctor_id}."
    for career in careers(evidence).values():
        if (count := _unexplained_versions(career)) and not career.refused:
            yield f"Nobody asked for {count} of the changes of doctor {career.doctor_id}."


def doctor_claimed(evidence: Evidence) -> Iterator[str]:
    """A doctor is added once, each version is made once, and who is gone is not deleted again.

    Of two deletions at a time both may be told that the doctor is gone: one of them had lost its connection at COMMIT, and
    finds the doctor gone.
    """
    claims = Counter((shown["id"], shown["version"]) for _, shown in evidence.done("add_doctor", "update_doctor"))
    for (doctor_id, version), count in claims.items():
        if count > 1:
            yield f"{count} operations were told that they made version {version} of doctor {doctor_id}."
    known = careers(evidence)
    for operation, _ in evidence.done("delete_doctor"):
        if known[operation.arguments["doctor_id"]].deleted < operation.started:
            yield f"Doctor {operation.arguments['doctor_id']} had been deleted before: {told(operation)}."


def doctor_twice(evidence: Evidence) -> Iterator[str]:
    """No two doctors have one email address, however often it was tried to add them."""
    for email, count in Counter(row["email"].casefold() for row in evidence.doctors.values()).items():
        if count > 1:
            yield f"{count} doctors have the address {email}."


def doctor_missing(evidence: Evidence) -> Iterator[str]:
    """Each slot has its doctor."""
    for row in evidence.slots.values():
        if row["doctor_id"] not in evidence.doctors:
            yield f"Slot {row['id']} is of doctor {row['doctor_id']}, who is not there."


def doctor_order(evidence: Evidence) -> Iterator[str]:
    """No version of a doctor comes before one of a lower number that was asked for only after it had been acknowledged."""
    for career in careers(evidence).values():
        soonest = math.inf
        for version in reversed(career.versions):
            soonest = min(soonest, version.told)
            if version.begun > soonest:
                yield (
                    f"Version {version.number} of doctor {career.doctor_id} was asked for only after "
                    f"a later one had been acknowledged{_as_told(version)}."
                )


def doctor_stale(evidence: Evidence) -> Iterator[str]:
    """A refusal never contradicts what was acknowledged before it was asked for."""
    known, asked = careers(evidence), askers(evidence)
    owned = {row["email"].casefold() for row in evidence.before.doctors}
    with_slots = defaultdict(lambda: math.inf, {row["doctor_id"]: -math.inf for row in evidence.before.slots})
    for operation in evidence.of_kind("add_slot", "bulk"):
        if not isinstance(operation.answer, Refused):
            doctor_id = operation.arguments["doctor_id"]
            with_slots[doctor_id] = min(with_slots[doctor_id], operation.started)
    for operation, code in evidence.refused("update_doctor", "delete_doctor", "add_slot", "bulk"):
        career = known.get(operation.arguments["doctor_id"])
        if (
            code == "not_found"
            and career
            and career.told < operation.started
            and not career.may_be_deleted(by=operation.ended)
        ):
            yield f"Doctor {career.doctor_id} was there: {told(operation)}."
        if code == "in_use" and with_slots[operation.arguments["doctor_id"]] > operation.ended:
            yield f"The doctor can have had no slot: {told(operation)}."
    for operation, code in evidence.refused("add_doctor"):
        email = operation.arguments["email"].casefold()
        if code == "email_taken" and email not in owned and not _others(asked[email], operation):
            yield f"Nobody can have had the address: {told(operation)}."


def _others(tries: list[Operation], operation: Operation) -> list[Operation]:
    """Return the other tries that may have come before an operation ended."""
    return [
        other
        for other in tries
        if other is not operation and not isinstance(other.answer, Refused) and other.started <= operation.ended
    ]


def _unexplained(evidence: Evidence) -> Iterator[tuple[int, list[Operation]]]:
    """Yield the doctors whom nobody can have added, each with those who asked for one like them and were refused."""
    known, asked = careers(evidence), askers(evidence)
    for doctor_id, row in evidence.doctors.items():
        if doctor_id not in known or not known[doctor_id].versions:
            yield doctor_id, asked[row["email"].casefold()]


def _unexplained_versions(career: Career) -> int:
    """Return how many versions there are that nobody can have made."""
    if not career.versions:
        return 0
    numbers = {version.number for version in career.versions}
    last = career.row["version"] if career.row else max(numbers)
    return max(0, last - min(numbers) + 1 - len(numbers) - len(career.unknown))


def _changed(career: Career, earlier: Version, later: Version) -> list[str]:
    """Return the fields that a version has otherwise than the one before it, although nobody can have changed them."""
    if later.number < earlier.number + bool(later.by):
        return []
    # What lies between is by operations of unknown outcome; where nothing does, they made nothing.
    between = career.unknown if later.number > earlier.number + bool(later.by) else []
    wrong = []
    for name in FIELDS:
        changes = [operation.arguments["change"] for operation in between]
        may_be = [earlier.shown[name], *(change[name] for change in changes if name in change)]
        if name not in later.change and later.shown[name] not in may_be:
            wrong.append(name)
    return wrong


def _as_told(version: Version) -> str:
    """Name the operation that was told of a version."""
    return f": version {version.number} was acknowledged, {told(version.by)}" if version.by else ""
