"""Settings: where they come from, what they may be, and what they change."""

import datetime as dt
import os
import re
import sys
from pathlib import Path

import psycopg
import pytest

from booking_cli import settings

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
ACCEPTED = [
    ("BOOKING_POOL_SIZE", "1"),
    ("BOOKING_POOL_SIZE", "20"),
    ("BOOKING_STATEMENT_TIMEOUT", "0.5"),
    ("BOOKING_STATEMENT_TIMEOUT", "3600"),
    ("BOOKING_TIMEOUT_MINUTES", "0.000001"),
    ("BOOKING_TIMEOUT_MINUTES", "1440"),
    ("BOOKING_ACTOR", "x" * 200),
    ("BOOKING_DATA_DIR", "~/book"),
]
REFUSED = [
    *[("BOOKING_POOL_SIZE", value) for value in ("0", "-1", "21", "1.5", "many")],
    *[("BOOKING_STATEMENT_TIMEOUT", value) for value in ("0", "-1", "3600.5", "nan", "inf", "long")],
    *[("BOOKING_TIMEOUT_MINUTES", value) for value in ("0", "-1", "1440.5", "nan", "inf", "1e1", "long")],
    *[("BOOKING_ACTOR", value) for value in ("x" * 201, "front\x1bdesk", "front\ndesk", "   ")],
    ("BOOKING_DATA_DIR", "~nobody-has-this-name/book"),
]


@pytest.fixture(autouse=True)
def only_the_tests_own_files(monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def current_file(tmp_path):
    """The settings file in the current folder; not there yet."""
    return tmp_path / ".env"


@pytest.fixture
def user_file(environment):
    """The settings file in the user's configuration folder; not there yet."""
    file = settings_file_below(Path(environment["HOME"]))
    file.parent.mkdir(parents=True)
    return file


@pytest.fixture
def slot(booking):
    """The number of a free slot."""
    booking("doctors", "add", "Ana Lima", "--specialization", "Cardiology", "--email", "ana@clinic.example")
    return booking("slots", "add", 1, "+3d", "09:00", "-o", "json").json["id"]


@pytest.fixture
def booked(booking, slot):
    """Books the slot, and returns who did so and for how many minutes it is held."""

    def book(*options, **changes):
        maria = ("--name", "Maria Silva", "--email", "maria@example.org")
        booked = booking("book", slot, *maria, *options, "-o", "json", **changes)
        assert booked.status == 0, booked.stderr
        return booked.json

    return book


@pytest.fixture
def actor(booking, booked):
    """Books the slot, and returns who did so by its history."""

    def recorded(**changes):
        return booking("history", booked(**changes)["reference"], "-o", "json").json[0]["actor"]

    return recorded


@pytest.mark.parametrize(
    ("in_environment", "in_current", "in_user", "expected"),
    [
        ("environment", "current", "user", "environment"),
        ("environment", None, None, "environment"),
        (None, "current", "user", "current"),
        (None, None, "user", "user"),
        ("", "current", "user", "current"),
        ("", "", "user", "user"),
        (None, "", "", "login"),
        ("", None, None, "login"),
    ],
)
def test_the_environment_goes_before_the_current_folder_and_that_before_the_user(
    actor, current_file, user_file, monkeypatch, in_environment, in_current, in_user, expected
):
    monkeypatch.setenv("LOGNAME", "login")
    monkeypatch.delenv("BOOKING_ACTOR")
    if in_environment is not None:
        monkeypatch.setenv("BOOKING_ACTOR", in_environment)
    if in_current is not None:
        current_file.write_text(f"BOOKING_ACTOR={in_current}\n")
    if in_user is not None:
        user_file.write_text(f"BOOKING_ACTOR={in_user}\n")
    assert actor() == expected


def test_the_program_reads_both_files_and_each_setting_by_itself(program, current_file, user_file, url):
    user_file.write_text(f"BOOKING_DATABASE_URL={url}\nBOOKING_POOL_SIZE=many\n")
    current_file.write_text("BOOKING_POOL_SIZE=5\n")
    listed = program("doctors", "list", "-o", "json", BOOKING_DATABASE_URL="")
    assert (listed.status, listed.stdout) == (0, "[]\n"), listed.stderr


@pytest.mark.parametrize(("name", "value"), ACCEPTED)
def test_a_value_within_its_bounds_is_taken(booking, name, value):
    ran = booking("doctors", "list", **{name: value})
    assert ran.status == 0, ran.stderr


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_a_value_out_of_its_bounds_is_refused_by_the_settings_name(booking, name, value):
    ran = booking("doctors", "list", **{name: value})
    assert (ran.status, ran.stdout) == (2, "")
    assert re.fullmatch(f"Error: .*{name}.*\\.\n", ran.stderr), ran.stderr
    assert "bug" not in ran.stderr


def test_the_program_refuses_a_wrong_setting(program):
    ran = program("doctors", "list", "-o", "json", BOOKING_POOL_SIZE="21")
    assert (ran.status, ran.stdout, ran.error["code"]) == (2, "", "invalid_input")
    assert "BOOKING_POOL_SIZE" in ran.error["message"]


def test_every_wrong_setting_is_named_at_once(booking):
    ran = booking("doctors", "list", BOOKING_POOL_SIZE="many", BOOKING_STATEMENT_TIMEOUT="long")
    assert ran.status == 2
    assert "BOOKING_POOL_SIZE" in ran.stderr
    assert "BOOKING_STATEMENT_TIMEOUT" in ran.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOOKING_POOL_SIZE", "pa55word"),
        ("BOOKING_STATEMENT_TIMEOUT", "pa55word"),
        ("BOOKING_TIMEOUT_MINUTES", "pa55word"),
        ("BOOKING_ACTOR", "pa55word\x07"),
        ("BOOKING_DATA_DIR", "~pa55word/book"),
    ],
)
def test_a_wrong_value_is_not_repeated_because_it_may_be_a_password(booking, name, value):
    ran = booking("doctors", "list", "-v", **{name: value})
    assert ran.status != 0
    assert "pa55word" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("line", ['BOOKING_ACTOR="front desk', "BOOKING_ACTOR front desk", "=front desk"])
