"""What the lines of a file of bookings say: wishes, and lines that cannot be understood, each with its number."""

import unicodedata
from typing import NamedTuple

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import parse_email, parse_id, parse_name, parse_phone, parse_request_id, quote

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
    """A line that cannot be understood, and why, in a sentence."""

    line: int
    why: str


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


def patient_mark(wish: Wish) -> tuple[str, str]:
    """Return what is the same for two wishes of one patient, and seldom for those of two.

    Whether they are the same is for the database to say, whose lower case depends on its locale; this looks away from
    whatever may differ there, such as the dots on an i.
    """
    return _plain(wish.patient_email), _plain(wish.patient_name)


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", text.casefold().replace("ı", "i"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _whether(text: str, otherwise: bool) -> bool:
    if not (word := text.strip().lower()):
        return otherwise
    if word not in _YES_OR_NO:
        raise InvalidInput(f"{quote(text)} does not say whether to confirm; use true or false, yes or no, 1 or 0.")
    return _YES_OR_NO[word]
