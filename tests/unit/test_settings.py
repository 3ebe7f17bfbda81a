"""Settings: their sources and precedence, their limits, and their effects."""

import os
import re
import sys
from pathlib import Path

import pytest

from booking_cli import settings

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs files of another user")
EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
ACCEPTED = {
    "BOOKING_POOL_SIZE": ("1", "20"),
    "BOOKING_STATEMENT_TIMEOUT": ("0.5", "3600"),
    "BOOKING_TIMEOUT_MINUTES": ("0.000001", "1440"),
    "BOOKING_ACTOR": ("x" * 200,),
    "BOOKING_DATA_DIR": ("~/data",),
}
REFUSED = {
    "BOOKING_POOL_SIZE": ("0", "-1", "21", "1.5", "pa55word"),
    "BOOKING_STATEMENT_TIMEOUT": ("0", "-1", "3600.5", "nan", "inf", "pa55word"),
    "BOOKING_TIMEOUT_MINUTES": ("0", "-1", "1440.5", "nan", "inf", "1e1", "pa55word"),
    "BOOKING_ACTOR": ("x" * 201, "pa55word\x07", "front\ndesk", "   "),
    "BOOKING_DATA_DIR": ("~pa55word/data",),
}


@pytest.fixture(autouse=True)
def no_other_settings_files(monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def current_file(tmp_path):
    """The settings file in the current folder; it does not exist yet."""
    return tmp_path / ".env"


@pytest.fixture
def user_file(environment):
    """The settings file in the user's configuration folder, where the documents have it; it does not exist yet."""
    folder = "Library/Application Support/booking" if sys.platform == "darwin" else ".config/booking"
    file = Path(environment["HOME"]) / folder / ".env"
    file.parent.mkdir(parents=True)
    return file


@pytest.fixture
def booked(booking, slot):
    """Books a slot and returns the booking with the actor in its history."""

    def book(*options, **changes):
        pat = ("--name", "Pat", "--phone", "555-0100")
        ran = booking("book", slot, *pat, *options, "-o", "json", **changes)
        assert ran.status == 0, ran.stderr
        return {**ran.json, "actor": booking("history", ran.json["id"], "-o", "json").json[0]["actor"]}

    return book


@pytest.mark.parametrize(
    ("in_environment", "in_current", "in_user", "expected"),
    [
        ("environment", "current", "user", "environment"),
        (None, "current", "user", "current"),
        (None, None, "user", "user"),
        ("", "current", "user", "current"),
        ("", "", "user", "user"),
        (None, "", "", "login"),
        ("", None, None, "login"),
    ],
)
def test_the_environment_overrides_the_current_folder_which_overrides_the_users_file(
    booked, current_file, user_file, monkeypatch, in_environment, in_current, in_user, expected
):
    monkeypatch.setenv("LOGNAME", "login")
    monkeypatch.delenv("BOOKING_ACTOR")
    if in_environment is not None:
        monkeypatch.setenv("BOOKING_ACTOR", in_environment)
    for file, value in ((current_file, in_current), (user_file, in_user)):
        if value is not None:
            file.write_text(f"BOOKING_ACTOR={value}\n")
    assert booked()["actor"] == expected


def test_the_program_reads_both_files(program, current_file, user_file, url):
    user_file.write_text(f"BOOKING_DATABASE_URL={url}\nBOOKING_POOL_SIZE=many\n")
    current_file.write_text("BOOKING_POOL_SIZE=5\nSECRET_OF_ANOTHER_PROGRAM=x\n")
    ran = program("doctors", "list", "-o", "json", BOOKING_DATABASE_URL="")
    assert (ran.status, ran.stdout) == (0, "[]\n"), ran.stderr


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_value_within_its_limits_is_accepted(booking, name):
    for value in ACCEPTED[name]:
        ran = booking("doctors", "list", **{name: value})
        assert ran.status == 0, ran.stderr


@pytest.mark.parametrize("name", REFUSED)
def test_a_value_out_of_its_limits_is_refused_by_name_and_not_repeated(booking, name):
    for value in REFUSED[name]:
        ran = booking("doctors", "list", "-v", **{name: value})
        assert (ran.status, ran.stdout) == (2, "")
        assert re.fullmatch(f"Error: .*{name}.*\\.\n", ran.stderr), ran.stderr
        assert "pa55word" not in ran.stderr


def test_all_wrong_settings_are_named_in_one_error(program):
    ran = program("doctors", "list", "-o", "json", BOOKING_POOL_SIZE="many", BOOKING_STATEMENT_TIMEOUT="long")
    assert (ran.status, ran.stdout, ran.error["code"]) == (2, "", "invalid_input")
    assert {"BOOKING_POOL_SIZE", "BOOKING_STATEMENT_TIMEOUT"} <= set(re.findall(r"BOOKING_\w+", ran.error["message"]))


@pytest.mark.parametrize(
    "line", [b'BOOKING_ACTOR="front desk', b"BOOKING_ACTOR front desk", b"=front desk", b"BOOKING_ACTOR=caf\xe9"]
)
def test_a_settings_file_that_cannot_be_parsed_is_refused(booking, current_file, line):
    current_file.write_bytes(line + b"\n")
    ran = booking("doctors", "list")
    assert ran.status == 2
    assert re.fullmatch(r"Error: .*\.env.*\.\n", ran.stderr), ran.stderr


def be_a_link(file):
    file.symlink_to(file.rename(file.with_name("other")))


def be_a_fifo(file):
    file.unlink()
    os.mkfifo(file)


def be_long(file):
    file.write_text(file.read_text() + "#" * settings.LONGEST_FILE)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (be_a_link, "a symbolic link"),
        (be_a_fifo, "not a regular file"),
        (be_long, "longer than 64 KiB"),
        (lambda file: file.chmod(0o620), "other users can write"),
        (lambda file: file.chmod(0o602), "other users can write"),
        (lambda file: file.parent.chmod(0o1777), "other users can write"),
        pytest.param(lambda file: os.chown(file, 12345, 0), "another user", marks=AS_ROOT),
        pytest.param(lambda file: os.chown(file.parent, 12345, 0), "another user", marks=AS_ROOT),
    ],
)
def test_a_settings_file_that_others_could_have_made_is_ignored(booking, current_file, spoil, reason):
    current_file.write_text("BOOKING_POOL_SIZE=refused\n")
    current_file.chmod(0o600)
    assert booking("doctors", "list").status == 2
    spoil(current_file)
    ran = booking("doctors", "list", "-o", "json")
    assert (ran.status, ran.stdout) == (0, "[]\n"), ran.stderr
    assert re.fullmatch(rf"Ignored the settings file \.env: .*{reason}.*\.\n", ran.stderr)


