"""Tables fit the terminal, show states as words, and show names unchanged."""

import datetime as dt
import io
import re
import sys

import pytest
from rich.cells import cell_len

from booking_cli.domain import models
from booking_cli.domain.models import Booking, Doctor, HistoryEntry, Patient, Slot, StatusStats
from booking_cli.output.results import Format, Many, One
from booking_cli.output.show import show
from tests.unit.records import BEFORE, BOOKING, DOCTOR, PATIENT, SLOT, START

COLOR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
FUTURE = dt.datetime(2190, 1, 1, tzinfo=dt.UTC)
HELD = BOOKING._replace(status="PENDING", hold_expires_at=FUTURE)
LAPSED = BOOKING._replace(status="PENDING", hold_expires_at=PAST)
LONG_NAME = "Prof. Dr. Wilhelmina van der Berg"
DOCTORS = [
    DOCTOR,
    DOCTOR._replace(id=215, name=LONG_NAME, specialization="Obstetrics and gynaecology", phone=None),
    DOCTOR._replace(id=31, email="maximilian.schwarzenegger@clinic-central.example", active=False),
]
SLOTS = [SLOT, SLOT._replace(id=1234567, doctor_name=LONG_NAME, specialization="Gastroenterology", status="booked")]
BOOKINGS = [
    BOOKING,
    BOOKING._replace(id=1234567, doctor_name=LONG_NAME, patient_name="Maximilian Schwarzenegger-Lindqvist"),
    LAPSED,
    BOOKING._replace(status="CANCELLED", reason="ill"),
]
REASON = "The patient called: a cold, will call again in May"
CANCELLED = HistoryEntry(2, 12, BEFORE, "reception-desk-2", "CONFIRMED", "CANCELLED", REASON)
REJECTED = (3, 12, None, "Pat", "pat@example.com", None, "r-1", None, None, None, None, "slot_taken", REASON)
TABLES = [
    Many(Doctor, DOCTORS, "doctor"),
    Many(Slot, SLOTS, "slot", zone="America/Argentina/Buenos_Aires"),
    Many(Booking, BOOKINGS, "booking", zone="Europe/Berlin"),
    Many(HistoryEntry, [CANCELLED, CANCELLED._replace(from_status=None, reason=None)], "change", zone="Europe/Berlin"),
    Many(Patient, [PATIENT, PATIENT._replace(name=LONG_NAME, email=None)], "patient"),
    Many(models.PatientChange, [models.PatientChange(3, BEFORE, "ana", "merged", f"{LONG_NAME} → Ana")], "change"),
    Many(models.RowResult, [models.RowResult(*REJECTED)], "row"),
    Many(StatusStats, [StatusStats("CANCELLED", 0, 0, 0, 123456, 123456)], "state"),
    Many(models.DoctorStats, [models.DoctorStats(215, LONG_NAME, 12345, 12, 345, 678, 13380)], "doctor"),
    Many(models.DayStats, [models.DayStats(START.date(), 12345, 12, 345, 678, 13380)], "day"),
    Many(models.Violation, [models.Violation("active bookings of a slot", "slot 7 has the bookings 12, 13 " * 4)], "x"),
]
every_table = pytest.mark.parametrize("many", TABLES, ids=lambda many: many.model.__name__)


@pytest.fixture
def shown(monkeypatch):
    """Shows a result as a table, on a terminal with some columns or, without a number, to a file."""

    def run(result, columns=None, **environment):
        output = io.StringIO()
        with monkeypatch.context() as patch:
            for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "COLORTERM"):
                patch.delenv(name, raising=False)
            patch.setenv("TERM", "xterm-256color")
            if columns:
                output.isatty = lambda: True
                patch.setenv("COLUMNS", str(columns))
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdout", output)
            show(result, Format.TABLE)
        return output.getvalue()

    return run


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@every_table
def test_a_table_with_usual_names_fits_80_columns_and_loses_nothing(shown, many):
    lines = plain(shown(many, columns=80)).splitlines()
    assert [line for line in lines if cell_len(line) > 80] == []
    assert "…" not in "".join(lines)
    assert shown(many, columns=30) == shown(many, columns=80)


