"""The errors a command can end with: each is a type with a code for scripts and an exit status.

They are raised where the rule is and rendered once, in `cli`. Codes and exit statuses are part of the contract with
scripts. A message is one clear sentence, or two: what is wrong, and what to do.
"""


class BookingError(Exception):
    """Whatever a command reports instead of its result; `code` and `exit_status` are read by scripts."""

    code = "error"
    exit_status = 1


class OutputFailed(BookingError):
    """The result could not be written, as on a full disk; what the command did stays done."""

    code = "output_failed"


class InvalidInput(BookingError):
    """What was typed, or set, cannot be understood or is out of bounds."""

    code = "invalid_input"
    exit_status = 2


class UsageError(InvalidInput):
    """The command does not exist or does not take what it was given."""

    code = "usage"


class NotFound(BookingError):
    """There is no such doctor, slot or booking."""

    code = "not_found"
    exit_status = 3

    def __init__(self, noun: str, key: object, hint: str) -> None:
        super().__init__(f"There is no {noun} {key}. {hint}")


class Refused(BookingError):
    """A rule of the appointment book forbids it; nothing was changed."""

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


class RequestIdReused(Refused):
    """The request id already stands for another patient or slot."""

    code = "request_id_reused"


class WrongState(Refused):
    """The booking's state does not allow the change."""

    code = "wrong_state"


class HoldLapsed(Refused):
    """The hold ran out before it was confirmed."""

    code = "hold_lapsed"


class VersionConflict(Refused):
    """Somebody else changed the record since it was read."""

    code = "version_conflict"


class InUse(Refused):
    """Something else depends on the record, so that it cannot be deleted, or its name is taken."""

    code = "in_use"


class PromiseBroken(Refused):
    """`verify` found data that contradicts what the appointment book promises."""

    code = "promise_broken"


class DatabaseUnavailable(BookingError):
    """The database cannot be reached, or does not let this user in."""

    code = "database_unavailable"
    exit_status = 5


class NotSetUp(BookingError):
    """The database answers, but its tables are missing, older or newer than this program."""

    code = "not_set_up"
    exit_status = 5


class Busy(BookingError):
    """Too much was going on at the same time; what did not get through changed nothing, and trying again makes sense."""

    code = "busy"
    exit_status = 6


class OutcomeUnknown(BookingError):
    """The connection broke during COMMIT, and the database did not come back in time to be asked what happened.

    `request_id` is what the change can be recognized by when the command is repeated, and None where it has nothing of the
    kind. `advice` is what to do instead of repeating the command, where that could undo what somebody else did.
    """

    code = "outcome_unknown"
    exit_status = 6
    sentence_with_advice = (
        "The connection to the database broke while the change was being committed, and whether it was made cannot be "
        "told any more."
    )
    sentence = (
        "The connection to the database broke while the change was being committed, and the database did not come back "
        "in time: it is not known whether the change was made."
    )

    def __init__(self, request_id: str | None, advice: str | None = None) -> None:
        super().__init__(f"{self.sentence_with_advice} {advice}" if advice else self.sentence)
        self.request_id, self.advice = request_id, advice


class Interrupted(BookingError):
    """Ctrl-C."""

    code = "interrupted"
    exit_status = 130


class InterruptedInDoubt(OutcomeUnknown):
    """Ctrl-C, pressed before the answer to COMMIT was there."""

    code = Interrupted.code
    exit_status = Interrupted.exit_status
    sentence = "Interrupted while the change was being committed; it is not known whether it was made."
