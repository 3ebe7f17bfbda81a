"""Bookings: book, confirm, cancel, find, list, history, expire."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple, TypeVar

from booking_cli.db import row_factories as rows
from booking_cli.db.runner import Database
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import BookingError, Busy, DatabaseUnavailable
from booking_cli.domain.models import Booking, Expiry, HistoryEntry
from booking_cli.domain.patients import RegisterKey, register_key
from booking_cli.domain.references import new_references, new_request_id
from booking_cli.domain.validation import BookingKey
from booking_cli.repository import rejections
from booking_cli.session import ClinicSession

T = TypeVar("T")

EXPIRE_BATCH = 1000
# A blocking booking can go away between the write and the read that explains it, and come back. More often is an error.
MAX_ROUNDS = 10


class BookingRequest(NamedTuple):
    """A slot for a patient, who is given by number, or by name with an email address, a phone number or both.

    `hold_minutes` is None to confirm at once. `request_id` is the idempotency key; `may_be_replay` is False where the key is
    new.
    """

    slot_id: int
    patient_id: int | None
    name: str
    email: str | None
    phone: str | None
    hold_minutes: Decimal | None
    request_id: str
    may_be_replay: bool = True
    allow_overlap: bool = False


class Booked(NamedTuple):
    """The booking as it was made; of a replay also its state now."""

    booking: Booking
    status_now: str
    replayed: bool = False


Result = Booked | BookingError


class _OpenTransaction:
    """Runs work in a transaction that is open already, with the interface of a database."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def read(self, work: Callable[[Transaction], T]) -> T:
        return work(self._tx)

    def write(self, work: Callable[[Transaction], T], **_options: object) -> T:
        return work(self._tx)

    read_after_sync_replication = read


Scope = Database | _OpenTransaction


def book(session: ClinicSession, request: BookingRequest) -> Booked:
    """Hold or book a slot for a patient, and register the patient where they are new.

    A replayed request gets its first result. Raises NotFound, SlotTaken, SlotInPast, DoctorInactive, PatientOverlap and
    RequestIdReused; then nothing was changed.
    """
    (result,) = book_all(session, [request])
    if isinstance(result, BookingError):
        raise result
    return result


def book_all(session: ClinicSession, requests: Sequence[BookingRequest]) -> list[Result]:
    """Book what can be booked of some requests, the earlier before the later, and return a result for each.

    One write; where it did not book all, one read that explains the rejections; where lapsed holds are the reason, one write
    that releases them and books. Where the database fails, its error is the result of the requests that have none yet.
    """
    return _book(session, session.database, requests)


def book_all_within(tx: Transaction, session: ClinicSession, requests: Sequence[BookingRequest]) -> list[Result]:
    """Book requests as `book_all` does, within an open transaction."""
    return _book(session, _OpenTransaction(tx), requests)


def confirm(session: ClinicSession, key: BookingKey, request_id: str) -> Booked:
    """Confirm a hold and return the booking; raises NotFound, HoldLapsed and WrongState.

    A replayed request gets its first result.
    """
    parameters = {"id": key.id, "reference": key.reference, "request_id": request_id, "actor": session.actor}
    confirmed = _change(session, "bookings.confirm", parameters, "CONFIRMED")
    if confirmed:
        return confirmed
    if not (found := _replayed_change(session, key, "CONFIRMED", request_id)):
        raise rejections.not_confirmed(session, find(session, key))
    first = found._replace(status="CONFIRMED", cancelled_at=None, reason=None, version=2)
    return Booked(first, status_now=found.status, replayed=True)


def cancel(session: ClinicSession, key: BookingKey, reason: str | None, request_id: str) -> Booked:
    """Cancel a hold or a confirmed booking and return it; raises NotFound and WrongState.

    A replayed request gets its first result.
    """
    parameters = {
        "id": key.id,
        "reference": key.reference,
        "reason": reason,
        "request_id": request_id,
        "actor": session.actor,
    }
    cancelled = _change(session, "bookings.cancel", parameters, "CANCELLED")
    if cancelled:
        return cancelled
    if not (found := _replayed_change(session, key, "CANCELLED", request_id)):
        raise rejections.not_cancelled(find(session, key))
    return Booked(found, status_now=found.status, replayed=True)


def find(session: ClinicSession, key: BookingKey) -> Booking:
    """Return a booking; raises NotFound."""
    parameters = {"id": key.id, "reference": key.reference}
    found = session.database.read(lambda tx: tx.one("bookings.find", parameters, rows.booking))
    if found is None:
        raise rejections.booking_not_found(key)
    return found


def list_bookings(
    session: ClinicSession,
    *,
    statuses: Sequence[str] | None,
    patient_ids: Sequence[int] | None,
    doctor_id: int | None,
    starts_from: dt.datetime | None,
    starts_before: dt.datetime | None,
    limit: int,
) -> Iterable[Booking]:
    """Return bookings by the start of their slot, at most one more than `limit`."""
    parameters = {
        "statuses": statuses,
        "patient_ids": patient_ids,
        "doctor_id": doctor_id,
        "starts_from": starts_from,
        "starts_before": starts_before,
        "limit": limit,
    }
    return session.database.list("bookings.list", parameters, limit, rows.booking)


