"""Patients: find, list, add, update, merge, and their history."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from psycopg import errors as pg

from booking_cli.db import row_factories as rows
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import Ambiguous, InvalidInput, NotFound, PatientExists, PatientOverlap
from booking_cli.domain.models import Booking, Patient, PatientChange, PatientDetails
from booking_cli.domain.patients import normalized, phone_digits, register_key
from booking_cli.domain.validation import PatientKey
from booking_cli.repository.changes import version_conflict, was_saved
from booking_cli.session import ClinicSession

# The limit of a message that lists the patients who match.
_MOST_MATCHES = 5


class PatientUpdate(NamedTuple):
    """New values; None leaves a field as it is, and an empty text removes it."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None


def find(session: ClinicSession, key: PatientKey) -> Patient:
    """Return the one patient whom a number, an email address or a phone number identifies; raises NotFound and Ambiguous."""
    found = session.database.read(lambda tx: _find_all(tx, key, _MOST_MATCHES + 1))
    if not found:
        raise NotFound("patient", key)
    if with_number := [patient for patient in found if patient.id == key.id]:
        return with_number[0]
    if len(found) > 1:
        several = "; ".join(f"{patient.name} (patient {patient.id})" for patient in found[:_MOST_MATCHES])
        more = "; and others" if len(found) > _MOST_MATCHES else ""
        raise Ambiguous(f"Several patients have {key}: {several}{more}. Use the patient's number.")
    return found[0]


def show(session: ClinicSession, key: PatientKey) -> PatientDetails:
    """Return a patient with their bookings; raises NotFound and Ambiguous."""
    patient = find(session, key)

    def work(tx: Transaction) -> list[list[Booking]]:
        return [
            tx.all("patients.bookings", {"id": patient.id, "coming": coming}, rows.booking) for coming in (True, False)
        ]

    coming, past = session.database.read(work)
    return PatientDetails(*patient, coming=coming, past=past)


def list_patients(session: ClinicSession, *, search: str | None, limit: int) -> Iterable[Patient]:
    """Return patients by name, at most one more than `limit`; `search` is part of a name, an email address or a phone number."""
    if search is not None and not normalized(search):
        raise InvalidInput("A search text must contain a letter or a digit.")
    parameters = {
        "search": search and normalized(search),
        # Only of a search text that can be a part of a phone number.
        "search_digits": (search and not any(c.isalpha() or c == "@" for c in search) and phone_digits(search)) or None,
        "limit": limit,
    }
    return session.database.list("patients.list", parameters, limit, rows.patient)


def add(session: ClinicSession, *, name: str, email: str | None, phone: str | None, note: str | None) -> Patient:
    """Register a patient and return them; raises PatientExists."""
    parameters = {**_fields(PatientUpdate(name, email, phone, note)), "actor": session.actor}
    added = session.database.write(
        lambda tx: tx.one("patients.add", parameters, rows.patient), was_committed=was_saved(_find_by_id)
    )
    if added is None:
        raise _exists(session, parameters)
    return added


def update(session: ClinicSession, key: PatientKey, change: PatientUpdate, *, if_version: int | None) -> Patient:
    """Change a patient's record and return it; raises NotFound, PatientExists, InvalidInput and VersionConflict."""
    patient_id = find(session, key).id
    attempted: dict[str, object] = {}

    def work(tx: Transaction) -> Patient:
        before = _find_by_id(tx, patient_id)
        if before is None:
            raise NotFound("patient", patient_id)
        if if_version is not None and before.version != if_version:
            raise version_conflict(before, if_version)
        given: dict[str, Any] = {name: new or None for name, new in change._asdict().items() if new is not None}
        after = before._replace(**given)
        if not after.email and not after.phone:
            raise InvalidInput("A patient needs an email address or a phone number; one of them must stay.")
        attempted.update(_fields(after))
        return _write(tx, session, before, after, "updated", _differences(before, after))

    try:
        return session.database.write(work, was_committed=was_saved(_find_by_id))
    except pg.UniqueViolation as error:
        raise _exists(session, attempted, patient_id) from error


