"""References survive the telephone: what was heard wrong is refused, how it was typed does not matter."""

import itertools
import os
import re

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from booking_cli.domain.references import ALPHABET, LENGTH, new_reference, parse_reference

at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Written down once: references that clinics have given out must be valid for ever.
VALID = ("8A4R-DG5S", "331D-JYAG", "TS28-HJC6", "9S6V-497W", "1ABC-DEFP")


def check_character(characters):
    """The last character as the documented scheme has it: positions times values add up to a multiple of 31."""
    total = sum(weight * ALPHABET.index(c) for weight, c in enumerate(characters, start=1))
    return next(c for value, c in enumerate(ALPHABET) if (total + LENGTH * value) % 31 == 0)


def number_of(characters):
    """The random number of which a reference with these characters is made."""
    return sum(ALPHABET.index(c) * len(ALPHABET) ** place for place, c in enumerate(characters))


@st.composite
def references(draw):
    characters = draw(st.text(ALPHABET, min_size=LENGTH - 1, max_size=LENGTH - 1))
    whole = characters + check_character(characters)
    assume(not whole.isdigit())
    return whole


@pytest.mark.parametrize("reference", VALID)
def test_a_reference_that_was_given_out_stays_valid(reference):
    assert parse_reference(reference) == reference


def test_the_alphabet_has_nothing_that_is_mistaken_for_anything_else():
    assert not set("0ILOU") & set(ALPHABET)
    assert len(set(ALPHABET)) == len(ALPHABET) == 31


def test_a_new_reference_is_two_groups_of_four_and_valid():
    for reference in (new_reference() for _ in range(200)):
        assert re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", reference)
        assert parse_reference(reference) == reference


def test_new_references_differ():
    assert len({new_reference() for _ in range(100)}) == 100


def test_a_new_reference_is_never_all_digits(monkeypatch):
    digits = next(
        "".join(seven) for seven in itertools.product("123456789", repeat=7) if check_character(seven).isdigit()
    )
    drawn = iter([digits, "ABCDEFG"])
    monkeypatch.setattr(os, "urandom", lambda length: number_of(next(drawn)).to_bytes(length))
    assert new_reference() == f"ABCD-EFG{check_character('ABCDEFG')}"


def test_digits_alone_are_never_a_reference_even_if_the_check_character_fits():
    seven = next(seven for seven in itertools.product("123456789", repeat=7) if check_character(seven).isdigit())
    assert parse_reference("".join(seven) + check_character(seven)) is None


@at_any_speed
@given(references())
def test_each_seven_characters_have_exactly_one_check_character(reference):
    valid = [c for c in ALPHABET if parse_reference(reference[:-1] + c)]
    assert valid == [reference[-1]]


@at_any_speed
@given(references())
def test_every_single_wrong_character_is_caught(reference):
    for place, right in enumerate(reference):
        same = {right, right.lower()} | (set("1iIlL") if right == "1" else set())
        for wrong in map(chr, range(128)):
            if wrong not in same:
                assert parse_reference(reference[:place] + wrong + reference[place + 1 :]) is None, (place, wrong)


@at_any_speed
@given(references(), st.integers(0, LENGTH - 1), st.characters(min_codepoint=128, exclude_categories=()))
def test_no_character_beyond_ascii_stands_for_another(reference, place, wrong):
    assert parse_reference(reference[:place] + wrong + reference[place + 1 :]) is None


@at_any_speed
@given(references())
def test_every_exchange_of_two_different_characters_is_caught(reference):
    for first, second in itertools.combinations(range(LENGTH), 2):
        heard = list(reference)
        heard[first], heard[second] = heard[second], heard[first]
        if heard[first] != heard[second]:
            assert parse_reference("".join(heard)) is None, (first, second)


@at_any_speed
@given(references(), st.integers(0, LENGTH - 1))
def test_a_missing_character_or_one_too_many_is_caught(reference, place):
    assert parse_reference(reference[:place] + reference[place + 1 :]) is None
    assert parse_reference(reference[:place] + reference[place] + reference[place:]) is None


@at_any_speed
@given(references(), st.data())
def test_case_spaces_and_hyphens_do_not_matter(reference, data):
    typed = "".join(
        data.draw(st.text(" -", max_size=2)) + data.draw(st.sampled_from((c, c.lower()))) for c in reference
    )
    typed += data.draw(st.text(" -", max_size=2))
    assert parse_reference(typed) == f"{reference[:4]}-{reference[4:]}"


@pytest.mark.parametrize("typed", ["IABC-DEFP", "iabc-defp", "LABC-DEFP", "labc-defp"])
def test_i_and_l_are_read_as_1(typed):
    assert parse_reference(typed) == "1ABC-DEFP"


@pytest.mark.parametrize(
    ("reference", "typed"),
    [
        ("SSAA-AAAP", "ßAA-AAAP"),
        ("FFAA-AAAJ", "ﬀAA-AAAJ"),
        ("STAA-AAAE", "ﬆAA-AAAE"),
        ("TS28-HJC6", "Tſ28-HJC6"),
        ("1ABC-DEFP", "ıABC-DEFP"),
        ("1ABC-DEFP", "1АBC-DEFP"),
        ("8A4R-DG5S", "８A4R-DG5S"),
        ("8A4R-DG5S", "٨A4R-DG5S"),
    ],
)
def test_letters_that_only_become_latin_in_capitals_are_not_read_as_such(reference, typed):
    assert parse_reference(reference) == reference
    assert parse_reference(typed) is None


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        " ",
        "-",
        "--------",
        "42",
        "12345678",
        "00000000",
        "UUUU-UUUU",
        "AAAA-AAAA-AAAA",
        "8A4R–DG5S",
        "8A4R_DG5S",
        "8A4R\u00a0DG5S",
        "8A4R\tDG5S",
        "8A4R-DG5S\n",
        "8A4R-DG5S\0",
        "\x1b[31m",
        "\ud800" * 8,
        pytest.param("A" * 100_000, id="very long"),
    ],
)
def test_garbage_is_not_a_reference(garbage):
    assert parse_reference(garbage) is None


@at_any_speed
@given(st.text(st.characters(exclude_categories=())) | st.text(ALPHABET + "IL -", max_size=12))
def test_any_text_is_a_reference_in_its_one_form_or_none(text):
    reference = parse_reference(text)
    if reference is not None:
        assert reference.replace("-", "") == re.sub("[IL]", "1", re.sub("[ -]", "", text).upper())
        assert check_character(reference.replace("-", "")[:-1]) == reference[-1]
