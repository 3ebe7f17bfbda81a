"""The clinic-wide settings: name, time zone, and for how long a slot is held."""

from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

from booking_cli.db.connections import Row
from booking_cli.db.runner import UTC
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import InvalidInput, OutcomeUnknown
from booking_cli.domain.models import Clinic
from booking_cli.domain.validation import quote
from booking_cli.session import ClinicSession

# In the time zone database, but not zones of a place: "not set" and "as on this machine".
_PLACEHOLDERS = ("Factory", "localtime")


def update(session: ClinicSession, *, name: str | None, timezone: str | None, hold_minutes: Decimal | None) -> Clinic:
    """Change the given settings and return all; raises InvalidInput for a time zone that does not exist."""
    parameters = {"name": name, "timezone": timezone, "hold_minutes": hold_minutes}

    def work(tx: Transaction) -> Row | None:
        if timezone is not None and tx.one("clinic.find_timezone", {"timezone": timezone}) is None:
            return None
        return tx.one("clinic.update", parameters)

    def was_committed(tx: Transaction, made: Row | None) -> bool:
        found = tx.one("clinic.open")
        if made and found and found["updated_at"] not in (session.clinic.updated_at, made["updated_at"]):
            # Running the update again could overwrite another change.
            raise OutcomeUnknown(None, "Others changed the clinic: check 'booking clinic show', and decide again.")
        return bool(made and found and found["updated_at"] == made["updated_at"])

    # The server and this machine must both have the zone. The transaction runs in UTC, in case the server lacks the old one.
    known = timezone is None or (timezone in available_timezones() and timezone not in _PLACEHOLDERS)
    session.database.timezone = UTC
    row = session.database.write(work, was_committed=was_committed) if known else None
    if row is None:
        raise InvalidInput(f"There is no time zone {quote(timezone or '')}. Use a name such as Europe/Berlin.")
    zone = ZoneInfo(row["timezone"])
    return Clinic(row["name"], row["timezone"], row["hold_minutes"], row["updated_at"].astimezone(zone))
