"""The normalized keys of a name and of a contact, by which a patient is registered once.

The program computes the keys, and not the database, so that they do not depend on the locale of the server.
"""

import re
import unicodedata
from typing import NamedTuple

# In Turkish, "i" is the small letter of "İ" and "ı" that of "I". Without this, a name in capitals would be another name.
_DOTLESS = str.maketrans({"ı": "i", "\u0307": None})


class RegisterKey(NamedTuple):
    """What the unique index on patients compares."""

    name_key: str
    contact_key: str


def register_key(name: str, email: str | None, phone: str | None) -> RegisterKey:
    """Return the key of a patient who has an email address or a phone number; the address counts where there are both."""
    return RegisterKey(normalized(name), normalized(email) if email else phone_digits(phone or ""))


def normalized(text: str) -> str:
    """Return `text` without differences in case, encoding of accents, width, spacing and invisible characters.

    NFKC case folding of the Unicode standard (section 3.13, D146), and then spaces collapsed.
    """
    if not text.isascii():
        text = "".join(character for character in text if unicodedata.category(character) != "Cf")
        for _ in range(2):  # folded text can need normalization, and normalized text folding
            text = unicodedata.normalize("NFKC", text).casefold().translate(_DOTLESS)
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.lower().split())


def phone_digits(phone: str) -> str:
    """Return the digits of a phone number."""
    return re.sub("[^0-9]", "", phone)
