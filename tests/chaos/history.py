"""The history of a run: each operation with its start, its end and its outcome."""

import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

from booking_cli.domain import errors
from booking_cli.domain.models import NOT_MADE


class Ok(NamedTuple):
    """The command was done; `result` is the JSON that it shows."""

    result: Mapping[str, Any]


class Rejected(NamedTuple):
    """The command reported that nothing was changed; `code` is an error code such as slot_taken or busy."""

    code: str


class Unknown(NamedTuple):
    """The outcome was not reported: the client was killed, or the code is outcome_unknown."""

    reason: str


Outcome = Ok | Rejected | Unknown


class Operation(NamedTuple):
    """One attempt at one request by one client; `started` and `ended` are instants of the clients' clock.

    `arguments` by `kind`:
    book: slot_id, patient_name, patient_email, patient_phone, patient_id (or None), request_id, confirm, hold_minutes,
    allow_overlap, atomic (True for a row of a file of which all rows or none are booked);
    confirm, cancel: reference, request_id; expire: nothing; update_doctor: doctor_id, active;
    add_slots: doctor_id, starts, minutes; merge_patients: patient_id, into_id, patient_name (of both).
    """

    client: str
    kind: str
    arguments: Mapping[str, Any]
    started: float
    ended: float
    outcome: Outcome

    def __str__(self) -> str:
        return f"{self.kind} by {self.client} at {self.started} ({self.outcome})"


EXIT_STATUSES = {
    kind.code: kind.exit_status
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.BookingError)
}
# Errors that a client with valid arguments must not get, unless it is interrupted.
UNEXPECTED = {"error", "output_failed", "invalid_input", "usage", "ambiguous", "not_set_up", "interrupted", "refused"}
EXPECTED = EXIT_STATUSES.keys() - UNEXPECTED | {NOT_MADE}


def person(name: str) -> str:
    """Return a name without the differences of spelling that do not make another patient; not the product's own function."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


class History:
    """Collects operations and bugs, from many threads."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []  # those that have ended
        self.bugs: list[str] = []

    def bug(self, message: str) -> Unknown:
        """Record an outcome that no client may get."""
        self.bugs.append(message)
        return Unknown("bug")

    def error(self, kind: str, code: str, message: str) -> Outcome:
        """Return the outcome of an operation of a kind that an error code stands for."""
        # A merge is rejected as invalid where an earlier one has made both numbers those of one patient.
        if code not in EXPECTED and (kind, code) != ("merge_patients", "invalid_input"):
            return self.bug(f"Unexpected error {code}: {message}")
        return Unknown(code) if code == "outcome_unknown" else Rejected(code)
