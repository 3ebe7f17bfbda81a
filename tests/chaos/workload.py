"""The requests that clients make: on slots and patients of which a few are contended, and on what earlier requests created."""

import datetime as dt
import itertools
import random
import threading
import unicodedata
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg

from tests.chaos.index import patient_key

DOCTORS = 6
# The last doctors are deactivated now and then, to race with bookings of their slots.
PART_TIMERS = 2
HOT_SLOTS = 12
COLD_SLOTS = 300
MINUTES = 30
SHORT_HOLDS = (Decimal("0.005"), Decimal("0.02"))
LONG_HOLD = Decimal(10)
MOST_ROWS = 25
# These few patients book a large part of the slots, so that their bookings overlap.
REGULARS = 5
REGULAR_SHARE = 0.5
# The first of them are registered several times, by two email addresses and by phone, and merged.
DUPLICATES = 2
WEIGHTS = {"book": 45, "confirm": 18, "cancel": 22, "expire": 8, "add_slots": 6, "update_doctor": 2}
WEIGHTS |= {"merge_patients": 4, "replay": 6}
SPELLINGS: list[Callable[[str], str]] = [
    str,
    str.upper,
    lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),  # full-width
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: text.replace(" ", "  "),
]


class Request(NamedTuple):
    """A request, with the arguments of an operation of the history."""

    kind: str
    arguments: Mapping[str, Any]


