"""JSON, NDJSON and CSV: what programs read is complete, exact and harmless."""

import contextlib
import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking_cli.domain.errors import PromiseBroken
from booking_cli.domain.models import BulkResult, Clinic, Doctor, Expiry, Slot
from booking_cli.output import Format, Many, One, show
from tests.support.things import BEFORE, booking_of, doctor, slot

at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FORMULA_STARTS = ("=", "+", "-", "@")
STRANGE = "[red]\x1b[31m:smile:\u202e\"';,\\ \x7f é漢👩\u200d⚕️\r\n"


def shown(result, form):
    """What goes to stdout."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        show(result, form)
    return output.getvalue()


def doctors(*names, **rest):
    return Many(Doctor, [doctor(id=number, name=name) for number, name in enumerate(names, 1)], "doctor", **rest)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_list_is_a_json_array_with_a_line_for_each_thing():
    text = shown(doctors("Ana", "Bob"), Format.JSON)
    assert [thing["name"] for thing in json.loads(text)] == ["Ana", "Bob"]
    assert [line[:1] for line in text.splitlines()] == ["[", " ", " ", "]"]


def test_an_empty_list_is_an_empty_array():
    assert shown(doctors(), Format.JSON) == "[]\n"


def test_ndjson_is_an_object_in_each_line_and_nothing_for_an_empty_list():
    lines = shown(doctors("Ana", "Bob"), Format.NDJSON).splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["Ana", "Bob"]
    assert shown(doctors(), Format.NDJSON) == ""


@pytest.mark.parametrize("form", [Format.JSON, Format.NDJSON])
def test_one_thing_is_an_object_in_one_line_without_its_headline(form):
    text = shown(One(doctor(), "Added doctor 1."), form)
    assert json.loads(text)["name"] == "Ana Lima"
    assert text.count("\n") == 1
    assert "Added" not in text


def test_a_slot_in_json_has_instants_with_an_offset_and_the_clock_on_the_wall():
    assert json.loads(shown(One(slot()), Format.JSON)) == {
        "id": 7,
        "doctor_id": 1,
        "doctor_name": "Ana Lima",
        "specialization": "Cardiology",
        "date": "2027-03-29",
        "time": "09:00",
        "minutes": 30,
        "starts_at": "2027-03-29T09:00:00+02:00",
        "ends_at": "2027-03-29T09:30:00+02:00",
        "status": "free",
        "booking_id": None,
    }


def test_what_is_not_there_is_null_and_yes_is_true_in_json():
    thing = json.loads(shown(One(doctor(phone=None)), Format.JSON))
    assert (thing["phone"], thing["active"]) == (None, True)


@pytest.mark.parametrize(("minutes", "written"), [("2", "2"), ("2.000000", "2"), ("0.5", "0.5"), ("1440", "1440")])
def test_a_hold_is_a_json_number_and_whole_where_it_can_be(minutes, written):
    text = shown(One(Clinic("Central", "UTC", Decimal(minutes), BEFORE)), Format.JSON)
    assert f'"hold_minutes": {written},' in text


@pytest.mark.parametrize(
    ("result", "field"),
    [
        (BulkResult(3, 2, 1, 0, 0, [slot(id=1), slot(id=2)]), "slots"),
        (Expiry(2, [booking_of(), booking_of()]), "bookings"),
    ],
)
def test_a_list_within_a_thing_holds_whole_things(result, field):
    things = json.loads(shown(One(result), Format.JSON))[field]
    assert len(things) == 2
    assert things[0]["starts_at"] == "2027-03-29T09:00:00+02:00"


@pytest.mark.parametrize("form", [Format.JSON, Format.NDJSON])
@at_any_speed
@given(name=st.text(st.characters(exclude_categories=())) | st.just(STRANGE))
def test_json_is_printable_ascii_and_gives_every_name_back(form, name):
    text = shown(doctors(name), form)
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    thing = json.loads(text)
    assert (thing[0] if form is Format.JSON else thing)["name"] == name


def test_csv_has_a_header_and_a_line_for_each_thing():
    first, second = shown(Many(Slot, [slot(booking_id=3, status="held")], "slot"), Format.CSV).splitlines()
    assert first == "id,doctor_id,doctor_name,specialization,date,time,minutes,starts_at,ends_at,status,booking_id"
    assert second == (
        "7,1,Ana Lima,Cardiology,2027-03-29,09:00,30,2027-03-29T09:00:00+02:00,2027-03-29T09:30:00+02:00,held,3"
    )


def test_an_empty_list_in_csv_is_its_header():
    assert shown(doctors(), Format.CSV).count("\n") == 1


def test_one_thing_in_csv_is_a_header_and_a_line():
    (row,) = rows_of(shown(One(doctor(phone=None, active=False), "Added doctor 1."), Format.CSV))
    assert (row["name"], row["phone"], row["active"]) == ("Ana Lima", "", "false")


def test_a_list_within_a_thing_is_json_in_csv():
    (row,) = rows_of(shown(One(BulkResult(2, 2, 0, 0, 0, [slot(id=1), slot(id=2)])), Format.CSV))
    assert row["planned"] == "2"
    assert [thing["id"] for thing in json.loads(row["slots"])] == [1, 2]


@pytest.mark.parametrize(
    "name",
    [
        "=1+1",
        "+1-555-0100",
        "-1",
        "@SUM(A1)",
        '=HYPERLINK("http://example.com")',
        "=",
        "'",
        "''",
        "'=1",
        "=a,b",
        " =1+1",
        "   +1",
        "\u00a0=1+1",
        "\u3000@x",
        " '=1",
    ],
)
def test_a_field_that_a_spreadsheet_would_run_gets_an_apostrophe(name):
    (row,) = rows_of(shown(doctors(name), Format.CSV))
    assert row["name"] == "'" + name


@pytest.mark.parametrize(
    "name", ["Ana", "a=b", "O'Brien", "x@y", "1-2", "[red]", "5", "漢", "(=)", "Ana, Lima", 'An "a"']
)
def test_any_other_field_is_left_as_it_is(name):
    (row,) = rows_of(shown(doctors(name), Format.CSV))
    assert row["name"] == name


def test_phone_and_email_and_reason_are_guarded_too():
    text = shown(One(booking_of(patient_phone="+49 30 1", patient_email="=a@b.de", reason="-x")), Format.CSV)
    (row,) = rows_of(text)
    assert (row["patient_phone"], row["patient_email"], row["reason"]) == ("'+49 30 1", "'=a@b.de", "'-x")


PRINTABLE = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))


@at_any_speed
@given(st.text(st.sampled_from("=+-@' ,\"\\\u00a0a") | PRINTABLE))
def test_reading_csv_back_with_one_apostrophe_taken_off_gives_the_original(name):
    (row,) = rows_of(shown(doctors(name), Format.CSV))
    assert row["name"].removeprefix("'") == name


@at_any_speed
@given(st.text(st.sampled_from("=+-@' \t\r\n,\"\u00a0\u200b\ufeffa") | st.characters(exclude_categories=())))
def test_no_field_in_csv_starts_a_formula_or_acts_on_a_terminal(name):
    text = shown(doctors(name), Format.CSV)
    (row,) = rows_of(text)
    assert not row["name"].lstrip().startswith(FORMULA_STARTS)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text.replace("\n", ""))
    assert text.count("\n") == 2


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize(("limit", "there", "left_out"), [(2, 3, True), (2, 2, False), (2, 1, False), (None, 5, False)])
def test_rows_over_the_limit_are_left_out_and_that_is_said_on_stderr(capsys, form, limit, there, left_out):
    names = ["Ana", "Bob", "Cid", "Dee", "Eva"][:there]
    show(doctors(*names, limit=limit), form)
    output = capsys.readouterr()
    assert [name for name in names if name in output.out] == names[:limit]
    remark = "There are more than 2 doctors; see them with --limit, or narrow the search.\n"
    assert output.err == (remark if left_out else "")


@pytest.mark.parametrize("form", Format)
def test_rows_may_come_one_by_one(form):
    rows = (doctor(id=number, name=name) for number, name in enumerate(["Ana", "Bob"], 1))
    assert shown(Many(Doctor, rows, "doctor"), form) == shown(doctors("Ana", "Bob"), form)


@pytest.mark.parametrize("form", Format)
def test_a_failure_is_raised_after_everything_was_shown(capsys, form):
    with pytest.raises(PromiseBroken, match="two overlap"):
        show(doctors("Ana", failure=PromiseBroken("two overlap")), form)
    assert "Ana" in capsys.readouterr().out
