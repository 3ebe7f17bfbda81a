"""Doctors, slots and bookings for tests of how they are shown; each function takes the fields that differ."""

import datetime as dt
from zoneinfo import ZoneInfo

from booking_cli.domain.models import Booking, Doctor, Slot

BERLIN = ZoneInfo("Europe/Berlin")
START = dt.datetime(2027, 3, 29, 9, 0, tzinfo=BERLIN)
BEFORE = dt.datetime(2027, 3, 1, 8, 30, 15, tzinfo=BERLIN)
MINUTES = 30

_DOCTOR = Doctor(1, "Ana Lima", "Cardiology", "ana@clinic.example", "+1-555-0100", True, 1, BEFORE, BEFORE)
_OF_SLOT = (1, "Ana Lima", "Cardiology", START.date(), START.time(), MINUTES, START)
_SLOT = Slot(7, *_OF_SLOT, START + dt.timedelta(minutes=MINUTES), "free", None)
_PATIENT = (5, "Maria Silva", "maria@example.org", None)
_BOOKING = Booking(
    12, "8A4R-DG5S", 7, *_OF_SLOT, *_PATIENT, "CONFIRMED", None, BEFORE, BEFORE, None, None, reason=None, version=2
)

doctor = _DOCTOR._replace
slot = _SLOT._replace
booking_of = _BOOKING._replace
