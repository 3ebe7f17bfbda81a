"""Names, emails and phone numbers: what is taken, what is refused, and that nothing is lost on the way."""

import unicodedata
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking_cli.domain import validation as inputs
from booking_cli.domain.errors import InvalidInput

at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Rule(NamedTuple):
    parse: Callable[[str], str]
    what: str
    longest: int


TEXTS = [
    Rule(inputs.parse_name, "A name", 200),
    Rule(inputs.parse_specialization, "A specialization", 200),
    Rule(inputs.parse_request_id, "A request id", 200),
    Rule(inputs.parse_search, "A search text", 200),
    Rule(inputs.parse_reason, "A reason", 500),
]


@pytest.mark.parametrize("rule", TEXTS, ids=lambda rule: rule.what)
class TestText:
    def test_one_character_is_enough(self, rule):
        assert rule.parse("x") == "x"

    @pytest.mark.parametrize("character", ["x", "é", "漢", "👩"])
    def test_as_many_characters_as_are_allowed_are_taken(self, rule, character):
        assert rule.parse(character * rule.longest) == character * rule.longest

    def test_one_character_too_many_is_refused(self, rule):
        with pytest.raises(
            InvalidInput, match=f"{rule.what} must not be longer than {rule.longest} characters; this has"
        ):
            rule.parse("x" * (rule.longest + 1))

    def test_white_space_around_it_does_not_count(self, rule):
        assert rule.parse(" \t\n" + "x" * rule.longest + "\u00a0 ") == "x" * rule.longest

    @pytest.mark.parametrize("empty", ["", " ", "\t\n", "\u00a0\u2003"])
    def test_nothing_is_refused(self, rule, empty):
        with pytest.raises(InvalidInput, match=f"{rule.what} must not be empty"):
            rule.parse(empty)

    @pytest.mark.parametrize("character", list("\0\a\b\t\n\r\x1b\x7f\x80\x85\x9b\u2028\u2029"))
    def test_a_control_character_is_refused(self, rule, character):
        with pytest.raises(InvalidInput, match=f"{rule.what} must not contain control characters"):
            rule.parse(f"a{character}b")

    @pytest.mark.parametrize("half", list("\ud800\udbff\udc00\udfff"))
    def test_half_a_character_is_refused(self, rule, half):
        with pytest.raises(InvalidInput, match=f"{rule.what} is not valid UTF-8"):
            rule.parse(f"a{half}b")


@pytest.mark.parametrize(
    "name",
    [
        "Ana Lima",
        "O'Brien-Smith",
        "José Ñuñez",
        "Jose\u0301",
        "李小龍",
        "محمد",
        "דוד",
        "Ο Γιώργος",
        "می\u200cخواهم",
        "👩\u200d⚕️",
        "[red]Bold[/red]",
        ":smile:",
        "=1+1",
        "'; DROP TABLE doctors; --",
        "100%",
        "{name}",
        "\\x1b",
        "X Æ A-12",
    ],
)
def test_a_name_is_data_and_is_taken_letter_by_letter(name):
    assert inputs.parse_name(name) == name


@pytest.mark.parametrize("mark", list("\u200e\u200f\u061c\u202a\u202e\u2066\u2069"))
def test_a_mark_of_writing_direction_is_kept_and_left_to_the_output(mark):
    assert inputs.parse_name(f"a{mark}b") == f"a{mark}b"


@at_any_speed
@given(st.text(min_size=1, max_size=210))
def test_a_name_is_taken_whole_or_refused(name):
    try:
        taken = inputs.parse_name(name)
    except InvalidInput:
        bad = any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in name)
        invisible = all(unicodedata.category(c) in ("Cf", "Zs") for c in name.strip())
        assert bad or invisible or not name.strip() or len(name.strip()) > 200
    else:
        assert taken == name.strip()
        assert 1 <= len(taken) <= 200
        assert not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in taken)


@pytest.mark.parametrize("parse", [inputs.parse_phone, inputs.parse_phone_or_nothing])
@pytest.mark.parametrize(
    "phone", ["112", "+1-555-0100", "(030) 123.456", "+49 30 1234 x56", "1" * 25, "((((((((((((((((((((((((1"]
)
def test_a_phone_number_is_taken_as_it_was_typed(parse, phone):
    assert parse(phone) == phone
    assert parse(f"  {phone}\n") == phone


