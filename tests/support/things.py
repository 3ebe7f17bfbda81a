"""Doctors, slots and bookings as the book would return them, for tests of how they are shown."""

import datetime as dt
from zoneinfo import ZoneInfo

from booking_cli.domain.models import Booking, Doctor, Slot

BERLIN = ZoneInfo("Europe/Berlin")
START = dt.datetime(2027, 3, 29, 9, 0, tzinfo=BERLIN)
BEFORE = dt.datetime(2027, 3, 1, 8, 30, 15, tzinfo=BERLIN)


def doctor(**changes):
    usual = {
        "id": 1,
        "name": "Ana Lima",
        "specialization": "Cardiology",
        "email": "ana@clinic.example",
        "phone": "+1-555-0100",
        "active": True,
        "version": 1,
        "created_at": BEFORE,
        "updated_at": BEFORE,
    }
    return Doctor(**{**usual, **changes})


def slot(**changes):
    usual = {
        "id": 7,
        "doctor_id": 1,
        "doctor_name": "Ana Lima",
        "specialization": "Cardiology",
        "date": START.date(),
        "time": START.time(),
        "minutes": 30,
        "starts_at": START,
        "ends_at": START + dt.timedelta(minutes=30),
        "status": "free",
        "booking_id": None,
    }
    return Slot(**{**usual, **changes})


def booking_of(**changes):
    usual = {
        "id": 12,
        "reference": "8A4R-DG5S",
        "slot_id": 7,
        "doctor_id": 1,
        "doctor_name": "Ana Lima",
        "specialization": "Cardiology",
        "date": START.date(),
        "time": START.time(),
        "minutes": 30,
        "starts_at": START,
        "patient_name": "Maria Silva",
        "patient_email": "maria@example.org",
        "patient_phone": None,
        "status": "CONFIRMED",
        "hold_expires_at": None,
        "booked_at": BEFORE,
        "confirmed_at": BEFORE,
        "cancelled_at": None,
        "failed_at": None,
        "reason": None,
        "version": 2,
    }
    return Booking(**{**usual, **changes})
