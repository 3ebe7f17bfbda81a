"""Doctors: find, list, add, update, delete."""

from collections.abc import Iterable
from typing import NamedTuple

from psycopg import errors as pg

from booking_cli.db import row_factories as rows
from booking_cli.db.error_translation import violates
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import Busy, DoctorInactive, EmailTaken, InUse, NotFound, OutcomeUnknown, VersionConflict
from booking_cli.domain.models import Doctor
from booking_cli.domain.validation import DoctorKey
from booking_cli.session import Book


class DoctorChange(NamedTuple):
    """What to change of a doctor; None leaves a field as it is, and an empty phone removes it."""

    name: str | None = None
    specialization: str | None = None
    email: str | None = None
    phone: str | None = None
    active: bool | None = None


def find(book: Book, key: DoctorKey) -> Doctor:
    """Return a doctor; raises NotFound."""
    parameters = {"id": key.id, "email": key.email}
    found = book.database.read(lambda tx: tx.one("doctors.find", parameters, rows.doctor))
    if found is None:
        raise _not_found(key)
    return found


def find_active(book: Book, key: DoctorKey) -> Doctor:
    """Return a doctor who takes appointments; raises NotFound and DoctorInactive."""
    doctor = find(book, key)
    if not doctor.active:
        raise inactive(doctor.id, doctor.name)
    return doctor


def inactive(doctor_id: int, name: str) -> DoctorInactive:
    """Return the refusal that stands for a doctor who takes no appointments."""
    return DoctorInactive(
        f"{name} (doctor {doctor_id}) is not active. "
        f"Choose another doctor, or use 'booking doctors update {doctor_id} --active'."
    )


def unavailable(tx: Transaction, doctor: Doctor) -> NotFound | DoctorInactive:
    """Return why a doctor who was active a moment ago takes no appointments."""
    if tx.one("doctors.find", {"id": doctor.id, "email": None}) is None:
        return _not_found(DoctorKey(id=doctor.id))
    return inactive(doctor.id, doctor.name)


def listing(
    book: Book, *, specialization: str | None, search: str | None, include_inactive: bool, limit: int
) -> Iterable[Doctor]:
    """Return doctors by name, at most one more than `limit`."""
    parameters = {"specialization": specialization, "search": search, "all": include_inactive, "limit": limit}
    return book.database.read(lambda tx: tx.all("doctors.list", parameters, rows.doctor))


def add(book: Book, *, name: str, specialization: str, email: str, phone: str | None) -> Doctor:
    """Add a doctor and return them; raises EmailTaken."""
    parameters = {"name": name, "specialization": specialization, "email": email, "phone": phone}

    def stands(tx: Transaction, made: Doctor | None) -> bool:
        found = _as_it_is_now(tx, made)
        return made is not None and found is not None and found.created_at == made.created_at

    try:
        added = book.database.write(lambda tx: tx.one("doctors.add", parameters, rows.doctor), stands=stands)
    except pg.UniqueViolation as error:
        raise _email_taken(error, email) from error
    assert added is not None
    return added


def update(book: Book, key: DoctorKey, change: DoctorChange, *, if_version: int | None) -> Doctor:
    """Change a doctor and return them; raises NotFound, EmailTaken and VersionConflict."""
    doctor_id = find(book, key).id
    parameters = {
        "id": doctor_id,
        "if_version": if_version,
        "name": change.name,
        "specialization": change.specialization,
        "email": change.email,
        "phone": change.phone,
        "active": change.active,
    }

    def stands(tx: Transaction, made: Doctor | None) -> bool:
        found = _as_it_is_now(tx, made)
        if made is None or found is None or found.version < made.version:
            return False
        if found.version > made.version:
            # It may be ours that somebody else has changed since, and to change it again would undo theirs.
            raise OutcomeUnknown(
                None,
                "Somebody else has changed the doctor since: look with "
                f"'booking doctors show {doctor_id}', and decide again.",
            )
        return found.updated_at == made.updated_at

    try:
        updated = book.database.write(lambda tx: tx.one("doctors.update", parameters, rows.doctor), stands=stands)
    except pg.UniqueViolation as error:
        raise _email_taken(error, change.email) from error
    if updated is None:
        now = find(book, DoctorKey(id=doctor_id))
        raise VersionConflict(
            f"{now.name} (doctor {now.id}) is at version {now.version}, not {if_version}: somebody changed it meanwhile. "
            f"Look at it with 'booking doctors show {now.id}' and decide again."
        )
    return updated


def delete(book: Book, key: DoctorKey) -> Doctor:
    """Delete a doctor who has no slots and return them; raises NotFound and InUse."""
    doctor = find(book, key)
    try:
        row = book.database.write(
            lambda tx: tx.one("doctors.delete", {"id": doctor.id}),
            stands=lambda tx, deleted: deleted is not None and _as_it_is_now(tx, doctor) is None,
        )
    except pg.ForeignKeyViolation as error:
        raise _in_use(book, doctor) from error
    if row is None:
        raise _not_found(key)
    return doctor


def _as_it_is_now(tx: Transaction, doctor: Doctor | None) -> Doctor | None:
    return tx.one("doctors.find", {"id": doctor.id, "email": None}, rows.doctor) if doctor else None


def _not_found(key: DoctorKey) -> NotFound:
    return NotFound("doctor", key, "See 'booking doctors list --all'.")


def _email_taken(error: pg.UniqueViolation, email: str | None) -> Exception:
    if not violates(error, "doctors_email_is_unique"):
        return error
    return EmailTaken(f"Another doctor has the address {email}: see 'booking doctors show {email}'.")


def _in_use(book: Book, doctor: Doctor) -> InUse | Busy:
    def work(tx: Transaction) -> tuple[int, int, int]:
        row = tx.one("doctors.what_depends", {"id": doctor.id})
        assert row is not None
        return row["bookings"], row["future_slots"], row["slots"]

    bookings, future, slots = book.database.read(work)
    if bookings:
        stands_in_the_way = f"{bookings} booking{'s' * (bookings != 1)}"
    elif future:
        stands_in_the_way = f"{future} slot{'s' * (future != 1)} to come"
    elif slots:
        stands_in_the_way = f"{slots} past slot{'s' * (slots != 1)}"
    else:
        return Busy("Somebody changed the doctor's slots at the same moment. Nothing was changed; please try again.")
    return InUse(
        f"{doctor.name} (doctor {doctor.id}) has {stands_in_the_way} and is not deleted. "
        f"To take no more appointments: 'booking doctors update {doctor.id} --inactive'."
    )
