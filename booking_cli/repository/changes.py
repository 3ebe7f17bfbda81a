"""Records with versions: whether a change was committed, for resolving an ambiguous commit; and version conflicts."""

from collections.abc import Callable
from typing import TypeVar

from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import OutcomeUnknown, VersionConflict
from booking_cli.domain.models import Doctor, Patient

Record = TypeVar("Record", Doctor, Patient)


def was_saved(find: Callable[[Transaction, int], Record | None]) -> Callable[[Transaction, Record | None], bool]:
    """Return the function that tells whether a record is there as written; it raises OutcomeUnknown where a later change hides it."""

    def was_committed(tx: Transaction, made: Record | None) -> bool:
        found = find(tx, made.id) if made else None
        if not made or not found or found.created_at != made.created_at or found.version < made.version:
            return False
        if found.version > made.version > 1:
            # Running the update again could overwrite the later change.
            noun = type(made).__name__.lower()
            advice = f"The {noun} was changed again since: check 'booking {noun}s show {made.id}', and decide again."
            raise OutcomeUnknown(None, advice)
        return made.version == 1 or found.updated_at == made.updated_at

    return was_committed


def version_conflict(record: Doctor | Patient, expected: int | None) -> VersionConflict:
    """Return the rejection for a record that has another version than expected."""
    noun = type(record).__name__.lower()
    return VersionConflict(
        f"{record.name} ({noun} {record.id}) is at version {record.version}, not {expected}: the record was changed since. "
        f"Check it with 'booking {noun}s show {record.id}' and decide again."
    )
