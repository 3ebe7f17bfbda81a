"""Text from the database or the command line never acts on a terminal, and is otherwise shown unchanged."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_cli.output.show import tell
from booking_cli.output.text import visible
from tests.unit.strategies import ANY_CHARACTER, at_any_speed

JOINERS = "\u200c\u200d"
ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")
ODD_TEXT = st.text(ANY_CHARACTER | st.characters(categories=ACTING), max_size=50)


@at_any_speed
@given(ODD_TEXT)
def test_no_character_that_acts_on_a_terminal_is_left(text):
    shown = visible(text)
    assert not [c for c in shown if unicodedata.category(c) in ACTING and c not in JOINERS]
    assert visible(shown) == shown


@at_any_speed
@given(st.text(st.characters(exclude_categories=ACTING) | st.sampled_from(JOINERS)))
def test_text_without_such_characters_is_unchanged(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]8;;http://example.com\x07", "\\x1b]8;;http://example.com\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\0b\tc\r\nd\x7f", "a\\x00b\\tc\\r\\nd\\x7f"),
        ("a\u2028b\u2029c\u202ed\u2066e\u200f", "a\\u2028b\\u2029c\\u202ed\\u2066e\\u200f"),
        ("\ufeffb\u00adc\u200b\U000e0041", "\\ufeffb\\xadc\\u200b\\U000e0041"),
        ("\ud800\udfff", "\\ud800\\udfff"),
        *((text, text) for text in ("", "می\u200cخواهم 👩\u200d⚕️", "Jose\u0301 李小龍 \ue000 \u00a0", "[red] :smile: \\x1b")),
    ],
)  # fmt: skip
def test_how_text_is_shown(text, shown):
    assert visible(text) == shown


def test_a_message_is_one_line_on_stderr_without_control_characters(capsys):
    tell("There is no doctor '\x1b[2J\n'.")
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "There is no doctor '\\x1b[2J\\n'.\n")
