"""`booking patients`: one record for each person, however the name is spelled, which can be corrected and merged."""

import os
import shutil
import subprocess
import tempfile
import unicodedata
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from booking_cli.db.connections import connect
from booking_cli.db.migrations import migrate
from tests.support.server import as_owner

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
MARIA = ("Maria Silva", "--email", "maria@example.org")
LAPSE = "UPDATE bookings SET hold_expires_at = now()"
# A name, and another spelling of it.
SPELLINGS = {
    "case": ("Maria Silva", "MARIA silva"),
    "case beyond ASCII": ("Élodie Çelik", "ÉLODIE ÇELIK"),
    "final sigma": ("Νίκος Παππάς", "ΝΊΚΟΣ ΠΑΠΠΆΣ"),
    "NFD": ("Élodie Çelik", unicodedata.normalize("NFD", "élodie Çelik")),
    "full width": ("Maria Silva", "Ｍａｒｉａ　Ｓｉｌｖａ"),
    "Turkish i": ("İpek Işık", "ipek ışık"),
    "Turkish capitals": ("İpek Işık", "IPEK IŞIK"),
    "sharp s": ("Jörg Groß", "JÖRG GROSS"),
    "dotless i": ("IŞIK", "ışık"),
    "ligature": ("ﬁona", "FIONA"),
    "half-width kana": ("ガガ", "ｶﾞｶﾞ"),
    "no-break space": ("Maria Silva", "Maria\u00a0Silva"),
    "double space": ("Maria Silva", " Maria  Silva "),
    "zero-width space": ("Maria Silva", "Ma\u200bria Silva"),
}


@pytest.fixture
def add(booking):
    """Registers a patient and returns their number."""
    return lambda *arguments: booking("patients", "add", *arguments, "-o", "json").json["id"]


@pytest.fixture
def on_postgres_15(booking):
    """Runs a command on a database of PostgreSQL 15 with lc_ctype=C, on a server that stops after the test."""
    if not POSTGRES_15.exists():
        pytest.skip("PostgreSQL 15 is not installed")
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="booking-test-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")

    def run(program, *options):
        command = [POSTGRES_15 / program, "-D", folder / "data", *options]
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True, **as_owner(folder))

    run("initdb", "--username=booking", "--auth=trust", "--encoding=UTF8", "--locale=C")
    run("pg_ctl", "start", "-w", "-l", folder / "log", "-o", f"-k {folder} -c listen_addresses='' -c fsync=off")
    try:
        address = make_conninfo(host=str(folder), user="booking", dbname="postgres")
        with connect(address) as connection:
            migrate(connection, "booking")
        yield lambda *arguments: booking(*arguments, "-o", "json", BOOKING_DATABASE_URL=address)
    finally:
        run("pg_ctl", "stop", "-m", "immediate")
        shutil.rmtree(folder)


def names(ran):
    return [patient["name"] for patient in ran.json]


def test_add_registers_a_patient(booking):
    patient = booking(
        "patients", "add", *MARIA, "--phone", "+1-555-0100", "--note", "prefers mornings", "-o", "json"
    ).json
    assert [patient[field] for field in ("id", "name", "email", "phone", "note", "version")] == [
        *(1, "Maria Silva", "maria@example.org", "+1-555-0100", "prefers mornings", 1)
    ]
    assert booking("patients", "show", 1, "-o", "json").json == {**patient, "coming": [], "past": []}
    assert booking("patients", "list", "-o", "json").json == [patient]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("add", "Maria Silva"), 2),
        (("add", "Maria Silva", "--email", "maria"), 2),
        (("add", "Maria Silva", "--phone", "call me"), 2),
        (("add", "\u200b", "--phone", "+1-555-0100"), 2),
        (("update", 1), 2),
        (("update", 1, "--email", ""), 2),
        (("update", 1, "--name", " "), 2),
        (("update", "Maria", "--note", "x"), 2),
        (("update", "x@example.org", "--note", "x"), 3),
        (("merge", 1, "maria@example.org"), 2),
        (("merge", 9, 1), 3),
        (("merge", 1, 9), 3),
        (("show", 9), 3),
        (("history", "+1-555-0199"), 3),
    ],
)
def test_invalid_input_and_unknown_patients_are_refused_and_change_nothing(booking, add, contents, arguments, status):
    add(*MARIA)
    before = contents()
    ran = booking("patients", *arguments, "-o", "json")
    assert (ran.status, ran.stdout, contents()) == (status, "", before)
    assert (ran.error["code"] == "not_found") == (status == 3)


