"""What the lines of a file of bookings say: wishes, and lines that cannot be understood, each with its number."""

from typing import NamedTuple

from booking_cli.errors import InvalidInput
from booking_cli.inputs import parse_email, parse_id, parse_name, parse_phone, parse_request_id, quote

REQUIRED = ("slot_id", "name", "email")
OPTIONAL = ("phone", "confirm", "request_id")
_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Wish(NamedTuple):
    """Who wants which slot, on which line; `confirm` is whether it is booked at once and not held.

    `request_id` makes it happen once; `may_be_repeated` is False where nobody can have used that id before.
    """

    line: int
    slot_id: int
    patient_name: str
    patient_email: str
    patient_phone: str | None
    confirm: bool
    request_id: str
    may_be_repeated: bool


class BadLine(NamedTuple):
    """A line that cannot be understood, and why."""

    line: int
    error: InvalidInput


Line = Wish | BadLine


def wish(
    line: int,
    slot_id: str,
    name: str,
    email: str,
    phone: str,
    confirm: bool | str,
    request_id: str,
    *,
    confirms: bool,
    run: str,
) -> Wish:
    """Return the wish that stands on a line; raises InvalidInput. What may be left out is empty then.

    `confirms` is whether it is booked at once where the line itself does not say. `run` is a request id that nobody else
    has, of which one for the line is made where it gives none.
    """
    given = request_id.strip()
    return Wish(
        line,
        parse_id(slot_id),
        parse_name(name),
        parse_email(email),
        parse_phone(phone) if phone.strip() else None,
        _whether(confirm, confirms) if isinstance(confirm, str) else confirm,
        parse_request_id(given) if given else f"{run}-{line}",
        bool(given),
    )


def _whether(text: str, otherwise: bool) -> bool:
    if not (word := text.strip().lower()):
        return otherwise
    if word not in _YES_OR_NO:
        raise InvalidInput(f"{quote(text)} does not say whether to confirm; use true or false, yes or no, 1 or 0.")
    return _YES_OR_NO[word]
