"""`booking book`: holds, confirmed bookings, hold times, and why a slot is not booked."""

import datetime as dt

import pytest

PATIENT = ("--name", "Maria Silva", "--email", "maria@example.org")
OTHER = ("--name", "Tom Berg", "--email", "tom@example.org")
FINAL_FIELDS = ("cancelled_at", "failed_at", "reason")
LAPSE = "UPDATE bookings SET hold_expires_at = now() WHERE status = 'PENDING'"


def instant(text):
    return dt.datetime.fromisoformat(text)


def kolkata_time(sql, form="HH24:MI:SS"):
    """Return when the hold lapses on the clock of Kolkata."""
    return sql("SELECT to_char(hold_expires_at AT TIME ZONE 'Asia/Kolkata', %s) AS text FROM bookings", form)[0]["text"]


@pytest.mark.parametrize(
    ("options", "status", "slot_status"), [((), "PENDING", "held"), (("--confirm",), "CONFIRMED", "booked")]
)
def test_book_holds_or_confirms_the_slot_at_once(booking, slots, options, status, slot_status):
    made = booking("book", slots[1], *PATIENT, "--phone", "+1-555-0100", *options, "-o", "json").json
    assert (made["slot_id"], made["doctor_name"], made["time"]) == (slots[1], "Ana Lima", "09:30")
    assert (made["patient_name"], made["patient_email"]) == ("Maria Silva", "maria@example.org")
    assert (made["patient_phone"], made["status"], made["version"]) == ("+1-555-0100", status, 1)
    assert (made["hold_expires_at"] is None) == (status == "CONFIRMED")
    assert made["confirmed_at"] == (made["booked_at"] if options else None)
    assert [made[name] for name in FINAL_FIELDS] == [None] * 3
    slot = booking("slots", "show", slots[1], "-o", "json").json
    assert (slot["status"], slot["booking_id"]) == (slot_status, made["id"])


def test_book_in_a_table_says_until_when_on_the_clinics_clock_and_how_to_confirm(program, sql, slot):
    sql("UPDATE clinic SET timezone = 'Asia/Kolkata'")
    ran = program("book", slot, *PATIENT)
    assert (ran.status, ran.stderr) == (0, "")
    assert kolkata_time(sql) in ran.stdout.splitlines()[0]
    [suggestion] = ran.suggestions
    confirmed = program(*suggestion)
    assert (confirmed.status, confirmed.stdout.splitlines()[0]) == (0, f"Confirmed: {suggestion[1]}.")


@pytest.mark.parametrize(
    ("clinic", "setting", "option", "seconds"),
    [
        (None, None, None, 120),
        ("5", None, None, 300),
        ("5", "0.5", None, 30),
        ("5", "0.5", "0.05", 3),
        (None, None, "1440", 86_400),
        (None, None, " 2.5 ", 150),
    ],
    ids=["default", "clinic", "setting over clinic", "option over setting", "longest", "decimals"],
)
def test_hold_time_comes_from_the_option_the_setting_or_the_clinic(booking, slot, clinic, setting, option, seconds):
    if clinic:
        booking("clinic", "set", "--hold", clinic)
    settings = {"BOOKING_TIMEOUT_MINUTES": setting} if setting else {}
    held = booking("book", slot, *PATIENT, *(("--hold", option) if option else ()), "-o", "json", **settings).json
    assert instant(held["hold_expires_at"]) - instant(held["booked_at"]) == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("1", *PATIENT, "--confirm", "--hold", "5"), ("--confirm", "--hold")),
        (("1", *PATIENT, "--hold=0"), ("above 0",)),
        (("1", *PATIENT, "--hold=1440.01"), ("up to 1440",)),
        (("1", *PATIENT, "--hold=nan"), ("above 0",)),
        (("1", *PATIENT, "--request-id", "a\nb"), ("request id",)),
        (("1",), ("--patient", "--name")),
        (("1", "--email", "maria@example.org"), ("--name",)),
        (("1", "--name", "Maria Silva"), ("--email", "--phone")),
        (("1", "--patient", "1", "--phone", "+1-555-0100"), ("--patient", "--name")),
        (("1", "--patient", "Maria"), ("number", "email", "phone")),
        (PATIENT, ("SLOT",)),
        ((*PATIENT, "--", "0"), ("'0'",)),
        (("1", *PATIENT, "--jobs", "2"), ("--jobs", "--from")),
        (("1", *PATIENT, "--atomic"), ("--atomic", "--from")),
        (("1", "--from", "-"), ("--from",)),
        (("--from", "-", "--name", "Pat"), ("--from",)),
        (("--from", "-", "--patient", "1"), ("--from",)),
        (("--from", "-", "--request-id", "r"), ("--from",)),
        (("--from", "-", "--jobs", "11"), ("BOOKING_POOL_SIZE, which is 10",)),
        (("--from", "-", "--jobs", "2", "--atomic"), ("--atomic", "--jobs")),
        (("--from", "missing.csv"), ("No such file",)),
        (("--from", "."), ("cannot be read",)),
    ],
)
@pytest.mark.usefixtures("slots")
def test_book_with_wrong_options_is_refused_and_changes_nothing(booking, contents, arguments, words):
    ran = booking("book", "-o", "json", *arguments)
    assert (ran.status, ran.stdout) == (2, "")
    assert [word for word in words if word not in ran.error["message"]] == []
    assert contents() == [[], [], []]


@pytest.mark.parametrize("identified_by", ["7", "MARIA@example.org", "(1) 555 0100"])
def test_book_for_a_registered_patient_finds_them_by_number_email_or_phone(booking, sql, slot, identified_by):
    sql("SELECT setval('patients_id_seq', 6)")
    booking("patients", "add", "Maria Silva", "--email", "maria@example.org", "--phone", "+1-555-0100")
    made = booking("book", slot, "--patient", identified_by, "-o", "json").json
    assert (made["patient_id"], made["patient_name"], made["patient_phone"]) == (7, "Maria Silva", "+1-555-0100")


