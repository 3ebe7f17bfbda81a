"""Parses and checks arguments: text in, value out, or `InvalidInput` with a sentence that says what is allowed.

Only ASCII digits count as digits: `int` and `float` would also read `٣`, `1_000` and `nan`.
"""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.references import parse_reference

MAX_BIGINT = 2**63 - 1
MAX_HOLD_MINUTES = 1440
_QUOTED_LENGTH = 60
# RFC 5321 allows a path of 256 characters, its two angle brackets included.
_LONGEST_EMAIL = 254
# Shorter digits are more likely the number of a record.
_SHORTEST_PHONE = 7


def quote(text: str) -> str:
    """Return `text` in quotes, shortened where it is very long."""
    if len(text) > _QUOTED_LENGTH:
        text = text[:_QUOTED_LENGTH] + "…"
    return f"'{text}'"


class DoctorKey(NamedTuple):
    """A doctor's number or email address."""

    id: int | None = None
    email: str | None = None

    def __str__(self) -> str:
        return str(self.id) if self.email is None else self.email


class BookingKey(NamedTuple):
    """A booking's number or reference."""

    id: int | None = None
    reference: str | None = None

    def __str__(self) -> str:
        return str(self.id) if self.reference is None else self.reference


class PatientKey(NamedTuple):
    """A patient's number, email address or phone number."""

    id: int | None = None
    email: str | None = None
    phone: str | None = None

    def __str__(self) -> str:
        return self.email or self.phone or str(self.id)


def parse_id(text: str) -> int:
    """Parse the number of a record: 1 to 2^63 - 1."""
    value = _whole_number(text)
    if value is None or value < 1:
        raise InvalidInput(f"{quote(text)} is not the number of a record; such a number looks like 42.")
    if value > MAX_BIGINT:
        raise InvalidInput(f"{quote(text)} is larger than any number of a record.")
    return value


def parse_doctor(text: str) -> DoctorKey:
    """Parse a doctor's number or email address."""
    text = text.strip()
    if "@" in text:
        return DoctorKey(email=parse_email(text))
    if _whole_number(text) is None:
        raise InvalidInput(
            f"{quote(text)} is neither a doctor's number nor an email address; see 'booking doctors list'."
        )
    return DoctorKey(id=parse_id(text))


def parse_patient(text: str) -> PatientKey:
    """Parse a patient's number, email address or phone number; digits alone can be a number or a phone number."""
    text = text.strip()
    if "@" in text:
        return PatientKey(email=parse_email(text))
    phone = parse_phone(text) if len(re.sub("[^0-9]", "", text)) >= _SHORTEST_PHONE else None
    if _whole_number(text) is not None and not (phone and text.startswith("0")):
        return PatientKey(id=parse_id(text), phone=phone)
    if phone is None:
        raise InvalidInput(
            f"{quote(text)} is neither a patient's number, nor an email address, nor a phone number; "
            "see 'booking patients list'."
        )
    return PatientKey(phone=phone)


def parse_booking(text: str) -> BookingKey:
    """Parse a booking's number or reference; a misheard reference is refused."""
    text = text.strip()
    if re.fullmatch("[0-9]+", text):
        return BookingKey(id=parse_id(text))
    reference = parse_reference(text)
    if reference is None:
        raise InvalidInput(
            f"{quote(text)} is neither a booking's number nor a valid reference: "
            "a reference looks like K7QF-2M9T, and its last character checks the others."
        )
    return BookingKey(reference=reference)


def _number_parser(least: int, most: int, problem: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = _whole_number(text)
        if value is None or not least <= value <= most:
            raise InvalidInput(f"{quote(text)} {problem}")
        return value

    return parse


parse_count = _number_parser(1, MAX_BIGINT - 1, "is not a whole number from 1 up.")
parse_version = _number_parser(1, 2**31 - 1, "is not a version; a version is a whole number from 1 up.")
parse_slot_minutes = _number_parser(5, 480, "is not a length for a slot; use 5 to 480 minutes.")


def parse_hold_minutes(text: str) -> Decimal:
    """Parse for how many minutes a slot is held: more than 0, at most 1440, decimals allowed."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text.strip()):
        value = Decimal(text.strip())
        if 0 < value <= MAX_HOLD_MINUTES:
            return value
    raise InvalidInput(f"{quote(text)} is not a hold time; use minutes above 0 and up to 1440, such as 2 or 0.5.")


def parse_text(text: str, what: str, longest: int) -> str:
    """Return `text` without surrounding white space, 1 to `longest` characters, none of them a control character."""
    text = text.strip()
    if not text:
        raise InvalidInput(f"{what} must not be empty.")
    if len(text) > longest:
        raise InvalidInput(f"{what} must not be longer than {longest} characters; this has {len(text)}.")
    if text.isprintable():  # the usual case; the characters below are not printable
        return text
    for character in text:
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise InvalidInput(f"{what} must not contain control characters; {quote(text)} does.")
        if unicodedata.category(character) == "Cs":
            raise InvalidInput(f"{what} is not valid UTF-8 text: {quote(text)}.")
    if all(unicodedata.category(character) in ("Cf", "Zs") for character in text):
        raise InvalidInput(f"{what} must contain a visible character.")
    return text


def _text_parser(what: str, longest: int) -> Callable[[str], str]:
    return lambda text: parse_text(text, what, longest)


parse_name = _text_parser("A name", 200)
parse_specialization = _text_parser("A specialization", 200)
parse_reason = _text_parser("A reason", 500)
parse_note = _text_parser("A note", 500)
parse_request_id = _text_parser("A request id", 200)
parse_search = _text_parser("A search text", 200)
parse_login = _text_parser("The name of a login", 63)


def parse_phone(text: str) -> str:
    """Parse a phone number: 3 to 25 characters of digits, spaces and `+-().x`, at least one of them a digit."""
    text = text.strip()
    if not re.fullmatch(r"[0-9 +\-().x]{3,25}", text) or not re.search("[0-9]", text):
        raise InvalidInput(
            f"{quote(text)} is not a phone number; use 3 to 25 characters of digits, spaces and +-().x, "
            "such as +1-555-0100."
        )
    return text


def or_empty(parse: Callable[[str], str]) -> Callable[[str], str]:
    """Return a parser that also accepts an empty text, which removes the old value."""
    return lambda text: parse(text) if text.strip() else ""


def parse_email(text: str) -> str:
    """Return an email address in its normal form: the domain in lower case. No name server is asked."""
    from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

    # Many clinics' networks are under .local; the library documents this way to allow it.
    if "local" in SPECIAL_USE_DOMAIN_NAMES:
        SPECIAL_USE_DOMAIN_NAMES.remove("local")
    text = text.strip()
    if len(text) > _LONGEST_EMAIL:  # the library takes seconds for very long texts
        raise InvalidInput(f"{quote(text)} is not an email address: it has more than {_LONGEST_EMAIL} characters.")
    try:
        address = validate_email(text, check_deliverability=False, globally_deliverable=False, test_environment=True)
    except EmailNotValidError as error:
        raise InvalidInput(f"{quote(text)} is not an email address: {error}") from None
    if "." not in address.domain:
        raise InvalidInput(f"{quote(text)} is not an email address: the part after the @-sign has no dot.")
    return address.normalized


def _whole_number(text: str) -> int | None:
    # No bound has 30 digits; int() raises another error for texts of many thousand digits.
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 30 else None
