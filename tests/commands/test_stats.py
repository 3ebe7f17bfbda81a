"""`booking stats`: bookings by state, of all or of a period, by doctor and by day of the clinic's calendar."""

import pytest


@pytest.fixture
def three_days(insert_booking):
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
        insert_booking(f"2050-03-{day}", status, doctor)


def counts(booking, *options):
    """Return the rows: the group, and how many are confirmed, pending, failed, cancelled, and in total."""
    ran = booking("stats", *options, "-o", "csv")
    assert (ran.status, ran.stderr) == (0, "")
    return ran.stdout.splitlines()[1:]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ["2,1,1,4,8"]),
        ("--from 2050-03-08", ["0,1,1,3,5"]),
        ("--to 2050-03-08", ["2,1,1,1,5"]),
        ("--from 2050-03-08 --to 2050-03-08", ["0,1,1,0,2"]),
        ("--from 2050-03-10", ["0,0,0,0,0"]),
        ("--by status", ["CONFIRMED,2,0,0,0,2", "PENDING,0,1,0,0,1", "FAILED,0,0,1,0,1", "CANCELLED,0,0,0,4,4"]),
        ("--by doctor", ["1,Ana,2,1,0,3,6", "2,ben,0,0,1,1,2"]),
        ("--by day", ["2050-03-07,2,0,0,1,3", "2050-03-08,0,1,1,0,2", "2050-03-09,0,0,0,3,3"]),
        ("--by doctor --to 2050-03-07", ["1,Ana,2,0,0,0,2", "2,ben,0,0,0,1,1"]),
        ("--by doctor --from 2050-03-09", ["1,Ana,0,0,0,3,3"]),
        ("--by day --from 2050-03-08", ["2050-03-08,0,1,1,0,2", "2050-03-09,0,0,0,3,3"]),
        (
            "--by status --to 2050-03-07",
            ["CONFIRMED,2,0,0,0,2", "PENDING,0,0,0,0,0", "FAILED,0,0,0,0,0", "CANCELLED,0,0,0,1,1"],
        ),
    ],
)
@pytest.mark.usefixtures("three_days")
def test_stats_count_each_booking_of_the_period_once_in_its_group(booking, options, expected):
    assert counts(booking, *options.split()) == expected


@pytest.mark.usefixtures("three_days")
def test_the_program_shows_the_counts_as_a_table(program):
    ran = program("stats")
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout.split() == ["Confirmed", "2", "Pending", "1", "Failed", "1", "Cancelled", "4", "Total", "8"]


@pytest.mark.usefixtures("three_days")
def test_two_doctors_with_one_name_are_counted_separately(booking, sql):
    sql("UPDATE doctors SET name = 'Ana'")
    assert counts(booking, "--by", "doctor") == ["1,Ana,2,1,0,3,6", "2,Ana,0,0,1,1,2"]


def test_an_empty_appointment_book_has_zero_counts(booking):
    assert counts(booking) == ["0,0,0,0,0"]
    assert counts(booking, "--by", "doctor") == counts(booking, "--by", "day") == []
    assert [row.split(",")[-1] for row in counts(booking, "--by", "status")] == ["0"] * 4


def test_days_are_days_of_the_clinics_calendar(booking, sql, insert_booking):
    sql("UPDATE clinic SET timezone = 'Pacific/Auckland'")  # thirteen hours ahead in March
    insert_booking("2050-03-07 10:30", "CONFIRMED", "Ana")
    insert_booking("2050-03-07 11:00", "CANCELLED", "Ana")
    insert_booking("2050-03-08 10:30", "FAILED", "Ana")
    insert_booking("2050-03-08 11:00", "CANCELLED", "Ana")
    days = ["2050-03-07,1,0,0,0,1", "2050-03-08,0,0,1,1,2", "2050-03-09,0,0,0,1,1"]
    assert counts(booking, "--by", "day") == days
    assert counts(booking, "--from", "2050-03-08", "--to", "2050-03-08") == ["0,0,1,1,2"]


@pytest.mark.parametrize(
    ("options", "code"),
    [("--by week", "usage"), ("--from +9d --to +8d", "invalid_input"), ("--from yesterday", "usage")],
)
def test_an_unknown_group_or_period_is_rejected(booking, options, code):
    ran = booking("stats", *options.split(), "-o", "json")
    assert (ran.status, ran.error["code"], ran.stdout) == (2, code, "")
