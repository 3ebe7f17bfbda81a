"""Hold or book slots for patients: one request, or a chunk of them, in the same statements."""

import functools
import json
from collections.abc import Container, Iterator, Mapping
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple, Self

from booking_cli.db import row_factories as rows
from booking_cli.db.runner import OpenTransaction
from booking_cli.db.transaction import Rollback, Transaction
from booking_cli.domain.errors import BookingError, Busy
from booking_cli.domain.models import Booking
from booking_cli.domain.patients import RegisterKey, register_key
from booking_cli.domain.references import new_references
from booking_cli.repository import rejections
from booking_cli.session import ClinicSession

# Others can cancel a blocking booking between the write and the read that explains it, and book again. After that, Busy.
MAX_ROUNDS = 10
_LINE_AND_BOOKING = rows.with_columns(rows.booking, "line")
_REPLAYED = rows.with_columns(rows.booking, "first_status", "made_here", "patient_ids", "patient_keys", "request_id")


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

    def register_key(self) -> RegisterKey:
        """Return the key of a patient who is given by name."""
        return register_key(self.name, self.email, self.phone)


class Booked(NamedTuple):
    """The booking as it was made; for a replay, also its present state."""

    booking: Booking
    status_now: str
    replayed: bool = False


Result = Booked | BookingError
# Requests by their line; the database books an earlier line before a later one.
Requests = Mapping[int, BookingRequest]


class Batch(NamedTuple):
    """Requests, and the parameter of the statements about them, a JSON array."""

    requests: Requests
    as_json: str

    @classmethod
    def of(cls, requests: Requests) -> Self:
        """Return the batch of some requests. An import encodes the next chunk while the database books the previous one."""
        references = iter(new_references(len(requests)))
        objects = [
            {
                "line": line,
                "slot_id": request.slot_id,
                "known_patient_id": request.patient_id,
                "name": request.name,
                "email": request.email,
                "phone": request.phone,
                **({} if request.patient_id else request.register_key()._asdict()),
                "hold_minutes": None if request.hold_minutes is None else float(request.hold_minutes),
                "allow_overlap": request.allow_overlap,
                "request_id": request.request_id,
                "reference": next(references),
            }
            for line, request in requests.items()
        ]
        return cls(requests, json.dumps(objects))

    def without(self, lines: Container[int]) -> Self:
        """Return the batch of the other requests."""
        return self.of({line: request for line, request in self.requests.items() if line not in lines})


def book(session: ClinicSession, request: BookingRequest) -> Booked:
    """Hold or book a slot for a patient, and register the patient where they are new.

    A replayed request gets its first result. Raises NotFound, SlotTaken, SlotInPast, DoctorInactive, PatientOverlap and
    RequestIdReused; then nothing was changed.
    """
    result = book_all(session, Batch.of({0: request}))[0]
    if isinstance(result, BookingError):
        raise result
    return result


def book_all(session: ClinicSession, batch: Batch) -> dict[int, Result]:
    """Book what can be booked of some requests, the earlier before the later, and return the result of each by its line.

    One write; where it did not book all, one read that explains the rejections; where lapsed holds are the reason, one write
    that releases them and books. Where the database fails, its error is the result of the requests that have none yet.
    """
    results: dict[int, Result] = {}
    lapsed_holds: list[int] = []
    try:
        for _ in range(MAX_ROUNDS):
            if batch.requests:
                results |= _insert(session, batch, lapsed_holds)
                batch = batch.without(results)
            if batch.requests:
                lines = {result.booking.id: line for line, result in results.items() if isinstance(result, Booked)}
                explain = functools.partial(_explain, session=session, batch=batch, lines=lines)
                explained, lapsed_holds = session.database.read(explain)
                if any(isinstance(result, Booked) for result in explained.values()):
                    explained, lapsed_holds = session.database.read_after_sync_replication(explain)
                results |= explained
                batch = batch.without(results)
    except BookingError as error:
        return results | dict.fromkeys(batch.requests, error)
    for line, request in batch.requests.items():
        results[line] = Busy(
            f"Slot {request.slot_id} was booked and released repeatedly by others. It was not booked; please try again."
        )
    return results


