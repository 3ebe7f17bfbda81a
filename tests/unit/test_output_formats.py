"""JSON, NDJSON and CSV: complete, exact, and harmless in a terminal or a spreadsheet."""

import csv
import io
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking_cli.domain.models import BulkResult, Doctor, Expiry
from booking_cli.output.results import Format, Many, One
from booking_cli.output.show import show
from tests.unit.records import BOOKING, DOCTOR, SLOT
from tests.unit.strategies import ANY_TEXT

# The examples share the fixture, which only captures what is written.
at_any_speed = settings(deadline=None, suppress_health_check=list(HealthCheck))
PRINTABLE = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))
ODD_TEXT = ANY_TEXT | st.text("=+-@' \t\r\n,\"\u00a0\u200b\ufeffa") | st.just("[red]\x1b[31m\u202e\"';,\\ \x7f é漢\r\n")
FORMULAS = (
    "=1+1",
    "+1-555",
    "-1",
    "@SUM(A1)",
    "=",
    "'",
    "''",
    "'=1",
    "=a,b",
    " =1+1",
    "\u00a0=1+1",
    "\u3000@x",
    " '=1",
)
PLAIN = ("Ana", "a=b", "O'Brien", "x@y", "1-2", "[red]", "5", "漢", "(=)", 'An "a"', "A, B")


@pytest.fixture
def shown(capsys):
    """Shows a result and returns what was written to stdout."""

    def run(result, format_):
        capsys.readouterr()
        show(result, format_)
        return capsys.readouterr().out

    return run


def doctors(*names, **options):
    return Many(Doctor, [DOCTOR._replace(id=id_, name=name) for id_, name in enumerate(names, 1)], "doctor", **options)


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("format_", "two", "none"),
    [
        (Format.JSON, r'\[\n  {"id": 1.*},\n  {"id": 2.*}\n\]\n', r"\[\]\n"),
        (Format.NDJSON, r'{"id": 1.*}\n{"id": 2.*}\n', ""),
        (Format.CSV, r"id,name,.*\n1,Ana,.*\n2,Bob,.*\n", r"id,name,.*\n"),
    ],
)
def test_a_list_has_a_line_for_each_record(shown, format_, two, none):
    assert re.fullmatch(two, shown(doctors("Ana", "Bob"), format_))
    assert re.fullmatch(none, shown(doctors(), format_))


def test_one_record_has_no_headline(shown):
    doctor = DOCTOR._replace(phone=None, active=False)
    for format_ in (Format.JSON, Format.NDJSON):
        record = json.loads(shown(One(doctor, "Added doctor 1."), format_))
        assert (record["name"], record["phone"], record["active"]) == ("Ana Lima", None, False)
    [row] = csv_rows(shown(One(doctor, "Added doctor 1."), Format.CSV))
    assert (row["name"], row["phone"], row["active"]) == ("Ana Lima", "", "false")


@pytest.mark.parametrize(
    ("result", "field"),
    [(BulkResult(3, 2, 1, 0, 0, [SLOT, SLOT]), "slots"), (Expiry(2, [BOOKING, BOOKING]), "bookings")],
)
def test_a_list_within_a_record_holds_whole_records_in_json_and_csv(shown, result, field):
    in_json = json.loads(shown(One(result), Format.JSON))[field]
    assert [record["starts_at"] for record in in_json] == ["2027-03-29T09:00:00+02:00"] * 2
    [row] = csv_rows(shown(One(result), Format.CSV))
    assert json.loads(row[field]) == in_json


@at_any_speed
@given(name=ODD_TEXT)
def test_json_is_printable_ascii_and_returns_every_name(shown, name):
    text = shown(doctors(name), Format.JSON)
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert text.replace("\n", "")[3:-1] == shown(doctors(name), Format.NDJSON)[:-1]
    assert json.loads(text)[0]["name"] == name


@pytest.mark.parametrize(("name", "written"), [*((f, "'" + f) for f in FORMULAS), *((text, text) for text in PLAIN)])
def test_a_csv_field_that_a_spreadsheet_would_run_gets_an_apostrophe(shown, name, written):
    [row] = csv_rows(shown(One(BOOKING._replace(patient_phone=name, patient_email=name, reason=name)), Format.CSV))
    assert [row["patient_phone"], row["patient_email"], row["reason"]] == [written] * 3


@at_any_speed
@given(name=st.text(st.sampled_from("=+-@' ,\"\\\u00a0a") | PRINTABLE))
def test_csv_without_the_apostrophe_has_the_original_text(shown, name):
    [row] = csv_rows(shown(doctors(name), Format.CSV))
    assert row["name"].removeprefix("'") == name


@at_any_speed
@given(name=ODD_TEXT)
def test_no_csv_field_begins_a_formula_or_has_a_control_character(shown, name):
    text = shown(doctors(name), Format.CSV)
    [row] = csv_rows(text)
    assert not row["name"].lstrip().startswith(("=", "+", "-", "@"))
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text.replace("\n", ""))
    assert text.count("\n") == 2
