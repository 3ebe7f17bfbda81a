"""`booking stats`: bookings by state, of all or of a period, by doctor and by day of the clinic's calendar."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

NOTHING = {"confirmed": 0, "pending": 0, "failed": 0, "cancelled": 0, "total": 0}


@pytest.fixture
def book(sql: Callable[..., list[dict[str, Any]]]) -> Callable[..., None]:
    """Puts a booking into the tables: `book("2050-03-07 09:00", "CONFIRMED", "Ana")`, a time in UTC."""
    numbers = itertools.count(1)

    def make(starts_at: str, status: str, doctor: str = "Ana") -> None:
        number = str(next(numbers))
        sql(
            "INSERT INTO doctors (name, specialization, email) VALUES (%s, 'Cardiology', lower(%s) || '@clinic.example') "
            "ON CONFLICT DO NOTHING",
            doctor,
            doctor,
        )
        sql(
            """
            WITH slot AS (
                INSERT INTO slots (doctor_id, starts_at, ends_at)
                SELECT d.id, t, t + interval '30 minutes'
                FROM doctors d, (SELECT %s::timestamptz AS t) AS time WHERE d.name = %s
                RETURNING id
            )
            INSERT INTO bookings (reference, slot_id, patient_name, patient_email, request_id, status,
                                  hold_expires_at, confirmed_at, cancelled_at, failed_at)
            SELECT s.n, slot.id, 'Maria', 'maria@example.org', s.n, s.status,
                   CASE s.status WHEN 'PENDING' THEN now() + interval '1 day' END,
                   CASE s.status WHEN 'CONFIRMED' THEN now() END,
                   CASE s.status WHEN 'CANCELLED' THEN now() END,
                   CASE s.status WHEN 'FAILED' THEN now() END
            FROM slot, (SELECT %s::text AS n, %s::text AS status) AS s""",
            f"{starts_at}+00",
            doctor,
            number,
            status,
        )

    return make


@pytest.fixture
def three_days(book) -> None:
    """Eight bookings of two doctors on three days."""
    for day, status, doctor in [
        ("07 09:00", "CONFIRMED", "Ana"),
        ("07 10:00", "CONFIRMED", "Ana"),
        ("07 10:00", "CANCELLED", "ben"),
        ("08 00:00", "PENDING", "Ana"),
        ("08 23:30", "FAILED", "ben"),
        ("09 09:00", "CANCELLED", "Ana"),
        ("09 10:00", "CANCELLED", "Ana"),
        ("09 11:00", "CANCELLED", "Ana"),
    ]:
        book(f"2050-03-{day}", status, doctor)


def counts(confirmed: int = 0, pending: int = 0, failed: int = 0, cancelled: int = 0) -> dict[str, int]:
    return {
        "confirmed": confirmed,
        "pending": pending,
        "failed": failed,
        "cancelled": cancelled,
        "total": confirmed + pending + failed + cancelled,
    }


def test_an_empty_book_has_nothing_to_count(booking):
    assert booking("stats", "-o", "json").json == NOTHING
    assert booking("stats", "--by", "doctor", "-o", "json").json == []
    assert booking("stats", "--by", "day", "-o", "json").json == []
    assert [row["total"] for row in booking("stats", "--by", "status", "-o", "json").json] == [0, 0, 0, 0]


@pytest.mark.usefixtures("three_days")
def test_every_booking_is_counted_once_in_its_state(program):
    ran = program("stats", "-o", "json")

    assert (ran.status, ran.stderr) == (0, "")
    assert ran.json == counts(confirmed=2, pending=1, failed=1, cancelled=4)


@pytest.mark.usefixtures("three_days")
def test_by_status_has_a_row_for_each_state(booking):
    rows = booking("stats", "--by", "status", "-o", "json").json

    assert rows == [
        {"status": "CONFIRMED", **counts(confirmed=2)},
        {"status": "PENDING", **counts(pending=1)},
        {"status": "FAILED", **counts(failed=1)},
        {"status": "CANCELLED", **counts(cancelled=4)},
    ]


@pytest.mark.usefixtures("three_days")
def test_by_doctor_has_a_row_for_each_doctor_with_bookings_by_name(booking, sql):
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Aaron', 'Cardiology', 'aaron@clinic.example')")
    ids = {row["name"]: row["id"] for row in sql("SELECT id, name FROM doctors")}

    assert booking("stats", "--by", "doctor", "-o", "json").json == [
        {"doctor_id": ids["Ana"], "doctor_name": "Ana", **counts(confirmed=2, pending=1, cancelled=3)},
        {"doctor_id": ids["ben"], "doctor_name": "ben", **counts(failed=1, cancelled=1)},
    ]


@pytest.mark.usefixtures("three_days")
def test_two_doctors_of_one_name_are_counted_apart(booking, sql):
    sql("UPDATE doctors SET name = 'Ana'")

    rows = booking("stats", "--by", "doctor", "-o", "json").json

    assert [(row["doctor_name"], row["total"]) for row in rows] == [("Ana", 6), ("Ana", 2)]


@pytest.mark.usefixtures("three_days")
def test_by_day_has_a_row_for_each_day_with_bookings(booking):
    assert booking("stats", "--by", "day", "-o", "json").json == [
        {"date": "2050-03-07", **counts(confirmed=2, cancelled=1)},
        {"date": "2050-03-08", **counts(pending=1, failed=1)},
        {"date": "2050-03-09", **counts(cancelled=3)},
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--from", "2050-03-08"], counts(pending=1, failed=1, cancelled=3)),
        (["--to", "2050-03-08"], counts(confirmed=2, pending=1, failed=1, cancelled=1)),
        (["--from", "2050-03-08", "--to", "2050-03-08"], counts(pending=1, failed=1)),
        (["--from", "2050-03-10"], NOTHING),
    ],
    ids=["from", "to", "one day", "a day without bookings"],
)
@pytest.mark.usefixtures("three_days")
def test_a_period_is_that_of_the_appointments_with_both_ends(booking, options, expected):
    assert booking("stats", *options, "-o", "json").json == expected


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("status", [("CONFIRMED", 0), ("PENDING", 1), ("FAILED", 1), ("CANCELLED", 0)]),
        ("doctor", [("Ana", 1), ("ben", 1)]),
        ("day", [("2050-03-08", 2)]),
    ],
)
@pytest.mark.usefixtures("three_days")
def test_each_grouping_keeps_to_the_period(booking, by, expected):
    rows = booking("stats", "--by", by, "--from", "2050-03-08", "--to", "2050-03-08", "-o", "json").json

    name = {"status": "status", "doctor": "doctor_name", "day": "date"}[by]
    assert [(row[name], row["total"]) for row in rows] == expected


def test_days_are_those_of_the_clinics_calendar(booking, sql, book):
    sql("UPDATE clinic SET timezone = 'Pacific/Auckland'")  # thirteen hours ahead in March
    book("2050-03-07 10:30", "CONFIRMED")
    book("2050-03-07 11:00", "CANCELLED")
    book("2050-03-08 10:30", "FAILED")
    book("2050-03-08 11:00", "CANCELLED")

    assert booking("stats", "--by", "day", "-o", "json").json == [
        {"date": "2050-03-07", **counts(confirmed=1)},
        {"date": "2050-03-08", **counts(failed=1, cancelled=1)},
        {"date": "2050-03-09", **counts(cancelled=1)},
    ]
    assert booking("stats", "--from", "2050-03-08", "--to", "2050-03-08", "-o", "json").json == counts(
        failed=1, cancelled=1
    )


def test_the_counts_follow_the_states_of_the_bookings(booking, sql):
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana', 'Cardiology', 'ana@clinic.example')")
    sql("""INSERT INTO slots (doctor_id, starts_at, ends_at)
           VALUES (1, now() + interval '7 days', now() + interval '7 days 30 minutes')""")

    steps = [
        (("book", "1", "--name", "Maria", "--email", "maria@example.org"), counts(pending=1)),
        (("confirm", "1"), counts(confirmed=1)),
        (("cancel", "1"), counts(cancelled=1)),
    ]

    for command, expected in steps:
        booking(*command)
        assert booking("stats", "-o", "json").json == expected


@pytest.mark.usefixtures("three_days")
def test_people_read_the_counts_by_word(program):
    ran = program("stats")

    assert [line.split() for line in ran.stdout.splitlines()] == [
        ["Confirmed", "2"],
        ["Pending", "1"],
        ["Failed", "1"],
        ["Cancelled", "4"],
        ["Total", "8"],
    ]


@pytest.mark.parametrize(
    "options",
    [["--by", "week"], ["--from", "2050-03-09", "--to", "2050-03-08"], ["--from", "yesterday"]],
    ids=["by", "period", "date"],
)
def test_what_cannot_be_counted_by_is_refused(booking, options):
    ran = booking("stats", *options, "-o", "json")

    assert (ran.status, ran.stdout) == (2, "")


def test_what_cannot_be_counted_by_is_refused_by_the_program(program):
    assert program("stats", "--by", "week").status == 2
