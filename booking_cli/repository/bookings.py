"""Bookings: find, list, confirm, cancel, history, expire."""

from collections.abc import Iterable, Mapping, Sequence

from booking_cli.db import row_factories as rows
from booking_cli.db.transaction import Rollback, Transaction
from booking_cli.domain.dates import Period
from booking_cli.domain.errors import Busy, DatabaseUnavailable, NotFound
from booking_cli.domain.models import Booking, Expiry, HistoryEntry
from booking_cli.domain.patients import normalized
from booking_cli.domain.references import new_request_id
from booking_cli.domain.validation import BookingKey
from booking_cli.repository import rejections
from booking_cli.repository.new_bookings import Booked
from booking_cli.session import ClinicSession

EXPIRE_BATCH = 1000


def find(session: ClinicSession, key: BookingKey) -> Booking:
    """Return a booking; raises NotFound."""
    found = session.database.read(lambda tx: tx.one("bookings.find", key._asdict(), rows.booking))
    if found is None:
        raise NotFound("booking", key, "See 'booking list'.")
    return found


def list_bookings(
    session: ClinicSession,
    period: Period,
    *,
    statuses: Sequence[str] | None,
    email: str | None,
    doctor_id: int | None,
    limit: int,
) -> Iterable[Booking]:
    """Return bookings by the start of their slot, at most one more than `limit`."""
    contact_key = email and normalized(email)
    parameters = {"statuses": statuses, "contact_key": contact_key, "doctor_id": doctor_id, "limit": limit}
    return session.database.list("bookings.list", {**parameters, **period._asdict()}, limit, rows.booking)


def history(session: ClinicSession, key: BookingKey) -> list[HistoryEntry]:
    """Return the changes of a booking, the oldest first; raises NotFound."""
    booking_id = find(session, key).id
    return session.database.read(lambda tx: tx.all("bookings.history", {"id": booking_id}, rows.history_entry))


def confirm(session: ClinicSession, key: BookingKey, request_id: str) -> Booked:
    """Confirm a hold and return the booking; raises NotFound, HoldLapsed and WrongState.

    A replayed request gets its first result.
    """
    parameters = {**key._asdict(), "status": "CONFIRMED", "request_id": request_id, "actor": session.actor}
    if confirmed := _change(session, "bookings.confirm", parameters):
        return confirmed
    if not (found := _replayed(session, parameters)):
        raise rejections.not_confirmed(session, find(session, key))
    first = found._replace(status="CONFIRMED", cancelled_at=None, reason=None, version=2)
    return Booked(first, status_now=found.status, replayed=True)


def cancel(session: ClinicSession, key: BookingKey, reason: str | None, request_id: str) -> Booked:
    """Cancel a hold or a confirmed booking and return it; raises NotFound and WrongState.

    A replayed request gets its first result.
    """
    parameters = {**key._asdict(), "status": "CANCELLED", "request_id": request_id, "actor": session.actor}
    if cancelled := _change(session, "bookings.cancel", {**parameters, "reason": reason}):
        return cancelled
    if not (found := _replayed(session, parameters)):
        raise rejections.not_cancelled(find(session, key))
    return Booked(found, status_now=found.status, replayed=True)


def expire(session: ClinicSession) -> Expiry:
    """Mark every lapsed hold as failed, in batches of a thousand, and return them; several runs can overlap."""
    expired: list[Booking] = []
    try:
        while True:
            batch = _expire_batch(session)
            expired.extend(batch)
            if len(batch) < EXPIRE_BATCH:
                break
    except (Busy, DatabaseUnavailable) as error:
        if not expired:
            raise
        then = "was too busy" if isinstance(error, Busy) else "could not be reached"
        raise type(error)(f"Lapsed holds released: {len(expired)}; then the database {then}. Run it again.") from error
    expired.sort(key=lambda booking: (booking.starts_at.timestamp(), booking.id))
    return Expiry(len(expired), expired)


def _expire_batch(session: ClinicSession) -> list[Booking]:
    parameters = {"batch": EXPIRE_BATCH, "request_id": new_request_id(), "actor": session.actor}

    def work(tx: Transaction) -> list[Booking]:
        lapsed = tx.all("bookings.lock_lapsed_holds", parameters)
        if not lapsed:
            raise Rollback([])
        ids = [row["id"] for row in lapsed]
        return tx.all("bookings.release_lapsed_holds", {**parameters, "ids": ids}, rows.booking)

    def was_committed(tx: Transaction, expired: list[Booking]) -> bool:
        change = {**parameters, "id": expired[0].id, "reference": None, "status": "FAILED"}
        return _find_change(tx, change) is not None

    return session.database.write(work, was_committed=was_committed)


def _change(session: ClinicSession, statement: str, parameters: Mapping[str, object]) -> Booked | None:
    """Run a statement that brings a booking into a state, and return the booking, or None where it was not changed."""
    changed = session.database.write(
        lambda tx: tx.one(statement, parameters, rows.booking),
        was_committed=lambda tx, made: made is not None and _find_change(tx, parameters) is not None,
        request_id=str(parameters["request_id"]),
    )
    return Booked(changed, status_now=changed.status) if changed else None


def _replayed(session: ClinicSession, parameters: Mapping[str, object]) -> Booking | None:
    """Return the booking as it is now, where this request brought it into the state before."""

    def work(tx: Transaction) -> Booking | None:
        return _find_change(tx, parameters)

    return session.database.read(work) and session.database.read_after_sync_replication(work)


def _find_change(tx: Transaction, parameters: Mapping[str, object]) -> Booking | None:
    """Return the booking by number or reference, where a request brought it into a state."""
    return tx.one("bookings.find_change", parameters, rows.booking)