def test_book_with_a_phone_and_no_email_registers_the_patient_once(booking, slots):
    first = booking("book", slots[0], "--name", "Maria Silva", "--phone", "+1-555-0100", "-o", "json").json
    second = booking("book", slots[1], "--name", "MARIA silva", "--phone", "1 555 0100", "-o", "json")
    assert (first["patient_email"], first["patient_phone"]) == (None, "+1-555-0100")
    assert (second.json["patient_id"], second.stderr) == (first["patient_id"], "")


@pytest.mark.parametrize("registered_phone", ["+1-555-0100", None])
def test_book_with_another_phone_reports_it_with_a_command_that_changes_it(booking, sql, slot, registered_phone):
    options = ("--phone", registered_phone) if registered_phone else ()
    booking("patients", "add", "Maria Silva", "--email", "maria@example.org", *options)
    ran = booking("book", slot, *PATIENT, "--phone", "+1 555 0199")
    assert ran.status == 0
    assert sql("SELECT phone FROM patients") == [{"phone": registered_phone}]
    assert "+1 555 0199" in ran.stderr
    suggestion = ran.suggestions[-1]
    assert suggestion[0] == "patients"
    assert booking(*suggestion).status == 0
    assert booking("show", 1, "-o", "json").json["patient_phone"] == "+1 555 0199"


@pytest.mark.parametrize("options", [("--hold", "1440"), ("--confirm",)], ids=["held", "booked"])
@pytest.mark.parametrize(
    ("patient", "words"),
    [(OTHER, "another patient"), (("--name", "maria silva", "--email", "MARIA@example.org"), "the same patient")],
)
def test_book_a_taken_slot_is_refused_with_its_booking_and_whose_it_is(
    booking, sql, slot, contents, options, patient, words
):
    sql("UPDATE clinic SET timezone = 'Asia/Kolkata'")
    reference = booking("book", slot, *PATIENT, *options, "-o", "json").json["reference"]
    before = contents()
    ran = booking("book", slot, *patient, "-o", "json")
    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "slot_taken")
    assert reference in ran.error["message"]
    assert words in ran.error["message"]
    until = kolkata_time(sql, "YYYY-MM-DD HH24:MI:SS") if "--hold" in options else None
    assert (f"until {until}" in ran.error["message"]) == ("until" in ran.error["message"]) == (until is not None)
    assert contents() == before


IN_THE_PAST = (
    "UPDATE slots SET starts_at = now() - interval '1 second', ends_at = now() + interval '30 minutes' WHERE id = 1"
)


@pytest.mark.parametrize(
    ("change", "slot", "patient", "status", "code", "words"),
    [
        ("SELECT", 4711, PATIENT, 3, "not_found", "no slot 4711"),
        ("SELECT", 1, ("--patient", "4711"), 3, "not_found", "no patient 4711"),
        (IN_THE_PAST, 1, PATIENT, 4, "slot_in_past", "can no longer be booked"),
        ("UPDATE doctors SET active = false", 1, PATIENT, 4, "doctor_inactive", "Ana Lima"),
    ],
    ids=["no such slot", "no such patient", "slot in the past", "doctor inactive"],
)
@pytest.mark.usefixtures("slots")
def test_unbookable_slot_is_refused_and_changes_nothing(
    booking, sql, contents, change, slot, patient, status, code, words
):
    booking("book", 1, *OTHER)
    sql(LAPSE)
    sql(change)
    before = contents()
    ran = booking("book", slot, *patient, "-o", "json")
    assert (ran.status, ran.stdout, ran.error["code"]) == (status, "", code)
    assert words in ran.error["message"]
    assert contents() == before


@pytest.mark.parametrize("options", [(), ("--confirm",)])
def test_book_a_slot_with_a_lapsed_hold_fails_the_hold_and_records_who_did(program, booking, sql, slot, options):
    old = booking("book", slot, *OTHER, "-o", "json").json
    sql(LAPSE)
    assert booking("slots", "show", slot, "-o", "json").json["status"] == "free"
    new = program("book", slot, *PATIENT, *options, "-o", "json", BOOKING_ACTOR="ana").json
    assert (new["patient_name"], new["version"]) == ("Maria Silva", 1)
    assert booking("slots", "show", slot, "-o", "json").json["booking_id"] == new["id"] != old["id"]
    failed = booking("show", old["id"], "-o", "json").json
    assert (failed["status"], failed["version"], failed["reason"]) == ("FAILED", 2, "hold lapsed")
    assert failed["failed_at"] == new["booked_at"]
    changes = [booking("history", made["id"], "-o", "json").json for made in (old, new)]
    assert [[(change["actor"], change["from_status"], change["to_status"]) for change in one] for one in changes] == [
        [("tester", None, "PENDING"), ("ana", "PENDING", "FAILED")],
        [("ana", None, new["status"])],
    ]


@pytest.mark.parametrize("slot", [1, 5], ids=["same slot", "overlapping slot"])
@pytest.mark.usefixtures("overlapping_slots", "sound_afterwards")
def test_book_is_not_blocked_by_the_patients_own_lapsed_hold(booking, sql, slot):
    booking("book", 1, *PATIENT)
    sql(LAPSE)
    ran = booking("book", slot, *PATIENT)
    assert ran.status == 0, ran.stderr
    assert sql("SELECT slot_id, status FROM bookings ORDER BY id") == [
        {"slot_id": 1, "status": "FAILED"},
        {"slot_id": slot, "status": "PENDING"},
    ]