class Workload:
    """Generates requests for all clients from the slots, bookings and patients that were acknowledged."""

    def __init__(self, slots: list[int], doctors: list[int], first_day: dt.date) -> None:
        self._lock = threading.Lock()
        self._hot = slots[:HOT_SLOTS]
        self._cold: deque[int] = deque(slots[HOT_SLOTS:], maxlen=2000)
        self._doctors = doctors
        self._first_day = first_day
        self._bookings: deque[str] = deque(maxlen=60)
        self._booked: deque[Request] = deque(maxlen=100)
        self._patients: dict[tuple[str, str], int] = {}  # their numbers, by name and contact
        self._numbers = itertools.count(REGULARS)

    def learn(self, request: Request, result: Mapping[str, Any]) -> None:
        """Use the result of a request in later requests."""
        with self._lock:
            match request.kind:
                case "book":
                    self._bookings.append(result["reference"])
                    self._booked.append(request)
                    self._patients[patient_key(request.arguments)] = result["patient_id"]
                case "cancel" if result["reference"] in self._bookings:
                    self._bookings.remove(result["reference"])
                case "merge_patients":
                    merged = [key for key, n in self._patients.items() if n == request.arguments["patient_id"]]
                    self._patients |= dict.fromkeys(merged, result["id"])
                case "add_slots":
                    self._cold.extend(slot["id"] for slot in result["slots"])

    def request(self, rng: random.Random) -> Request:
        (kind,) = rng.choices([*WEIGHTS], [*WEIGHTS.values()])
        with self._lock:
            match kind:
                case "confirm" | "cancel" if self._bookings:
                    reference = rng.choice(self._bookings)
                    return Request(kind, {"reference": reference, "request_id": _request_id(rng)})
                case "replay" if self._booked:
                    return rng.choice(self._booked)
                case "expire":
                    return Request(kind, {})
                case "add_slots":
                    return Request(kind, self._new_slots(rng))
                case "update_doctor":
                    # More often active: most bookings should not be rejected for this.
                    doctor_id = rng.choice(self._doctors[-PART_TIMERS:])
                    return Request(kind, {"doctor_id": doctor_id, "active": rng.random() < 0.6})
                case "merge_patients":
                    name, _ = patient_key(self._patient(rng, rng.randrange(DUPLICATES)))
                    numbers = sorted({n for key, n in self._patients.items() if key[0] == name})
                    if len(numbers) > 1:
                        one, other = rng.sample(numbers, 2)
                        return Request(kind, {"patient_id": one, "into_id": other, "patient_name": name})
            return Request("book", self._booking(rng, self._regular_or_new(rng)))

    def file(self, rng: random.Random) -> list[Request]:
        """Return bookings with the same options, as in a file, several for one new patient; sometimes one is there twice."""
        atomic = rng.random() < 0.3
        with self._lock:
            several = [rng.random() < 0.2 for _ in range(rng.randrange(1, 7 if atomic else MOST_ROWS))]
            new = next(self._numbers)
            # All rows of an atomic file must be bookable.
            rows = [self._booking(rng, new if again else self._regular_or_new(rng), atomic) for again in several]
        rows += rng.sample(rows, rng.randrange(2))
        hold = rng.choice([LONG_HOLD, *SHORT_HOLDS])
        options = {"patient_id": None, "allow_overlap": rng.random() < 0.1}
        return [Request("book", {**row, **options, "hold_minutes": None if row["confirm"] else hold}) for row in rows]

    def _booking(self, rng: random.Random, number: int, atomic: bool = False) -> dict[str, Any]:
        how = rng.random()
        patient = self._patient(rng, number)
        hot = 0.0 if atomic else 0.6 if number < REGULARS else 0.3
        return {
            **patient,
            "patient_id": self._patients.get(patient_key(patient)) if rng.random() < 0.5 else None,
            "slot_id": rng.choice(self._hot if rng.random() < hot else self._cold),
            "request_id": _request_id(rng),
            "confirm": how < 0.3,
            "hold_minutes": None if how < 0.3 else LONG_HOLD if how < 0.6 else rng.choice(SHORT_HOLDS),
            "allow_overlap": number < REGULARS and rng.random() < 0.1,
            "atomic": atomic,
        }

    def _regular_or_new(self, rng: random.Random) -> int:
        return rng.randrange(REGULARS) if rng.random() < REGULAR_SHARE else next(self._numbers)

    def _patient(self, rng: random.Random, number: int) -> dict[str, Any]:
        by_phone = rng.random() < 0.5 if number < DUPLICATES else number % 3 == 2
        email = f"p{number}@{rng.choice('xy') if number < DUPLICATES else 'x'}.example"
        return {
            "patient_name": rng.choice(SPELLINGS)(f"Zoë Müller {number}"),
            "patient_email": None if by_phone else rng.choice([email, email.upper()]),
            "patient_phone": rng.choice(["+49 30 {:07}", "+49-30-{:07}"]).format(number) if by_phone else None,
        }

    def _new_slots(self, rng: random.Random) -> dict[str, Any]:
        day = dt.datetime.combine(self._first_day, dt.time(), dt.UTC) + dt.timedelta(days=rng.randrange(1, 300))
        first = day + dt.timedelta(minutes=5 * rng.randrange(6 * 12, 12 * 12))
        minutes = rng.choice([10, MINUTES, 45])
        starts = [first + number * dt.timedelta(minutes=minutes) for number in range(rng.choice([1, 1, 2, 5, 12]))]
        starts_at = [start.isoformat() for start in starts]
        return {"doctor_id": rng.choice(self._doctors), "starts": starts_at, "minutes": minutes}


def fill(conninfo: str) -> Workload:
    """Insert doctors and slots into an empty clinic, and return a workload on them."""
    first_day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=30)  # no slot begins during a run
    day, length = dt.datetime.combine(first_day, dt.time(), dt.UTC), dt.timedelta(minutes=MINUTES)
    last = day + ((HOT_SLOTS + COLD_SLOTS) // DOCTORS - 1) * length
    with psycopg.connect(conninfo, options="-c search_path=booking -c timezone=UTC") as connection:
        connection.execute(
            "INSERT INTO doctors (name, specialization, email) "
            "SELECT 'Doctor ' || n, 'Cardiology', n || '@x.example' FROM generate_series(1, %s) n",
            [DOCTORS],
        )
        # All doctors have slots at the same times, so that a patient's bookings can overlap.
        slots = connection.execute(
            "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT d.id, t, t + %(length)s "
            "FROM doctors d, generate_series(%(day)s::timestamptz, %(last)s, %(length)s) t "
            "ORDER BY t, d.id RETURNING id, doctor_id",
            {"day": day, "last": last, "length": length},
        ).fetchall()
    return Workload([slot for slot, _ in slots], sorted({doctor for _, doctor in slots}), first_day + dt.timedelta(30))


def _request_id(rng: random.Random) -> str:
    return f"{rng.getrandbits(128):032x}"