def history(session: ClinicSession, key: BookingKey) -> list[HistoryEntry]:
    """Return the changes of a booking, the first first; raises NotFound."""
    booking_id = find(session, key).id
    return session.database.read(lambda tx: tx.all("bookings.history", {"id": booking_id}, rows.history_entry))


def expire(session: ClinicSession) -> Expiry:
    """Mark every lapsed hold as failed, in batches of a thousand, and return them; several runs can overlap."""
    released: list[Booking] = []
    try:
        while True:
            batch = _expire_batch(session)
            released.extend(batch)
            if len(batch) < EXPIRE_BATCH:
                break
    except (Busy, DatabaseUnavailable) as error:
        if released:
            then = "was too busy" if isinstance(error, Busy) else "could not be reached"
            count = f"{len(released)} lapsed hold{'s were' if len(released) > 1 else ' was'} released"
            raise type(error)(f"{count}, then the database {then}; run it again.") from error
        raise
    released.sort(key=lambda booking: (booking.starts_at.timestamp(), booking.id))
    return Expiry(len(released), released)


def _expire_batch(session: ClinicSession) -> list[Booking]:
    request_id = new_request_id()
    parameters = {"batch": EXPIRE_BATCH, "request_id": request_id, "actor": session.actor}
    return session.database.write(
        lambda tx: tx.all("bookings.expire", parameters, rows.booking),
        was_committed=lambda tx, made: bool(made) and _is_recorded(tx, made[0], "FAILED", request_id),
    )


class _NothingBooked(Exception):
    """Rolls back a write that booked nothing, and with it the registration of the patients."""


class _Explained(NamedTuple):
    """The results of requests that were not booked, by position, and the lapsed holds that block the others."""

    results: dict[int, Result]
    lapsed_holds: list[int]


def _book(session: ClinicSession, scope: Scope, requests: Sequence[BookingRequest]) -> list[Result]:
    results: dict[int, Result] = {}
    waiting = dict(enumerate(requests))
    lapsed_holds: list[int] = []
    try:
        for _ in range(MAX_ROUNDS):
            results |= _insert(session, scope, waiting, lapsed_holds)
            waiting = _without(waiting, results)
            if not waiting:
                break
            explained, lapsed_holds = _explain_after_sync(session, scope, waiting, _lines_by_booking(results))
            results |= explained
            waiting = _without(waiting, results)
            if not waiting:
                break
        for line, request in waiting.items():
            results[line] = Busy(
                f"Slot {request.slot_id} was booked and released repeatedly by others. It was not booked; please try again."
            )
    except BookingError as error:
        results |= dict.fromkeys(waiting, error)
    return [results[line] for line in range(len(requests))]


def _lines_by_booking(results: Mapping[int, Result]) -> dict[int, int]:
    return {result.booking.id: line for line, result in results.items() if isinstance(result, Booked)}


def _without(requests: Mapping[int, BookingRequest], results: Mapping[int, Result]) -> dict[int, BookingRequest]:
    return {line: request for line, request in requests.items() if line not in results}


def _insert(
    session: ClinicSession, scope: Scope, requests: Mapping[int, BookingRequest], lapsed_holds: list[int]
) -> dict[int, Booked]:
    """Release lapsed holds, book what the constraints accept, and return the bookings by position."""
    parameters = {"requests": _as_json(requests), "actor": session.actor}
    request_id = next(iter(requests.values())).request_id if len(requests) == 1 else None

    def work(tx: Transaction) -> dict[int, Booked]:
        if lapsed_holds:
            tx.run("bookings.release_lapsed_holds", {"ids": lapsed_holds, "actor": session.actor})
        made = tx.all("bookings.book", parameters, _LINE_AND_BOOKING, is_large=len(requests) > 1)
        booked = {line: Booked(booking, booking.status) for booking, line in made if booking.id is not None}
        if not booked and isinstance(scope, Database):
            raise _NothingBooked
        if len(booked) < len(made):
            patients_booked = {made.booking.patient_id for made in booked.values()}
            unused = {booking.patient_id for booking, _ in made} - patients_booked
            tx.run("patients.delete_unused", {"ids": list(unused)})
        return booked

    def was_committed(tx: Transaction, booked: dict[int, Booked]) -> bool:
        line, made = next(iter(booked.items()))
        found = tx.one("bookings.find_by_request", {"request_ids": [requests[line].request_id]})
        return found is not None and found["reference"] == made.booking.reference

    try:
        return scope.write(work, was_committed=was_committed, request_id=request_id)
    except _NothingBooked:
        return {}


def _explain_after_sync(
    session: ClinicSession, scope: Scope, requests: Mapping[int, BookingRequest], booked: Mapping[int, int]
) -> _Explained:
    def work(tx: Transaction) -> _Explained:
        return _explain(tx, session, requests, booked)

    explained = scope.read(work)
    if any(isinstance(result, Booked) for result in explained.results.values()):
        return scope.read_after_sync_replication(work)
    return explained


