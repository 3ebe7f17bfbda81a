"""Two clinics in two schemas of one database."""

import datetime as dt

import pytest

from booking_cli.db.connections import connect
from booking_cli.db.migrations import migrate
from booking_cli.domain.dates import Period
from booking_cli.domain.validation import BookingKey, DoctorKey
from booking_cli.repository import bookings, clinic, doctors, new_bookings, patients, slots, stats, verify
from booking_cli.repository.new_bookings import BookingRequest

START = dt.datetime.now(dt.UTC).replace(hour=9, minute=0, second=0, microsecond=0) + dt.timedelta(days=5)


@pytest.fixture
def clinics(url, open_clinic):
    """Two clinics, of which the second has its own schema."""
    with connect(url) as connection:
        migrate(connection, "second")
    return open_clinic(url, pool_size=1), open_clinic(url, pool_size=1, schema="second")


def add_booking(session, patient):
    """Add a doctor, a slot and a confirmed booking, with the same email, time and request id in each clinic."""
    doctors.add(session, name=f"Dr {patient}", specialization="Skin", email="doctor@x.de", phone=None)
    slot = slots.add(session, DoctorKey(email="doctor@x.de"), START, 30)
    return new_bookings.book(session, BookingRequest(slot.id, None, patient, "pat@x.de", None, None, "call-17")).booking


def names(session):
    """Return the names of the doctors, the patients and the patients of the bookings, and the states of the bookings."""
    any_booking = {"statuses": None, "email": None, "doctor_id": None}
    listed = bookings.list_bookings(session, Period(), **any_booking, limit=10)
    found = doctors.list_doctors(session, specialization=None, search=None, include_inactive=True, limit=10)
    registered = patients.list_patients(session, search=None, limit=10)
    return [one.name for one in (*found, *registered)] + [(one.patient_name, one.status) for one in listed]


def test_two_clinics_in_two_schemas_of_one_database_are_separate(clinics, url):
    first, second = clinics
    assert add_booking(first, "Maria").id == add_booking(second, "Tom").id == 1
    clinic.update(second, name="Hill Clinic", timezone="Asia/Tokyo", hold_minutes=None)
    bookings.cancel(second, BookingKey(id=1), None, "call-18")

    assert names(first) == ["Dr Maria", "Maria", ("Maria", "CONFIRMED")]
    assert names(second) == ["Dr Tom", "Tom", ("Tom", "CANCELLED")]
    assert (stats.overall(first, Period()).confirmed, stats.overall(second, Period()).confirmed) == (1, 0)
    assert [len(bookings.history(session, BookingKey(id=1))) for session in clinics] == [1, 2]
    assert [session.database.read(lambda tx: tx.one("clinic.open"))["name"] for session in clinics] == [
        "",
        "Hill Clinic",
    ]

    with connect(url) as connection:
        connection.execute("DROP INDEX second.patients_are_registered_once")
    assert [len(verify.violations(session)) for session in clinics] == [0, 1]
