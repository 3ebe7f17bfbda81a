"""Slots: find, list, add one, add many, delete."""

import datetime as dt
import functools
import itertools
from collections.abc import Iterable, Sequence

from psycopg import errors as pg

from booking_cli.db import row_factories as rows
from booking_cli.db.connections import Row
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import Busy, InUse, NotFound, SlotInPast, SlotOverlap
from booking_cli.domain.models import BulkResult, Doctor, Slot
from booking_cli.domain.validation import DoctorKey
from booking_cli.repository import doctors
from booking_cli.session import Book

# For very many slots at once; the usual limit is for a patient who waits.
LONG_SECONDS = 600


def find(book: Book, slot_id: int) -> Slot:
    """Return a slot; raises NotFound."""
    found = book.database.read(lambda tx: tx.one("slots.find", {"id": slot_id}, rows.slot))
    if found is None:
        raise not_found(slot_id)
    return found


def not_found(slot_id: int) -> NotFound:
    """Return the error that stands for a slot that is not there."""
    return NotFound("slot", slot_id, "See 'booking slots list'.")


def listing(
    book: Book,
    *,
    doctor_id: int | None,
    specialization: str | None,
    starts_from: dt.datetime | None,
    starts_before: dt.datetime | None,
    status: str,
    limit: int,
) -> Iterable[Slot]:
    """Return the slots with `status` (free, held, booked or all) that start in a period, at most one more than `limit`."""
    parameters = {
        "doctor_id": doctor_id,
        "specialization": specialization,
        "starts_from": starts_from,
        "starts_before": starts_before,
        "status": status,
        "limit": limit,
    }

    if status != "free":
        statement = "slots.list"
    elif doctor_id is None and specialization is not None:
        statement = "slots.next_free"
    else:
        statement = "slots.list_free"
    return book.database.listing(statement, parameters, limit, rows.slot)


def add(book: Book, key: DoctorKey, starts_at: dt.datetime, minutes: int) -> Slot:
    """Add a slot and return it; raises NotFound, DoctorInactive, SlotInPast and SlotOverlap."""
    doctor = doctors.find_active(book, key)
    parameters = {"doctor_id": doctor.id, "starts_at": starts_at, "minutes": minutes}
    added = book.database.write(
        lambda tx: tx.one("slots.add", parameters, rows.slot),
        stands=lambda tx, added: added is not None and _is_there(tx, added),
    )
    if added is None:
        raise _why_not_added(doctor, book.database.read(lambda tx: tx.one("slots.why_not_added", parameters)))
    return added


def add_many(book: Book, doctor: Doctor, starts: Sequence[dt.datetime], minutes: int, *, strict: bool) -> BulkResult:
    """Add the slots of one doctor that start at the given instants, in one transaction.

    What is already there in the same form counts as existing; what overlaps another slot is a conflict and left out, or
    with `strict` raises SlotOverlap and adds nothing.
    """
    epochs = [int(instant.timestamp()) for instant in starts]
    parameters = {"doctor_id": doctor.id, "epochs": epochs, "minutes": minutes}
    # Mostly there is nothing yet. Where there is, or where somebody else adds the same, the next attempt goes around it.
    statements = itertools.chain(["slots.bulk_add"], itertools.repeat("slots.bulk_add_around"))

    def work(tx: Transaction) -> tuple[list[Slot], Row]:
        created = tx.all(next(statements), parameters, rows.slot)
        there = {slot.starts_at.timestamp() for slot in created}
        left_out = [instant for instant in starts if instant.timestamp() not in there]
        outlook = _outlook(tx, doctor, left_out, minutes)
        if strict and outlook["conflicts"]:
            raise strict_conflict(doctor, outlook["conflicts"], len(starts))
        if outlook["unexplained"]:
            raise doctors.unavailable(tx, doctor)
        return created, outlook

    def stands(tx: Transaction, result: tuple[list[Slot], Row]) -> bool:
        created, _ = result
        # They were created together; two are looked at because somebody may have deleted one meanwhile.
        return bool(created) and (_is_there(tx, created[0]) or _is_there(tx, created[-1]))

    write = functools.partial(book.database.write, work, stands=stands, timeout_seconds=LONG_SECONDS)
    try:
        created, outlook = write()
    except pg.ExclusionViolation:
        created, outlook = write()
    return BulkResult(
        planned=len(starts),
        created=len(created),
        existing=outlook["existing"],
        conflicts=outlook["conflicts"],
        past=outlook["past"],
        slots=created,
    )


