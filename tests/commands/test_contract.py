"""The contract with scripts, written out by hand: field names, exit statuses, and where data and errors go."""

import json

import pytest

from booking_cli.domain import errors, models
from booking_cli.output.json import dumps
from tests.conftest import Ran

DOCTOR = "id name specialization email phone active version created_at updated_at"
SLOT = "id doctor_id doctor_name specialization date time minutes starts_at ends_at status booking_id"
BOOKING = (
    "id reference slot_id doctor_id doctor_name specialization date time minutes starts_at patient_name patient_email "
    "patient_phone status hold_expires_at booked_at confirmed_at cancelled_at failed_at reason version"
)
LINE = "line slot_id patient_name patient_email request_id booking_id reference status hold_expires_at code message"
COUNTS = "confirmed pending failed cancelled total"


@pytest.fixture
def day(booking):
    """A doctor with four slots tomorrow, the first held and the second booked."""
    booking("doctors", "add", "Ana Lima", "--specialization", "Cardiology", "--email", "ana@clinic.example")
    booking("slots", "bulk", 1, "--from", "tomorrow", "--start", "09:00", "--end", "11:00")
    booking("book", 1, "--name", "Maria Silva", "--email", "maria@example.org")
    booking("book", 2, "--name", "Tom Berg", "--email", "tom@example.org", "--confirm")


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
        ("book 3 --name Ida --email ida@example.org", BOOKING),
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
def test_a_result_has_exactly_the_documented_fields_in_order(booking, day, command, fields):
    shown = booking(*command.split(), "-o", "json")
    assert shown.status == 0, shown.stderr
    thing = shown.json[0] if isinstance(shown.json, list) else shown.json
    assert " ".join(thing) == fields


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (models.Violation, "check message"),
        (models.Migration, "version name applied_at"),
        (models.Grant, "role kind member"),
    ],
)
def test_what_a_healthy_book_never_shows_has_the_documented_fields_too(kind, fields):
    thing = kind(*([None] * len(fields.split())))
    assert " ".join(json.loads(dumps(thing))) == fields


def test_an_answer_of_a_batch_has_the_documented_fields(booking, day, tmp_path):
    path = tmp_path / "wishes.csv"
    path.write_text("slot_id,name,email\n3,Ida,ida@example.org\n")
    assert " ".join(booking("book", "--from", path, "-o", "json").json[0]) == LINE


def test_the_slots_of_bulk_and_the_bookings_of_expire_have_the_fields_of_their_kind(booking, day, sql):
    bulk = booking("slots", "bulk", 1, "--from", "+3d", "--start", "09:00", "--end", "10:00", "-o", "json")
    assert " ".join(bulk.json["slots"][0]) == SLOT
    sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE status = 'PENDING'")
    assert " ".join(booking("expire", "-o", "json").json["bookings"][0]) == BOOKING


def test_the_fields_in_csv_are_those_in_json(booking, day):
    assert booking("slots", "list", "-o", "csv").stdout.splitlines()[0].split(",") == SLOT.split()
    assert booking("list", "-o", "csv").stdout.splitlines()[0].split(",") == BOOKING.split()


@pytest.mark.parametrize("command", ["doctors list", "slots list", "list"])
def test_an_empty_list_is_an_empty_array_and_no_error(booking, command):
    assert booking(*command.split(), "-o", "json") == Ran(0, "[]\n", "")


def test_date_and_time_are_the_clinics_wall_clock_and_instants_carry_an_offset(booking, day):
    booking("clinic", "set", "--timezone", "Asia/Kolkata")
    slot = booking("slots", "show", 1, "-o", "json").json
    assert slot["time"] == "14:30"
    assert slot["starts_at"] == f"{slot['date']}T14:30:00+05:30"


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (errors.BookingError, "error", 1),
        (errors.OutputFailed, "output_failed", 1),
        (errors.InvalidInput, "invalid_input", 2),
        (errors.UsageError, "usage", 2),
        (errors.NotFound, "not_found", 3),
        (errors.SlotTaken, "slot_taken", 4),
        (errors.SlotInPast, "slot_in_past", 4),
        (errors.SlotOverlap, "slot_overlap", 4),
        (errors.DoctorInactive, "doctor_inactive", 4),
        (errors.EmailTaken, "email_taken", 4),
        (errors.PatientOverlap, "patient_overlap", 4),
        (errors.RequestIdReused, "request_id_reused", 4),
        (errors.WrongState, "wrong_state", 4),
        (errors.HoldLapsed, "hold_lapsed", 4),
        (errors.VersionConflict, "version_conflict", 4),
        (errors.InUse, "in_use", 4),
        (errors.PromiseBroken, "promise_broken", 4),
        (errors.DatabaseUnavailable, "database_unavailable", 5),
        (errors.NotSetUp, "not_set_up", 5),
        (errors.Busy, "busy", 6),
        (errors.OutcomeUnknown, "outcome_unknown", 6),
        (errors.Interrupted, "interrupted", 130),
    ],
)
def test_codes_and_exit_statuses_stay_what_scripts_rely_on(error, code, status):
    assert (error.code, error.exit_status) == (code, status)


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
def test_an_error_is_json_on_stderr_where_the_output_was_to_be_json(booking, day, form, command, code, status):
    ended = booking(*command.split(), "-o", form)
    assert (ended.status, ended.stdout, ended.error["code"]) == (status, "", code)
    assert list(json.loads(ended.stderr)) == ["error"]


@pytest.mark.parametrize(
    "words",
    [
        ("--output", "json"),
        ("--output=json",),
        ("-ojson",),
        ("-o", "JSON"),
        ("-vo", "json"),
        ("-o", "csv", "-o", "json"),
    ],
)
def test_every_way_of_asking_for_json_also_asks_for_it_in_errors(booking, words):
    assert booking("show", "99", *words).error["code"] == "not_found"


def test_a_sentence_for_people_is_one_line_on_stderr_and_leaves_stdout_empty(booking):
    ended = booking("show", 99)
    assert ended.stdout == ""
    assert ended.stderr == "Error: There is no booking 99. See 'booking list'.\n"


def test_a_bug_is_exit_status_1_and_a_sentence_and_its_traceback_only_at_v(booking, monkeypatch):
    def fail(*_args, **_keywords):
        raise RuntimeError("boom")

    monkeypatch.setattr("booking_cli.repository.bookings.find", fail)
    ended = booking("show", 1)
    assert (ended.status, len(ended.stderr.splitlines())) == (1, 1)
    assert "boom" in ended.stderr
    assert "Traceback" in booking("show", 1, "-v").stderr