@pytest.mark.parametrize("parse", [inputs.parse_phone, inputs.parse_phone_or_nothing])
@pytest.mark.parametrize(
    "phone",
    [
        "12",
        "1" * 26,
        "+--",
        "()(",
        "xxx",
        "555-CALL",
        "555/0100",
        "555_0100",
        "555;0100",
        "555,0100",
        "5550100 ext 4",
        "555X0100",
        "٠١٢٣",
        "０１２３",
        "555–0100",
        "555\t0100",
        "555\u00a00100",
        "555\n0100",
        "555\x000100",
        "555\u202e0100",
        "\ud800123",
    ],
)
def test_what_is_not_a_phone_number_is_refused(parse, phone):
    with pytest.raises(InvalidInput, match="is not a phone number; use 3 to 25 characters of digits"):
        parse(phone)


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_an_empty_phone_number_removes_one_and_is_refused_for_a_new_one(blank):
    assert inputs.parse_phone_or_nothing(blank) == ""
    with pytest.raises(InvalidInput, match="is not a phone number"):
        inputs.parse_phone(blank)


@pytest.mark.parametrize(
    ("typed", "email"),
    [
        ("ana@example.com", "ana@example.com"),
        ("  ana@example.com\n", "ana@example.com"),
        ("Ana.Lima@EXAMPLE.Com", "Ana.Lima@example.com"),
        ("a+tag@mail.example.co.uk", "a+tag@mail.example.co.uk"),
        ("o'brien@example.org", "o'brien@example.org"),
        ("ana@BÜCHER.example", "ana@bücher.example"),
        ("ana@xn--bcher-kva.example", "ana@bücher.example"),
        ("jose\u0301@example.com", "josé@example.com"),
        ("a@b.de", "a@b.de"),
        ("ana@clinic.local", "ana@clinic.local"),
        ("ana@clinic.test", "ana@clinic.test"),
        (f"{'a' * 64}@example.com", f"{'a' * 64}@example.com"),
        ("nobody@this-domain-has-no-name-server.example", "nobody@this-domain-has-no-name-server.example"),
    ],
)
def test_an_email_is_taken_in_its_normal_form_without_asking_a_name_server(typed, email):
    assert inputs.parse_email(typed) == email


@pytest.mark.parametrize("typed", ["ana@example.com", "Ana@BÜCHER.example", "jose\u0301@example.com"])
def test_the_normal_form_of_an_email_is_taken_again_as_it_is(typed):
    email = inputs.parse_email(typed)
    assert inputs.parse_email(email) == email


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "ana",
        "@",
        "ana@",
        "@example.com",
        "ana@localhost",
        "ana@example",
        "ana@@example.com",
        "a@b@example.com",
        "ana lima@example.com",
        "ana@exa mple.com",
        "ana@.com",
        "ana@example..com",
        "ana@-example.com",
        ".ana@example.com",
        "ana.@example.com",
        "an..a@example.com",
        "Ana <ana@example.com>",
        '"ana lima"@example.com',
        "ana@[127.0.0.1]",
        "ana@example.com, bob@example.com",
        "ana＠example.com",
        "ana@xn--a.com",
        "ana@example.com\0",
        "an\u202ea@example.com",
        "an\na@example.com",
        "\ud800@example.com",
        "ana@\ud800.com",
        f"ana@{'a' * 64}.com",
        f"{'a' * 243}@example.com",
    ],
)
def test_what_is_not_an_email_is_refused(typed):
    with pytest.raises(InvalidInput, match="is not an email address: "):
        inputs.parse_email(typed)


def test_a_long_text_is_cut_where_a_sentence_quotes_it():
    assert inputs.quote("short") == "'short'"
    assert inputs.quote("x" * 60) == "'" + "x" * 60 + "'"
    assert inputs.quote("x" * 61) == "'" + "x" * 60 + "…'"


@pytest.mark.parametrize("typed", ["\u200b", "\u200d", "\u202e\u202c", "\u2060 \u00ad"])
def test_a_name_that_nobody_could_see_is_refused(typed):
    with pytest.raises(InvalidInput, match="seen"):
        inputs.parse_name(typed)
