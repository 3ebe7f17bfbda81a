"""The errors with which a command can end: each is a type with a code and an exit status for scripts.

They are raised where the rule is and rendered in `cli.application`. A message has one or two sentences: the problem, and the
remedy. The code of an error is the name of its type in snake case, such as `slot_taken`, unless the type sets another one.
Codes and exit statuses are part of the contract with scripts.
"""

import re


class BookingError(Exception):
    """The base of all errors; `code` and `exit_status` are for scripts."""

    code = "error"
    exit_status = 1

    def __init_subclass__(cls) -> None:
        # A type of another module has the code of its base.
        if "code" not in cls.__dict__ and cls.__module__ == __name__:
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class OutputFailed(BookingError):
    """The result could not be written, as on a full disk; the changes of the command are saved."""


class InvalidInput(BookingError):
    """An argument or a setting is malformed or out of range."""

    exit_status = 2


class UsageError(InvalidInput):
    """The command does not exist, or does not take these arguments."""

    code = "usage"


class NotFound(BookingError):
    """The doctor, slot, patient or booking does not exist."""

    exit_status = 3

    def __init__(self, noun: str, key: object, hint: str | None = None) -> None:
        super().__init__(f"There is no {noun} {key}. " + (hint or f"See 'booking {noun}s list'."))


class Ambiguous(InvalidInput):
    """Several records match where one is needed."""


class Refused(BookingError):
    """A rule of the appointment book forbids the change; nothing was changed."""

    exit_status = 4


class SlotTaken(Refused):
    """The slot is held or booked."""


class SlotInPast(Refused):
    """The slot has already begun."""


class SlotOverlap(Refused):
    """The doctor has another slot at that time."""


class DoctorInactive(Refused):
    """The doctor takes no appointments at present."""


class EmailTaken(Refused):
    """Another doctor has this email address."""


class PatientOverlap(Refused):
    """The patient has an active booking at an overlapping time."""


class PatientExists(Refused):
    """A patient with this name and email address or phone number is registered."""


class RequestIdReused(Refused):
    """The request id was used for another patient or slot."""


class WrongState(Refused):
    """The booking's state does not allow the change."""


class HoldLapsed(Refused):
    """The hold lapsed before it was confirmed."""


class VersionConflict(Refused):
    """Somebody else changed the record since it was read."""


class InUse(Refused):
    """Other records depend on this one, so it cannot be deleted; or a name is in use."""


class PromiseBroken(Refused):
    """`verify` found data that violates a promise of the appointment book."""


class DatabaseUnavailable(BookingError):
    """The database cannot be reached, or this login has no rights in it."""

    exit_status = 5


class NotSetUp(BookingError):
    """The tables are missing, or older or newer than this program."""

    exit_status = 5


class Busy(BookingError):
    """Too many changes at the same time, or a timeout; nothing was changed, and the command can be run again."""

    exit_status = 6


class OutcomeUnknown(BookingError):
    """The connection broke during COMMIT, and whether the change was committed could not be resolved.

    `request_id` is the idempotency key for running the command again, or None. `advice` is what to do instead of running it
    again, where that could overwrite a later change.
    """

    exit_status = 6
    sentence = "The connection to the database broke while the change was being committed; it is not known whether it was saved."

    def __init__(self, request_id: str | None, advice: str | None = None) -> None:
        super().__init__(f"{self.sentence} {advice}" if advice else self.sentence)
        self.request_id, self.advice = request_id, advice


class Interrupted(BookingError):
    """Ctrl-C."""

    exit_status = 130


class InterruptedInDoubt(OutcomeUnknown):
    """Ctrl-C, pressed before COMMIT was answered."""

    code = Interrupted.code
    exit_status = Interrupted.exit_status
    sentence = "Interrupted while the change was being committed; it is not known whether it was saved."
