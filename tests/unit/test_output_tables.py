"""Tables are for people: they fit the terminal, say states by word, and show names letter by letter."""

import datetime as dt
import io
import re
import sys

import pytest
from rich.cells import cell_len

from booking_cli.domain.models import (
    Booking,
    DayStats,
    Doctor,
    DoctorStats,
    HistoryEntry,
    Slot,
    Stats,
    StatusStats,
    Violation,
)
from booking_cli.output import Format, Many, One, show
from tests.support.things import BEFORE, START, booking_of, doctor, slot

COLOR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
FUTURE = dt.datetime(2190, 1, 1, tzinfo=dt.UTC)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def shown(monkeypatch):
    """Shows a result as a table, on a terminal of so many columns or, with none, to a file."""

    def show_on(result, columns=None, **environment):
        with monkeypatch.context() as patch:
            for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "COLORTERM"):
                patch.delenv(name, raising=False)
            patch.setenv("TERM", "xterm-256color")
            output = io.StringIO()
            if columns:
                output = Terminal()
                patch.setenv("COLUMNS", str(columns))
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdout", output)
            show(result, Format.TABLE)
        return output.getvalue()

    return show_on


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


USUAL = [
    Many(
        Doctor,
        [
            doctor(),
            doctor(
                id=215,
                name="Prof. Dr. Wilhelmina van der Berg",
                specialization="Obstetrics and gynaecology",
                phone=None,
            ),
            doctor(id=31, email="maximilian.schwarzenegger@clinic-central.example", active=False),
        ],
        "doctor",
    ),
    Many(
        Slot,
        [
            slot(),
            slot(id=1234567, doctor_name="Wilhelmina van der Berg", specialization="Gastroenterology", status="booked"),
            slot(status="held", minutes=480),
        ],
        "slot",
        zone="America/Argentina/Buenos_Aires",
    ),
    Many(
        Booking,
        [
            booking_of(),
            booking_of(
                id=1234567, doctor_name="Wilhelmina van der Berg", patient_name="Maximilian Schwarzenegger-Lindqvist"
            ),
            booking_of(status="PENDING", hold_expires_at=PAST),
            booking_of(status="CANCELLED", reason="ill"),
        ],
        "booking",
        zone="Europe/Berlin",
    ),
    Many(
        HistoryEntry,
        [
            HistoryEntry(1, 12, BEFORE, "reception-desk-2", None, "PENDING", None),
            HistoryEntry(
                2, 12, BEFORE, "ana", "CONFIRMED", "CANCELLED", "The patient called: a cold, will call again in May"
            ),
        ],
        "change",
        zone="Europe/Berlin",
    ),
    Many(StatusStats, [StatusStats("CANCELLED", 0, 0, 0, 123456, 123456)], "state"),
    Many(DoctorStats, [DoctorStats(215, "Prof. Dr. Wilhelmina van der Berg", 12345, 12, 345, 678, 13380)], "doctor"),
    Many(DayStats, [DayStats(START.date(), 12345, 12, 345, 678, 13380)], "day"),
    Many(
        Violation,
        [Violation("two active bookings on a slot", "slot 7 has the bookings 12 and 13, which " * 4)],
        "violation",
    ),
]


@pytest.mark.parametrize("many", USUAL, ids=lambda many: many.kind.__name__)
def test_a_table_with_usual_names_fits_80_columns(shown, many):
    lines = plain(shown(many, columns=80)).splitlines()
    assert [line for line in lines if cell_len(line) > 80] == []
    assert "…" not in "".join(lines)


@pytest.mark.parametrize("many", USUAL[:3], ids=lambda many: many.kind.__name__)
def test_a_number_a_reference_a_date_or_a_state_is_never_broken_into_lines(shown, many):
    text = plain(shown(many, columns=80))
    words = text.split()
    for thing in many.rows:
        assert str(thing.id) in words
        if many.kind is not Doctor:
            assert text.count("Mon 2027-03-29  09:00") == len(many.rows)
            assert thing.status in {word.rstrip(",") for word in words}
        if many.kind is Booking:
            assert thing.reference in words


def test_very_long_names_are_shown_whole_within_the_terminal(shown):
    long = doctor(name="Я" * 200, specialization="Ж" * 200, email="Ю" * 200 + "@example.com")
    text = plain(shown(Many(Doctor, [long], "doctor"), columns=80))
    assert max(map(len, text.splitlines())) <= 80
    assert [text.count(letter) for letter in "ЯЖЮ"] == [200, 200, 200]


