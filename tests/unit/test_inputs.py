"""What people type is taken as it is or refused in a sentence: never reinterpreted, never a crash."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from booking_cli.domain import validation as inputs
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import BookingKey, DoctorKey

at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PARSERS = [value for name, value in sorted(vars(inputs).items()) if name.startswith("parse_") and name != "parse_text"]
PARSERS.remove(inputs.parse_reference)  # belongs to another module, and refuses with None
BIGINT = 2**63 - 1
HUGE = pytest.param("9" * 10_000, id="very long")
# Texts that int() or float() would take, or that look like a number to somebody.
NO_NUMBERS = [
    "",
    " ",
    "one",
    "0x10",
    "1e3",
    "1_000",
    "1,000",
    "1 000",
    "+5",
    "-5",
    "--5",
    "５",
    "٣",
    "²",
    "Ⅷ",
    "nan",
    "inf",
    "NaN",
    "5\0",
    "5\x1b[31m",
    "\ud800",
    HUGE,
]
ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.text("0123456789+-_.eEx@ ", max_size=40),
    st.builds(
        "{}@{}".format, st.text(st.characters(exclude_categories=())), st.text("abc.-é漢\u200d\ud800:[]1", max_size=20)
    ),
    st.text(min_size=199, max_size=202),
)


def test_every_parser_is_held_to_these_rules():
    assert len(PARSERS) == 15


@pytest.mark.parametrize("parse", PARSERS)
@at_any_speed
@given(text=ANY_TEXT)
@example(text="7\x1f")  # white space to str.strip(), but not to int()
@example(text="\x1c7")
def test_any_text_is_read_or_refused_and_never_breaks_the_program(parse, text):
    with contextlib.suppress(InvalidInput):
        parse(text)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("text", ["\0", "\ud800", "a\0b@example.com", "\udc00@example.com", "a@\ud800.com", "7\0"])
def test_nul_and_halves_of_characters_are_refused_everywhere(parse, text):
    with pytest.raises(InvalidInput):
        parse(text)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("size", [1_000, 100_000])
def test_a_refusal_does_not_repeat_a_very_long_text(parse, size):
    with pytest.raises(InvalidInput) as refused:
        parse("é" * size)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("parse", [inputs.parse_id, inputs.parse_count, inputs.parse_version])
@pytest.mark.parametrize(
    ("typed", "number"), [("1", 1), ("42", 42), (" 42 ", 42), ("007", 7), ("2147483647", 2**31 - 1)]
)
def test_a_whole_number_is_read(parse, typed, number):
    assert parse(typed) == number


@pytest.mark.parametrize(
    "parse", [inputs.parse_id, inputs.parse_count, inputs.parse_version, inputs.parse_slot_minutes]
)
@pytest.mark.parametrize("typed", [*NO_NUMBERS, "0", "5.0", "5."])
def test_what_is_not_a_whole_number_from_1_up_is_refused(parse, typed):
    with pytest.raises(InvalidInput, match="is not a "):
        parse(typed)


def test_an_id_may_be_as_large_as_the_database_can_hold():
    assert inputs.parse_id(str(BIGINT)) == BIGINT


@pytest.mark.parametrize("typed", [str(BIGINT + 1), str(10**25)])
def test_an_id_beyond_a_bigint_is_refused(typed):
    with pytest.raises(InvalidInput, match="larger than any number"):
        inputs.parse_id(typed)


@pytest.mark.parametrize("parse", [inputs.parse_count, inputs.parse_version])
def test_a_count_or_version_beyond_what_the_database_can_hold_is_refused(parse):
    with pytest.raises(InvalidInput, match="is not a "):
        parse(str(BIGINT + 1))


@pytest.mark.parametrize(("typed", "minutes"), [("5", 5), ("30", 30), ("480", 480), (" 45 ", 45)])
def test_a_slot_has_5_to_480_minutes(typed, minutes):
    assert inputs.parse_slot_minutes(typed) == minutes


@pytest.mark.parametrize("typed", ["4", "481", "1000000"])
def test_a_shorter_or_longer_slot_is_refused(typed):
    with pytest.raises(InvalidInput, match="use 5 to 480 minutes"):
        inputs.parse_slot_minutes(typed)


@pytest.mark.parametrize("typed", ["2", "0.5", "0.05", "0.000001", "1440", "1440.0", " 2.5 ", "002"])
def test_a_hold_has_decimals_and_loses_none_of_them(typed):
    assert inputs.parse_hold_minutes(typed) == Decimal(typed.strip())


@pytest.mark.parametrize(
    "typed",
    [*NO_NUMBERS, "0", "0.0", "0.000000", "1440.000001", "1441", "-1", "-0.5", ".5", "5.", "0,5", "1.5.2", "0.0000001"],
)
def test_a_hold_of_nothing_or_more_than_a_day_or_no_number_is_refused(typed):
    with pytest.raises(InvalidInput, match="use minutes above 0 and up to 1440"):
        inputs.parse_hold_minutes(typed)


@pytest.mark.parametrize(
    ("typed", "key", "shown"),
    [
        ("7", DoctorKey(id=7), "7"),
        (" 7 ", DoctorKey(id=7), "7"),
        ("ana@example.com", DoctorKey(email="ana@example.com"), "ana@example.com"),
        (" Ana@EXAMPLE.com ", DoctorKey(email="Ana@example.com"), "Ana@example.com"),
    ],
)
def test_a_doctor_is_a_number_or_an_email(typed, key, shown):
    assert inputs.parse_doctor(typed) == key
    assert str(key) == shown


@pytest.mark.parametrize("typed", [*NO_NUMBERS[:-1], "Ana Lima", "K7QF-2M9T"])
def test_a_doctor_is_nothing_else(typed):
    with pytest.raises(InvalidInput, match="neither a doctor's number nor an email address"):
        inputs.parse_doctor(typed)


@pytest.mark.parametrize("typed", ["0", "00", str(BIGINT + 1), "9" * 31])
def test_a_doctors_number_is_within_the_numbers_the_book_gives(typed):
    with pytest.raises(InvalidInput):
        inputs.parse_doctor(typed)


@pytest.mark.parametrize(
    ("typed", "key", "shown"),
    [
        ("7", BookingKey(id=7), "7"),
        ("12345678", BookingKey(id=12345678), "12345678"),
        ("8A4R-DG5S", BookingKey(reference="8A4R-DG5S"), "8A4R-DG5S"),
        (" 8a4rdg5s ", BookingKey(reference="8A4R-DG5S"), "8A4R-DG5S"),
        ("labc-defp", BookingKey(reference="1ABC-DEFP"), "1ABC-DEFP"),
    ],
)
def test_a_booking_is_a_number_or_a_reference(typed, key, shown):
    assert inputs.parse_booking(typed) == key
    assert str(key) == shown


@pytest.mark.parametrize(
    "typed", [*NO_NUMBERS[:-1], "8A4R-DG5T", "A84R-DG5S", "8A4R-DG5", "1234-5678", "ana@example.com"]
)
def test_a_booking_is_nothing_else_and_a_misheard_reference_is_refused(typed):
    with pytest.raises(InvalidInput, match="neither a booking's number nor a valid reference"):
        inputs.parse_booking(typed)


@pytest.mark.parametrize("typed", ["0", str(BIGINT + 1), HUGE])
def test_a_bookings_number_is_within_the_numbers_the_book_gives(typed):
    with pytest.raises(InvalidInput, match="number that the book gives"):
        inputs.parse_booking(typed)


def test_the_reference_that_a_refusal_shows_as_an_example_is_a_valid_one():
    with pytest.raises(InvalidInput) as refused:
        inputs.parse_booking("nonsense")
    example = str(refused.value).partition("looks like ")[2][:9]
    assert inputs.parse_booking(example) == BookingKey(reference=example)
