"""Whether a change of a versioned record was committed, for resolving an ambiguous commit; and version conflicts."""

from collections.abc import Callable
from typing import TypeVar

from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import OutcomeUnknown, VersionConflict
from booking_cli.domain.models import Doctor, Patient

Record = TypeVar("Record", Doctor, Patient)
Find = Callable[[Transaction, int], Record | None]


def was_added(find: Find[Record]) -> Callable[[Transaction, Record | None], bool]:
    """Return the function that tells whether a new record is there as it was written."""

    def was_committed(tx: Transaction, made: Record | None) -> bool:
        found = find(tx, made.id) if made else None
        return bool(made and found and found.created_at == made.created_at)

    return was_committed


def was_updated(find: Find[Record]) -> Callable[[Transaction, Record | None], bool]:
    """Return the function that tells whether an update is there; it raises OutcomeUnknown where a later one hides it."""

    def was_committed(tx: Transaction, made: Record | None) -> bool:
        found = find(tx, made.id) if made else None
        if not made or not found or found.version < made.version:
            return False
        if found.version > made.version:
            # Running the update again could overwrite the later change.
            raise OutcomeUnknown(
                None, f"The {_noun(made)} was changed again since: check '{_show(made)}', and decide again."
            )
        return found.updated_at == made.updated_at

    return was_committed


def version_conflict(record: Doctor | Patient, expected: int | None) -> VersionConflict:
    """Return the rejection for a record that has another version than expected."""
    return VersionConflict(
        f"{record.name} ({_noun(record)} {record.id}) is at version {record.version}, not {expected}: the record was "
        f"changed since. Check it with '{_show(record)}' and decide again."
    )


def _noun(record: Doctor | Patient) -> str:
    return "doctor" if isinstance(record, Doctor) else "patient"


def _show(record: Doctor | Patient) -> str:
    return f"booking {_noun(record)}s show {record.id}"