def test_a_line_that_cannot_be_read_is_refused_and_not_passed_over(booking, current_file, line):
    current_file.write_text(f"{line}\n")
    ran = booking("doctors", "list")
    assert ran.status == 2
    assert re.fullmatch(r"Error: .*\.env.*\.\n", ran.stderr), ran.stderr


def test_a_file_that_is_not_text_is_refused(booking, current_file):
    current_file.write_bytes(b"BOOKING_ACTOR=caf\xe9\n")
    ran = booking("doctors", "list")
    assert ran.status == 2
    assert re.fullmatch(r"Error: .*settings file.*\.\n", ran.stderr), ran.stderr


def test_settings_of_other_programs_in_the_file_are_none_of_our_business(booking, current_file):
    current_file.write_text("DATABASE_URL=mysql://elsewhere\nSECRET_KEY=x\n")
    assert booking("doctors", "list").status == 0


def test_the_login_name_is_recorded_unless_an_actor_is_set(actor, monkeypatch):
    monkeypatch.setenv("LOGNAME", "front-desk")
    assert actor(BOOKING_ACTOR="") == "front-desk"


def test_who_has_neither_a_name_nor_a_home_is_recorded_by_number(actor, monkeypatch):
    # As the user of a container may be, whose number nobody gave a name.
    def nobody(number):
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    assert actor(BOOKING_ACTOR="") == f"uid {os.getuid()}"


def test_an_actor_is_trimmed(actor):
    assert actor(BOOKING_ACTOR="  Dr. Ümit  ") == "Dr. Ümit"


@pytest.mark.parametrize(
    ("setting", "options", "minutes"),
    [("", [], 7), ("30", [], 30), ("30", ["--hold", "45"], 45)],
    ids=["clinic", "setting", "flag"],
)
def test_a_flag_wins_over_the_timeout_setting_and_that_over_the_clinics_own(booking, booked, setting, options, minutes):
    booking("clinic", "set", "--hold", 7)
    held = booked(*options, BOOKING_TIMEOUT_MINUTES=setting)
    assert lasts(held) == minutes


def test_a_statement_is_given_up_after_the_statement_timeout(booking, url):
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE booking.doctors")
        ran = booking("doctors", "list", BOOKING_STATEMENT_TIMEOUT="0.2")
    assert ran.status == 6
    assert "BOOKING_STATEMENT_TIMEOUT" in ran.stderr


def test_a_data_folder_may_begin_with_the_home(booking, environment):
    ran = booking("db", "status", "-o", "json", BOOKING_DATABASE_URL="", BOOKING_DATA_DIR="~/book")
    assert ran.json["data_dir"] == f"{environment['HOME']}/book"


def test_a_data_folder_is_meant_from_the_current_folder(booking, tmp_path):
    ran = booking("db", "status", "-o", "json", BOOKING_DATABASE_URL="", BOOKING_DATA_DIR="book")
    assert ran.json["data_dir"] == f"{tmp_path}/book"


def test_the_example_names_every_setting_and_no_other():
    named = re.findall(r"^#?(\w+)=", EXAMPLE.read_text(), re.MULTILINE)
    assert sorted(named) == sorted(f"BOOKING_{name.upper()}" for name in settings.Settings.model_fields)


@pytest.mark.usefixtures("booking")
def test_the_example_can_be_used_with_every_setting_switched_on(current_file, monkeypatch):
    current_file.write_text(re.sub(r"^#(?=BOOKING_)", "", EXAMPLE.read_text(), flags=re.MULTILINE))
    monkeypatch.delenv("BOOKING_ACTOR")
    monkeypatch.delenv("BOOKING_DATABASE_URL")
    settings.load.cache_clear()
    loaded = settings.load()
    assert loaded.model_fields_set == set(settings.Settings.model_fields)
    assert loaded.database_url.get_secret_value().startswith("postgresql://")


def test_the_example_shows_the_values_that_hold_without_it(booking, monkeypatch):
    shown = dict(re.findall(r"^#(\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    settings.load.cache_clear()
    loaded = settings.load()
    assert shown["BOOKING_POOL_SIZE"] == f"{loaded.pool_size}"
    assert shown["BOOKING_STATEMENT_TIMEOUT"] == f"{loaded.statement_timeout:g}"
    assert shown["BOOKING_TIMEOUT_MINUTES"] == f"{booking('clinic', 'show', '-o', 'json').json['hold_minutes']:g}"


def settings_file_below(home):
    """Return where the settings file of the user with this home is, by the documents."""
    folder = "Library/Application Support/booking" if sys.platform == "darwin" else ".config/booking"
    return home / folder / ".env"


def lasts(held):
    """Return for how many minutes a slot is held."""
    booked, expires = (dt.datetime.fromisoformat(held[name]) for name in ("booked_at", "hold_expires_at"))
    return round((expires - booked).total_seconds() / 60, 2)
