"""The clinic's own record: its name, its time zone, and for how long a slot is held."""

from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

from booking_cli.book import Book
from booking_cli.connections import Row
from booking_cli.database import Transaction
from booking_cli.errors import InvalidInput
from booking_cli.inputs import quote
from booking_cli.models import Clinic

# These are names, but of no zone: they stand for "not set" and "as on this machine".
_PLACEHOLDERS = ("Factory", "localtime")


def update(book: Book, *, name: str | None, timezone: str | None, hold_minutes: Decimal | None) -> Clinic:
    """Change what is given and return the clinic; raises InvalidInput for a time zone that is not known."""
    parameters = {"name": name, "timezone": timezone, "hold_minutes": hold_minutes}

    def work(tx: Transaction) -> Row | None:
        if timezone is not None and tx.one("clinic.knows_timezone", {"timezone": timezone}) is None:
            return None
        return tx.one("clinic.update", parameters)

    def stands(tx: Transaction, made: Row | None) -> bool:
        found = tx.one("clinic.open")
        return made is not None and found is not None and found["updated_at"] == made["updated_at"]

    # Both must know it: the database for statistics by day, this program for everything else.
    known = timezone is None or (timezone in available_timezones() and timezone not in _PLACEHOLDERS)
    row = book.database.write(work, stands=stands) if known else None
    if row is None:
        raise InvalidInput(f"There is no time zone {quote(timezone or '')}; it is written like Europe/Berlin.")
    zone = ZoneInfo(row["timezone"])
    return Clinic(row["name"], row["timezone"], row["hold_minutes"], row["updated_at"].astimezone(zone))
