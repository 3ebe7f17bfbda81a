"""Text from the database or the command line, made safe to show on a terminal."""

import unicodedata

# Joiners are needed to write some languages, and emoji.
_HARMLESS = "\u200c\u200d"


def visible(text: str) -> str:
    r"""Return `text` with each character that would act on a terminal written out, such as `\x1b` or `\u202e`.

    Those are control and formatting characters (they also reverse the direction of writing), line separators, and halves
    of surrogate pairs. Line ends become `\n`.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(c) if _acts(c) else c for c in text)


def _acts(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _HARMLESS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
