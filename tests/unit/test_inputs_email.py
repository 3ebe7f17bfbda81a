"""An address that is valid at first sight gets the very answer that the library would give; all others are left to it."""

import hypothesis.strategies as st
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings

from booking_cli.domain import validation as inputs

LETTERS = "abcxyzABCXYZ019-_+.!#'\u00e4 @"
LABELS = st.text("abzABZ09-", max_size=64)
ADDRESSES = st.one_of(
    st.from_regex(inputs._PLAIN_EMAIL, fullmatch=True),
    st.text(LETTERS, max_size=80),
    st.builds(
        lambda local, labels, top: f"{local}@{'.'.join([*labels, top])}",
        st.text("abzAZ09-_+.", max_size=66),
        st.lists(LABELS, max_size=6),
        st.one_of(
            LABELS, st.sampled_from(["com", "Example", "TEST", "local", "localhost", "invalid", "arpa", "onion", "co"])
        ),
    ),
)


def by_the_library(text):
    try:
        return validate_email(
            text, check_deliverability=False, globally_deliverable=False, test_environment=True
        ).normalized
    except EmailNotValidError:
        return None


@settings(max_examples=500, deadline=None)
@given(ADDRESSES)
@example("a" * 64 + "@example.com")
@example("a" * 65 + "@example.com")
@example("a@" + "b" * 63 + ".com")
@example("a@" + "b" * 64 + ".com")
@example("a@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 63 + "." + "e" * 60)
@example("a@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 63 + "." + "e" * 61)
@example("Postmaster@example.com")
@example("a@xn--bcher-kva.example")
@example("a@ab--cd.example")
@example("a@example.123")
@example("a..b@example.com")
@example(".a@example.com")
@example("a@my.test")
@example("-a@example.com")
@example("a@example.com\n")
def test_what_is_plain_is_what_the_library_makes_of_it(text):
    plain = inputs._plain_email(text)
    assert plain is None or plain == by_the_library(text)


@pytest.mark.parametrize("text", ["maria@example.org", "o.k-e_f+x@Clinic-7.Example", "patient7@mail.co.uk"])
def test_a_usual_address_is_plain(text):
    assert inputs._plain_email(text) == by_the_library(text)


@pytest.mark.parametrize(
    "text", ["Ana@example.org", "o'neill@example.org", "j\u00f6rg@example.org", "a@b\u00fccher.example"]
)
def test_an_unusual_address_is_left_to_the_library_and_taken(text):
    assert inputs._plain_email(text) is None
    assert inputs.parse_email(text) == by_the_library(text)
