"""`booking doctors`: add, show, list, update and delete."""

import pytest

ANA = "ana@clinic.example"


@pytest.fixture
def add(booking):
    """Adds a doctor and returns the record."""

    def run(name="Ana Ruiz", email=ANA, specialization="Cardiology", *more):
        options = ("--specialization", specialization, "--email", email, *more)
        added = booking("doctors", "add", name, *options, "-o", "json")
        assert added.status == 0, added.stderr
        return added.json

    return run


@pytest.fixture
def names(booking):
    """Returns the names that a list shows."""
    return lambda *options: [doctor["name"] for doctor in booking("doctors", "list", *options, "-o", "json").json]


def test_the_program_adds_updates_shows_and_deletes_a_doctor(program):
    added = program("doctors", "add", "Ana Ruiz", "--specialization", "Cardiology", "--email", ANA)
    assert (added.status, added.stderr) == (0, "")
    assert "Added doctor 1." in added.stdout
    assert program("doctors", "update", 1, "--phone", "+1-555-0100").status == 0
    assert program("doctors", "show", ANA, "-o", "json").json["phone"] == "+1-555-0100"
    assert program("doctors", "update", 1, "--name", "Bo", "--if-version", 7).status == 4
    assert "Deleted doctor 1, Ana Ruiz." in program("doctors", "delete", ANA).stdout
    assert program("doctors", "list", "--all", "-o", "json").json == []


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        ("add Bo --specialization Skin --email ANA@Clinic.Example", 4, "email_taken"),
        ("add Bo --specialization Skin --email nobody", 2, "usage"),
        ("add Bo --specialization Skin --email bo@x.de --phone 12", 2, "usage"),
        ("add Bo --specialization Skin", 2, "usage"),
        ("list --limit 0", 2, "usage"),
        ("show 2", 3, "not_found"),
        (f"show {2**63 - 1}", 3, "not_found"),
        (f"show {2**63}", 2, "usage"),
        ("show Ana", 2, "usage"),
        ("update 2 --name Bo", 3, "not_found"),
        ("update 1", 2, "invalid_input"),
        ("update 1 --if-version 1", 2, "invalid_input"),
        ("update 1 --name Bo --if-version 7", 4, "version_conflict"),
        ("update 1 --name Bo --if-version 0", 2, "usage"),
        ("delete nobody@clinic.example", 3, "not_found"),
    ],
)
def test_a_rejected_command_has_its_status_and_code_and_changes_nothing(booking, add, arguments, status, code):
    doctor = add()
    rejected = booking("doctors", *arguments.split(), "-o", "json")
    assert (rejected.status, rejected.error["code"], rejected.stdout) == (status, code, "")
    assert booking("doctors", "list", "--all", "-o", "json").json == [doctor]


def test_a_new_doctor_is_active_and_at_version_one(add):
    doctor = add(" Ana Ruiz ", f" {ANA} ", " Cardiology ", "--phone", " +1-555-0100 ")
    assert doctor.pop("created_at") == doctor.pop("updated_at")
    fields = {"id": 1, "name": "Ana Ruiz", "specialization": "Cardiology", "email": ANA, "phone": "+1-555-0100"}
    assert doctor == {**fields, "active": True, "version": 1}


@pytest.mark.parametrize(
    "name",
    [
        "[bold]Ana[/bold] 👩‍⚕️ Zoë Ñandú نور الهدى",
        """=HYPERLINK("http://x.example") O'Brien `x` C:\\temp\\n""",
        "Robert'); DROP TABLE doctors; -- %s %(name)s %% {0} $1 $$",
        "e\u0301",  # decomposed: two characters that look like one
    ],
)
def test_a_name_is_stored_shown_and_found_as_it_was_typed(booking, add, name):
    added = add(name, ANA, name)
    assert (added["name"], added["specialization"]) == (name, name)
    assert booking("doctors", "show", 1, "-o", "json").json == added
    assert booking("doctors", "list", "--search", name, "--specialization", name, "-o", "json").json == [added]


@pytest.mark.parametrize(
    ("existing", "new"), [(ANA, "ANA@CLINIC.EXAMPLE"), ("ANA@x.example", "ana@X.example"), ("jörg@x.de", "JÖRG@x.de")]
)
def test_two_doctors_cannot_have_one_email_in_any_case(booking, add, names, existing, new):
    add("Ana Ruiz", existing)
    add("Bo", "bo@clinic.example")
    added = booking("doctors", "add", "Cy", "--specialization", "Skin", "--email", new, "-o", "json")
    changed = booking("doctors", "update", 2, "--email", new, "--name", "Cy", "-o", "json")
    for rejected in (added, changed):
        assert (rejected.status, rejected.error["code"]) == (4, "email_taken")
    assert names("--all") == ["Ana Ruiz", "Bo"]