def _explain(
    tx: Transaction, session: ClinicSession, requests: Mapping[int, BookingRequest], booked: Mapping[int, int]
) -> _Explained:
    """Return why requests were not booked; those that are missing from the results can be tried again.

    `booked` has the lines of the bookings that the other requests made.
    """
    results = dict(_replays(tx, requests))
    rest = _without(requests, results)
    lapsed_holds: list[int] = []
    found = tx.all("bookings.explain_rejections", {"requests": _as_json(rest)}, is_large=len(rest) > 1) if rest else []
    for line, group in groupby(found, key=lambda row: row["line"]):
        request, blocking = rest[line], list(group)
        if reason := rejections.not_bookable(request.slot_id, request.patient_id, blocking[0]):
            results[line] = reason
            continue
        # A patient's overlapping booking comes before the booking of the slot.
        active = [row for row in blocking if row["booking_id"] is not None and not row["lapsed"]]
        if active:
            earlier = [row for row in active if booked.get(row["booking_id"], -1) < line]
            results[line] = rejections.blocked(session, request.slot_id, request.name, (earlier or active)[0])
        else:
            lapsed_holds += [row["booking_id"] for row in blocking if row["lapsed"]]
    return _Explained(results, lapsed_holds)


def _replays(tx: Transaction, requests: Mapping[int, BookingRequest]) -> Iterator[tuple[int, Result]]:
    """Yield the results of requests whose request id has made a booking."""
    ids = [request.request_id for request in requests.values() if request.may_be_replay]
    if not ids:
        return
    found = tx.all("bookings.find_by_request", {"request_ids": ids}, _REPLAYED)
    by_request = {request_id: row for *row, request_id in found}
    for line, request in requests.items():
        if (row := by_request.get(request.request_id)) is None:
            continue
        booking, first_status, made_here = row
        if booking.slot_id != request.slot_id or not _is_patient_of(tx, request, booking):
            yield line, rejections.reused(request.request_id, booking.reference, made_here=made_here)
            continue
        first = booking._replace(
            status=first_status,
            confirmed_at=booking.booked_at if first_status == "CONFIRMED" else None,
            cancelled_at=None,
            failed_at=None,
            reason=None,
            version=1,
        )
        yield line, Booked(first, status_now=booking.status, replayed=not made_here)


def _is_patient_of(tx: Transaction, request: BookingRequest, booking: Booking) -> bool:
    """Return whether a request is for the patient of a booking, also by a name or contact from before a correction or merge."""
    if request.patient_id is not None:
        same = request.patient_id == booking.patient_id
        return same or any(
            row["id"] == request.patient_id for row in tx.all("patients.former", {"id": booking.patient_id})
        )
    key = _register_key(request)
    if key == register_key(booking.patient_name, booking.patient_email, booking.patient_phone):
        return True
    former = tx.all("patients.former", {"id": booking.patient_id})
    return any((row["name_key"], row["contact_key"]) == key for row in former)


def _as_json(requests: Mapping[int, BookingRequest]) -> list[str]:
    """Return the parameter of the statements about several requests."""
    return [
        json.dumps(
            {
                "line": line,
                "slot_id": request.slot_id,
                "known_patient_id": request.patient_id,
                "name": request.name,
                "email": request.email,
                "phone": request.phone,
                **({} if request.patient_id else _register_key(request)._asdict()),
                "hold_minutes": None if request.hold_minutes is None else float(request.hold_minutes),
                "allow_overlap": request.allow_overlap,
                "request_id": request.request_id,
                "reference": reference,
            }
        )
        for (line, request), reference in zip(requests.items(), new_references(len(requests)), strict=True)
    ]


def _register_key(request: BookingRequest) -> RegisterKey:
    return register_key(request.name, request.email, request.phone)


def _change(session: ClinicSession, statement: str, parameters: Mapping[str, object], status: str) -> Booked | None:
    """Run a statement that brings a booking into a state, and return the booking, or None where it was not changed."""
    request_id = str(parameters["request_id"])
    changed = session.database.write(
        lambda tx: tx.one(statement, parameters, rows.booking),
        was_committed=lambda tx, made: made is not None and _is_recorded(tx, made, status, request_id),
        request_id=request_id,
    )
    return Booked(changed, status_now=changed.status) if changed else None


def _is_recorded(tx: Transaction, made: Booking, status: str, request_id: str) -> bool:
    """Return whether the history has that a request brought a booking into a state."""
    parameters = {"id": made.id, "reference": None, "status": status, "request_id": request_id}
    return tx.one("bookings.find_change", parameters) is not None


def _replayed_change(session: ClinicSession, key: BookingKey, status: str, request_id: str) -> Booking | None:
    """Return the booking as it is now, where this request brought it into a state before."""
    parameters = {"id": key.id, "reference": key.reference, "status": status, "request_id": request_id}

    def find_change(tx: Transaction) -> Booking | None:
        return tx.one("bookings.find_change", parameters, rows.booking)

    return session.database.read(find_change) and session.database.read_after_sync_replication(find_change)


_LINE_AND_BOOKING = rows.with_columns(rows.booking, "line")
_REPLAYED = rows.with_columns(rows.booking, "first_status", "made_here", "request_id")