def test_in_a_file_each_thing_has_one_line_and_no_escape_sequences(shown):
    text = shown(Many(Doctor, [doctor(name="N" * 200, email="e" * 200 + "@example.com"), doctor()], "doctor"))
    assert len(text.splitlines()) == 5  # heading, rule, two doctors, count
    assert "N" * 200 in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "name",
    [
        "[red]Ana[/red]",
        "[bold",
        "[/]",
        ":smile:",
        "[link=http://example.com]x[/link]",
        "\\[red]",
        "{0}",
        "%s",
        "1.5 'x'",
    ],
)
@pytest.mark.parametrize("columns", [None, 120])
def test_a_name_is_shown_letter_by_letter(shown, name, columns):
    assert name in plain(shown(Many(Slot, [slot(doctor_name=name)], "slot"), columns))
    assert name in plain(shown(One(booking_of(patient_name=name), f"Booked for {name}."), columns))


@pytest.mark.parametrize(
    "result",
    [
        Many(Slot, [slot(doctor_name="a\x1b[2J\nb\u202ec\ud800")], "slot"),
        One(slot(doctor_name="a\x1b[2J\nb\u202ec\ud800")),
    ],
)
def test_what_would_act_on_the_terminal_is_written_out(shown, result):
    assert "a\\x1b[2J\\nb\\u202ec\\ud800" in shown(result)


def test_a_headline_cannot_act_on_the_terminal(shown):
    assert shown(One(doctor(), "Added \x1b[31mAna.", details=False)) == "Added \\x1b[31mAna.\n"


@pytest.mark.parametrize(
    ("result", "word"),
    [
        *((Many(Slot, [slot(status=status)], "slot"), status) for status in ("free", "held", "booked")),
        *(
            (Many(Booking, [booking_of(status=status)], "booking"), status)
            for status in ("CONFIRMED", "CANCELLED", "FAILED")
        ),
        (Many(Booking, [booking_of(status="PENDING", hold_expires_at=FUTURE)], "booking"), "PENDING"),
        (Many(Doctor, [doctor()], "doctor"), "active"),
        (Many(Doctor, [doctor(active=False)], "doctor"), "inactive"),
        (One(doctor(active=False)), "inactive"),
        (One(slot(status="held", booking_id=12)), "held,"),
        (One(booking_of(status="FAILED", failed_at=BEFORE)), "FAILED"),
    ],
)
def test_a_state_is_shown_by_its_word(shown, result, word):
    assert word in shown(result).split()


def test_a_lapsed_hold_is_said_to_be_lapsed_before_expire_has_run(shown):
    lapsed = booking_of(status="PENDING", hold_expires_at=PAST)
    assert "PENDING, lapsed" in shown(Many(Booking, [lapsed], "booking"))
    assert "PENDING, lapsed" in shown(One(lapsed))
    assert "lapsed" not in shown(One(booking_of(status="PENDING", hold_expires_at=FUTURE)))


@pytest.mark.parametrize("many", USUAL[:4], ids=lambda many: many.kind.__name__)
def test_a_terminal_shows_states_in_colour_and_none_with_no_color(shown, many):
    assert COLOR.search(shown(many, columns=80))
    assert not COLOR.search(shown(many, columns=80, NO_COLOR="1"))
    assert plain(shown(many, columns=80)) == plain(shown(many, columns=80, NO_COLOR="1"))


def test_below_a_table_stands_how_many_there_are_and_once_the_zone(shown):
    text = shown(Many(Slot, [slot(), slot(id=8)], "slot", zone="Europe/Berlin"))
    assert text.endswith("\n2 slots; times are in Europe/Berlin.\n")
    assert text.count("Europe/Berlin") == 1
    assert shown(Many(Slot, [slot()], "slot", zone="UTC")).endswith("\n1 slot; times are in UTC.\n")


def test_an_empty_table_is_one_sentence(shown):
    assert shown(Many(Slot, [], "slot", zone="Europe/Berlin")) == "No slots.\n"


def test_a_time_in_a_table_is_the_clinics(shown):
    assert "Mon 2027-03-29  09:00" in shown(Many(Slot, [slot()], "slot"))
    assert "Mon 2027-03-29 09:00, 30 minutes" in shown(One(slot()))
    assert "2027-03-01 08:30:15" in shown(One(booking_of()))


def test_one_thing_shows_a_headline_and_its_details_without_what_is_empty(shown):
    text = shown(One(doctor(phone=None), "Added doctor 1."))
    assert text.startswith("Added doctor 1.\n  Doctor ")
    assert re.search(r"^  Email +ana@clinic\.example$", text, re.MULTILINE)
    assert "Phone" not in text


def test_a_headline_can_stand_alone_and_a_table_can_stand_for_the_details(shown):
    assert shown(One(Stats(1, 0, 0, 0, 1), "1 booking.", details=False)) == "1 booking.\n"
    text = shown(
        One(Stats(1, 0, 0, 0, 1), "By state:", many=Many(StatusStats, [StatusStats("FAILED", 0, 0, 1, 0, 1)], "state"))
    )
    assert text.startswith("By state:\n")
    assert "FAILED" in text


@pytest.mark.parametrize("many", USUAL, ids=lambda many: many.kind.__name__)
def test_a_terminal_that_is_too_narrow_loses_no_column(shown, many):
    assert shown(many, columns=30) == shown(many, columns=80)