def merge(session: ClinicSession, key: PatientKey, into_key: PatientKey) -> Patient:
    """Move the bookings of one patient to another, remove the first record, and return the second.

    Fields that the second lacks are copied from the first. Raises NotFound, Ambiguous, InvalidInput, PatientExists, PatientOverlap.
    """
    source_id, target_id = find(session, key).id, find(session, into_key).id
    if source_id == target_id:
        raise InvalidInput(f"Both are patient {source_id}; there is nothing to merge.")
    parameters = {"id": source_id, "into_id": target_id}
    attempted: dict[str, object] = {}

    def work(tx: Transaction) -> Patient:
        source, target = _find_by_id(tx, source_id), _find_by_id(tx, target_id)
        if source is None or target is None:
            raise NotFound("patient", source_id if source is None else target_id)
        tx.run("patients.move_bookings", parameters)
        tx.run("patients.delete", {"id": source_id})
        after = target._replace(
            email=target.email or source.email, phone=target.phone or source.phone, note=target.note or source.note
        )
        record = ", ".join(text for text in (source.name, source.email, source.phone, source.note) if text)
        merged = _write(tx, session, source, target, "merged", f"patient {source_id}: {record}")
        if after == target:
            return merged
        attempted.update(_fields(after))
        return _write(tx, session, target, after, "updated", _differences(target, after))

    try:
        return session.database.write(work, was_committed=was_saved(_find_by_id))
    except pg.UniqueViolation as error:
        raise _exists(session, attempted, target_id) from error
    except pg.ExclusionViolation:
        row = session.database.read(lambda tx: tx.one("patients.find_overlap", parameters))
        which = f": {row['reference']} and {row['other_reference']} at {row['starts_at']:%Y-%m-%d %H:%M}" if row else ""
        raise PatientOverlap(
            f"Patients {source_id} and {target_id} have active bookings that overlap{which}. Cancel one of them first."
        ) from None


def history(session: ClinicSession, key: PatientKey) -> list[PatientChange]:
    """Return the registration of a patient and the changes of the record, the oldest first; raises NotFound and Ambiguous."""
    patient_id = find(session, key).id
    return session.database.read(lambda tx: tx.all("patients.history", {"id": patient_id}, rows.patient_change))


def contact_notice(booking: Booking, phone: str | None) -> str | None:
    """Return a sentence where a booking was made with another phone number than the registered one, which is not changed."""
    if not phone or phone_digits(phone) == phone_digits(booking.patient_phone or ""):
        return None
    registered = f"with the phone number {booking.patient_phone}" if booking.patient_phone else "without a phone number"
    return (
        f"{booking.patient_name} is registered {registered}; {phone} was not saved. "
        f"To change it: booking patients update {booking.patient_id} --phone '{phone}'"
    )


def _find_all(tx: Transaction, key: PatientKey, limit: int | None) -> list[Patient]:
    parameters = {
        "id": key.id,
        "contact_key": key.email and normalized(key.email),
        "phone_digits": key.phone and phone_digits(key.phone),
        "limit": limit,
    }
    return tx.all("patients.find", parameters, rows.patient)


def _find_by_id(tx: Transaction, patient_id: int) -> Patient | None:
    found = _find_all(tx, PatientKey(id=patient_id), None)
    return next((patient for patient in found if patient.id == patient_id), None)  # not one by a former number


def _fields(record: Patient | PatientUpdate) -> dict[str, object]:
    name, email, phone, note = record.name or "", record.email, record.phone, record.note
    return {"name": name, "email": email, "phone": phone, "note": note, **register_key(name, email, phone)._asdict()}


def _write(
    tx: Transaction, session: ClinicSession, former: Patient, after: Patient, change: str, details: str
) -> Patient:
    """Write a record and its history; `former` is the record before the update, or the one that was merged into it."""
    before = {f"former_{name}": value for name, value in _fields(former).items()}
    recorded = {"actor": session.actor, "change": change, "details": details, "former_id": former.id}
    parameters = {"id": after.id, **_fields(after), **before, **recorded}
    written = tx.one("patients.update", parameters, rows.patient)
    assert written is not None
    return written


def _differences(before: Patient, after: Patient) -> str:
    """Return what an update changes, such as `name: Ana Lma → Ana Lima`."""
    return "; ".join(
        f"{field}: {old or 'none'} → {new or 'none'}"
        for field, old, new in zip(Patient._fields, before, after, strict=True)
        if old != new
    )


def _exists(session: ClinicSession, parameters: dict[str, object], patient_id: int | None = None) -> PatientExists:
    """Return the rejection for a record that another patient has; `patient_id` is the patient who was to be changed."""
    found = session.database.read(lambda tx: tx.one("patients.find_by_key", parameters, rows.patient))
    if found is None:
        return PatientExists("Another patient has this name and contact. Please try again.")
    hint = f"See 'booking patients show {found.id}'."
    if patient_id is not None:
        hint = f"If they are one person: booking patients merge {patient_id} {found.id}"
    return PatientExists(f"{found.name}, {found.email or found.phone}, is registered as patient {found.id}. {hint}")
