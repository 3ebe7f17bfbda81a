"""The errors with which a command can end: each is a type with a code and an exit status for scripts.

They are raised where the rule is and rendered in `cli.application`. Codes and exit statuses are part of the contract with
scripts. A message has one or two sentences: what is wrong, and what to do.
"""


class BookingError(Exception):
    """The base of all errors; `code` and `exit_status` are for scripts."""

    code = "error"
    exit_status = 1


class OutputFailed(BookingError):
    """The result could not be written, as on a full disk; the changes of the command are saved."""

    code = "output_failed"


class InvalidInput(BookingError):
    """An argument or a setting is malformed or out of range."""

    code = "invalid_input"
    exit_status = 2


class UsageError(InvalidInput):
    """The command does not exist, or does not take these arguments."""

    code = "usage"


class NotFound(BookingError):
    """The doctor, slot, patient or booking does not exist."""

    code = "not_found"
    exit_status = 3

    def __init__(self, noun: str, key: object, hint: str) -> None:
        super().__init__(f"There is no {noun} {key}. {hint}")


class Ambiguous(InvalidInput):
    """Several records match where one is needed."""

    code = "ambiguous"


class Refused(BookingError):
    """A rule of the appointment book forbids the change; nothing was changed."""

    code = "refused"
    exit_status = 4


class SlotTaken(Refused):
    """The slot is held or booked."""

    code = "slot_taken"


class SlotInPast(Refused):
    """The slot has already begun."""

    code = "slot_in_past"


class SlotOverlap(Refused):
    """The doctor has another slot at that time."""

    code = "slot_overlap"


class DoctorInactive(Refused):
    """The doctor takes no appointments at present."""

    code = "doctor_inactive"


class EmailTaken(Refused):
    """Another doctor has this email address."""

    code = "email_taken"


class PatientOverlap(Refused):
    """The patient has an active booking at an overlapping time."""

    code = "patient_overlap"


class PatientExists(Refused):
    """A patient with this name and email address or phone number is registered."""

    code = "patient_exists"


class RequestIdReused(Refused):
    """The request id was used for another patient or slot."""

    code = "request_id_reused"


class WrongState(Refused):
    """The booking's state does not allow the change."""

    code = "wrong_state"


class HoldLapsed(Refused):
    """The hold lapsed before it was confirmed."""

    code = "hold_lapsed"


class VersionConflict(Refused):
    """Somebody else changed the record since it was read."""

    code = "version_conflict"


class InUse(Refused):
    """Other records depend on this one, so it cannot be deleted; or a name is in use."""

    code = "in_use"


class PromiseBroken(Refused):
    """`verify` found data that violates a promise of the appointment book."""

    code = "promise_broken"


class DatabaseUnavailable(BookingError):
    """The database cannot be reached, or this login has no rights in it."""

    code = "database_unavailable"
    exit_status = 5


class NotSetUp(BookingError):
    """The tables are missing, or older or newer than this program."""

    code = "not_set_up"
    exit_status = 5


class Busy(BookingError):
    """Too many changes at the same time, or a timeout; nothing was changed, and the command can be run again."""

    code = "busy"
    exit_status = 6


class OutcomeUnknown(BookingError):
    """The connection broke during COMMIT, and whether the change was committed could not be resolved.

    `request_id` is the idempotency key for running the command again, or None. `advice` is what to do instead of running it
    again, where that could overwrite a later change.
    """

    code = "outcome_unknown"
    exit_status = 6
    sentence_with_advice = (
        "The connection to the database broke while the change was being committed, and it is not known whether the change "
        "was saved."
    )
    sentence = (
        "The connection to the database broke while the change was being committed, and the database did not come back "
        "in time: it is not known whether the change was saved."
    )

    def __init__(self, request_id: str | None, advice: str | None = None) -> None:
        super().__init__(f"{self.sentence_with_advice} {advice}" if advice else self.sentence)
        self.request_id, self.advice = request_id, advice


class Interrupted(BookingError):
    """Ctrl-C."""

    code = "interrupted"
    exit_status = 130


class InterruptedInDoubt(OutcomeUnknown):
    """Ctrl-C, pressed before COMMIT was answered."""

    code = Interrupted.code
    exit_status = Interrupted.exit_status
    sentence = "Interrupted while the change was being committed; it is not known whether it was saved."