def outlook(book: Book, doctor: Doctor, starts: Sequence[dt.datetime], minutes: int) -> BulkResult:
    """Return what `add_many` would do; `created` counts what it would create, and `slots` is empty."""
    found = book.database.read(lambda tx: _outlook(tx, doctor, starts, minutes), timeout_seconds=LONG_SECONDS)
    return BulkResult(
        planned=len(starts),
        created=found["unexplained"],
        existing=found["existing"],
        conflicts=found["conflicts"],
        past=found["past"],
        slots=[],
    )


def strict_conflict(doctor: Doctor, conflicts: int, planned: int) -> SlotOverlap:
    """Return the refusal that stands for slots in conflict where none is allowed."""
    return SlotOverlap(
        f"{conflicts} of {planned} slots overlap others of {doctor.name}; nothing was created. "
        "Run it without --strict to create the rest."
    )


def delete(book: Book, slot_id: int) -> Slot:
    """Delete a slot that never had a booking and return it; raises NotFound and InUse."""
    slot = find(book, slot_id)
    try:
        row = book.database.write(
            lambda tx: tx.one("slots.delete", {"id": slot_id}),
            stands=lambda tx, deleted: deleted is not None and tx.one("slots.find", {"id": slot_id}) is None,
        )
    except pg.ForeignKeyViolation as error:
        raise _in_use(book, slot_id) from error
    if row is None:
        raise not_found(slot_id)
    return slot


def _is_there(tx: Transaction, created: Slot) -> bool:
    found = tx.one("slots.find", {"id": created.id}, rows.slot)
    return found is not None and _time_of(found) == _time_of(created)


def _time_of(slot: Slot) -> tuple[int, dt.datetime, dt.datetime]:
    return slot.doctor_id, slot.starts_at, slot.ends_at


def _outlook(tx: Transaction, doctor: Doctor, starts: Sequence[dt.datetime], minutes: int) -> Row:
    """Return how many of the slots are past, existing or in conflict, and for how many there is no such reason."""
    if not starts:
        return {"past": 0, "existing": 0, "conflicts": 0, "unexplained": 0}
    row = tx.one("slots.bulk_outlook", {"doctor_id": doctor.id, "starts": list(starts), "minutes": minutes})
    assert row is not None
    return {**row, "unexplained": len(starts) - row["past"] - row["existing"] - row["conflicts"]}


def _why_not_added(doctor: Doctor, row: Row | None) -> Exception:
    if row is None:
        return NotFound("doctor", doctor.id, "See 'booking doctors list --all'.")
    if not row["active"]:
        return doctors.inactive(doctor.id, doctor.name)
    if not row["to_come"]:
        return SlotInPast("That time has passed. Choose a time to come.")
    if row["slot_id"] is None:
        return Busy("Somebody changed the doctor's slots at the same moment. Nothing was changed; please try again.")
    return SlotOverlap(
        f"{doctor.name} has slot {row['slot_id']} from {row['starts_at']:%Y-%m-%d %H:%M} to {row['ends_at']:%H:%M} "
        "at that time. Choose a time beside it."
    )


def _in_use(book: Book, slot_id: int) -> InUse:
    row = book.database.read(lambda tx: tx.one("slots.count_bookings", {"id": slot_id}))
    assert row is not None
    count = row["bookings"]
    advice = " Cancel the booking if the slot should be free for somebody else." if row["active"] else ""
    return InUse(
        f"Slot {slot_id} has {count} booking{'s' * (count != 1)} and is not deleted, because no booking is ever lost.{advice}"
    )
