"""Checks the promises of the appointment book against its data."""

from booking_cli.db.transaction import Transaction
from booking_cli.domain.models import Violation
from booking_cli.session import Book

LONG_SECONDS = 3600
CHECKS = (
    "guards_are_in_place",
    "one_active_booking_per_slot",
    "slots_never_overlap",
    "states_have_their_timestamps",
    "histories_add_up",
    "nothing_is_orphaned",
)


def violations(book: Book) -> list[Violation]:
    """Return every broken promise that the data shows, all checks on one snapshot."""

    def work(tx: Transaction) -> list[Violation]:
        return [Violation(check, row["message"]) for check in CHECKS for row in tx.all(f"verify.{check}")]

    return book.database.read(work, timeout_seconds=LONG_SECONDS)
