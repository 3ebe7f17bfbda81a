"""Doctors are added, shown, changed and deleted, by number or by email address."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Ran

ANA = "ana@clinic.example"

UNTOUCHED = [
    "[bold]Ana[/bold] [red]",
    "👩‍⚕️ Zoë Ñandú",
    '=HYPERLINK("http://x.example")',
    """O'Brien "Bo" `x`""",
    "Robert'); DROP TABLE doctors; --",
    "%s %(name)s %% {0} $1 $$",
    "C:\\temp\\n",
    "نور الهدى",
    "e\u0301",  # decomposed: two characters that look like one
]


@pytest.fixture
def add(booking: Callable[..., Ran]) -> Callable[..., dict[str, Any]]:
    """Adds a doctor and returns them as JSON has them."""

    def run(name: str = "Ana Ruiz", email: str = ANA, specialization: str = "Cardiology", *more: str) -> dict[str, Any]:
        added = booking(
            "doctors", "add", name, "--specialization", specialization, "--email", email, *more, "-o", "json"
        )
        assert added.status == 0, added.stderr
        return added.json

    return run


def test_the_program_takes_a_doctor_from_adding_to_deleting(program):
    added = program("doctors", "add", "Ana Ruiz", "--specialization", "Cardiology", "--email", ANA)
    assert (added.status, added.stderr) == (0, "")
    assert "Added doctor 1." in added.stdout
    assert program("doctors", "list", "-o", "json").json[0]["name"] == "Ana Ruiz"
    assert program("doctors", "update", 1, "--phone", "+1-555-0100").status == 0
    assert program("doctors", "show", ANA, "-o", "json").json["phone"] == "+1-555-0100"
    assert "Deleted doctor 1, Ana Ruiz." in program("doctors", "delete", ANA).stdout
    assert program("doctors", "list", "--all", "-o", "json").json == []


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["add", "Bo", "--specialization", "Skin", "--email", "ANA@Clinic.Example"], 4, "email_taken"),
        (["add", "Bo", "--specialization", "Skin", "--email", "nobody"], 2, "usage"),
        (["list", "--limit", "0"], 2, "usage"),
        (["show", "2"], 3, "not_found"),
        (["update", "1", "--name", "Bo", "--if-version", "7"], 4, "version_conflict"),
        (["update", "1"], 2, "invalid_input"),
        (["delete", "1"], 4, "in_use"),
        (["delete", "nobody@clinic.example"], 3, "not_found"),
    ],
)
def test_the_program_ends_with_the_status_and_the_code_of_its_refusal(program, add, sql, arguments, status, code):
    doctor = add()
    sql("INSERT INTO slots (doctor_id, starts_at, ends_at) VALUES (1, now() + '1 day', now() + '25 hours')")
    refused = program("doctors", *arguments, "-o", "json")
    assert (refused.status, refused.error["code"], refused.stdout) == (status, code, "")
    assert program("doctors", "list", "--all", "-o", "json").json == [doctor]


def test_a_new_doctor_is_active_and_at_version_one(add):
    doctor = add("Ana Ruiz", ANA, "Cardiology", "--phone", "+1-555-0100")
    assert doctor.pop("created_at") == doctor.pop("updated_at")
    assert doctor == {
        "id": 1,
        "name": "Ana Ruiz",
        "specialization": "Cardiology",
        "email": ANA,
        "phone": "+1-555-0100",
        "active": True,
        "version": 1,
    }


@pytest.mark.parametrize("name", UNTOUCHED)
def test_a_name_comes_back_as_it_was_typed(booking, add, name):
    added = add(name, ANA, name)
    assert (added["name"], added["specialization"]) == (name, name)
    assert booking("doctors", "show", 1, "-o", "json").json == added
    assert booking("doctors", "list", "--search", name, "--specialization", name, "-o", "json").json == [added]


def test_white_space_around_what_was_typed_is_dropped(add):
    doctor = add("  Ana Ruiz ", f" {ANA} ", " Cardiology ", "--phone", " 555 0100 ")
    assert [doctor[field] for field in ("name", "email", "specialization", "phone")] == [
        "Ana Ruiz",
        ANA,
        "Cardiology",
        "555 0100",
    ]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "a" * 201),
        ("name", "Ana\x1b[31m"),
        ("name", "Ana\nRuiz"),
        ("specialization", ""),
        ("specialization", "a" * 201),
        ("email", ""),
        ("email", "ana"),
        ("email", "ana@"),
        ("email", "ana@@clinic.example"),
        ("email", "ana@clinic"),
        ("email", "Ana <ana@clinic.example>"),
        ("phone", "12"),
        ("phone", "5" * 26),
        ("phone", "five"),
        ("phone", "+-()"),
        ("phone", ""),
    ],
)
def test_a_doctor_with_an_impossible_field_is_not_added(booking, option, value):
    typed = {"name": "Ana Ruiz", "specialization": "Skin", "email": ANA, "phone": "555-0100"} | {option: value}
    refused = booking(
        *("doctors", "add", typed.pop("name")), *(word for field in typed for word in (f"--{field}", typed[field]))
    )
    assert (refused.status, refused.stdout) == (2, "")
    assert option in refused.stderr.lower()
    assert booking("doctors", "list", "--all", "-o", "json").json == []


def test_a_name_may_have_200_characters(add):
    assert add("é" * 200)["name"] == "é" * 200


