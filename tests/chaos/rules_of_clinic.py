"""What clients were told about the clinic, against its record."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence, told
from tests.chaos.history import Done, Operation, Refused


def clinic_undone(evidence: Evidence) -> Iterator[str]:
    """The clinic's name is the last that was acknowledged, or one that may have come later."""
    acknowledged = [operation for operation, _ in evidence.done("set_clinic")]
    for clinic in evidence.clinic:
        givers = _givers(evidence, clinic["name"])
        started = max((operation.started for operation in acknowledged), default=None)
        if started is None or any(_may_come_after(giver, started) for giver in givers):
            continue
        if givers or _was_before(evidence, clinic["name"]):
            last = max(acknowledged, key=lambda operation: operation.started)
            yield f"The clinic is called {clinic['name']} again: {told(last)}."


def clinic_differs(evidence: Evidence) -> Iterator[str]:
    """What was acknowledged is what was asked for, and nothing else of the clinic was changed."""
    for operation, shown in evidence.done("set_clinic"):
        if shown["name"] != operation.arguments["name"]:
            yield f"The clinic was not given its name: {told(operation)}."
    for before, clinic in zip(evidence.before.clinic, evidence.clinic, strict=False):
        if wrong := [name for name in ("timezone", "hold_minutes") if clinic[name] != before[name]]:
            yield f"Nobody asked for another {' and '.join(wrong)} of the clinic."


def clinic_refused(evidence: Evidence) -> Iterator[str]:
    """A name that was refused is not the clinic's, unless another try was not refused."""
    for name, tries in _unexplained(evidence):
        if tries:
            yield f"The clinic is called {name} by what was refused: {told(tries[0])}."


def clinic_nowhere(evidence: Evidence) -> Iterator[str]:
    """The clinic's name is what some operation asked for, or was there before."""
    for name, tries in _unexplained(evidence):
        if not tries:
            yield f"Nobody asked for the clinic to be called {name}."


def _givers(evidence: Evidence, name: str) -> list[Operation]:
    """Return the operations that may have given the clinic a name."""
    return [
        operation
        for operation in evidence.of_kind("set_clinic")
        if operation.arguments["name"] == name and not isinstance(operation.answer, Refused)
    ]


def _may_come_after(giver: Operation, started: float) -> bool:
    """Tell whether an operation may have come after all others, of which the last began at `started`."""
    return not isinstance(giver.answer, Done) or giver.ended >= started


def _was_before(evidence: Evidence, name: str) -> bool:
    return any(row["name"] == name for row in evidence.before.clinic)


def _unexplained(evidence: Evidence) -> Iterator[tuple[str, list[Operation]]]:
    """Yield the clinic's name where nobody can have given it, with those who asked for it and were refused."""
    for clinic in evidence.clinic:
        name = clinic["name"]
        if not _givers(evidence, name) and not _was_before(evidence, name):
            yield name, [wish for wish in evidence.of_kind("set_clinic") if wish.arguments["name"] == name]
