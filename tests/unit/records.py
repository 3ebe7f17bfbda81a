"""Records as the repository returns them, for tests of output."""

import datetime as dt
from zoneinfo import ZoneInfo

from booking_cli.domain.models import Booking, Doctor, Patient, Slot

BERLIN = ZoneInfo("Europe/Berlin")
START = dt.datetime(2027, 3, 29, 9, 0, tzinfo=BERLIN)
BEFORE = dt.datetime(2027, 3, 1, 8, 30, 15, tzinfo=BERLIN)
DOCTOR = Doctor(1, "Ana Lima", "Cardiology", "ana@clinic.example", "+1-555-0100", True, 1, BEFORE, BEFORE)
PATIENT = Patient(3, "Maria Silva", "maria@example.org", "555-0100", "allergic to latex", 1, BEFORE, BEFORE)
SLOT = Slot(
    7, 1, "Ana Lima", "Cardiology", START.date(), START.time(), 30, START, START + dt.timedelta(minutes=30), "free",
    None
)  # fmt: skip
BOOKING = Booking(
    12, "8A4R-DG5S", 7, 1, "Ana Lima", "Cardiology", START.date(), START.time(), 30, START, 3, "Maria Silva",
    "maria@example.org", None, "CONFIRMED", None, BEFORE, BEFORE, None, None, None, 2,
)  # fmt: skip
