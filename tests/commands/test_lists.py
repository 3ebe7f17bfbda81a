"""`booking list` and `booking show`: in order, filtered, limited, on the clinic's calendar."""

import datetime as dt
import itertools
from collections.abc import Callable

import pytest

# A Monday in March of next year, when Auckland is thirteen hours ahead of UTC.
MARCH = dt.date(dt.date.today().year + 1, 3, 7)
MONDAY = MARCH + dt.timedelta(days=-MARCH.weekday() % 7)
DAYS = {name: MONDAY + dt.timedelta(days=n) for n, name in enumerate(("monday", "tuesday", "wednesday", "thursday"))}


@pytest.fixture
def book(booking, sql) -> Callable[..., int]:
    """Books a slot that it makes, `book("monday", "09:00", "CONFIRMED")`, and returns the booking's number."""
    for name in ("Ana", "Ben"):
        sql(
            "INSERT INTO doctors (name, specialization, email) VALUES (%s, 'Cardiology', %s)",
            name,
            f"{name.lower()}@clinic.example",
        )
    numbers = itertools.count(1)

    def make(
        day: str, time: str, status: str = "PENDING", email: str = "maria@example.org", doctor: str = "Ana"
    ) -> int:
        slot = sql(
            "INSERT INTO slots (doctor_id, starts_at, ends_at) "
            "SELECT d.id, t, t + interval '30 minutes' FROM doctors d, (SELECT %s::timestamptz AS t) AS time "
            "WHERE d.name = %s RETURNING id",
            f"{DAYS[day]} {time}+00",
            doctor,
        )[0]["id"]
        options = ["--confirm"] if status == "CONFIRMED" else []
        patient = ("--name", f"Patient {next(numbers)}", "--email", email)
        made: int = booking("book", slot, *patient, *options, "-o", "json").json["id"]
        if status == "CANCELLED":
            booking("cancel", made)
        if status == "FAILED":
            sql("UPDATE bookings SET hold_expires_at = now() WHERE id = %s", made)
            booking("expire")
        return made

    return make


@pytest.fixture
def numbers(booking) -> Callable[..., list[int]]:
    """The numbers of the bookings that a list shows."""
    return lambda *options: [made["id"] for made in booking("list", *options, "-o", "json").json]


def test_an_empty_book_has_an_empty_list(program):
    ran = program("list", "-o", "json")

    assert (ran.status, ran.json, ran.stderr) == (0, [], "")


def test_bookings_are_listed_by_the_start_of_their_slot(book, numbers):
    late, early, between = book("tuesday", "09:00"), book("monday", "09:00"), book("monday", "11:00")

    assert numbers() == [early, between, late]


def test_bookings_of_one_start_are_listed_in_the_order_they_were_made(book, numbers, booking):
    first = book("monday", "09:00", "CANCELLED", doctor="Ben")
    second = book("monday", "09:00", doctor="Ana")
    slot = booking("show", first, "-o", "json").json["slot_id"]
    third = booking("book", slot, "--name", "Tom", "--email", "tom@example.org", "-o", "json").json["id"]

    assert numbers() == [first, second, third]


@pytest.mark.parametrize("status", ["PENDING", "CONFIRMED", "CANCELLED", "FAILED"])
@pytest.mark.parametrize("written", [str.upper, str.lower])
def test_a_list_by_status_has_the_bookings_in_that_state(book, numbers, status, written):
    made = {name: book("monday", f"{n:02}:00", name) for n, name in enumerate(["CONFIRMED", "CANCELLED", "FAILED"])}
    made["PENDING"] = book("monday", "10:00")

    assert numbers("--status", written(status)) == [made[status]]


def test_a_list_by_email_does_not_mind_its_case(book, numbers):
    marias = book("monday", "09:00", email="maria@example.org")
    book("monday", "10:00", email="tom@example.org")
    marias_too = book("monday", "11:00", email="Maria@Example.org")

    assert numbers("--email", "MARIA@example.org") == [marias, marias_too]


@pytest.mark.parametrize("doctor", ["2", "BEN@clinic.example"], ids=["by number", "by email"])
def test_a_list_by_doctor_has_this_doctors_bookings(book, numbers, doctor):
    book("monday", "09:00", doctor="Ana")
    bens = book("monday", "09:00", doctor="Ben")

    assert numbers("--doctor", doctor) == [bens]


@pytest.mark.parametrize(
    ("options", "days"),
    [
        (["--date", DAYS["tuesday"]], ["tuesday"]),
        (["--from", DAYS["tuesday"]], ["tuesday", "wednesday", "thursday"]),
        (["--to", DAYS["tuesday"]], ["monday", "tuesday"]),
        (["--from", DAYS["tuesday"], "--to", DAYS["wednesday"]], ["tuesday", "wednesday"]),
        (["--date", DAYS["monday"] - dt.timedelta(days=1)], []),
    ],
    ids=["date", "from", "to", "from and to", "a day without bookings"],
)
def test_a_list_by_day_has_whole_days_and_both_ends(book, numbers, options, days):
    made = {day: [book(day, "00:00"), book(day, "23:30")] for day in DAYS}

    assert numbers(*options) == [number for day in days for number in made[day]]


