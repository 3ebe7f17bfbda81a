"""What all clients note down together, and what the code of a refusal means."""

import itertools
import logging
import threading
import time
from collections import Counter

from booking_cli.domain import errors
from booking_cli.domain.errors import BookingError
from tests.chaos.history import Answer, History, Refused, Unknown


def _kinds_of(kind: type[BookingError]) -> list[type[BookingError]]:
    return [kind, *itertools.chain.from_iterable(map(_kinds_of, kind.__subclasses__()))]


# What a client that types nothing wrong may be told, each with the exit status that says the same.
UNDUE = {"error", "output_failed", "invalid_input", "usage", "not_set_up", "interrupted", "promise_broken", "refused"}
STATUSES = {kind.code: kind.exit_status for kind in _kinds_of(BookingError) if kind.__module__ == errors.__name__}
DUE = STATUSES.keys() - UNDUE


class Notes:
    """What all clients note down together: the history, answers that are bugs, and attempts that were repeated."""

    def __init__(self) -> None:
        self.history = History()
        self.bugs: list[str] = []
        self.counts: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def started(self) -> tuple[int, float]:
        """Return the number of an operation and the instant at which it starts."""
        with self._lock:
            return next(self._numbers), time.time()

    def count(self, what: str, number: int = 1) -> None:
        """Count something."""
        with self._lock:
            self.counts[what] += number

    def bug(self, message: str) -> Unknown:
        """Note an answer that nobody may get, and return what it says about the outcome: nothing."""
        with self._lock:
            self.bugs.append(message)
        return Unknown("bug")

    def meaning(self, code: str, text: str) -> Answer:
        """Return what a refusal's code says."""
        if code not in DUE:
            return self.bug(f"It was not due to be told {code}: {text}")
        return Unknown(code) if code == "outcome_unknown" else Refused(code)


class CountRetries(logging.Handler):
    """Counts the attempts that the threads' runner repeats."""

    def __init__(self, notes: Notes) -> None:
        super().__init__(logging.INFO)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        if "trying again" in record.getMessage():
            self._notes.count("retries")
