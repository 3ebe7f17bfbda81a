"""A patient is not booked at two places at once: who counts as the same patient, and what counts as the same time."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

EARLIER = ("--name", "Maria Silva", "--email", "maria@example.org")


@pytest.fixture
def slot(sql: Callable[..., list[dict[str, Any]]]) -> Callable[..., int]:
    """Makes a slot in a week, `slot("09:00")` or `slot("09:00", minutes=60)`, each of a doctor of its own."""
    numbers = itertools.count(1)

    def make(time: str, minutes: int = 30) -> int:
        doctor = f"Doctor {next(numbers)}"
        made = sql(
            """
            WITH doctor AS (
                INSERT INTO doctors (name, specialization, email) VALUES (%s, 'Cardiology', %s) RETURNING id
            )
            INSERT INTO slots (doctor_id, starts_at, ends_at)
            SELECT id, t, t + %s * interval '1 minute'
            FROM doctor, LATERAL (SELECT date_trunc('day', now(), 'UTC') + interval '7 days' + %s::interval AS t) AS time
            RETURNING id""",
            doctor,
            f"{doctor.replace(' ', '')}@clinic.example",
            minutes,
            time,
        )
        number: int = made[0]["id"]
        return number

    return make


@pytest.fixture
def contents(sql: Callable[..., list[dict[str, Any]]]) -> Callable[[], object]:
    """All bookings and their history, and whether so much as a number was drawn for a new one."""
    return lambda: [
        sql(statement)
        for statement in (
            "SELECT * FROM bookings ORDER BY id",
            "SELECT * FROM booking_history ORDER BY id",
            "SELECT last_value, is_called FROM bookings_id_seq",
        )
    ]


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("Maria Silva", "maria@example.org"),
        ("MARIA silva", "maria@example.org"),
        ("Maria Silva", "Maria@Example.ORG"),
        ("  maria SILVA ", " MARIA@EXAMPLE.ORG "),
    ],
)
@pytest.mark.parametrize("options", [(), ("--confirm",)])
def test_the_same_patient_is_refused_another_booking_at_that_time(booking, slot, contents, options, name, email):
    made = booking("book", slot("09:00"), *EARLIER, *options, "-o", "json").json
    other = slot("09:15")
    before = contents()

    ran = booking("book", other, "--name", name, "--email", email, "-o", "json")

    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "patient_overlap")
    assert f"{made['reference']} ({made['status']}) with Doctor 1" in ran.error["message"]
    assert contents() == before


def test_the_refusal_names_the_booking_its_time_on_the_clinics_clock_and_the_way_out(program, sql, slot, contents):
    sql("UPDATE clinic SET timezone = 'Asia/Kolkata'")
    made = program("book", slot("09:00"), *EARLIER, "-o", "json").json
    other = slot("09:15")
    before = contents()

    ran = program("book", other, *EARLIER)

    assert (ran.status, ran.stdout) == (4, "")
    assert made["reference"] in ran.stderr
    assert f"{made['date']} 14:30" in ran.stderr
    assert "--allow-overlap" in ran.stderr
    assert contents() == before


def test_case_does_not_make_another_patient_in_any_script(booking, slot):
    booking("book", slot("09:00"), "--name", "Élodie Çelik", "--email", "elodie@example.org")

    ran = booking("book", slot("09:15"), "--name", "ÉLODIE ÇELIK", "--email", "elodie@example.org", "-o", "json")

    assert (ran.status, ran.error["code"]) == (4, "patient_overlap")


@pytest.mark.parametrize(
    ("name", "email"),
    [("Pedro Silva", "maria@example.org"), ("Maria Silva", "other@example.org")],
    ids=["a family shares an email", "two people share a name"],
)
def test_somebody_else_is_booked_at_the_same_time(program, slot, name, email):
    program("book", slot("09:00"), *EARLIER, "--confirm")

    ran = program("book", slot("09:00"), "--name", name, "--email", email, "-o", "json")

    assert (ran.status, ran.json["status"]) == (0, "PENDING")


@pytest.mark.parametrize(
    ("time", "minutes"),
    [("08:45", 30), ("09:15", 30), ("09:00", 30), ("09:10", 5), ("08:00", 180), ("08:35", 30)],
    ids=["its beginning", "its end", "the same time", "a part of it", "all around it", "five minutes of it"],
)
def test_any_common_minute_is_an_overlap(booking, slot, time, minutes):
    booking("book", slot("09:00"), *EARLIER)

    ran = booking("book", slot(time, minutes), *EARLIER, "-o", "json")

    assert (ran.status, ran.error["code"]) == (4, "patient_overlap")


@pytest.mark.parametrize("time", ["08:30", "09:30"], ids=["right before", "right after"])
def test_touching_times_do_not_overlap(booking, slot, time):
    booking("book", slot("09:00"), *EARLIER)

    assert booking("book", slot(time), *EARLIER).status == 0


def test_a_lapsed_hold_does_not_count(booking, sql, slot):
    booking("book", slot("09:00"), *EARLIER)
    sql("UPDATE bookings SET hold_expires_at = now()")

    assert booking("book", slot("09:15"), *EARLIER).status == 0
    assert [row["status"] for row in sql("SELECT status FROM bookings ORDER BY id")] == ["PENDING", "PENDING"]


def test_a_failed_booking_does_not_count(booking, sql, slot):
    booking("book", slot("09:00"), *EARLIER)
    sql("UPDATE bookings SET hold_expires_at = now()")
    booking("expire")

    assert booking("book", slot("09:15"), *EARLIER).status == 0


@pytest.mark.parametrize("options", [(), ("--confirm",)], ids=["a hold", "a confirmed one"])
def test_a_cancelled_booking_does_not_count(booking, slot, options):
    made = booking("book", slot("09:00"), *EARLIER, *options, "-o", "json").json
    booking("cancel", made["id"])

    assert booking("book", slot("09:15"), *EARLIER).status == 0


def test_allow_overlap_books_all_the_same(program, slot):
    program("book", slot("09:00"), *EARLIER)

    ran = program("book", slot("09:15"), *EARLIER, "--allow-overlap", "-o", "json")

    assert (ran.status, ran.stderr, ran.json["status"]) == (0, "", "PENDING")


def test_allow_overlap_does_not_allow_a_slot_that_is_taken(booking, slot):
    number = slot("09:00")
    booking("book", number, *EARLIER)

    ran = booking("book", number, *EARLIER, "--allow-overlap", "-o", "json")

    assert (ran.status, ran.error["code"]) == (4, "slot_taken")


def test_a_refused_patient_does_not_even_release_the_lapsed_hold_on_the_slot(booking, sql, slot, contents):
    wanted = slot("09:15")
    booking("book", wanted, "--name", "Tom Berg", "--email", "tom@example.org")
    sql("UPDATE bookings SET hold_expires_at = now()")
    booking("book", slot("09:00"), *EARLIER)
    before = contents()

    assert booking("book", wanted, *EARLIER).status == 4
    assert contents() == before