@pytest.mark.parametrize(("name", "spelling"), SPELLINGS.values(), ids=SPELLINGS)
def test_patient_in_another_spelling_is_the_same_patient(booking, add, slot, sql, name, spelling):
    add(name, "--email", "maria@example.org")
    booked = booking("book", slot, "--name", spelling, "--email", "MARIA@Example.org", "-o", "json").json
    again = booking("patients", "add", spelling, "--email", "maria@example.org", "-o", "json")
    assert (booked["patient_id"], booked["patient_name"]) == (1, name)
    assert (again.status, again.error["code"]) == (4, "patient_exists")
    assert "patient 1" in again.error["message"]
    assert sql("SELECT id FROM patients") == [{"id": 1}]


def test_patient_in_another_spelling_is_the_same_patient_on_postgres_15_with_locale_c(on_postgres_15):
    for number, (name, spelling) in enumerate(SPELLINGS.values(), start=1):
        email = f"patient{number}@example.org"
        assert on_postgres_15("patients", "add", name, "--email", email).json["id"]
        again = on_postgres_15("patients", "add", spelling, "--email", email.upper())
        assert again.error["code"] == "patient_exists", spelling
        assert name in names(on_postgres_15("patients", "list", "--search", spelling))


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("SILVA", ["Maria Silva", "Pedro Silva"]),
        ("ma\u200bria s", ["Maria Silva"]),
        ("Maria1@EXAMPLE", ["Maria Silva", "Pedro Silva"]),
        ("5550", ["Tom Berg"]),
        ("+1 (555)", ["Tom Berg"]),
        ("%", []),
    ],
)
def test_search_finds_part_of_a_name_an_email_or_a_phone(booking, add, search, found):
    add("Tom Berg", "--phone", "+1-555-0100")
    add("Pedro Silva", "--email", "maria1@example.org")
    add("Maria Silva", "--email", "maria1@example.org")
    assert names(booking("patients", "list", "--search", search, "-o", "json")) == found


@pytest.mark.parametrize("key", ["maria@example.org", "+1-555-0100"])
@pytest.mark.parametrize("command", [("patients", "show"), ("book", 1, "--patient")], ids=["show", "book"])
@pytest.mark.usefixtures("slots")
def test_key_of_several_patients_is_ambiguous_and_lists_their_numbers(booking, add, contents, command, key):
    for name in ("Maria Silva", "Pedro Silva", "Ana Silva"):
        add(name, "--email", "maria@example.org", "--phone", "+1-555-0100")
    before = contents()
    ran = booking(*command, key, "-o", "json")
    assert (ran.status, ran.stdout, ran.error["code"]) == (2, "", "ambiguous")
    for words in ("Ana Silva (patient 3)", "Maria Silva (patient 1)", "Pedro Silva (patient 2)"):
        assert words in ran.error["message"]
    assert contents() == before


def test_show_has_active_coming_bookings_and_the_others_the_nearest_first(booking, slots, sql):
    for slot in (2, 1, 3, 4):
        booking("book", slot, "--name", "Maria Silva", "--email", "maria@example.org", "--confirm")
    earlier = "starts_at = starts_at - interval '20 days', ends_at = ends_at - interval '20 days'"
    sql(f"WITH moved AS (UPDATE slots SET {earlier} WHERE id > 2) UPDATE bookings SET {earlier} WHERE slot_id > 2")
    booking("cancel", 1)
    shown = booking("patients", "show", 1, "-o", "json").json
    assert [[made["slot_id"] for made in shown[field]] for field in ("coming", "past")] == [[1], [2, 4, 3]]
    table = booking("patients", "show", 1).stdout
    assert [made["reference"] in table for made in (*shown["coming"], *shown["past"])] == [True] * 4


def test_update_of_a_name_shows_in_every_booking_and_in_the_history(booking, slots):
    for slot in slots[:2]:
        booking("book", slot, "--name", "Maria Slva", "--email", "maria@example.org", BOOKING_ACTOR="ana")
    changed = booking("patients", "update", "maria@example.org", "--name", "Maria Silva", "-o", "json").json
    assert (changed["name"], changed["version"]) == ("Maria Silva", 2)
    assert {made["patient_name"] for made in booking("list", "-o", "json").json} == {"Maria Silva"}
    changes = booking("patients", "history", 1, "-o", "json").json
    assert [(change["actor"], change["change"], change["details"]) for change in changes] == [
        ("ana", "registered", ""),
        ("tester", "updated", "name: Maria Slva → Maria Silva"),
    ]


