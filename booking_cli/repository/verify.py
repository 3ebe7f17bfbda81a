"""Checks the invariants of the appointment book against its data."""

from booking_cli.db import queries
from booking_cli.db.transaction import Transaction
from booking_cli.domain.models import Violation
from booking_cli.session import ClinicSession

LONG_SECONDS = 3600


def violations(session: ClinicSession) -> list[Violation]:
    """Return the violations that all checks find on one snapshot."""

    def work(tx: Transaction) -> list[Violation]:
        tx.one("db.use_default_syntax")
        checks = queries.statements("verify")
        return [Violation(check, row["message"]) for check in checks for row in tx.all(f"verify.{check}")]

    return session.database.read(work, timeout_seconds=LONG_SECONDS)
