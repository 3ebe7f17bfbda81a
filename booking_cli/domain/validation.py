"""What people type, checked strictly: text in, value out, or `InvalidInput` with a sentence that helps.

Only ASCII digits count as digits: `int` and `float` would also read `٣`, `1_000` and `nan`.
"""

import re
import unicodedata
from decimal import Decimal
from typing import NamedTuple

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.references import parse_reference

MAX_BIGINT = 2**63 - 1
MAX_HOLD_MINUTES = 1440
_QUOTED_LENGTH = 60
# RFC 5321 allows a path of 256 characters, its two angle brackets included.
_LONGEST_EMAIL = 254
# Far narrower than RFC 5321: no capital before the @-sign (the library writes some names there in lower case), no two hyphens
# together in the domain (that is how other alphabets are written).
_PLAIN_EMAIL = re.compile(
    r"(?P<local>(?=[^@]{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)"
    r"@(?P<domain>(?!.*--)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?P<top>[A-Za-z]{2,63}))"
)
# RFC 6761 and its like reserve these; the library knows what to say of them.
_SPECIAL_DOMAINS = ("arpa", "invalid", "local", "localhost", "onion", "test")


def quote(text: str) -> str:
    """Return `text` for use in a sentence: in quotes, and cut where it is very long."""
    if len(text) > _QUOTED_LENGTH:
        text = text[:_QUOTED_LENGTH] + "…"
    return f"'{text}'"


class DoctorKey(NamedTuple):
    """Which doctor is meant: a number or an email address."""

    id: int | None = None
    email: str | None = None

    def __str__(self) -> str:
        return str(self.id) if self.email is None else self.email


class BookingKey(NamedTuple):
    """Which booking is meant: a number or a reference."""

    id: int | None = None
    reference: str | None = None

    def __str__(self) -> str:
        return str(self.id) if self.reference is None else self.reference


def parse_id(text: str) -> int:
    """Return the number of a record: 1 to 2^63 - 1."""
    value = _whole_number(text)
    if value is None or value < 1:
        raise InvalidInput(f"{quote(text)} is not a number that the book gives; such a number looks like 42.")
    if value > MAX_BIGINT:
        raise InvalidInput(f"{quote(text)} is larger than any number that the book gives.")
    return value


def parse_doctor(text: str) -> DoctorKey:
    """Return which doctor is meant by a number or an email address."""
    text = text.strip()
    if "@" in text:
        return DoctorKey(email=parse_email(text))
    if _whole_number(text) is None:
        raise InvalidInput(
            f"{quote(text)} is neither a doctor's number nor an email address; see 'booking doctors list'."
        )
    return DoctorKey(id=parse_id(text))


def parse_booking(text: str) -> BookingKey:
    """Return which booking is meant by a number or a reference; a misheard reference is refused."""
    text = text.strip()
    if re.fullmatch("[0-9]+", text):
        return BookingKey(id=parse_id(text))
    reference = parse_reference(text)
    if reference is None:
        raise InvalidInput(
            f"{quote(text)} is neither a booking's number nor a valid reference: "
            "a reference looks like K7QF-2M9T, and its last character shows whether the others were heard right."
        )
    return BookingKey(reference=reference)


def parse_count(text: str) -> int:
    """Return how many rows are wanted: 1 or more."""
    value = _whole_number(text)
    if value is None or not 1 <= value <= MAX_BIGINT - 1:
        raise InvalidInput(f"{quote(text)} is not a whole number from 1 up.")
    return value


def parse_version(text: str) -> int:
    """Return the version of a record: 1 or more."""
    value = _whole_number(text)
    if value is None or not 1 <= value < 2**31:
        raise InvalidInput(f"{quote(text)} is not a version; a version is a whole number from 1 up.")
    return value


def parse_slot_minutes(text: str) -> int:
    """Return the length of a slot in minutes: 5 to 480."""
    value = _whole_number(text)
    if value is None or not 5 <= value <= 480:
        raise InvalidInput(f"{quote(text)} is not a length for a slot; use 5 to 480 minutes.")
    return value


