"""Two patients are one where name and contact are the same in any spelling, and only there."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from booking_cli.domain.patients import normalized, phone_digits, register_key
from tests.unit.strategies import ANY_TEXT, at_any_speed

FULL_WIDTH = {code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1)}
RESPELLINGS = {
    "upper case": str.upper,
    "lower case": str.lower,
    **{form: lambda name, form=form: unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")},
    "full width": lambda name: name.translate(FULL_WIDTH),
    "more spaces": lambda name: f" {name} ".replace(" ", "\u00a0 \t\u3000"),
    "zero width spaces": lambda name: "\u200b".join(name),
    "decomposed with zero width spaces": lambda name: "\u200b".join(unicodedata.normalize("NFD", name)),
}
LETTERS = st.characters(categories=("Lu", "Ll", "Lo"))
NAMES = st.text(LETTERS | st.sampled_from(" -'.éÄßıİńÅ"), min_size=1, max_size=30)
WORDS = st.lists(st.text("abcdefghijklmnopqrstuvwxyz'-", min_size=1), min_size=1, max_size=3)
EMAIL = "pat@example.com"


@at_any_speed
@given(ANY_TEXT)
@example("e\u200b\u0301")
@example("I\u0307\u0301")
def test_normalizing_twice_changes_nothing(text):
    assert normalized(normalized(text)) == normalized(text)


@pytest.mark.parametrize("respell", RESPELLINGS.values(), ids=RESPELLINGS)
@at_any_speed
@given(name=NAMES)
@example(name="José Ñuñez-O'Brien Straße İpek IŞIK ışık Ὀδυσσεύς")
def test_a_name_in_another_spelling_is_the_same(respell, name):
    assert normalized(respell(name)) == normalized(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana Lima", "Anna Lima"), ("Ana Lima", "AnaLima"), ("Ana Lima", "Lima Ana"), ("Ana-Lima", "Ana Lima"),
        ("O'Brien", "OBrien"), ("Jose", "José"), ("Müller", "Muller"), ("Müller", "Mueller"), ("李", "季"),
        ("Ana", "\u0410na"),  # a Cyrillic letter
    ],
)  # fmt: skip
def test_different_names_stay_different(one, other):
    assert normalized(one) != normalized(other)


@at_any_speed
@given(WORDS, WORDS)
def test_names_with_other_letters_stay_different(one, other):
    assert (normalized(" ".join(one)) == normalized(" ".join(other).upper())) == (one == other)


def test_a_patient_with_an_email_is_identified_by_name_and_email():
    key = register_key("Pat", EMAIL, "555-0100")
    assert key == register_key(" PAT ", "Pat@Example.com", None) == register_key("pat", EMAIL, "555-0199")
    assert key != register_key("Ida", EMAIL, "555-0100")
    assert key != register_key("Pat", "ida@example.com", "555-0100")
    assert key != register_key("Pat", None, "555-0100")


def test_a_patient_without_an_email_is_identified_by_name_and_the_digits_of_the_phone_number():
    key = register_key("Pat", None, "+1 (555) 0100")
    assert key == register_key("PAT", None, "1-555.0100")
    assert key != register_key("Ida", None, "+1 (555) 0100")
    assert key != register_key("Pat", None, "+1 (555) 0101")


def test_the_digits_of_a_phone_number_are_all_that_counts():
    assert phone_digits("+49 (30) 12.34-5 x6") == "4930123456"
