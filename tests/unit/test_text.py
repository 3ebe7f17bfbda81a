"""Text that is shown can never act on the terminal, and is otherwise left as it is."""

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking_cli.output import tell
from booking_cli.output.text import visible

at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
JOINERS = "\u200c\u200d"
ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")


@at_any_speed
@given(st.text(st.characters(exclude_categories=()) | st.characters(categories=ACTING), max_size=50))
def test_nothing_that_acts_on_a_terminal_is_left(text):
    assert not [c for c in visible(text) if unicodedata.category(c) in ACTING and c not in JOINERS]


@at_any_speed
@given(st.text(st.characters(exclude_categories=ACTING) | st.sampled_from(JOINERS)))
def test_text_that_only_shows_itself_is_unchanged(text):
    assert visible(text) == text


@at_any_speed
@given(st.text(st.characters(exclude_categories=()) | st.characters(categories=ACTING), max_size=50))
def test_what_is_visible_stays_as_it_is(text):
    assert visible(visible(text)) == visible(text)


@at_any_speed
@given(st.text("ab=é漢"), st.characters(categories=ACTING, exclude_characters=JOINERS), st.text("ab=é漢"))
def test_a_character_that_acts_is_written_out_in_ascii_and_its_neighbours_are_kept(before, character, after):
    shown = visible(before + character + after)
    assert shown.startswith(before + "\\")
    assert shown.endswith(after)
    assert shown.removeprefix(before).removesuffix(after).isascii()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("Ana Lima", "Ana Lima"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]8;;http://example.com\x07", "\\x1b]8;;http://example.com\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\0b", "a\\x00b"),
        ("a\tb\r\nc\x7f", "a\\tb\\r\\nc\\x7f"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("a\u202eb\u2066c\u200fd", "a\\u202eb\\u2066c\\u200fd"),
        ("a\ufeffb\u00adc\u200bd", "a\\ufeffb\\xadc\\u200bd"),
        ("\ud800\udfff", "\\ud800\\udfff"),
        ("\U000e0041", "\\U000e0041"),
        ("می\u200cخواهم 👩\u200d⚕️", "می\u200cخواهم 👩\u200d⚕️"),
        ("Jose\u0301 李小龍 \ue000 \u00a0", "Jose\u0301 李小龍 \ue000 \u00a0"),
        ("[red] :smile: \\x1b", "[red] :smile: \\x1b"),
    ],
)
def test_how_text_is_shown(text, shown):
    assert visible(text) == shown


def test_a_sentence_for_people_goes_to_stderr_in_one_line_and_cannot_act_either(capsys):
    tell("There is no doctor '\x1b[2J\n'.")
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "There is no doctor '\\x1b[2J\\n'.\n")
