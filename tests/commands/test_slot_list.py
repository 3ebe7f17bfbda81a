"""Slots are listed by start: the free ones from now on unless told otherwise; what is free follows from the bookings."""

import datetime as dt

import pytest

from tests.commands.test_slots import DAY, PATIENT, add_doctor, add_slot, listed, put_where_it_is_noon


@pytest.fixture(autouse=True)
def doctor(booking):
    """The number of a doctor, who is the first and so number 1."""
    return add_doctor(booking, "ana", "Skin")


@pytest.fixture
def hour_by_hour(booking, sql, doctor):
    """Slots that began 90 and 30 minutes ago and begin in 30 and 90 minutes, in this order: 1, 2, 3, 4."""
    put_where_it_is_noon(booking)
    sql(
        "INSERT INTO slots (doctor_id, starts_at, ends_at) "
        "SELECT %s, now() + n * interval '1 minute', now() + (n + 40) * interval '1 minute' "
        "FROM unnest(ARRAY[-90, -30, 30, 90]) n",
        doctor,
    )


@pytest.mark.usefixtures("hour_by_hour")
def test_the_free_slots_from_now_on_are_listed_unless_told_otherwise(booking):
    booking("book", 3, *PATIENT)
    assert listed(booking) == [4]


@pytest.mark.parametrize("period", [("--date", "today"), ("--from", "today"), ("--from", "today", "--to", "today")])
@pytest.mark.usefixtures("hour_by_hour")
def test_what_has_begun_today_is_not_listed_as_free(booking, period):
    assert listed(booking, *period) == [3, 4]
    assert listed(booking, *period, "--status", "all") == [1, 2, 3, 4]


@pytest.mark.usefixtures("hour_by_hour")
def test_what_was_booked_earlier_today_is_still_listed_as_booked(booking, sql):
    sql(
        "INSERT INTO bookings (reference, slot_id, patient_name, patient_email, status, confirmed_at, request_id) "
        "VALUES ('TESTTEST', 1, 'Pat', 'pat@mail.example', 'CONFIRMED', now(), 'x')"
    )
    assert listed(booking, "--date", "today", "--status", "booked") == [1]


@pytest.mark.usefixtures("hour_by_hour")
def test_a_past_day_has_no_free_slots(booking, sql):
    sql("UPDATE slots SET starts_at = starts_at - interval '3 days', ends_at = ends_at - interval '3 days'")
    past = (dt.datetime.now(dt.UTC) - dt.timedelta(days=5)).date()
    assert listed(booking, "--from", past) == []
    assert listed(booking, "--from", past, "--status", "all") == [1, 2, 3, 4]


def test_slots_are_listed_by_start_whatever_the_order_of_adding_and_the_doctor(booking):
    other = add_doctor(booking, "bo", "Skin")
    tomorrow = DAY + dt.timedelta(days=1)
    for time, options in [
        ("11:00", {}),
        ("09:00", {"day": tomorrow}),
        ("10:00", {"whose": other}),
        ("10:00", {}),
        ("09:00", {}),
    ]:
        add_slot(booking, time, **options)
    assert listed(booking) == [5, 3, 4, 1, 2]


@pytest.mark.parametrize(
    ("period", "days"),
    [
        (["--date", DAY + dt.timedelta(days=1)], [1]),
        (["--from", DAY + dt.timedelta(days=1)], [1, 2, 3]),
        (["--to", DAY + dt.timedelta(days=1)], [0, 1]),
        (["--from", DAY + dt.timedelta(days=1), "--to", DAY + dt.timedelta(days=2)], [1, 2]),
        (["--from", DAY, "--to", DAY], [0]),
        (["--date", DAY + dt.timedelta(days=9)], []),
    ],
)
@pytest.mark.parametrize("time", ["00:00", "23:55"])
def test_a_period_reaches_from_its_first_to_the_end_of_its_last_day_on_the_clinics_clock(booking, period, days, time):
    booking("clinic", "set", "--timezone", "Asia/Tokyo")
    added = [add_slot(booking, time, "--minutes", 5, day=DAY + dt.timedelta(days=n))["id"] for n in range(4)]
    assert listed(booking, *period) == [added[day] for day in days]


