"""The contract with scripts: field names, exit statuses, error codes, and where data and errors are written."""

import json

import pytest

from booking_cli.domain import errors, models
from booking_cli.output.json import dumps
from tests.conftest import Ran

DOCTOR = "id name specialization email phone active version created_at updated_at"
SLOT = "id doctor_id doctor_name specialization date time minutes starts_at ends_at status booking_id"
PATIENT = "id name email phone note version created_at updated_at"
BOOKING = (
    "id reference slot_id doctor_id doctor_name specialization date time minutes starts_at patient_id patient_name "
    "patient_email patient_phone status hold_expires_at booked_at confirmed_at cancelled_at failed_at reason version"
)
ROW = (
    "line slot_id patient_id patient_name patient_email patient_phone request_id booking_id reference status "
    "hold_expires_at code message"
)
COUNTS = "confirmed pending failed cancelled total"
CODES = {
    1: "error output_failed",
    2: "ambiguous invalid_input usage",
    3: "not_found",
    4: "doctor_inactive email_taken hold_lapsed in_use patient_exists patient_overlap promise_broken refused "
    "request_id_reused slot_in_past slot_overlap slot_taken version_conflict wrong_state",
    5: "database_unavailable not_set_up",
    6: "busy outcome_unknown",
    130: "interrupted",
}


@pytest.fixture
def day(booking, tmp_path):
    """A doctor with four slots tomorrow, the first held by patient 1 and the second booked by patient 2, and a file."""
    booking("doctors", "add", "Ana Lima", "--specialization", "Cardiology", "--email", "ana@clinic.example")
    booking("slots", "bulk", 1, "--from", "tomorrow", "--start", "09:00", "--end", "11:00")
    booking("book", 1, "--name", "Maria Silva", "--email", "maria@example.org")
    booking("book", 2, "--name", "Tom Berg", "--phone", "+1-555-0100", "--confirm")
    (tmp_path / "bookings.csv").write_text("slot_id,name,email\n3,Ida,ida@example.org\n")


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("doctors list", DOCTOR),
        ("doctors show 1", DOCTOR),
        ("doctors update 1 --name Anna", DOCTOR),
        ("slots list", SLOT),
        ("slots show 1", SLOT),
        ("slots add 1 tomorrow 14:00", SLOT),
        ("slots delete 4", SLOT),
        ("slots bulk 1 --from +3d --start 09:00 --end 10:00", "planned created existing conflicts past slots"),
        ("patients add Ida --phone 112", PATIENT),
        ("patients list", PATIENT),
        ("patients show 1", f"{PATIENT} coming past"),
        ("patients update 1 --note x", PATIENT),
        ("patients merge 2 1", PATIENT),
        ("patients history 1", "patient_id at actor change details"),
        ("book 3 --name Ida --email ida@example.org", BOOKING),
        ("book --from bookings.csv", ROW),
        ("confirm 1", BOOKING),
        ("cancel 2", BOOKING),
        ("show 1", BOOKING),
        ("list", BOOKING),
        ("history 1", "id booking_id at actor from_status to_status reason"),
        ("expire", "expired bookings"),
        ("stats", COUNTS),
        ("stats --by status", f"status {COUNTS}"),
        ("stats --by doctor", f"doctor_id doctor_name {COUNTS}"),
        ("stats --by day", f"date {COUNTS}"),
        ("clinic show", "name timezone hold_minutes updated_at"),
        ("clinic set --name Central", "name timezone hold_minutes updated_at"),
        ("db url", "url"),
        (
            "db status",
            "kind running url server_version schema_version pending_migrations database_bytes doctors slots bookings "
            "data_dir",
        ),
    ],
)
def test_result_has_exactly_the_documented_fields_in_order(booking, day, command, fields):
    shown = booking(*command.split(), "-o", "json")
    assert shown.status == 0, shown.stderr
    record = shown.json[0] if isinstance(shown.json, list) else shown.json
    assert " ".join(record) == fields


def test_records_of_rare_commands_have_the_documented_fields():
    rare = {
        models.Violation: "check message",
        models.Migration: "version name applied_at",
        models.Grant: "role kind member",
    }
    for model, fields in rare.items():
        assert " ".join(json.loads(dumps(model(*model._fields)))) == fields


