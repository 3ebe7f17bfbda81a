"""Escapes text for a terminal."""

import unicodedata

_CONTROLS = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Joiners, which some languages and emoji need.
_HARMLESS = "\u200c\u200d"


def visible(text: str) -> str:
    r"""Return `text` with characters that control a terminal escaped, such as `\x1b` or `\u202e`.

    These are control and format characters (some reverse the direction of text), line separators, and surrogates.
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _CONTROLS and c not in _HARMLESS else c
        for c in text
    )
