"""Arguments are taken as typed or refused in a sentence: never reinterpreted, never a crash."""

import contextlib
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from booking_cli.domain import validation
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import (
    BookingKey,
    DoctorKey,
    PatientKey,
    or_empty,
    parse_booking,
    parse_count,
    parse_doctor,
    parse_email,
    parse_hold_minutes,
    parse_id,
    parse_name,
    parse_patient,
    parse_phone,
    parse_slot_minutes,
    parse_version,
    quote,
)
from tests.fuzz.corpus import INVALID
from tests.unit.strategies import ANY_CHARACTER, ANY_TEXT, at_any_speed

PARSERS = [
    parse
    for name, parse in sorted(vars(validation).items())
    if name.startswith("parse_") and name != "parse_text" and parse.__module__ == validation.__name__
]
BIGINT = 2**63 - 1
ODD_TEXT = st.one_of(
    ANY_TEXT,
    st.text("0123456789+-_.eEx@ ", max_size=40),
    st.builds("{}@{}".format, ANY_TEXT, st.text("abc.-é漢\u200d\ud800:[]1", max_size=20)),
    st.text(min_size=199, max_size=202),
)
# The limit of characters of each text.
TEXTS = {"name": 200, "specialization": 200, "request_id": 200, "search": 200, "reason": 500, "note": 500}


def refusal(parse, text):
    with pytest.raises(InvalidInput) as refused:
        parse(text)
    return str(refused.value)


@pytest.mark.parametrize("parse", PARSERS)
@at_any_speed
@given(text=ODD_TEXT)
@example(text="7\x1f")  # white space to str.strip(), but not to int()
@example(text="\x1c7")
def test_any_text_is_parsed_or_refused(parse, text):
    with contextlib.suppress(InvalidInput):
        parse(text)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("size", [1_000, 100_000])
def test_a_refusal_does_not_repeat_a_very_long_text(parse, size):
    assert len(refusal(parse, "é" * size)) < 300
    assert quote("x" * 60) == "'" + "x" * 60 + "'"
    assert quote("x" * 61) == "'" + "x" * 60 + "…'"


@pytest.mark.parametrize(
    ("parse", "typed", "value"),
    [
        *((parse, "2147483647", 2**31 - 1) for parse in (parse_id, parse_count, parse_version)),
        *((parse, " 007 ", 7) for parse in (parse_id, parse_count, parse_version, parse_slot_minutes)),
        (parse_id, str(BIGINT), BIGINT),
        (parse_slot_minutes, "5", 5),
        (parse_slot_minutes, "480", 480),
        *(
            (parse_hold_minutes, typed, Decimal(typed))
            for typed in ("0.5", "0.000001", "1440", "1440.0", " 2.5 ", "002")
        ),
        *((parse_phone, phone, phone) for phone in ("112", "+1-555-0100", "(030) 123.456", "+49 30 x56", "1" * 25)),
        (parse_phone, "  (((((((((((((((((((((((1\n", "(((((((((((((((((((((((1"),
        (or_empty(parse_phone), " 112 ", "112"),
        (or_empty(parse_phone), " \t", ""),
    ],
)
def test_a_valid_argument_is_parsed(parse, typed, value):
    assert parse(typed) == value


@pytest.mark.parametrize(
    ("parse", "kind", "others"),
    [
        (parse_id, "NUMBER", ()),
        (parse_count, "NUMBER", ()),
        (parse_version, "NUMBER", (str(2**31),)),
        (parse_slot_minutes, "NUMBER", ("4", "481")),
        (parse_hold_minutes, "", ("", "0", "0.000000", "1440.000001", "1441", "-0.5", ".5", "5.", "0,5", "1.5.2", "0.0000001")),
        (parse_hold_minutes, "", ("1e3", "nan", "inf", "+5", "1_000", "\u0663", "5\0", "9" * 5000)),
        (parse_email, "EMAIL", ()),
        (parse_phone, "PHONE", ("", " ", "\t")),
        (or_empty(parse_phone), "PHONE", ()),
        (parse_doctor, "NUMBER", ("Ana Lima", "K7QF-2M9T")),
        (parse_booking, "NUMBER", ("8A4R-DG5T", "A84R-DG5S", "8A4R-DG5", "1234-5678", "ana@example.com")),
        (parse_patient, "NUMBER", ("Ana Lima", "K7QF-2M9T", "12-34", "(030) 12/34567", "pat@")),
    ],
)  # fmt: skip
def test_an_invalid_argument_is_refused(parse, kind, others):
    for typed in (*INVALID.get(kind, ()), *others):
        assert refusal(parse, typed)