def test_update_changes_given_fields_and_an_empty_text_removes_one(booking, add):
    add(*MARIA, "--phone", "+1-555-0100", "--note", "prefers mornings")
    changed = booking("patients", "update", 1, "--email", "", "--note", "prefers evenings", "-o", "json").json
    assert [changed[field] for field in ("name", "email", "phone", "note")] == [
        *("Maria Silva", None, "+1-555-0100", "prefers evenings")
    ]
    assert booking("book", 1, "--patient", "maria@example.org").status == 3
    assert add("Maria Silva", "--email", "maria@example.org") == 2


def test_update_with_an_old_version_is_refused_and_changes_nothing(booking, add, contents):
    add(*MARIA)
    assert booking("patients", "update", 1, "--note", "a", "--if-version", 1).status == 0
    before = contents()
    ran = booking("patients", "update", 1, "--note", "b", "--if-version", 1, "-o", "json")
    assert (ran.status, ran.error["code"]) == (4, "version_conflict")
    assert contents() == before


def test_update_to_the_record_of_another_patient_suggests_the_merge(booking, add, contents):
    add(*MARIA)
    add("Maria Slva", "--email", "maria@example.org")
    before = contents()
    ran = booking("patients", "update", 2, "--name", "MARIA silva", "-o", "json")
    assert (ran.status, ran.error["code"]) == (4, "patient_exists")
    assert contents() == before
    [suggestion] = booking("patients", "update", 2, "--name", "MARIA silva").suggestions
    assert booking(*suggestion).status == 0
    assert names(booking("patients", "list", "-o", "json")) == ["Maria Silva"]


@pytest.mark.usefixtures("sound_afterwards")
def test_merge_moves_bookings_and_history_and_fills_missing_fields(booking, add, slots):
    add("Maria Slva", "--email", "m.silva@example.org", "--phone", "+1-555-0100", "--note", "prefers mornings")
    add(*MARIA)
    booking("patients", "update", 1, "--name", "Maria Sliva")
    for patient, slot in ((1, slots[0]), (1, slots[1]), (2, slots[2])):
        booking("book", slot, "--patient", patient)
    booking("cancel", 2)
    merged = booking("patients", "merge", 1, 2, "-o", "json").json
    assert [merged[field] for field in ("id", "name", "email", "phone", "note", "version")] == [
        *(2, "Maria Silva", "maria@example.org", "+1-555-0100", "prefers mornings", 3)
    ]
    assert [(made["patient_id"], made["status"]) for made in booking("list", "-o", "json").json] == [
        *((2, "PENDING"), (2, "CANCELLED"), (2, "PENDING"))
    ]
    assert booking("patients", "show", 1, "-o", "json").json["id"] == 2  # the former number
    changes = booking("patients", "history", 2, "-o", "json").json
    assert [change["change"] for change in changes] == ["registered", "updated", "merged", "updated"]
    for words in ("patient 1", "Maria Sliva", "m.silva@example.org", "+1-555-0100"):
        assert words in changes[2]["details"]


@pytest.mark.usefixtures("overlapping_slots")
def test_merge_of_patients_whose_bookings_overlap_is_refused_with_both(booking, contents):
    references = [
        booking("book", slot, "--name", name, "--phone", "+1-555-0100", "-o", "json").json["reference"]
        for slot, name in ((1, "Maria Silva"), (5, "Maria Slva"))
    ]
    before = contents()
    ran = booking("patients", "merge", 2, 1, "-o", "json")
    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "patient_overlap")
    assert [reference in ran.error["message"] for reference in references] == [True, True]
    assert contents() == before
    booking("cancel", references[1])
    assert booking("patients", "merge", 2, 1).status == 0


@pytest.mark.usefixtures("overlapping_slots", "sound_afterwards")
def test_merge_is_not_blocked_by_a_lapsed_hold(booking, sql):
    booking("book", 1, "--name", "Maria Silva", "--phone", "+1-555-0100")
    sql(LAPSE)
    booking("book", 5, "--name", "Maria Slva", "--phone", "+1-555-0100")
    ran = booking("patients", "merge", 2, 1)
    assert ran.status == 0, ran.stderr


def test_merge_that_would_repeat_the_record_of_a_third_patient_is_refused(booking, add, contents):
    add("Maria Silva", "--phone", "+1-555-0100")
    add("Maria Slva", "--email", "maria@example.org")
    add(*MARIA)
    before = contents()
    ran = booking("patients", "merge", 2, 1, "-o", "json")
    assert (ran.status, ran.error["code"]) == (4, "patient_exists")
    assert "patient 3" in ran.error["message"]
    assert contents() == before
