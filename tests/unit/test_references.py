"""A reference that was misheard is refused; case, spaces and hyphens do not matter."""

import itertools
import os
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from booking_cli.domain.references import ALPHABET, LENGTH, new_references, parse_reference
from tests.unit.strategies import ANY_TEXT, at_any_speed


def check_character(characters):
    """The last character by the documented scheme: the sum of position times value is a multiple of 31."""
    total = sum(weight * ALPHABET.index(c) for weight, c in enumerate(characters, start=1))
    return next(c for value, c in enumerate(ALPHABET) if (total + LENGTH * value) % 31 == 0)


# Seven digits whose check character is a digit, too.
ALL_DIGITS = next("".join(s) for s in itertools.product("123456789", repeat=7) if check_character(s).isdigit())


@st.composite
def references(draw):
    characters = draw(st.text(ALPHABET, min_size=LENGTH - 1, max_size=LENGTH - 1))
    whole = characters + check_character(characters)
    assume(not whole.isdigit())
    return whole


@pytest.mark.parametrize("reference", ["8A4R-DG5S", "331D-JYAG", "TS28-HJC6", "9S6V-497W", "1ABC-DEFP"])
def test_a_reference_of_an_earlier_version_stays_valid(reference):
    assert parse_reference(reference) == reference


def test_new_references_are_different_and_have_no_characters_that_look_alike():
    assert len(set(ALPHABET) - set("0ILOU")) == len(ALPHABET) == 31
    made = new_references(201)
    assert len(set(made)) == 201
    for reference in made:
        assert re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", reference)
        assert parse_reference(reference) == reference


def test_a_reference_is_never_all_digits(monkeypatch):
    drawn = iter([ALL_DIGITS, "ABCDEFG"])

    def draw(length):
        return sum(ALPHABET.index(c) * 31**place for place, c in enumerate(next(drawn))).to_bytes(length)

    monkeypatch.setattr(os, "urandom", draw)
    assert new_references(1) == [f"ABCD-EFG{check_character('ABCDEFG')}"]
    assert parse_reference(ALL_DIGITS + check_character(ALL_DIGITS)) is None


@at_any_speed
@given(references(), st.characters(min_codepoint=128, exclude_categories=()))
def test_a_wrong_missing_or_repeated_character_is_refused(reference, beyond_ascii):
    for place, right in enumerate(reference):
        before, after = reference[:place], reference[place + 1 :]
        same = {right, right.lower()} | (set("1iIlL") if right == "1" else set())
        for wrong in {*map(chr, range(128)), beyond_ascii} - same:
            assert parse_reference(before + wrong + after) is None, (place, wrong)
        assert parse_reference(before + after) is None
        assert parse_reference(before + right + right + after) is None


@at_any_speed
@given(references())
def test_every_exchange_of_two_different_characters_is_refused(reference):
    for first, second in itertools.combinations(range(LENGTH), 2):
        heard = list(reference)
        heard[first], heard[second] = heard[second], heard[first]
        if heard[first] != heard[second]:
            assert parse_reference("".join(heard)) is None, (first, second)


@at_any_speed
@given(references(), st.data())
def test_case_spaces_hyphens_and_i_or_l_for_1_do_not_matter(reference, data):
    filling = st.text(" -", max_size=2)
    same = {c: (c, c.lower()) for c in ALPHABET} | {"1": "1iIlL"}
    typed = "".join(data.draw(filling) + data.draw(st.sampled_from(same[c])) for c in reference)
    assert parse_reference(typed + data.draw(filling)) == f"{reference[:4]}-{reference[4:]}"


@pytest.mark.parametrize(
    "typed",
    [
        "", " ", "-", "--------", "42", "00000000", "UUUU-UUUU", "AAAA-AAAA-AAAA", "8A4R–DG5S", "8A4R_DG5S",
        "8A4R\u00a0DG5S", "8A4R\tDG5S", "8A4R-DG5S\n", "8A4R-DG5S\0", "\x1b[31m", "\ud800" * 8, "A" * 5_000,
        # Upper case or a normal form of these is a valid reference, such as "SSAA-AAAP".
        "ßAA-AAAP", "ﬀAA-AAAJ", "ﬆAA-AAAE", "ıABC-DEFP", "1АBC-DEFP", "８A4R-DG5S", "٨A4R-DG5S",
    ],
)  # fmt: skip
def test_any_other_text_is_not_a_reference(typed):
    assert parse_reference(typed) is None


@at_any_speed
@given(ANY_TEXT | st.text(ALPHABET + "IL -", max_size=12))
def test_a_text_is_a_reference_in_its_written_form_or_none(text):
    reference = parse_reference(text)
    if reference is not None:
        assert reference.replace("-", "") == re.sub("[IL]", "1", re.sub("[ -]", "", text).upper())
        assert check_character(reference.replace("-", "")[:-1]) == reference[-1]
