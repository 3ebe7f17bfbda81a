"""The rows of an import file of bookings."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import parse_email, parse_id, parse_name, parse_phone, parse_request_id, quote
from booking_cli.repository.new_bookings import BookingRequest

REQUIRED = ("slot_id", "name")
OPTIONAL = ("email", "phone", "confirm", "request_id")
_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class ImportOptions(NamedTuple):
    """The options of all rows: the hold time, the default of `confirm`, and whether overlaps are allowed.

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


def parse_row(line: int, fields: Mapping[str, str], options: ImportOptions) -> ImportRow:
    """Parse the fields of a row, by the names of their columns; optional ones may be empty."""
    email, phone, confirm, key = (fields.get(column, "").strip() for column in OPTIONAL)
    try:
        if not email and not phone:
            raise InvalidInput("A patient needs an email address or a phone number.")
        confirmed = _YES_OR_NO.get(confirm.lower(), options.confirm)
        if confirm and confirm.lower() not in _YES_OR_NO:
            raise InvalidInput(f"{quote(confirm)} is not a value of confirm; use true, false, yes, no, 1 or 0.")
        request = BookingRequest(
            slot_id=parse_id(fields["slot_id"]),
            patient_id=None,
            name=parse_name(fields["name"]),
            email=parse_email(email) if email else None,
            phone=parse_phone(phone) if phone else None,
            hold_minutes=None if confirmed else options.hold_minutes,
            request_id=parse_request_id(key) if key else f"{options.key_prefix}-{line}",
            may_be_replay=bool(key),
            allow_overlap=options.allow_overlap,
        )
    except InvalidInput as error:
        return ImportRow(line, None, str(error))
    return ImportRow(line, request)
