"""What clients want: who works on which slots, bookings and doctors, a few of them hot, and the stock that they share."""

import datetime as dt
import itertools
import random
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

DOCTORS = 6
# The last of them take appointments only now and then, so that who books with them meets who stops it.
PART_TIMERS = 2
# Slots and bookings for these few of the newest doctors meet who deletes the doctor.
NEWEST = 3
HOT_SLOTS = 12
COLD_SLOTS = 300
SLOT_MINUTES = 30
SHORT_HOLDS = (Decimal("0.005"), Decimal("0.02"))
LONG_HOLD = Decimal("10")
# How many lines a file of bookings has at most.
MOST_LINES = 24
# Families and repeated calls: these few are the ones who overlap with themselves.
REGULARS = 6
KINDS = {
    "book": 46,
    "confirm": 18,
    "cancel": 22,
    "expire": 3,
    "add_slot": 4,
    "bulk": 2,
    "delete_slot": 5,
    "add_doctor": 1,
    "update_doctor": 3,
    "delete_doctor": 1,
    "set_clinic": 0.5,
}


@dataclass(frozen=True, slots=True)
class Request:
    """Something that a client wants, in the words of the history."""

    kind: str
    arguments: Mapping[str, Any]

    @property
    def repeatable(self) -> bool:
        """Tell whether it happens once however often it is tried."""
        return "request_id" in self.arguments


class Stock:
    """The slots, bookings and doctors that all clients know of."""

    def __init__(self, hot: list[int], cold: list[int], doctors: list[int], first_day: dt.date) -> None:
        self._lock = threading.Lock()
        self._hot = hot
        self._cold: deque[int] = deque(cold, maxlen=2000)
        self._doctors = doctors
        self._new_doctors: deque[int] = deque(maxlen=20)
        self._first_day = first_day
        self._bookings: deque[str] = deque(maxlen=60)
        self._numbers = itertools.count(1)

    def learn(self, kind: str, result: Mapping[str, Any]) -> None:
        """Take note of what was acknowledged, so that others can work with it."""
        with self._lock:
            match kind:
                case "book":
                    self._bookings.append(result["reference"])
                case "cancel" if result["reference"] in self._bookings:
                    self._bookings.remove(result["reference"])
                case "add_slot":
                    self._cold.append(result["id"])
                case "bulk":
                    self._cold.extend(slot["id"] for slot in result["slots"])
                case "add_doctor":
                    self._new_doctors.append(result["id"])
                case "delete_doctor" if result["id"] in self._new_doctors:
                    self._new_doctors.remove(result["id"])

    def request(self, chosen: random.Random) -> Request:
        """Return something that a client may want next."""
        (kind,) = chosen.choices([*KINDS], [*KINDS.values()])
        with self._lock:
            match kind:
                case "confirm" | "cancel" if self._bookings:
                    reference = chosen.choice(self._bookings)
                    return Request(kind, {"reference": reference, "request_id": _new_request_id(chosen)})
                case "expire":
                    return Request(kind, {})
                case "add_slot":
                    return Request(kind, self._one_time(chosen))
                case "bulk":
                    return Request(kind, self._one_day(chosen))
                case "delete_slot":
                    return Request(kind, {"slot_id": self._some_slot(chosen, hot=0.0, new=0.5)})
                case "add_doctor":
                    return Request(kind, self._new_doctor(chosen))
                case "update_doctor":
                    return Request(kind, self._change(chosen))
                case "delete_doctor" if self._new_doctors:
                    return Request(kind, {"doctor_id": self._some_new_doctor(chosen)})
                case "set_clinic":
                    return Request(kind, {"name": f"Clinic {next(self._numbers)}"})
            return Request("book", self._wish(chosen))

    def file(self, chosen: random.Random) -> list[Request]:
        """Return bookings that a client may want together, on the same terms, now and then with a line that stands twice."""
        with self._lock:
            wishes = [self._wish(chosen) for _ in range(chosen.randrange(1, MOST_LINES))]
        wishes += chosen.sample(wishes, chosen.randrange(2))
        hold = chosen.choice([LONG_HOLD, *SHORT_HOLDS])
        terms = {"allow_overlap": chosen.random() < 0.1}
        return [
            Request("book", {**wish, **terms, "hold_minutes": None if wish["confirm"] else hold}) for wish in wishes
        ]

    def _wish(self, chosen: random.Random) -> dict[str, Any]:
        regular = chosen.random() < 0.15
        number = chosen.randrange(REGULARS) if regular else next(self._numbers) + REGULARS
        how = chosen.random()
        hold = None if how < 0.3 else LONG_HOLD if how < 0.6 else chosen.choice(SHORT_HOLDS)
        return {
            "slot_id": self._some_slot(chosen, hot=0.45, new=0.15),
            "patient_name": f"Patient {number}",
            "patient_email": f"patient{number}@x.example",
            "request_id": _new_request_id(chosen),
            "confirm": hold is None,
            "hold_minutes": hold,
            "allow_overlap": regular and chosen.random() < 0.3,
        }

    def _some_slot(self, chosen: random.Random, *, hot: float, new: float) -> int:
        how = chosen.random()
        if how < hot:
            return chosen.choice(self._hot)
        # Who books a new slot meets who deletes it.
        return self._cold[-chosen.randrange(1, 6)] if how < hot + new else chosen.choice(self._cold)

    def _one_time(self, chosen: random.Random) -> dict[str, Any]:
        starts_at = self._some_day(chosen) + dt.timedelta(minutes=5 * chosen.randrange(6 * 12, 20 * 12))
        return {
            "doctor_id": self._some_doctor(chosen, new=0.3),
            "starts_at": starts_at.isoformat(),
            "minutes": chosen.choice([10, SLOT_MINUTES, 45]),
        }

    def _one_day(self, chosen: random.Random) -> dict[str, Any]:
        first = self._some_day(chosen) + dt.timedelta(hours=chosen.randrange(6, 12))
        starts = [first + number * dt.timedelta(minutes=SLOT_MINUTES) for number in range(chosen.randrange(2, 17))]
        return {
            "doctor_id": self._some_doctor(chosen, new=0.3),
            "starts": [start.isoformat() for start in starts],
            "minutes": SLOT_MINUTES,
        }

    def _new_doctor(self, chosen: random.Random) -> dict[str, Any]:
        number = next(self._numbers)
        return {
            "name": f"Doctor {number}",
            "specialization": "Neurology",
            "email": f"new{number}@x.example",
            "phone": self._phone() if chosen.random() < 0.5 else None,
        }

    def _change(self, chosen: random.Random) -> dict[str, Any]:
        if chosen.random() < 0.6:
            # More often they do take appointments: most of the bookings with them should be made.
            return {
                "doctor_id": chosen.choice(self._doctors[-PART_TIMERS:]),
                "change": {"active": chosen.random() < 0.6},
            }
        change = {"active": chosen.random() < 0.5} if chosen.random() < 0.2 else {"phone": self._phone()}
        new = 1 if "active" in change else 0.5
        return {"doctor_id": self._some_doctor(chosen, new=new), "change": change}

    def _phone(self) -> str:
        return f"+49 30 {next(self._numbers):07}"

    def _some_doctor(self, chosen: random.Random, *, new: float) -> int:
        return self._some_new_doctor(chosen) if chosen.random() < new else chosen.choice(self._doctors)

    def _some_new_doctor(self, chosen: random.Random) -> int:
        newest = [*self._new_doctors][-NEWEST:]
        return chosen.choice(newest or self._doctors[-PART_TIMERS:])

    def _some_day(self, chosen: random.Random) -> dt.datetime:
        day = self._first_day + dt.timedelta(days=chosen.randrange(1, 300))
        return dt.datetime.combine(day, dt.time(), dt.UTC)