def parse_hold_minutes(text: str) -> Decimal:
    """Return for how many minutes a slot is held: more than 0, at most 1440, decimals allowed."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text.strip()):
        value = Decimal(text.strip())
        if 0 < value <= MAX_HOLD_MINUTES:
            return value
    raise InvalidInput(
        f"{quote(text)} is not a time to hold a slot; use minutes above 0 and up to 1440, such as 2 or 0.5."
    )


def parse_text(text: str, what: str, longest: int) -> str:
    """Return `text` without surrounding white space, 1 to `longest` characters, none of them a control character."""
    text = text.strip()
    if not text:
        raise InvalidInput(f"{what} must not be empty.")
    if len(text) > longest:
        raise InvalidInput(f"{what} must not be longer than {longest} characters; this has {len(text)}.")
    if text.isprintable():  # nearly always, and then none of what follows can be
        return text
    for character in text:
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise InvalidInput(f"{what} must not contain control characters; {quote(text)} does.")
        if unicodedata.category(character) == "Cs":
            raise InvalidInput(f"{what} is not valid UTF-8 text: {quote(text)}.")
    if all(unicodedata.category(character) in ("Cf", "Zs") for character in text):
        raise InvalidInput(f"{what} must have something in it that can be seen.")
    return text


def parse_name(text: str) -> str:
    """Return a person's name: 1 to 200 characters."""
    return parse_text(text, "A name", 200)


def parse_specialization(text: str) -> str:
    """Return a specialization: 1 to 200 characters."""
    return parse_text(text, "A specialization", 200)


def parse_reason(text: str) -> str:
    """Return a reason: 1 to 500 characters."""
    return parse_text(text, "A reason", 500)


def parse_request_id(text: str) -> str:
    """Return the key that makes a request happen once: 1 to 200 characters."""
    return parse_text(text, "A request id", 200)


def parse_search(text: str) -> str:
    """Return a text to search for: 1 to 200 characters."""
    return parse_text(text, "A search text", 200)


def parse_phone(text: str) -> str:
    """Return a phone number: 3 to 25 characters of digits, spaces and `+-().x`, at least one of them a digit."""
    text = text.strip()
    if not re.fullmatch(r"[0-9 +\-().x]{3,25}", text) or not re.search("[0-9]", text):
        raise InvalidInput(
            f"{quote(text)} is not a phone number; use 3 to 25 characters of digits, spaces and +-().x, "
            "such as +1-555-0100."
        )
    return text


def parse_phone_or_nothing(text: str) -> str:
    """Return a phone number, or an empty text, which removes the one that is there."""
    return parse_phone(text) if text.strip() else ""


def parse_email(text: str) -> str:
    """Return an email address in its normal form: the domain in lower case. No name server is asked."""
    text = text.strip()
    if plain := _plain_email(text):
        return plain
    from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

    # The networks of many clinics are under .local; this is the library's own way to allow it.
    if "local" in SPECIAL_USE_DOMAIN_NAMES:
        SPECIAL_USE_DOMAIN_NAMES.remove("local")
    if len(text) > _LONGEST_EMAIL:  # the library takes seconds for what is very long
        raise InvalidInput(f"{quote(text)} is not an email address: it has more than {_LONGEST_EMAIL} characters.")
    try:
        address = validate_email(text, check_deliverability=False, globally_deliverable=False, test_environment=True)
    except EmailNotValidError as error:
        raise InvalidInput(f"{quote(text)} is not an email address: {error}") from None
    if "." not in address.domain:
        raise InvalidInput(f"{quote(text)} is not an email address: the part after the @-sign has no dot.")
    return address.normalized


def _plain_email(text: str) -> str | None:
    """Return the normal form of an address that is valid at first sight, as nearly all are, or None.

    To load the library takes longer than to book, and it decides about the rest.
    """
    match = _PLAIN_EMAIL.fullmatch(text)
    if match is None or len(text) > _LONGEST_EMAIL or match["top"].lower() in _SPECIAL_DOMAINS:
        return None
    return f"{match['local']}@{match['domain'].lower()}"


def _whole_number(text: str) -> int | None:
    # 30 digits exceed every bound there is; int() refuses texts of many thousand digits with an error of its own.
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 30 else None
