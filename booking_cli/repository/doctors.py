"""Doctors: find, list, add, update, delete."""

import shlex
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from psycopg import errors as pg

from booking_cli.db import row_factories as rows
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import Busy, DoctorInactive, EmailTaken, InUse, NotFound
from booking_cli.domain.models import Doctor
from booking_cli.domain.validation import DoctorKey
from booking_cli.repository.changes import version_conflict, was_saved
from booking_cli.session import ClinicSession


class DoctorUpdate(NamedTuple):
    """New values; None leaves a field as it is, and an empty phone removes it."""

    name: str | None = None
    specialization: str | None = None
    email: str | None = None
    phone: str | None = None
    active: bool | None = None


def find(session: ClinicSession, key: DoctorKey) -> Doctor:
    """Return a doctor; raises NotFound."""
    found = session.database.read(lambda tx: _find(tx, key))
    if found is None:
        raise _not_found(key)
    return found


def find_active(session: ClinicSession, key: DoctorKey) -> Doctor:
    """Return a doctor who takes appointments; raises NotFound and DoctorInactive."""
    doctor = find(session, key)
    if not doctor.active:
        raise inactive(doctor.id, doctor.name)
    return doctor


def inactive(doctor_id: int, name: str) -> DoctorInactive:
    """Return the rejection for a doctor who takes no appointments."""
    return DoctorInactive(
        f"{name} (doctor {doctor_id}) is not active. "
        f"Choose another doctor, or use 'booking doctors update {doctor_id} --active'."
    )


def list_doctors(
    session: ClinicSession, *, specialization: str | None, search: str | None, include_inactive: bool, limit: int
) -> Iterable[Doctor]:
    """Return doctors by name, at most one more than `limit`."""
    parameters = {"specialization": specialization, "search": search, "all": include_inactive, "limit": limit}
    return session.database.list("doctors.list", parameters, limit, rows.doctor)


def add(session: ClinicSession, *, name: str, specialization: str, email: str, phone: str | None) -> Doctor:
    """Add a doctor and return them; raises EmailTaken."""
    parameters = {"name": name, "specialization": specialization, "email": email, "phone": phone}
    added = _write(session, "doctors.add", parameters)
    assert added is not None
    return added


def update(session: ClinicSession, key: DoctorKey, change: DoctorUpdate, *, if_version: int | None) -> Doctor:
    """Change a doctor and return them; raises NotFound, EmailTaken and VersionConflict."""
    doctor_id = find(session, key).id
    updated = _write(session, "doctors.update", {"id": doctor_id, "if_version": if_version, **change._asdict()})
    if updated is None:
        raise version_conflict(find(session, DoctorKey(id=doctor_id)), if_version)
    return updated


def delete(session: ClinicSession, key: DoctorKey) -> Doctor:
    """Delete a doctor who has no slots and return them; raises NotFound and InUse."""
    doctor = find(session, key)
    try:
        row = session.database.write(
            lambda tx: tx.one("doctors.delete", {"id": doctor.id}),
            was_committed=lambda tx, deleted: deleted is not None and _find_by_id(tx, doctor.id) is None,
        )
    except pg.ForeignKeyViolation as error:
        (dependents,) = session.database.read(lambda tx: tx.all("doctors.count_dependents", {"id": doctor.id}))
        for what, count in dependents.items():
            if count:
                raise InUse(
                    f"{doctor.name} (doctor {doctor.id}) has {count} {what}{'s' * (count != 1)}, so they cannot be deleted. "
                    f"To take no more appointments: booking doctors update {doctor.id} --inactive"
                ) from error
        raise Busy(
            "The doctor's slots were changed at the same moment. Nothing was changed; please try again."
        ) from error
    if row is None:
        raise _not_found(key)
    return doctor


def _find(tx: Transaction, key: DoctorKey) -> Doctor | None:
    return tx.one("doctors.find", {"id": key.id, "email": key.email}, rows.doctor)


def _find_by_id(tx: Transaction, doctor_id: int) -> Doctor | None:
    return _find(tx, DoctorKey(id=doctor_id))


def _not_found(key: DoctorKey) -> NotFound:
    return NotFound("doctor", key, "See 'booking doctors list --all'.")


def _write(session: ClinicSession, statement: str, parameters: Mapping[str, object]) -> Doctor | None:
    try:
        return session.database.write(
            lambda tx: tx.one(statement, parameters, rows.doctor), was_committed=was_saved(_find_by_id)
        )
    except pg.UniqueViolation as error:
        email = parameters["email"]
        raise EmailTaken(f"Another doctor has {email}: booking doctors show {shlex.quote(str(email))}") from error
