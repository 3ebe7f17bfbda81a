"""The clinic's own record: its name, its time zone, and for how long a slot is held."""

from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

from booking_cli.db.connections import Row
from booking_cli.db.runner import UTC
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import InvalidInput, OutcomeUnknown
from booking_cli.domain.models import Clinic
from booking_cli.domain.validation import quote
from booking_cli.session import Book

# These are names, but of no zone: they stand for "not set" and "as on this machine".
_PLACEHOLDERS = ("Factory", "localtime")


def update(book: Book, *, name: str | None, timezone: str | None, hold_minutes: Decimal | None) -> Clinic:
    """Change what is given and return the clinic; raises InvalidInput for a time zone that is not known."""
    parameters = {"name": name, "timezone": timezone, "hold_minutes": hold_minutes}

    def work(tx: Transaction) -> tuple[Row | None, Row | None]:
        before = tx.one("clinic.open")
        if timezone is not None and tx.one("clinic.knows_timezone", {"timezone": timezone}) is None:
            return before, None
        return before, tx.one("clinic.update", parameters)

    def stands(tx: Transaction, result: tuple[Row | None, Row | None]) -> bool:
        before, made, found = (row and row["updated_at"] for row in (*result, tx.one("clinic.open")))
        if found not in (before, made):
            # It may be ours that somebody else has changed since, and to change it again would undo theirs.
            raise OutcomeUnknown(
                None, "Somebody else has changed the clinic since: look with 'booking clinic show', and decide again."
            )
        return found == made

    # Both must know it, the server and this machine. Should the server not know the one that is set, this is the way out.
    known = timezone is None or (timezone in available_timezones() and timezone not in _PLACEHOLDERS)
    row = book.database.write(work, stands=stands, clock=UTC)[1] if known else None
    if row is None:
        raise InvalidInput(f"There is no time zone {quote(timezone or '')}; it is written like Europe/Berlin.")
    zone = ZoneInfo(row["timezone"])
    return Clinic(row["name"], row["timezone"], row["hold_minutes"], row["updated_at"].astimezone(zone))