@pytest.mark.parametrize(
    ("there", "new"),
    [
        (ANA, ANA),
        (ANA, "ANA@CLINIC.EXAMPLE"),
        ("ANA@clinic.example", "ana@Clinic.Example"),
        ("jörg@x.example", "JÖRG@x.example"),
    ],
)
def test_no_two_doctors_have_the_same_email_however_it_is_written(booking, add, there, new):
    add("Ana Ruiz", there)
    refused = booking("doctors", "add", "Bo", "--specialization", "Skin", "--email", new, "-o", "json")
    assert (refused.status, refused.error["code"]) == (4, "email_taken")
    assert len(booking("doctors", "list", "--all", "-o", "json").json) == 1


@pytest.mark.parametrize("key", ["1", ANA, "ANA@Clinic.EXAMPLE"])
def test_a_doctor_is_found_by_number_and_by_email_without_regard_to_case(booking, add, key):
    doctor = add("Ana Ruiz", "Ana@clinic.example")
    add("Bo", "bo@clinic.example")
    assert booking("doctors", "show", key, "-o", "json").json == doctor
    assert booking("doctors", "update", key, "--name", "Ana R.", "-o", "json").json["id"] == doctor["id"]
    assert booking("doctors", "delete", key, "-o", "json").json["id"] == doctor["id"]


@pytest.mark.parametrize("command", [("show",), ("update", "--name", "Bo"), ("delete",)])
@pytest.mark.parametrize("key", ["2", "nobody@clinic.example", 2**63 - 1])
def test_a_doctor_who_is_not_there_is_not_found(booking, command, key):
    assert booking("doctors", command[0], key, *command[1:]).status == 3


@pytest.mark.parametrize("key", [2**63, "9" * 5000, "0", "Ana", "١"])
def test_a_number_that_cannot_be_is_a_usage_error(booking, key):
    assert booking("doctors", "show", key).status == 2


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (["--name", "Ana R."], {"name": "Ana R."}),
        (["--specialization", "Skin"], {"specialization": "Skin"}),
        (["--email", "ruiz@clinic.example"], {"email": "ruiz@clinic.example"}),
        (["--email", "ANA@clinic.example"], {"email": "ANA@clinic.example"}),
        (["--phone", "555 0199"], {"phone": "555 0199"}),
        (["--phone", ""], {"phone": None}),
        (["--inactive"], {"active": False}),
        (["--active"], {}),
        (["--name", "Bo", "--inactive"], {"name": "Bo", "active": False}),
    ],
)
def test_an_update_changes_only_what_is_given_and_counts_the_version(booking, add, options, change):
    before = add("Ana Ruiz", ANA, "Cardiology", "--phone", "555-0100")
    after = booking("doctors", "update", 1, *options, "-o", "json").json
    assert after["updated_at"] > before["updated_at"]
    assert after == before | change | {"version": 2, "updated_at": after["updated_at"]}
    assert booking("doctors", "show", 1, "-o", "json").json == after


def test_an_inactive_doctor_can_be_made_active_again(booking, add):
    add()
    booking("doctors", "update", 1, "--inactive")
    assert booking("doctors", "update", 1, "--active", "-o", "json").json["active"] is True


def test_an_update_with_the_current_version_goes_through(booking, add):
    add()
    booking("doctors", "update", 1, "--name", "Bo")
    assert booking("doctors", "update", 1, "--name", "Cy", "--if-version", 2, "-o", "json").json["version"] == 3


def test_an_update_is_refused_where_somebody_changed_the_doctor_meanwhile(booking, add):
    add()
    now = booking("doctors", "update", 1, "--name", "Bo", "--if-version", 1, "-o", "json").json
    refused = booking("doctors", "update", 1, "--name", "Cy", "--phone", "", "--if-version", 1, "-o", "json")
    assert (refused.status, refused.error["code"]) == (4, "version_conflict")
    assert "version 2" in refused.error["message"]
    assert booking("doctors", "show", 1, "-o", "json").json == now


@pytest.mark.parametrize("version", ["0", "-1", "1.0", "one", str(2**31)])
def test_a_version_is_a_whole_number_from_one_up(booking, add, version):
    add()
    assert booking("doctors", "update", 1, "--name", "Bo", "--if-version", version).status == 2


def test_an_update_to_the_email_of_another_doctor_changes_nothing(booking, add):
    add()
    bo = add("Bo", "bo@clinic.example")
    refused = booking("doctors", "update", bo["id"], "--email", "ANA@clinic.example", "--name", "Cy", "-o", "json")
    assert (refused.status, refused.error["code"]) == (4, "email_taken")
    assert booking("doctors", "show", bo["id"], "-o", "json").json == bo


def test_an_update_without_any_change_is_a_usage_error(booking, add):
    add()
    assert booking("doctors", "update", 1, "--if-version", 1).status == 2
    assert booking("doctors", "show", 1, "-o", "json").json["version"] == 1


@pytest.mark.parametrize("what", ["confirmed booking", "cancelled booking", "slot to come", "past slot"])
def test_a_doctor_with_slots_or_bookings_is_not_deleted(booking, add, sql, what):
    doctor = add()
    sql("INSERT INTO slots (doctor_id, starts_at, ends_at) VALUES (1, now() + '1 day', now() + '25 hours')")
    if "booking" in what:
        booking("book", 1, "--name", "Pat", "--email", "pat@mail.example", "--confirm")
    if what == "cancelled booking":
        booking("cancel", 1)
    if what == "past slot":
        sql("UPDATE slots SET starts_at = now() - interval '1 day', ends_at = now() - interval '23 hours'")
    refused = booking("doctors", "delete", 1, "-o", "json")
    assert (refused.status, refused.error["code"]) == (4, "in_use")
    assert f"1 {what.replace('confirmed ', '').replace('cancelled ', '')}" in refused.error["message"]
    assert "--inactive" in refused.error["message"]
    assert booking("doctors", "show", 1, "-o", "json").json == doctor
    assert sql("SELECT count(*) FROM slots")[0]["count"] == 1