def test_a_day_is_one_of_the_clinics_calendar(book, booking, numbers, sql):
    sql("UPDATE clinic SET timezone = 'Pacific/Auckland'")
    book("monday", "10:30")
    next_morning = book("monday", "11:00")
    evening = book("tuesday", "10:30")
    book("tuesday", "11:00")

    assert numbers("--date", DAYS["tuesday"]) == [next_morning, evening]
    shown = booking("show", next_morning, "-o", "json").json
    assert (shown["date"], shown["time"]) == (str(DAYS["tuesday"]), "00:00")
    assert shown["starts_at"] == f"{DAYS['tuesday']}T00:00:00+13:00"


def test_filters_narrow_each_other(book, numbers):
    wanted = book("tuesday", "09:00", "CONFIRMED", doctor="Ben")
    book("tuesday", "10:00", "PENDING", doctor="Ben")
    book("tuesday", "11:00", "CONFIRMED", doctor="Ben", email="tom@example.org")
    book("tuesday", "12:00", "CONFIRMED", doctor="Ana")
    book("monday", "09:00", "CONFIRMED", doctor="Ben")

    options = ("--status", "confirmed", "--doctor", "2", "--email", "maria@example.org", "--date", DAYS["tuesday"])
    assert numbers(*options) == [wanted]


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv"])
def test_a_list_that_was_cut_says_that_there_are_more(program, book, form):
    for hour in ("11:00", "09:00", "10:00"):
        book("monday", hour)

    ran = program("list", "--limit", "2", "-o", form)

    assert ran.status == 0
    assert ran.stderr == "There are more than 2 bookings; see them with --limit, or narrow the search.\n"
    assert "Patient 2" in ran.stdout
    assert "Patient 3" in ran.stdout
    assert "Patient 1" not in ran.stdout


def test_a_list_that_is_whole_says_nothing_of_more(book, booking):
    made = [book("monday", hour) for hour in ("09:00", "10:00")]

    ran = booking("list", "--limit", "2", "-o", "json")

    assert [entry["id"] for entry in ran.json] == made
    assert ran.stderr == ""


def test_a_list_has_two_hundred_bookings_unless_more_are_wanted(book, booking, numbers, sql):
    slot = booking("show", book("monday", "09:00"), "-o", "json").json["slot_id"]
    sql(
        """INSERT INTO bookings (reference, slot_id, patient_name, patient_email, status, cancelled_at, request_id)
           SELECT 'made-' || n, %s, 'Maria', 'maria@example.org', 'CANCELLED', now(), 'made-' || n
           FROM generate_series(1, 200) n""",
        slot,
    )

    ran = booking("list", "-o", "json")

    assert len(ran.json) == 200
    assert "more than 200 bookings" in ran.stderr
    assert len(numbers("--limit", "1000")) == 201


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--status", "lost"], 2),
        (["--email", "maria"], 2),
        (["--doctor", "ana"], 2),
        (["--doctor", "4711"], 3),
        (["--doctor", "nobody@clinic.example"], 3),
        (["--date", "2050-02-30"], 2),
        (["--date", "20500307"], 2),
        (["--date", "2050-03-07", "--from", "2050-03-07"], 2),
        (["--date", "2050-03-07", "--to", "2050-03-07"], 2),
        (["--from", "2050-03-08", "--to", "2050-03-07"], 2),
        (["--limit", "0"], 2),
        (["--limit", "-1"], 2),
        (["--limit", "9223372036854775807"], 2),
    ],
    ids=str,
)
def test_a_filter_that_makes_no_sense_is_refused(booking, options, status):
    ran = booking("list", *options, "-o", "json")

    assert (ran.status, ran.stdout) == (status, "")
    assert ran.error["code"] in {2: ("usage", "invalid_input"), 3: ("not_found",)}[status]


def test_a_filter_that_makes_no_sense_is_refused_by_the_program(program):
    assert program("list", "--date", "2050-03-07", "--from", "2050-03-07").status == 2
    assert program("list", "--doctor", "4711").status == 3


def test_the_table_shows_what_an_operator_looks_for_and_names_the_zone_once(booking, book):
    book("monday", "09:00", "CONFIRMED")

    ran = booking("list")

    row = ran.stdout.splitlines()[2]
    assert [word in row for word in (f"Mon {MONDAY}", "09:00", "Ana", "Patient 1", "CONFIRMED")] == [True] * 5
    assert ran.stdout.endswith("1 booking; times are in UTC.\n")
    assert ran.stdout.count("UTC") == 1


def test_a_hold_that_has_lapsed_is_shown_as_such_before_expire_has_run(booking, book, sql):
    made = book("monday", "09:00")
    sql("UPDATE bookings SET hold_expires_at = now()")

    assert "PENDING, lapsed" in booking("show", made).stdout
    assert "PENDING, lapsed" in booking("list").stdout


@pytest.mark.parametrize("key", ["id", "reference"])
def test_show_shows_a_booking_by_number_and_by_reference(program, book, booking, key):
    made = booking("show", book("monday", "09:00"), "-o", "json").json

    shown = program("show", made[key])

    assert (shown.status, shown.stderr) == (0, "")
    for text in (made["reference"], "PENDING", "Patient 1", "maria@example.org", f"Mon {MONDAY} 09:00", "Ana"):
        assert text in shown.stdout
    assert program("show", made[key], "-o", "json").json == made