def test_records_within_a_result_have_the_fields_of_their_model(booking, day, sql):
    bulk = booking("slots", "bulk", 1, "--from", "+3d", "--start", "09:00", "--end", "10:00", "-o", "json")
    assert " ".join(bulk.json["slots"][0]) == SLOT
    assert " ".join(booking("patients", "show", 1, "-o", "json").json["coming"][0]) == BOOKING
    sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE status = 'PENDING'")
    assert " ".join(booking("expire", "-o", "json").json["bookings"][0]) == BOOKING


@pytest.mark.parametrize("command", ["doctors list", "slots list", "patients list", "list"])
def test_empty_list_is_an_empty_array_and_no_error(booking, command):
    assert booking(*command.split(), "-o", "json") == Ran(0, "[]\n", "")


def test_error_codes_and_exit_statuses_are_the_documented_ones():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    found = {(kind.exit_status, kind.code) for kind in kinds if issubclass(kind, errors.BookingError)}
    assert found == {(status, code) for status, codes in CODES.items() for code in codes.split()}


@pytest.mark.parametrize("form", ["json", "ndjson"])
@pytest.mark.parametrize(
    ("command", "code", "status"),
    [
        ("show 99", "not_found", 3),
        ("book 1 --name Ida --email ida@example.org", "slot_taken", 4),
        ("slots add 1 2026-02-31 10:00", "usage", 2),
        ("slots list --date today --from today", "invalid_input", 2),
        ("slots lst", "usage", 2),
        ("book --name Ida", "usage", 2),
    ],
)
def test_error_is_json_on_stderr_where_the_output_is_json(booking, day, form, command, code, status):
    ended = booking(*command.split(), "-o", form)
    assert (ended.status, ended.stdout, ended.error["code"]) == (status, "", code)
    assert list(json.loads(ended.stderr)) == ["error"]


@pytest.mark.parametrize("option", ["--output json", "--output=json", "-ojson", "-o JSON", "-vo json"])
def test_error_is_json_with_every_form_of_the_option(booking, option):
    assert booking("show", "99", *option.split()).error["code"] == "not_found"


def test_error_in_a_table_is_one_line_on_stderr(booking):
    ended = booking("show", 99)
    assert (ended.stdout, ended.stderr.count("\n")) == ("", 1)
    assert ended.stderr.startswith("Error: There is no booking 99.")


def test_bug_is_exit_status_1_and_one_line_with_a_traceback_only_with_verbose(booking, monkeypatch):
    monkeypatch.setattr("booking_cli.repository.bookings.find", lambda *_: 1 / 0)
    ended = booking("show", 1)
    assert (ended.status, ended.stderr.count("\n")) == (1, 1)
    assert "ZeroDivisionError" in ended.stderr
    assert "Traceback" in booking("show", 1, "-v").stderr


@pytest.mark.parametrize(
    "command",
    [
        "list --limit 3 --limit 4",
        "list -o csv --output json",
        "book 3 --name Ida --email ida@example.org --email ida@example.com",
        "doctors update 1 --active --inactive",
        "patients update 1 --note a --note b",
    ],
)
def test_option_given_twice_is_refused_and_changes_nothing(booking, day, contents, command):
    before = contents()
    ended = booking(*command.split())
    assert (ended.status, ended.stdout) == (2, "")
    assert contents() == before


@pytest.mark.parametrize(
    "commands",
    [
        "book 3 --patient 1",
        "book 1 --patient 2",
        "book 9 --patient 2",
        "book 3",
        "doctors update 1 --inactive; book 3 --patient 1",
        "cancel 1; confirm 1",
        "show 99",
        "doctors show 99",
        "doctors show Ana",
        "doctors update 1 --name Anna --if-version 9",
        "patients show 99",
        "patients show Maria",
        "patients add MARIA silva --email maria@example.org",
        "patients add Maria\u00a0Silva --email maria@example.org",
        "patients update 1 --note x --if-version 9",
    ],
)
def test_suggested_command_runs_as_it_is(booking, day, commands):
    for command in commands.split("; "):
        ran = booking(*command.split(" "))
    assert ran.suggestions
    for suggestion in ran.suggestions:
        assert booking(*suggestion).status == 0, suggestion