@pytest.mark.parametrize("hidden", ["file", "folder"])
@AS_ROOT
def test_a_settings_file_that_the_user_cannot_read_is_ignored(current_file, tmp_path, monkeypatch, hidden):
    current_file.write_text("BOOKING_POOL_SIZE=refused\n")
    current_file.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700 if hidden == "folder" else 0o755)
    settings.load.cache_clear()
    os.seteuid(12345)
    try:
        assert settings.load().pool_size == 10
    finally:
        os.seteuid(0)


def test_a_settings_file_is_taken_literally(booked, current_file, monkeypatch):
    monkeypatch.delenv("BOOKING_ACTOR")
    current_file.write_text("BOOKING_ACTOR=${HOME}\n")
    assert booked()["actor"] == "${HOME}"


def test_the_actor_is_the_setting_or_the_login_name_or_the_number_of_the_user(booked, booking, monkeypatch):
    def no_entry(number):
        raise KeyError(number)

    assert booked(BOOKING_ACTOR="  Dr. Ümit  ")["actor"] == "Dr. Ümit"
    monkeypatch.setattr("pwd.getpwuid", no_entry)  # as in a container that runs as a number
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    booking("cancel", 1, BOOKING_ACTOR="")
    assert booking("history", 1, "-o", "json").json[-1]["actor"] == f"uid {os.getuid()}"


def test_a_data_folder_is_relative_to_the_home_or_the_current_folder(booking, environment, tmp_path):
    for value, folder in (("~/data", f"{environment['HOME']}/data"), ("data", f"{tmp_path}/data")):
        ran = booking("db", "status", "-o", "json", BOOKING_DATABASE_URL="", BOOKING_DATA_DIR=value)
        assert ran.json["data_dir"] == folder


def test_the_example_names_every_setting_and_no_other():
    named = re.findall(r"^#?(\w+)=", EXAMPLE.read_text(), re.MULTILINE)
    assert sorted(named) == sorted(f"BOOKING_{name.upper()}" for name in settings.Settings.model_fields)


@pytest.mark.usefixtures("booking")
def test_the_example_is_valid_with_every_setting_uncommented(current_file, monkeypatch):
    current_file.write_text(re.sub(r"^#(?=BOOKING_)", "", EXAMPLE.read_text(), flags=re.MULTILINE))
    monkeypatch.delenv("BOOKING_ACTOR")
    monkeypatch.delenv("BOOKING_DATABASE_URL")
    settings.load.cache_clear()
    loaded = settings.load()
    assert loaded.model_fields_set == set(settings.Settings.model_fields)
    assert loaded.database_url.get_secret_value().startswith("postgresql://")


def test_the_example_shows_the_defaults(booking, monkeypatch):
    shown = dict(re.findall(r"^#(\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    settings.load.cache_clear()
    loaded = settings.load()
    assert shown["BOOKING_POOL_SIZE"] == f"{loaded.pool_size}"
    assert shown["BOOKING_STATEMENT_TIMEOUT"] == f"{loaded.statement_timeout:g}"
    assert shown["BOOKING_TIMEOUT_MINUTES"] == f"{booking('clinic', 'show', '-o', 'json').json['hold_minutes']:g}"
