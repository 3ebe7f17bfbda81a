"""Booking references: short, random, for reading out on the telephone, with a check character.

A reference is seven random characters and one check character, written in two groups of four: `K7QF-2M9T`. The alphabet
has 31 characters: the digits without 0, and the letters without I, L, O and U, which are easily confused or form words. 31 is
a prime, so a weighted sum modulo 31 (the principle of ISBN-10) detects every single wrong character and every exchange of two.
"""

import os

ALPHABET = "123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
# With so many bits, the remainders are evenly distributed for practical purposes.
_DRAWN_BYTES = 16
_INVERSE = pow(LENGTH, -1, len(ALPHABET))
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
# I and L are not in the alphabet and can only be a misread 1.
_MISREAD = str.maketrans({"I": "1", "L": "1", "-": None, " ": None})


def new_references(count: int) -> list[str]:
    """Return `count` different random references, of 27 billion; none is all digits, which would be a number."""
    made: dict[str, None] = {}
    while missing := count - len(made):
        # One call is many times faster than one for each character.
        drawn = os.urandom(_DRAWN_BYTES * missing)
        for at in range(0, len(drawn), _DRAWN_BYTES):
            reference = _reference(int.from_bytes(drawn[at : at + _DRAWN_BYTES]))
            if not reference.isdigit():
                made[f"{reference[:4]}-{reference[4:]}"] = None
    return list(made)


def new_request_id() -> str:
    """Return a new idempotency key."""
    return os.urandom(16).hex()


def parse_reference(text: str) -> str | None:
    """Return the reference in its normal form, or None where `text` is none or its check character is wrong.

    Case, spaces and hyphens do not matter; I and L are read as 1.
    """
    if not text.isascii():  # some letters become Latin ones in upper case
        return None
    characters = text.upper().translate(_MISREAD)
    if len(characters) != LENGTH or any(c not in _VALUES for c in characters) or characters.isdigit():
        return None
    if sum(weight * _VALUES[c] for weight, c in enumerate(characters, start=1)) % len(ALPHABET):
        return None
    return f"{characters[:4]}-{characters[4:]}"


def _reference(number: int) -> str:
    """Return the reference for a random number."""
    characters, total = "", 0
    for weight in range(1, LENGTH):
        number, value = divmod(number, len(ALPHABET))
        characters += ALPHABET[value]
        total += weight * value
    # Solve total + LENGTH * check = 0 (mod 31); 31 is a prime, so LENGTH has an inverse.
    return characters + ALPHABET[-total * _INVERSE % len(ALPHABET)]
