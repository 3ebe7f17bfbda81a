"""Hostile input violates no invariant, and the harness detects a violation of each."""

import json
import os
from dataclasses import replace
from random import Random

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import Ran
from tests.fuzz.harness import Harness, Report
from tests.fuzz.inputs import COMMANDS, IMPORT_FILE, Argument, as_input, kind_of, valid_input
from tests.fuzz.invariants import LONGEST_ERROR, violations

SEED, INPUTS = 1, 800
# These are for the embedded database.
REFUSED = ("db start", "db stop")
FORMATS = ("table", "json", "ndjson", "csv")
ERROR = "Error: There is no slot 1.\n"
JSON_ERROR = '{"error": {"code": "not_found", "message": "No."}}\n'


def command(path, /, *rows, **values):
    """The input that calls a command with these texts for its parameters; with `rows` it imports them."""
    kinds = {parameter.name: kind_of(parameter) for parameter in COMMANDS[path].params}
    values |= {"path": IMPORT_FILE} if rows else {}
    if path.endswith(("show", "list")):
        values.setdefault("output", "json")
    made = as_input(path, [Argument(name, kinds[name], text) for name, text in values.items() if text], Random(SEED))
    return replace(made, content="".join(json.dumps(row) + "\n" for row in rows).encode(), rows=rows)


def row(slot_id, name, phone):
    return {"slot_id": slot_id, "name": name, "phone": phone}


@pytest.fixture(scope="module")
def harness(server, template, tmp_path_factory):
    """A harness with a database that the tests of this module share."""
    name = f"booking_test_fuzz_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        opened = Harness(make_conninfo(server, dbname=name), tmp_path_factory.mktemp("home"))
        yield opened
        opened.database.close()
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def run(harness):
    """Runs an input, and returns the result and the rows before and after."""

    def run_one(tried):
        before = harness.database.rows()
        return harness.in_this_process(tried), before, harness.database.rows()

    return run_one


def test_hostile_input_violates_no_invariant(harness):
    report = harness.run(SEED, INPUTS)
    if report.findings:
        pytest.fail("\n\n".join(report.findings), pytrace=False)


def test_every_command_succeeds_with_some_valid_input(harness):
    rng, database = Random(SEED), harness.database
    for path in sorted(COMMANDS.keys() - REFUSED):
        tries = (harness.in_this_process(valid_input(path, rng, database.known())) for _ in range(100))
        assert any(ran.status == 0 for ran in tries), path
    database.seed()


def test_a_database_that_is_not_sound_is_detected(harness):
    with psycopg.connect(harness.database.url) as connection:
        connection.execute("UPDATE booking.bookings SET version = version + 1 WHERE id = 2")
    report = Report()
    harness.start_over(report)
    assert report.findings


def test_stored_hostile_text_violates_no_invariant_in_any_format(run):
    for path in ("doctors list", "slots list", "patients list", "list", "stats", "clinic show", "verify"):
        for format_ in FORMATS:
            tried = command(path, output=format_)
            assert list(violations(tried, *run(tried))) == []


@pytest.mark.parametrize(
    ("path", "format_", "old", "new"),
    [
        ("list", "table", "\\x1b", "\x1b"),
        ("doctors list", "csv", "'=cmd", "=cmd"),
        ("patients list", "csv", ",Ana Lima,", ",Ana Lima,,"),
        ("list", "json", '"reason"', "reason"),
        ("clinic show", "table", "\n", ""),
    ],
)  # fmt: skip
def test_unsafe_or_malformed_output_is_detected(run, path, format_, old, new):
    tried = command(path, output=format_)
    ran, *rows = run(tried)
    assert old in ran.stdout
    assert list(violations(tried, replace(ran, stdout=ran.stdout.replace(old, new)), *rows))


@pytest.mark.parametrize(
    ("format_", "status", "stderr", "stdout"),
    [
        *(("table", status, ERROR, "") for status in (1, 5, 6, 130)),
        *(("table", 3, stderr, "") for stderr in ("", ERROR * 2, "Note.\n" + ERROR, "Error: \x1b[31m\n", JSON_ERROR)),
        ("table", 3, f"Error: {'x' * LONGEST_ERROR}\n", ""),
        ("table", 3, "Error: Traceback (most recent call last):\n", ""),
        ("table", 3, ERROR, "slot 1\n"),
        ("table", 0, ERROR, ""),
        ("json", 4, JSON_ERROR, ""),
        *(("json", 3, stderr, "") for stderr in (ERROR, '{"error": {}}\n', '{"error": "}\n')),
    ],
)  # fmt: skip
def test_a_wrong_exit_status_or_error_is_detected(format_, status, stderr, stdout):
    assert list(violations(command("slots show", slot="1", output=format_), Ran(status, stdout, stderr), {}, {}))


