"""What simulated clients were promised: each operation with its start, its end and its answer."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """The command ended with exit 0; `result` is the JSON of what it shows."""

    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The command said that nothing was changed; `code` as in the contract: slot_taken, busy, not_found, ..."""

    code: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing said whether it happened: killed, or outcome_unknown, or anything else that leaves it open."""

    why: str


Answer = Done | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Operation:
    """One try of one request by one client.

    `arguments` by `kind`:
    book: slot_id, patient_name, patient_email, request_id, confirm (bool);
    confirm, cancel: reference, request_id; expire: nothing; add_slot: doctor_id, starts_at, minutes;
    bulk: doctor_id, starts (ISO instants), minutes; delete_slot: slot_id;
    add_doctor: name, specialization, email, phone; update_doctor: doctor_id, change (field and value);
    delete_doctor: doctor_id; set_clinic: name.
    """

    number: int  # unique, in order of start
    client: str
    kind: str
    arguments: Mapping[str, Any]
    started: float  # time.time() of the client before the call
    ended: float  # and after it
    answer: Answer


class History:
    """Collects operations from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._operations: list[Operation] = []

    def record(self, operation: Operation) -> None:
        """Add an operation that has ended."""
        with self._lock:
            self._operations.append(operation)

    def operations(self) -> list[Operation]:
        """Return what was recorded so far, in order of start."""
        with self._lock:
            return sorted(self._operations, key=lambda operation: operation.number)