@pytest.mark.parametrize("key", ["1", "ANA@Clinic.EXAMPLE"])
def test_a_doctor_is_found_by_number_and_by_email_in_any_case(booking, add, key):
    doctor = add("Ana Ruiz", "Ana@clinic.example")
    add("Bo", "bo@clinic.example")
    assert booking("doctors", "show", key, "-o", "json").json == doctor
    for command in (["update", "--name", "Ana R."], ["delete"]):
        assert booking("doctors", *command, key, "-o", "json").json["id"] == doctor["id"]


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (["--name", "Ana R."], {"name": "Ana R."}),
        (["--specialization", "Skin"], {"specialization": "Skin"}),
        (["--email", "ANA@clinic.example"], {"email": "ANA@clinic.example"}),
        (["--phone", "555 0199"], {"phone": "555 0199"}),
        (["--phone", ""], {"phone": None}),
        (["--active"], {}),
        (["--name", "Bo", "--inactive", "--if-version", 1], {"name": "Bo", "active": False}),
    ],
)
def test_an_update_changes_only_the_given_fields_and_the_version(booking, add, options, change):
    before = add("Ana Ruiz", ANA, "Cardiology", "--phone", "555-0100")
    after = booking("doctors", "update", 1, *options, "-o", "json").json
    assert after["updated_at"] > before["updated_at"]
    assert after == before | change | {"version": 2, "updated_at": after["updated_at"]}
    assert booking("doctors", "show", 1, "-o", "json").json == after


@pytest.mark.parametrize("reason", ["1 booking", "1 future slot", "1 past slot"])
@pytest.mark.usefixtures("slot")
def test_a_doctor_with_slots_or_bookings_cannot_be_deleted(booking, sql, reason):
    sql("DELETE FROM slots WHERE id > 1")
    if reason == "1 booking":
        booking("book", 1, "--name", "Pat", "--email", "pat@mail.example")
        booking("cancel", 1)
    if reason == "1 past slot":
        sql("UPDATE slots SET starts_at = starts_at - interval '9 days', ends_at = ends_at - interval '9 days'")
    rejected = booking("doctors", "delete", 1, "-o", "json")
    assert (rejected.status, rejected.error["code"]) == (4, "in_use")
    assert reason in rejected.error["message"]
    assert "booking doctors update 1 --inactive" in rejected.error["message"]
    assert booking("doctors", "show", 1).status == booking("slots", "show", 1).status == 0


def test_doctors_are_listed_by_name_in_any_case_and_inactive_ones_only_with_all(booking, add, names):
    for number, name in enumerate(["carl", "Bea", "ana", "Ana", "Dan"]):
        add(name, f"{number}@clinic.example")
    assert names() == ["ana", "Ana", "Bea", "carl", "Dan"]
    booking("doctors", "update", 2, "--inactive")
    assert names() == ["ana", "Ana", "carl", "Dan"]
    assert names("--all") == ["ana", "Ana", "Bea", "carl", "Dan"]
    booking("doctors", "update", 2, "--active")
    assert names() == names("--all")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("--search ruiz", ["Ana Ruiz"]),
        ("--search ÖRG", ["Jörg 100%"]),
        ("--search b@CLINIC", ["Bo_b"]),
        ("--search %", ["Jörg 100%"]),
        ("--search _", ["Bo_b"]),
        ("--search \\", ["C\\d"]),
        ("--search '", []),
        ("--specialization skin", ["Ana Ruiz", "Bo_b"]),
        ("--specialization skin --search bo", ["Bo_b"]),
        ("--specialization ski_", []),
    ],
)
def test_a_list_finds_a_text_in_name_or_email_and_a_whole_specialization(add, names, options, found):
    doctors = [("Ana Ruiz", "r", "Skin"), ("Bo_b", "b", "SKIN"), ("C\\d", "c", "Skin care"), ("Jörg 100%", "j", "X")]
    for name, email, specialization in doctors:
        add(name, f"{email}@clinic.example", specialization)
    assert names(*options.split()) == found
