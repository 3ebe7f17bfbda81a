"""Checks the invariants of the appointment book against its data."""

from booking_cli.db.transaction import Transaction
from booking_cli.domain.models import Violation
from booking_cli.session import ClinicSession

LONG_SECONDS = 3600
CHECKS = (
    "constraints_are_in_place",
    "one_active_booking_per_slot",
    "slots_never_overlap",
    "patients_never_overlap",
    "bookings_have_the_times_of_their_slots",
    "states_have_their_timestamps",
    "histories_add_up",
    "nothing_is_orphaned",
)


def violations(session: ClinicSession) -> list[Violation]:
    """Return the violations that all checks find on one snapshot."""

    def work(tx: Transaction) -> list[Violation]:
        return [Violation(check, row["message"]) for check in CHECKS for row in tx.all(f"verify.{check}")]

    return session.database.read(work, timeout_seconds=LONG_SECONDS)