# What was typed, and what is run instead. Slots 14, 15 and 18 are free, bookings 7, 19 and 31 are held.
OTHER_ARGUMENTS = [
    ("list", {"date": "\uff0b2d"}, {"date": "+2d"}), ("slots show", {"slot": "1"}, {"slot": "2"}),
    ("show", {"booking": "1"}, {"booking": "2"}), ("doctors show", {"doctor": "1"}, {"doctor": "2"}),
    ("patients show", {"patient": "p2@example.org"}, {"patient": "p6@example.org"}),
    ("list", {"status": "PENDING"}, {"status": "CONFIRMED"}),
    ("list", {"email": "p_@example.org"}, {"email": "p2@example.org"}), ("slots list", {"doctor": "1"}, {"doctor": "2"}),
    ("slots add", {"doctor": "3"}, {"doctor": "2", "date": "+9d", "time": "09:00"}),
    ("slots bulk", {"dry_run": "--dry-run"}, {"doctor": "2", "first": "+8d", "start": "09:00", "end": "10:00"}),
    ("slots delete", {"slot": "1"}, {"slot": "2"}), ("cancel", {"booking": "2"}, {"booking": "3"}),
    ("cancel", {"reason": "ill"}, {"booking": "8", "reason": "Ill"}),
    ("confirm", {"request_id": "a"}, {"booking": "7", "request_id": "b"}), ("clinic set", {"name": "A"}, {"name": "B"}),
    ("clinic set", {"hold": None}, {"name": "C", "hold": "3"}),
    ("doctors update", {"doctor": "3"}, {"doctor": "2", "name": "A"}),
    ("doctors update", {"phone": None}, {"doctor": "2", "name": "B", "phone": "112"}),
    ("patients add", {"name": "Bo"}, {"name": "BO", "phone": "0555 1"}),
    ("patients add", {"email": "a@x.example"}, {"name": "Bo", "email": "A@x.example"}),
    ("patients update", {"patient": "1"}, {"patient": "2", "note": "A"}),
    ("patients merge", {"patient": "12", "into": "11"}, {"patient": "11", "into": "12"}),
    ("book", {"patient": "2"}, {"slot": "14", "patient": "3"}),
    ("book", {"slot": "18"}, {"slot": "15", "name": "Cy", "phone": "0555 3"}),
    ("book", {"name": "Ed"}, {"slot": "18", "name": "ED", "phone": "0555 5"}),
    ("book", {"phone": "0555 6"}, {"slot": "23", "name": "Fe", "phone": "0555 7"}),
    ("book", {"email": "a@x.example", "phone": None}, {"slot": "24", "name": "Gi", "phone": "0555 8"}),
]  # fmt: skip
OTHER_FILES = [
    ([row("26", "Bo", "0555 1")], [row("27", "Bo", "0555 1")]),
    ([row("35", "Jo", "0555 5")], [row("35", "Jo", "0555 5"), row("36", "Jo", "0555 5")]),
]
TWO = (row("59", "Ko", "0555 1"), row("0", "Ko", "0555 1"))


@pytest.mark.parametrize(
    ("tried", "other"),
    [
        *((command(path, **actual | typed), command(path, **actual)) for path, typed, actual in OTHER_ARGUMENTS),
        *((command("book", *typed), command("book", *imported)) for typed, imported in OTHER_FILES),
        (command("book", *TWO, atomic="--atomic"), command("book", *TWO)),
    ],
)
def test_a_command_that_does_not_do_what_was_typed_is_detected(run, tried, other):
    result = run(other)
    assert list(violations(other, *result)) == []
    assert list(violations(tried, *result))


def change(booking, status, column, changes=""):
    """The statements that confirm or release a booking, with other changes."""
    return f"""UPDATE bookings SET status = '{status}', {column} = now(), version = version + 1 {changes} WHERE id = {booking};
        INSERT INTO booking_history (booking_id, actor, from_status, to_status) VALUES ({booking}, 'x', 'PENDING', '{status}')"""


@pytest.mark.parametrize(
    ("tried", "status", "statement"),
    [
        (command("slots show", slot="0"), 3, "DELETE FROM slots WHERE id = 3"),
        (command("doctors list"), 0, "UPDATE clinic SET name = name || 'x'"),
        (command("confirm", booking="19"), 0, change(7, "CONFIRMED", "confirmed_at")),
        (command("confirm", booking="19"), 0, change(19, "CONFIRMED", "confirmed_at", ", reference = 'x'")),
        (command("expire"), 0, change(19, "CONFIRMED", "confirmed_at")),
        (command("expire"), 0, "UPDATE booking_history SET reason = 'x' WHERE id = 1"),
        (command("book", slot="44", patient="2", request_id="r"), 0, change(31, "FAILED", "failed_at")),
        (command("book", slot="44", patient="2"), 0, "SELECT 1"),
        (command("cancel", booking="2"), 0, "SELECT 1"),
        (command("patients merge", patient="20", into="21"), 0, "UPDATE bookings SET patient_id = 5 WHERE id = 20"),
    ],
)
def test_a_change_of_other_data_is_detected(harness, tried, status, statement):
    before = harness.database.rows()
    with harness.database.try_out(statement) as after:
        assert list(violations(tried, Ran(status, "", ERROR if status else ""), before, after))