@pytest.mark.parametrize(
    "period",
    [
        ["--date", DAY, "--from", DAY],
        ["--date", DAY, "--to", DAY],
        ["--from", DAY, "--to", DAY - dt.timedelta(days=1)],
        ["--from", "someday"],
    ],
)
def test_a_period_that_contradicts_itself_is_refused(booking, period):
    refused = booking("slots", "list", *period)
    assert (refused.status, refused.stdout) == (2, "")


@pytest.fixture
def three(booking):
    """Three slots: 1 is free, 2 is held, 3 is booked."""
    add_slot(booking, "09:00"), add_slot(booking, "10:00"), add_slot(booking, "11:00")
    booking("book", 2, *PATIENT)
    booking("book", 3, *PATIENT, "--confirm")


@pytest.mark.parametrize(("status", "found"), [("free", [1]), ("held", [2]), ("booked", [3]), ("all", [1, 2, 3])])
@pytest.mark.usefixtures("three")
def test_slots_are_listed_by_status(booking, status, found):
    assert listed(booking, "--status", status) == found


@pytest.mark.usefixtures("three")
def test_the_status_follows_from_the_bookings(booking):
    def status(slot):
        shown = booking("slots", "show", slot, "-o", "json").json
        return shown["status"], shown["booking_id"]

    assert [status(slot) for slot in (1, 2, 3)] == [("free", None), ("held", 1), ("booked", 2)]
    booking("confirm", 1)
    booking("cancel", 2)
    assert [status(slot) for slot in (1, 2, 3)] == [("free", None), ("booked", 1), ("free", None)]
    done = booking("slots", "list", "--status", "all", "-o", "json").json
    assert [(slot["status"], slot["booking_id"]) for slot in done] == [("free", None), ("booked", 1), ("free", None)]


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.usefixtures("three")
def test_a_slot_is_free_once_its_hold_has_lapsed_even_before_expire(booking, sql, expired):
    sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE status = 'PENDING'")
    if expired:
        booking("expire")
    shown = booking("slots", "show", 2, "-o", "json").json
    assert (shown["status"], shown["booking_id"]) == ("free", None)
    assert listed(booking) == [1, 2]
    assert listed(booking, "--status", "held") == []


@pytest.mark.usefixtures("three")
def test_the_slots_of_an_inactive_doctor_are_not_listed_as_free(booking, doctor):
    booking("doctors", "update", doctor, "--inactive")
    assert listed(booking) == []
    assert listed(booking, "--doctor", doctor) == []
    assert listed(booking, "--status", "booked") == [3]
    assert listed(booking, "--status", "all") == [1, 2, 3]


def test_slots_are_listed_of_one_doctor_or_one_specialization(booking):
    add_slot(booking, "09:00")
    add_slot(booking, "09:00", whose=add_doctor(booking, "bo", "SKIN"))
    add_slot(booking, "09:00", whose=add_doctor(booking, "cy", "Skin care"))
    assert listed(booking, "--doctor", "2") == listed(booking, "--doctor", "BO@clinic.example") == [2]
    assert listed(booking, "--specialization", "skin") == [1, 2]
    assert listed(booking, "--specialization", "skin", "--doctor", "3") == []


@pytest.mark.parametrize(("options", "shown"), [([], 200), (["--limit", 2], 2)])
def test_a_list_says_when_there_are_more(booking, doctor, sql, options, shown):
    sql(
        "INSERT INTO slots (doctor_id, starts_at, ends_at) "
        "SELECT %s, now() + n * interval '1 hour', now() + (n + 1) * interval '1 hour' FROM generate_series(1, 201) n",
        doctor,
    )
    done = booking("slots", "list", *options, "-o", "json")
    assert [slot["id"] for slot in done.json] == list(range(1, shown + 1))
    assert f"more than {shown} free slots" in done.stderr
    assert "--limit" in done.stderr


def test_a_list_that_just_fits_the_limit_says_nothing_more(booking):
    add_slot(booking, "09:00")
    assert booking("slots", "list", "--limit", 1, "-o", "json").stderr == ""
