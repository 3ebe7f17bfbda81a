"""What is known of each doctor, version by version, and when they certainly took appointments or certainly did not.

Every change of a doctor counts their version up, and a change that was acknowledged says to which. So the versions tell the
order of the changes, and a version that nobody was told of was made by an operation of unknown outcome.
"""

import itertools
import math
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.chaos.contents import Row
from tests.chaos.evidence import Evidence
from tests.chaos.history import Done, Operation, Refused

FIELDS = ("name", "specialization", "email", "phone", "active")


@dataclass(frozen=True, slots=True)
class Version:
    """A doctor as somebody was shown them: not before `begun`, and by `told` at the latest, they were so."""

    number: int
    shown: Row
    begun: float = -math.inf
    told: float = -math.inf
    change: Mapping[str, Any] = field(default_factory=dict)
    by: Operation | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a doctor certainly was active, or certainly was not."""

    since: float
    until: float
    active: bool


@dataclass
class Career:
    """One doctor: the versions that are known, in order, and what else clients asked for."""

    doctor_id: int
    row: Row | None  # None where they are not there in the end
    versions: list[Version] = field(default_factory=list)
    unknown: list[Operation] = field(default_factory=list)  # changes that may have happened
    refused: list[Operation] = field(default_factory=list)  # changes that have not
    deletions: list[Operation] = field(default_factory=list)  # all that were not refused

    @property
    def told(self) -> float:
        """Return at which instant the doctor was certainly there."""
        return min((version.told for version in self.versions), default=math.inf)

    @property
    def deleted(self) -> float:
        """Return at which instant the doctor was certainly gone."""
        done = (operation.ended for operation in self.deletions if isinstance(operation.answer, Done))
        return min(done, default=math.inf)

    def may_be_deleted(self, *, by: float = math.inf) -> bool:
        """Tell whether somebody who began up to the instant `by` may have deleted the doctor."""
        return any(operation.started <= by for operation in self.deletions)

    def period(self, since: float, until: float) -> Period | None:
        """Return what the doctor certainly was during all of some time; None where that is not known."""
        at = bisect(self._periods, since, key=lambda period: period.since) - 1
        return self._periods[at] if at >= 0 and until <= self._periods[at].until else None

    @cached_property
    def _periods(self) -> list[Period]:
        any_change = min((operation.started for operation in [*self.unknown, *self.deletions]), default=math.inf)
        last = self.row["version"] if self.row else math.inf
        found = []
        for version, following in itertools.zip_longest(self.versions, self.versions[1:]):
            if following is not None and following.number == version.number + 1:
                until = following.begun
            elif version.number == last:
                until = math.inf
            else:
                until = any_change
            if version.told < until:
                found.append(Period(version.told, until, version.shown["active"]))
        return found


def careers(evidence: Evidence) -> dict[int, Career]:
    """Return what is known of each doctor who is there, was there or was acknowledged."""
    found: dict[int, Career] = {}

    def career(doctor_id: int) -> Career:
        return found.setdefault(doctor_id, Career(doctor_id, evidence.doctors.get(doctor_id)))

    for row in evidence.before.doctors:
        career(row["id"]).versions.append(Version(row["version"], row))
    for operation, shown in evidence.done("add_doctor", "update_doctor"):
        change = operation.arguments.get("change", {})
        version = Version(shown["version"], shown, operation.started, operation.ended, change, operation)
        career(shown["id"]).versions.append(version)
    for doctor_id, version in _unheard_of(evidence):
        if doctor_id not in found:
            career(doctor_id).versions.append(version)
    for operation in evidence.of_kind("delete_doctor"):
        if not isinstance(operation.answer, Refused):
            career(operation.arguments["doctor_id"]).deletions.append(operation)
    for operation in evidence.of_kind("update_doctor"):
        one = career(operation.arguments["doctor_id"])
        # Who has lost a COMMIT looks whether the change stands. Where the doctor is gone it does not, and is tried again.
        if isinstance(operation.answer, Refused) and not one.may_be_deleted(by=operation.ended):
            one.refused.append(operation)
        elif not isinstance(operation.answer, Done):
            one.unknown.append(operation)
    for one in found.values():
        one.versions.sort(key=lambda version: (version.number, version.told))
    return found


def askers(evidence: Evidence) -> dict[str, list[Operation]]:
    """Return who asked for a new doctor, by the doctor's email address: two that differ in case only are the same."""
    found: dict[str, list[Operation]] = defaultdict(list)
    for operation in evidence.of_kind("add_doctor"):
        found[operation.arguments["email"].casefold()].append(operation)
    return found


def _unheard_of(evidence: Evidence) -> Iterator[tuple[int, Version]]:
    """Yield the doctors who are there although nobody was told that they were added, as they were asked for."""
    asked = askers(evidence)
    for doctor_id, row in evidence.doctors.items():
        tries = [operation for operation in asked[row["email"].casefold()] if not isinstance(operation.answer, Refused)]
        if tries:
            shown = {**tries[0].arguments, "active": True}
            yield doctor_id, Version(1, shown, tries[0].started, told=math.inf, by=tries[0])
