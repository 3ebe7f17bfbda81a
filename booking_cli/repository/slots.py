"""Slots: find, list, add, preview, delete."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace

from psycopg import errors as pg

from booking_cli.db import row_factories as rows
from booking_cli.db.runner import OpenTransaction
from booking_cli.db.transaction import Transaction
from booking_cli.domain.dates import Period
from booking_cli.domain.errors import Busy, InUse, NotFound, SlotInPast, SlotOverlap
from booking_cli.domain.models import BulkResult, Doctor, Slot
from booking_cli.domain.validation import DoctorKey
from booking_cli.repository import doctors
from booking_cli.session import ClinicSession

# For very many slots at once; the usual timeout is for interactive commands.
LONG_SECONDS = 600


def find(session: ClinicSession, slot_id: int) -> Slot:
    """Return a slot; raises NotFound."""
    found = session.database.read(lambda tx: tx.one("slots.find", {"id": slot_id}, rows.slot))
    if found is None:
        raise NotFound("slot", slot_id)
    return found


def list_slots(
    session: ClinicSession,
    period: Period,
    *,
    doctor_id: int | None,
    specialization: str | None,
    status: str,
    limit: int,
) -> Iterable[Slot]:
    """Return the slots with `status` (free, held, booked or all) that start in a period, at most one more than `limit`."""
    parameters = {"doctor_id": doctor_id, "specialization": specialization, "status": status, "limit": limit}
    parameters |= period._asdict()
    if status != "free":
        statement = "slots.list"
    elif doctor_id is None and specialization is not None:
        statement = "slots.next_free"
    else:
        statement = "slots.list_free"
    return session.database.list(statement, parameters, limit, rows.slot)


def add(session: ClinicSession, key: DoctorKey, starts_at: dt.datetime, minutes: int) -> Slot:
    """Add a slot and return it; raises NotFound, DoctorInactive, SlotInPast and SlotOverlap."""
    doctor = doctors.find_active(session, key)
    result = add_many(session, doctor, [starts_at], minutes, strict=False)
    if result.slots:
        return result.slots[0]
    if result.past:
        raise SlotInPast("That time has passed. Choose a later one.")
    parameters = {"doctor_id": doctor.id, "starts_at": starts_at, "minutes": minutes}
    row = session.database.read(lambda tx: tx.one("slots.find_overlap", parameters))
    if row is None:
        raise Busy("The doctor's slots were changed at the same moment. Nothing was changed; please try again.")
    raise SlotOverlap(
        f"{doctor.name} has slot {row['id']} from {row['starts_at']:%Y-%m-%d %H:%M} to {row['ends_at']:%H:%M}. "
        "Choose a time before or after it."
    )


def add_many(
    session: ClinicSession, doctor: Doctor, starts: Sequence[dt.datetime], minutes: int, *, strict: bool
) -> BulkResult:
    """Add the slots of one doctor that start at the given instants, in one transaction.

    A slot that exists already counts as existing; one that overlaps another slot is a conflict and left out, or with `strict`
    raises SlotOverlap, and nothing is added. Raises NotFound and DoctorInactive.
    """

    def work(tx: Transaction) -> BulkResult:
        created = tx.all("slots.add", _parameters(doctor, starts, minutes), rows.slot)
        added = {slot.starts_at.timestamp() for slot in created}
        rest = _preview(
            tx, doctor, [instant for instant in starts if instant.timestamp() not in added], minutes, strict
        )
        if rest.created:
            # Raises an error: the doctor was made inactive or deleted after the command began.
            doctors.find_active(replace(session, database=OpenTransaction(tx)), DoctorKey(id=doctor.id))
        return rest._replace(planned=len(starts), created=len(created), slots=created)

    def was_committed(tx: Transaction, result: BulkResult) -> bool:
        # All were added together; two are checked because one may have been deleted since. After a crash, the number alone can
        # be that of another slot.
        found = [tx.one("slots.find", {"id": slot.id}, rows.slot) for slot in (*result.slots[:1], *result.slots[-1:])]
        made = {(slot.id, slot.doctor_id, slot.starts_at) for slot in result.slots}
        return any(slot and (slot.id, slot.doctor_id, slot.starts_at) in made for slot in found)

    return session.database.write(work, was_committed=was_committed, timeout_seconds=LONG_SECONDS)


def preview(
    session: ClinicSession, doctor: Doctor, starts: Sequence[dt.datetime], minutes: int, *, strict: bool
) -> BulkResult:
    """Return what `add_many` would do; `created` is how many it would add, and `slots` is empty. Raises SlotOverlap."""
    return session.database.read(lambda tx: _preview(tx, doctor, starts, minutes, strict), timeout_seconds=LONG_SECONDS)


def delete(session: ClinicSession, slot_id: int) -> Slot:
    """Delete a slot that never had a booking and return it; raises NotFound and InUse."""
    slot = find(session, slot_id)
    try:
        row = session.database.write(
            lambda tx: tx.one("slots.delete", {"id": slot_id}),
            was_committed=lambda tx, deleted: deleted is not None and tx.one("slots.find", {"id": slot_id}) is None,
        )
    except pg.ForeignKeyViolation as error:
        (used,) = session.database.read(lambda tx: tx.all("slots.count_bookings", {"id": slot_id}))
        count = f"{used['bookings']} booking{'s' * (used['bookings'] != 1)}"
        hint = " To free it for another patient, cancel its booking." if used["active"] else ""
        raise InUse(f"Slot {slot_id} has {count}, so it cannot be deleted.{hint}") from error
    if row is None:
        raise NotFound("slot", slot_id)
    return slot


def _parameters(doctor: Doctor, starts: Sequence[dt.datetime], minutes: int) -> dict[str, object]:
    return {"doctor_id": doctor.id, "epochs": [int(instant.timestamp()) for instant in starts], "minutes": minutes}


def _preview(tx: Transaction, doctor: Doctor, starts: Sequence[dt.datetime], minutes: int, strict: bool) -> BulkResult:
    (counts,) = tx.all("slots.preview", _parameters(doctor, starts, minutes))
    if strict and counts["conflicts"]:
        raise SlotOverlap(
            f"Slots that overlap others of {doctor.name}: {counts['conflicts']}. Nothing was created. "
            "Run it without --strict to create the rest."
        )
    return BulkResult(planned=len(starts), created=len(starts) - sum(counts.values()), **counts, slots=[])
