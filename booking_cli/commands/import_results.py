"""The answers for the lines of a file: counted as they are shown, with what is true about them when it ends early."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from booking_cli import signals as interrupts
from booking_cli.domain.errors import (
    BookingError,
    Busy,
    DatabaseUnavailable,
    Interrupted,
    InterruptedInDoubt,
    InvalidInput,
    OutcomeUnknown,
    OutputFailed,
    Refused,
)
from booking_cli.domain.models import NOT_MADE, LineAnswer
from booking_cli.importing.workers import Abandoned

if TYPE_CHECKING:
    from booking_cli.repository.batches import Outcome

_RUN_AGAIN = "It is safe to run it again: what has a request_id is booked once, and the slots of other lines that were booked are taken."


class Answers:
    """The answers; once they have been gone through, `failure` is what to end with."""

    def __init__(self, *, atomic: bool) -> None:
        self._atomic = atomic
        self._rows: Iterator[LineAnswer] = iter(())
        self._error: Exception | None = None
        self._last = self._reached = 0
        self.lines = self.booked = self.refused = 0

    def take(self, outcomes: "Iterator[Outcome]") -> None:
        """Take the answers from where they come from, when they are asked for."""
        self._rows = itertools.chain.from_iterable(self._counted(outcomes))

    def __iter__(self) -> Iterator[LineAnswer]:
        return self._rows

    def refusals(self) -> Iterator[LineAnswer]:
        """Return the answers of the lines that were refused, without those that only were not made because of them."""
        return (answer for answer in self if answer.code not in (None, NOT_MADE))

    def reach(self, lines: int) -> None:
        """Note how many lines were gone through, where the answers only come when all were."""
        self._reached = lines

    def progress(self) -> str:
        """Return how far it is, in words."""
        return f"{max(self.lines, self._reached)} lines"

    def failure(self) -> Exception | None:
        """Return what to end with once the answers have been shown."""
        match self._error:
            case None if self.refused:
                return Refused(f"{self.refused} of {self.lines} lines were not booked.")
            case InterruptedInDoubt():
                return Interrupted(self._then(str(self._error)))
            case OutcomeUnknown():
                return OutcomeUnknown(None, self._then())
            case Busy() | DatabaseUnavailable() if not self._atomic:
                why = "was too busy" if isinstance(self._error, Busy) else "went away"
                return type(self._error)(
                    self._then(f"The database {why}; the answers say which lines were not booked.")
                )
            case Interrupted() | InvalidInput() if not self._atomic:
                return type(self._error)(self._then(str(self._error)))
            case InvalidInput():
                return InvalidInput(f"{self._error} Nothing was booked.")
        return self._error

    def cut_off(self, reason: str) -> BookingError:
        """Return what to end with where the answers could not be shown to their end."""
        lost = "What was booked stays booked, also where its answer was lost."
        return OutputFailed(f"The answers could not be written on: {reason}. {lost} {_RUN_AGAIN}")

    def _then(self, *sentences: str) -> str:
        """Return sentences with what is true about the answers, and what to do."""
        reach = f"The lines up to {self._last} are answered." if self._last else "No line is answered."
        return " ".join([*sentences, *([] if self._atomic else [reach]), _RUN_AGAIN])

    def _counted(self, outcomes: "Iterator[Outcome]") -> Iterator[list[LineAnswer]]:
        try:
            for answers, failure in outcomes:
                self.lines += len(answers)
                self.booked += sum(answer.code is None for answer in answers)
                self.refused += sum(answer.code not in (None, NOT_MADE) for answer in answers)
                if answers:
                    self._last = answers[-1].line
                yield answers
                self._error = self._error or failure
        except Abandoned:
            self._error = Interrupted("Interrupted; it is not known which lines after those answered were booked.")
        except KeyboardInterrupt:
            self._error = Interrupted(interrupts.last_words())
        except InvalidInput as error:  # the file cannot be read on
            self._error = self._error or error
        except Exception as error:  # also a bug: what was answered until then is shown first
            self._error = error