def is_saved(tx: Transaction, made: Booking | None) -> bool:
    """Return whether a booking is in the database, by its reference, which is unique."""
    return made is not None and tx.one("bookings.find", {"id": None, "reference": made.reference}) is not None


def _insert(session: ClinicSession, batch: Batch, lapsed_holds: list[int]) -> dict[int, Booked]:
    """Release lapsed holds, book what the constraints accept, and return the bookings."""

    def work(tx: Transaction) -> dict[int, Booked]:
        if lapsed_holds:
            tx.run("bookings.release_lapsed_holds", {"ids": lapsed_holds, "actor": session.actor, "request_id": None})
        made = tx.all("bookings.book", {"requests": batch.as_json, "actor": session.actor}, _LINE_AND_BOOKING)
        booked = {line: Booked(one, one.status) for one, line in made if one.id is not None}
        if not booked and not isinstance(session.database, OpenTransaction):
            raise Rollback({})  # also of the registration of the patients
        if len(booked) < len(made):
            unused = {one.patient_id for one, line in made} - {one.patient_id for one, line in made if line in booked}
            tx.run("patients.delete_unused", {"ids": list(unused)})
        return booked

    return session.database.write(
        work,
        was_committed=lambda tx, booked: is_saved(tx, next(iter(booked.values())).booking),
        request_id=next(iter(batch.requests.values())).request_id if len(batch.requests) == 1 else None,
    )


def _explain(
    tx: Transaction, session: ClinicSession, batch: Batch, lines: Mapping[int, int]
) -> tuple[dict[int, Result], list[int]]:
    """Return the results of requests that were not booked, and the lapsed holds that block the others.

    `lines` has the lines of the other requests by the bookings that they made.
    """
    results = dict(_replays(tx, batch.requests))
    lapsed_holds: list[int] = []
    if not (rest := batch.without(results)).requests:
        return results, []
    found = tx.all("bookings.explain_rejections", {"requests": rest.as_json})
    for line, group in groupby(found, key=lambda row: row["line"]):
        request, blocking = rest.requests[line], list(group)
        if reason := rejections.not_bookable(request.slot_id, request.patient_id, blocking[0]):
            results[line] = reason
            continue
        # A patient's overlapping booking comes before the booking of the slot.
        active = [row for row in blocking if row["booking_id"] is not None and not row["lapsed"]]
        if active:
            earlier = [row for row in active if lines.get(row["booking_id"], -1) < line]
            results[line] = rejections.blocked(session, request.slot_id, request.name, (earlier or active)[0])
        else:
            lapsed_holds += [row["booking_id"] for row in blocking if row["lapsed"]]
    return results, lapsed_holds


def _replays(tx: Transaction, requests: Requests) -> Iterator[tuple[int, Result]]:
    """Yield the results of requests whose request id has made a booking."""
    ids = [request.request_id for request in requests.values() if request.may_be_replay]
    found = tx.all("bookings.find_by_request", {"request_ids": ids}, _REPLAYED) if ids else []
    by_request = {request_id: row for *row, request_id in found}
    for line, request in requests.items():
        if (row := by_request.get(request.request_id)) is None:
            continue
        booking, first_status, made_here, patient_ids, patient_keys = row
        is_same_patient = request.patient_id in patient_ids or "\n".join(request.register_key()) in patient_keys
        if booking.slot_id != request.slot_id or not is_same_patient:
            yield line, rejections.reused(request.request_id, booking.reference, made_here=made_here)
            continue
        confirmed_at = booking.booked_at if first_status == "CONFIRMED" else None
        first = booking._replace(
            status=first_status, confirmed_at=confirmed_at, cancelled_at=None, failed_at=None, reason=None, version=1
        )
        yield line, Booked(first, status_now=booking.status, replayed=not made_here)
