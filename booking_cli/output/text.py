"""Escapes text for a terminal."""

import unicodedata

# Joiners, which some languages and emoji need.
_HARMLESS = "\u200c\u200d"


def visible(text: str) -> str:
    r"""Return `text` with characters that control a terminal escaped, such as `\x1b` or `\u202e`.

    These are control and format characters (some reverse the direction of text), line separators, and surrogates.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(c) if _is_control(c) else c for c in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _HARMLESS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
