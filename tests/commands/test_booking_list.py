"""`booking list` and `booking show`: in order, filtered, limited, on the clinic's calendar."""

import datetime as dt

import pytest


@pytest.fixture
def bookings(insert_booking):
    """Eight bookings from Monday 2050-03-07 to Thursday, by start: 2 5 3 8 1 6 7 4."""
    for starts_at, status, doctor, email in [
        ("09 00:00", "PENDING", "Ana", "maria"),
        ("07 00:00", "CONFIRMED", "ben", "tom"),
        ("08 00:00", "CANCELLED", "Ana", "maria"),
        ("10 23:30", "FAILED", "ben", "maria"),
        ("07 23:30", "CONFIRMED", "Ana", "maria"),
        ("09 00:00", "CONFIRMED", "ben", "maria"),
        ("10 00:00", "CONFIRMED", "ben", "tom"),
        ("08 23:30", "CANCELLED", "ben", "maria"),
    ]:
        insert_booking(f"2050-03-{starts_at}", status, doctor, f"{email}@example.org")


def listed(booking, *options):
    """Return the numbers of the bookings that a list shows, in its order."""
    ran = booking("list", *options, "-o", "json")
    assert (ran.status, ran.stderr) == (0, "")
    return [made["id"] for made in ran.json]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ("", [2, 5, 3, 8, 1, 6, 7, 4]),
        ("--status PENDING", [1]),
        ("--status confirmed", [2, 5, 6, 7]),
        ("--status CANCELLED --status failed", [3, 8, 4]),
        ("--email MARIA@Example.org", [5, 3, 8, 1, 6, 4]),
        ("--email nobody@example.org", []),
        ("--doctor 1", [5, 3, 1]),
        ("--doctor BEN@x.de", [2, 8, 6, 7, 4]),
        ("--date 2050-03-08", [3, 8]),
        ("--from 2050-03-08", [3, 8, 1, 6, 7, 4]),
        ("--to 2050-03-08", [2, 5, 3, 8]),
        ("--from 2050-03-08 --to 2050-03-09", [3, 8, 1, 6]),
        ("--date 2050-03-06", []),
        ("--status confirmed --doctor 2 --email maria@example.org --from 2050-03-08", [6]),
        ("--limit 8", [2, 5, 3, 8, 1, 6, 7, 4]),
    ],
)
@pytest.mark.usefixtures("bookings")
def test_a_list_shows_the_bookings_that_match_every_filter_by_start_and_number(booking, options, numbers):
    assert listed(booking, *options.split()) == numbers


@pytest.mark.usefixtures("bookings")
def test_a_day_is_a_day_of_the_clinics_calendar(booking, sql):
    sql("UPDATE clinic SET timezone = 'Pacific/Auckland'")  # thirteen hours ahead in March
    assert listed(booking, "--date", "2050-03-08") == [5, 3]
    shown = booking("show", 5, "-o", "json").json
    assert (shown["date"], shown["time"]) == ("2050-03-08", "12:30")
    assert shown["starts_at"] == "2050-03-08T12:30:00+13:00"


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv"])
@pytest.mark.usefixtures("bookings")
def test_a_list_with_a_limit_shows_the_first_bookings_and_reports_that_there_are_more(program, form):
    ran = program("list", "--limit", "2", "-o", form)
    assert ran.status == 0
    assert "more bookings; raise --limit above 2," in ran.stderr
    assert "--limit" in ran.stderr
    assert [n for n in range(1, 9) if f"Patient {n}" in ran.stdout] == [2, 5]


@pytest.mark.parametrize(
    ("command", "noun"),
    [("list", "bookings"), ("doctors list", "doctors"), ("slots list", "free slots"), ("patients list", "patients")],
)
def test_a_list_shows_200_rows_or_its_limit_and_reports_more(booking, sql, insert_booking, command, noun):
    insert_booking("2050-03-07 09:00", "PENDING", "Ana")
    sql("INSERT INTO doctors (name, specialization, email) SELECT n, 'X', n || '@x.de' FROM generate_series(1, 199) n")
    sql("INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT id, '2050-01-01', '2050-01-01 01:00Z' FROM doctors")
    sql("""
        INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, status, cancelled_at, request_id)
        SELECT 'made-' || n, slot_id, public.make_patient(n || '', 'x@x.de'), starts_at, ends_at, 'CANCELLED', now(), 'x' || n
        FROM bookings, generate_series(1, 200) n""")
    default, whole = (booking(*command.split(), *options, "-o", "json") for options in ([], ["--limit", 201]))
    assert (len(default.json), len(whole.json)) == (200, 201)
    assert f"more {noun}; raise --limit above 200," in default.stderr
    assert whole.stderr == ""


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ("--status lost", 2, "usage"),
        ("--email maria", 2, "usage"),
        ("--doctor ana", 2, "usage"),
        ("--doctor 4711", 3, "not_found"),
        ("--doctor nobody@clinic.example", 3, "not_found"),
        ("--date 2050-02-30", 2, "usage"),
        ("--date 2050-03-07 --from 2050-03-07", 2, "invalid_input"),
        ("--date 2050-03-07 --to 2050-03-07", 2, "invalid_input"),
        ("--from 2050-03-08 --to 2050-03-07", 2, "invalid_input"),
        ("--limit 0", 2, "usage"),
        ("--limit 9223372036854775807", 2, "usage"),
    ],
)
def test_a_filter_that_cannot_be_applied_is_rejected(booking, options, status, code):
    ran = booking("list", *options.split(), "-o", "json")
    assert (ran.status, ran.error["code"], ran.stdout) == (status, code, "")


@pytest.mark.usefixtures("bookings")
def test_a_table_shows_date_doctor_patient_and_state_and_names_the_zone_once(booking, sql):
    sql("UPDATE bookings SET hold_expires_at = now() WHERE id = 1")  # before expire has run
    ran = booking("list", "--date", "2050-03-09")
    first, second = ran.stdout.splitlines()[2:4]
    row = ("Wed 2050-03-09", "00:00", "Ana", "Patient 1", "PENDING, lapsed")
    assert [text for text in row if text not in first] == []
    assert "CONFIRMED" in second
    assert ran.stdout.count("UTC") == 1


@pytest.mark.parametrize("key", ["id", "reference"])
@pytest.mark.usefixtures("slots")
def test_the_program_shows_a_booking_by_number_and_by_reference(program, booking, key):
    made = booking("book", 1, "--name", "Maria", "--email", "maria@example.org", "-o", "json").json
    shown = program("show", made[key])
    assert (shown.status, shown.stderr) == (0, "")
    for text in (made["reference"], "PENDING", "Maria", "maria@example.org", f"{made['date']} 09:00", "Ana"):
        assert text in shown.stdout
    assert program("show", made[key], "-o", "json").json == made


def test_the_databases_clock_decides_whether_a_hold_has_lapsed(booking, slot, monkeypatch):
    booking("book", slot, "--name", "Pat", "--phone", "555-0100")
    monkeypatch.setattr("booking_cli.clock._local_now", lambda: dt.datetime.now(dt.UTC) + dt.timedelta(minutes=3))
    listed = booking("list").stdout
    assert "PENDING" in listed
    assert "lapsed" not in listed
