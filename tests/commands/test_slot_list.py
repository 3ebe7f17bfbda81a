"""`booking slots list`: by start, by default the free slots from now on; the status follows from the bookings."""

import datetime as dt

import pytest

from tests.commands.test_slots import DAY, PATIENT, add_doctor, add_slot, listed, set_zone_where_it_is_noon


@pytest.fixture(autouse=True)
def doctor(booking):
    """The number of a doctor, who is the first and so number 1."""
    return add_doctor(booking, "ana", "Skin")


@pytest.fixture
def today(booking, sql, doctor):
    """Slots that began 90 and 30 minutes ago and begin in 30 and 90 minutes, in this order: 1, 2, 3, 4."""
    set_zone_where_it_is_noon(booking)
    sql(
        "INSERT INTO slots (doctor_id, starts_at, ends_at) "
        "SELECT %s, now() + n * interval '1 minute', now() + (n + 40) * interval '1 minute' "
        "FROM unnest(ARRAY[-90, -30, 30, 90]) n",
        doctor,
    )


@pytest.mark.parametrize("period", ["", "--date today", "--from today", "--from today --to today", "--from 2020-01-01"])
@pytest.mark.usefixtures("today")
def test_a_slot_that_has_begun_is_listed_but_not_as_free(booking, sql, period):
    assert listed(booking, *period.split()) == [3, 4]
    assert listed(booking, *period.split(), "--status", "all") == ([1, 2, 3, 4] if period else [3, 4])
    booking("book", 3, *PATIENT, "--confirm")
    assert listed(booking, *period.split()) == [4]
    sql("UPDATE bookings SET slot_id = 1")
    assert listed(booking, *period.split(), "--status", "booked") == ([1] if period else [])


def test_slots_are_listed_by_start_across_days_and_doctors(booking):
    other = add_doctor(booking, "bo", "Skin")
    add_slot(booking, "11:00")
    add_slot(booking, "09:00", day=DAY + dt.timedelta(days=1))
    add_slot(booking, "10:00", doctor=other)
    add_slot(booking, "10:00")
    add_slot(booking, "09:00")
    assert listed(booking) == [5, 3, 4, 1, 2]


@pytest.mark.parametrize(
    ("period", "days"),
    [
        ("--date {1}", [1]),
        ("--from {1}", [1, 2, 3]),
        ("--to {1}", [0, 1]),
        ("--from {1} --to {2}", [1, 2]),
        ("--from {0} --to {0}", [0]),
        ("--date {4}", []),
    ],
)
def test_a_period_includes_its_first_and_last_day_on_the_clinics_clock(booking, period, days):
    booking("clinic", "set", "--timezone", "Asia/Tokyo")
    dates = [DAY + dt.timedelta(days=n) for n in range(5)]
    hours = ("--start", "00:00", "--end", "24:00", "--minutes", 5, "--break", "00:05-23:55")
    booking("slots", "bulk", 1, "--from", dates[0], "--to", dates[3], *hours)
    found = [number for day in days for number in (2 * day + 1, 2 * day + 2)]
    assert listed(booking, *period.format(*dates).split()) == found


@pytest.fixture
def three(booking):
    """Three slots: 1 is free, 2 is held, 3 is booked."""
    for time in ("09:00", "10:00", "11:00"):
        add_slot(booking, time)
    booking("book", 2, *PATIENT)
    booking("book", 3, *PATIENT, "--confirm")


@pytest.mark.usefixtures("three")
def test_the_status_of_a_slot_follows_from_its_bookings(booking):
    def states():
        shown = [booking("slots", "show", slot, "-o", "json").json for slot in (1, 2, 3)]
        assert booking("slots", "list", "--status", "all", "-o", "json").json == shown
        return [(slot["status"], slot["booking_id"]) for slot in shown]

    assert states() == [("free", None), ("held", 1), ("booked", 2)]
    assert [listed(booking, "--status", status) for status in ("free", "held", "booked")] == [[1], [2], [3]]
    booking("confirm", 1)
    booking("cancel", 2)
    assert states() == [("free", None), ("booked", 1), ("free", None)]


@pytest.mark.usefixtures("three")
def test_slots_of_an_inactive_doctor_are_not_listed_as_free(booking, doctor):
    booking("doctors", "update", doctor, "--inactive")
    assert listed(booking) == listed(booking, "--doctor", doctor) == listed(booking, "--specialization", "skin") == []
    assert listed(booking, "--status", "booked") == [3]
    assert listed(booking, "--status", "all") == [1, 2, 3]


def test_a_list_by_doctor_or_specialization_shows_only_their_slots(booking):
    add_slot(booking, "09:00")
    add_slot(booking, "09:00", doctor=add_doctor(booking, "bo", "SKIN"))
    add_slot(booking, "09:00", doctor=add_doctor(booking, "cy", "Skin care"))
    assert listed(booking, "--doctor", "2") == listed(booking, "--doctor", "BO@clinic.example") == [2]
    assert listed(booking, "--specialization", "skin") == [1, 2]
    assert listed(booking, "--specialization", "skin", "--doctor", "3") == []