def fill(conninfo: str) -> Stock:
    """Put doctors and slots into an empty book, and return what clients shall know of it."""
    first_day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=30)  # no slot begins while a run lasts
    with psycopg.connect(conninfo, options="-c search_path=booking") as connection:
        doctors = connection.execute(
            "INSERT INTO doctors (name, specialization, email) "
            "SELECT 'Doctor ' || n, 'Cardiology', 'doctor' || n || '@x.example' FROM generate_series(1, %s) n RETURNING id",
            [DOCTORS],
        ).fetchall()
        # All doctors have the same hours, so that patients can overlap with themselves.
        slots = connection.execute(
            "INSERT INTO slots (doctor_id, starts_at, ends_at) "
            "SELECT d.id, t, t + %(minutes)s * interval '1 minute' "
            "FROM generate_series(0, %(times)s - 1) n, doctors d, "
            "LATERAL (SELECT %(day)s::date::timestamp AT TIME ZONE 'UTC' + n * %(minutes)s * interval '1 minute' AS t) s "
            "ORDER BY t, d.id RETURNING id",
            {"minutes": SLOT_MINUTES, "times": (HOT_SLOTS + COLD_SLOTS) // DOCTORS, "day": first_day},
        ).fetchall()
    numbers = [slot for (slot,) in slots]
    after = first_day + dt.timedelta(days=30)
    return Stock(numbers[:HOT_SLOTS], numbers[HOT_SLOTS:], [doctor for (doctor,) in doctors], after)


def _new_request_id(chosen: random.Random) -> str:
    return f"{chosen.getrandbits(128):032x}"
