"""The rows of an import file of bookings."""

from decimal import Decimal
from typing import NamedTuple

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import parse_email, parse_id, parse_name, parse_phone, parse_request_id, quote
from booking_cli.repository.new_bookings import BookingRequest

REQUIRED = ("slot_id", "name")
OPTIONAL = ("email", "phone", "confirm", "request_id")
_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class ImportOptions(NamedTuple):
    """What applies to every row: the hold time, whether rows are confirmed that do not say, and whether overlaps are allowed.

    `key_prefix` begins the idempotency keys of rows without one.
    """

    hold_minutes: Decimal
    confirm: bool
    allow_overlap: bool
    key_prefix: str


class ImportRow(NamedTuple):
    """A row of a file, by the number of its first line: a request, or the reason why it could not be parsed."""

    line: int
    request: BookingRequest | None
    problem: str | None = None


def parse_row(
    line: int,
    slot_id: str,
    name: str,
    email: str,
    phone: str,
    confirm: str,
    request_id: str,
    options: ImportOptions,
) -> ImportRow:
    """Parse the fields of a row; optional ones may be empty. Raises InvalidInput."""
    if not email.strip() and not phone.strip():
        raise InvalidInput("A patient needs an email address or a phone number.")
    key = request_id.strip()
    confirmed = _parse_confirm(confirm, options.confirm)
    request = BookingRequest(
        slot_id=parse_id(slot_id),
        patient_id=None,
        name=parse_name(name),
        email=parse_email(email) if email.strip() else None,
        phone=parse_phone(phone) if phone.strip() else None,
        hold_minutes=None if confirmed else options.hold_minutes,
        request_id=parse_request_id(key) if key else f"{options.key_prefix}-{line}",
        may_be_replay=bool(key),
        allow_overlap=options.allow_overlap,
    )
    return ImportRow(line, request)


def _parse_confirm(text: str, default: bool) -> bool:
    if not (word := text.strip().lower()):
        return default
    if word not in _YES_OR_NO:
        raise InvalidInput(f"{quote(text)} does not say whether to confirm; use true or false, yes or no, 1 or 0.")
    return _YES_OR_NO[word]
