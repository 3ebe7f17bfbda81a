"""Parses and checks arguments: text in, value out, or `InvalidInput` with a sentence that says what is allowed.

Only ASCII digits count as digits: `int` and `float` would also read `٣`, `1_000` and `nan`.
"""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.references import parse_reference

MAX_BIGINT = 2**63 - 1
MAX_HOLD_MINUTES = 1440
_QUOTED_LENGTH = 60
# RFC 5321 allows a path of 256 characters, its two angle brackets included.
_LONGEST_EMAIL = 254
_is_number = re.compile("[0-9]+").fullmatch
_PHONE = re.compile(r"(?=.*[0-9])[0-9 +\-().x]{3,25}")


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


def _parse_number(text: str, most: int, problem: str, least: int = 1) -> int:
    text = text.strip()
    # No bound has 30 digits; int() raises another error for texts of many thousand digits.
    if not re.fullmatch("[0-9]{1,30}", text) or not least <= int(text) <= most:
        raise InvalidInput(f"{quote(text)} is not {problem}")
    return int(text)


parse_id = partial(_parse_number, most=MAX_BIGINT, problem="a record's number; use a whole number such as 42.")
parse_count = partial(_parse_number, most=MAX_BIGINT - 1, problem="a whole number from 1 up.")
parse_version = partial(_parse_number, most=2**31 - 1, problem="a version; a version is a whole number from 1 up.")
parse_slot_minutes = partial(_parse_number, least=5, most=480, problem="a length for a slot; use 5 to 480 minutes.")


def parse_doctor(text: str) -> DoctorKey:
    """Parse a doctor's number or email address."""
    text = text.strip()
    if "@" in text:
        return DoctorKey(email=parse_email(text))
    if not _is_number(text):
        raise InvalidInput(f"{quote(text)} is not a doctor's number or email address; see 'booking doctors list'.")
    return DoctorKey(id=parse_id(text))


def parse_patient(text: str) -> PatientKey:
    """Parse a patient's number, email address or phone number; digits alone can be a number or a phone number."""
    text = text.strip()
    if "@" in text:
        return PatientKey(email=parse_email(text))
    # Fewer than five digits are the number of a record.
    phone = text if _PHONE.fullmatch(text) and len(re.sub("[^0-9]", "", text)) > 4 else None
    if _is_number(text) and not (phone and text.startswith("0")):
        return PatientKey(id=parse_id(text), phone=phone)
    if phone is None:
        raise InvalidInput(f"{quote(text)} is no patient's number, email or phone number; see 'booking patients list'.")
    return PatientKey(phone=phone)


def parse_booking(text: str) -> BookingKey:
    """Parse a booking's number or reference; a misheard reference is refused."""
    text = text.strip()
    if _is_number(text):
        return BookingKey(id=parse_id(text))
    reference = parse_reference(text)
    if reference is None:
        raise InvalidInput(f"{quote(text)} is not a booking's number or a valid reference, such as K7QF-2M9T.")
    return BookingKey(reference=reference)


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
    categories = set(map(unicodedata.category, text))
    if categories & {"Cc", "Zl", "Zp"}:
        raise InvalidInput(f"{what} must not contain control characters; {quote(text)} does.")
    if "Cs" in categories:
        raise InvalidInput(f"{what} is not valid UTF-8 text: {quote(text)}.")
    if categories <= {"Cf", "Zs"}:
        raise InvalidInput(f"{what} must contain a visible character.")
    return text


parse_name = partial(parse_text, what="A name", longest=200)
parse_specialization = partial(parse_text, what="A specialization", longest=200)
parse_reason = partial(parse_text, what="A reason", longest=500)
parse_note = partial(parse_text, what="A note", longest=500)
parse_request_id = partial(parse_text, what="A request id", longest=200)
parse_search = partial(parse_text, what="A search text", longest=200)
parse_login = partial(parse_text, what="The name of a login", longest=63)


def parse_phone(text: str) -> str:
    """Parse a phone number: 3 to 25 characters of digits, spaces and `+-().x`, at least one of them a digit."""
    text = text.strip()
    if not _PHONE.fullmatch(text):
        raise InvalidInput(
            f"{quote(text)} is not a phone number; use 3 to 25 characters of digits, spaces and +-().x, "
            "such as +1-555-0100."
        )
    return text


def or_empty(parse: Callable[[str], str]) -> Callable[[str], str]:
    """Return a parser that also accepts an empty text, which removes the old value."""
    return lambda text: parse(text) if text.strip() else ""


def parse_email(text: str) -> str:
    """Return an email address in its normal form, the domain in lower case; does not query DNS."""
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