@pytest.mark.parametrize("many", TABLES[1:3], ids=lambda many: many.model.__name__)
def test_a_number_a_reference_a_date_or_a_state_is_never_wrapped(shown, many):
    text = plain(shown(many, columns=80))
    assert text.count("Mon 2027-03-29  09:00") == len(many.rows)
    for record in many.rows:
        unbroken = {str(record.id), record.status, getattr(record, "reference", record.status)}
        assert unbroken <= set(text.replace(",", "").split())


def test_very_long_names_are_shown_whole_within_the_terminal(shown):
    long = DOCTOR._replace(name="Я" * 200, specialization="Ж" * 200, email="Ю" * 200 + "@example.com")
    text = plain(shown(Many(Doctor, [long], "doctor"), columns=80))
    assert max(map(len, text.splitlines())) <= 80
    assert [text.count(letter) for letter in "ЯЖЮ"] == [200, 200, 200]


def test_in_a_file_each_record_has_one_line_and_no_escape_sequences(shown):
    text = shown(Many(Doctor, [DOCTOR._replace(name="N" * 200, email="e" * 200 + "@example.com"), DOCTOR], "doctor"))
    assert len(text.splitlines()) == 5  # heading, rule, two doctors, count
    assert "N" * 200 in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "name",
    ["[red]Ana[/red]", "[bold", "[/]", ":smile:", "[link=http://example.com]x[/link]", "\\[red]", "{0}", "%s",
    "1.5 'x'"],
)  # fmt: skip
@pytest.mark.parametrize("columns", [None, 120])
def test_a_name_is_shown_unchanged(shown, name, columns):
    assert name in plain(shown(Many(Slot, [SLOT._replace(doctor_name=name)], "slot"), columns))
    assert name in plain(shown(One(BOOKING._replace(patient_name=name), f"Booked for {name}."), columns))


@pytest.mark.parametrize(
    ("result", "word"),
    [
        *((Many(Slot, [SLOT._replace(status=status)], "slot"), status) for status in ("free", "held", "booked")),
        *((Many(Booking, [BOOKING._replace(status=word)], "booking"), word) for word in ("CONFIRMED", "CANCELLED", "FAILED")),
        (Many(Booking, [HELD], "booking"), "PENDING"),
        (Many(Doctor, [DOCTOR], "doctor"), "active"),
        (Many(Doctor, [DOCTOR._replace(active=False)], "doctor"), "inactive"),
        (One(DOCTOR._replace(active=False)), "inactive"),
        (One(SLOT._replace(status="held", booking_id=12)), "held,"),
        (One(BOOKING._replace(status="FAILED", failed_at=BEFORE)), "FAILED"),
    ],
)  # fmt: skip
def test_a_state_is_shown_as_a_word(shown, result, word):
    assert word in shown(result).split()


def test_a_lapsed_hold_is_shown_as_lapsed_before_expire_has_run(shown):
    assert "PENDING, lapsed" in shown(Many(Booking, [LAPSED], "booking"))
    assert "PENDING, lapsed" in shown(One(LAPSED))
    assert "lapsed" not in shown(One(HELD))


@pytest.mark.parametrize("many", TABLES[:4], ids=lambda many: many.model.__name__)
def test_states_are_coloured_on_a_terminal_unless_no_color_is_set(shown, many):
    assert COLOR.search(shown(many, columns=80))
    assert not COLOR.search(shown(many, columns=80, NO_COLOR="1"))
    assert plain(shown(many, columns=80)) == plain(shown(many, columns=80, NO_COLOR="1"))


@pytest.mark.parametrize(("rows", "count"), [([SLOT, SLOT], "2 slots"), ([SLOT], "1 slot"), ([], "No slots")])
def test_a_table_ends_with_the_number_of_rows_and_the_time_zone(shown, rows, count):
    text = shown(Many(Slot, rows, "slot", zone="Europe/Berlin"))
    assert re.match(rf"{count}\b", text.splitlines()[-1])
    assert text.count("Europe/Berlin") == bool(rows)