@pytest.mark.parametrize(
    ("parse", "typed", "key", "shown"),
    [
        (parse_doctor, " 7 ", DoctorKey(id=7), "7"),
        (parse_doctor, " Ana@EXAMPLE.com ", DoctorKey(email="Ana@example.com"), "Ana@example.com"),
        (parse_booking, "12345678", BookingKey(id=12345678), "12345678"),
        (parse_booking, " 8a4rdg5s ", BookingKey(reference="8A4R-DG5S"), "8A4R-DG5S"),
        (parse_booking, "labc-defp", BookingKey(reference="1ABC-DEFP"), "1ABC-DEFP"),
        (parse_patient, " 7 ", PatientKey(id=7), "7"),
        (parse_patient, "Pat@EXAMPLE.com", PatientKey(email="Pat@example.com"), "Pat@example.com"),
        (parse_patient, " +49 30 123456 ", PatientKey(phone="+49 30 123456"), "+49 30 123456"),
        (parse_patient, "555-0100", PatientKey(phone="555-0100"), "555-0100"),
        # Digits alone are a record number, from five digits on a phone number too, and with a leading 0 only that.
        (parse_patient, "1234", PatientKey(id=1234), "1234"),
        (parse_patient, "5550100", PatientKey(id=5550100, phone="5550100"), "5550100"),
        (parse_patient, "0305550100", PatientKey(phone="0305550100"), "0305550100"),
        (parse_patient, "007", PatientKey(id=7), "7"),
    ],
)
def test_a_record_is_identified_by_any_of_its_keys(parse, typed, key, shown):
    assert parse(typed) == key
    assert str(key) == shown


@pytest.mark.parametrize(("what", "longest"), TEXTS.items())
def test_a_text_is_taken_up_to_its_limit_without_surrounding_white_space(what, longest):
    parse = getattr(validation, f"parse_{what}")
    assert parse(" \t\nx\u00a0 ") == "x"
    assert [parse(character * longest) for character in "xé漢👩"] == [character * longest for character in "xé漢👩"]
    assert str(longest) in refusal(parse, "x" * (longest + 1))


@pytest.mark.parametrize("what", TEXTS)
@pytest.mark.parametrize(
    ("bad", "why"),
    [
        *((empty, "empty") for empty in ("", " ", "\t\n", "\u00a0\u2003")),
        *((f"a{control}b", "control") for control in "\0\a\b\t\n\r\x1b\x7f\x80\x85\x9b\u2028\u2029"),
        *((f"a{surrogate}b", "UTF-8") for surrogate in "\ud800\udbff\udc00\udfff"),
        *((invisible, "visible") for invisible in ("\u200b", "\u200d", "\u202e\u202c", "\u2060 \u00ad")),
    ],
)
def test_an_empty_invisible_or_invalid_text_is_refused_with_the_reason(what, bad, why):
    message = refusal(getattr(validation, f"parse_{what}"), bad)
    assert what.replace("_", " ") in message
    assert why in message


@at_any_speed
@given(st.text(min_size=1, max_size=210) | st.text(ANY_CHARACTER, max_size=5))
@example("=1+1 [red]:smile:[/red] '; DROP TABLE doctors; -- {name} 100% \\x1b")
@example("Jose\u0301 می\u200cخواهم 👩\u200d⚕️ a\u200e\u200f\u061c\u202a\u202e\u2066\u2069b")
def test_a_name_is_taken_unchanged_or_refused(name):
    acts = any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name.strip())
    invisible = all(unicodedata.category(c) in ("Cf", "Zs") for c in name.strip())
    if acts or invisible or len(name.strip()) > 200:
        refusal(parse_name, name)
    else:
        assert parse_name(name) == name.strip()


@pytest.mark.parametrize(
    ("typed", "email"),
    [
        ("  ana@example.com\n", "ana@example.com"),
        ("Ana.Lima@EXAMPLE.Com", "Ana.Lima@example.com"),
        ("ana@BÜCHER.example", "ana@bücher.example"),
        ("ana@xn--bcher-kva.example", "ana@bücher.example"),
        ("jose\u0301@example.com", "josé@example.com"),
        *((email, email) for email in ("a+tag@mail.example.co.uk", "o'brien@example.org", f"{'a' * 64}@example.com")),
        *((email, email) for email in ("ana@clinic.local", "ana@clinic.test", "ana@has-no-name-server.example")),
    ],
)
def test_an_email_is_taken_in_its_normal_form_without_asking_a_name_server(typed, email):
    assert parse_email(typed) == parse_email(email) == email
