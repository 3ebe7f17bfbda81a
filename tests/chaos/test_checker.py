"""The checker of chaos histories on a real book: many clients at once break nothing, and a guard that is gone is noticed."""

import datetime as dt
import itertools
import json
import random
import time
from decimal import Decimal

import pytest

from booking_cli.db import queries
from booking_cli.domain.errors import BookingError, OutcomeUnknown
from booking_cli.domain.validation import BookingKey, DoctorKey
from booking_cli.output.json import dumps
from booking_cli.repository import bookings, clinic, doctors, slots
from booking_cli.repository.bookings import BookingRequest
from booking_cli.repository.doctors import DoctorChange
from tests.chaos.checker import Contents, violations
from tests.chaos.history import Done, History, Operation, Refused, Unknown
from tests.support.threads import at_once

CLIENTS = 6
STEPS = 60
HALF_HOUR = dt.timedelta(minutes=30)
SHORT, LONG = Decimal("0.0005"), Decimal(5)  # minutes: a hold that lapses at once, and one that does not
ABOUT_DOCTORS = ["add_doctor", "update_doctor", "delete_doctor", "set_clinic"]
KINDS = ["book", "confirm", "cancel", "expire", "add_slot", "bulk", "delete_slot", *ABOUT_DOCTORS]


class FrontDesk:
    """Calls the repository for clients in threads, records each call, and remembers what can be asked for next."""

    def __init__(self, book, slot_ids):
        self.book, self.doctor = book, doctors.find(book, DoctorKey(id=1))
        self.slot_ids, self.references, self.requests, self.new_doctors = list(slot_ids), [], [], []
        self.morning = (book.now + dt.timedelta(days=20)).replace(hour=8, minute=0, second=0, microsecond=0)
        self.history, self._numbers = History(), itertools.count(1)

    def record(self, client, kind, arguments, call):
        number, started = next(self._numbers), time.time()
        try:
            answer = Done(json.loads(dumps(call())))
        except OutcomeUnknown as error:
            answer = Unknown(str(error))
        except BookingError as error:
            answer = Refused(error.code)
        self.history.record(Operation(number, client, kind, arguments, started, time.time(), answer))
        return answer.result if isinstance(answer, Done) else None

    def ask(self, client, slot_id, name, hold, request_id):
        request = BookingRequest(slot_id, name, f"{name}@x.de", None, hold, request_id)
        self.requests.append((slot_id, name, hold, request_id))
        arguments = {
            "slot_id": slot_id,
            "patient_name": name,
            "patient_email": f"{name}@x.de",
            "request_id": request_id,
            "confirm": hold is None,
        }
        if shown := self.record(client, "book", arguments, lambda: bookings.book(self.book, request).booking):
            self.references.append(shown["reference"])

    def confirm(self, client, reference, request_id):
        arguments = {"reference": reference, "request_id": request_id}
        key = BookingKey(reference=reference)
        self.record(client, "confirm", arguments, lambda: bookings.confirm(self.book, key, request_id).booking)

    def cancel(self, client, reference, request_id):
        arguments = {"reference": reference, "request_id": request_id}
        key = BookingKey(reference=reference)
        self.record(client, "cancel", arguments, lambda: bookings.cancel(self.book, key, None, request_id).booking)

    def expire(self, client):
        self.record(client, "expire", {}, lambda: bookings.expire(self.book))

    def add_slot(self, client, start, doctor_id=1):
        arguments = {"doctor_id": doctor_id, "starts_at": start.isoformat(), "minutes": 30}
        key = DoctorKey(id=doctor_id)
        if shown := self.record(client, "add_slot", arguments, lambda: slots.add(self.book, key, start, 30)):
            self.slot_ids.append(shown["id"])

    def bulk(self, client, starts):
        arguments = {"doctor_id": 1, "starts": [start.isoformat() for start in starts], "minutes": 30}
        self.record(client, "bulk", arguments, lambda: slots.add_many(self.book, self.doctor, starts, 30, strict=False))

    def delete_slot(self, client, slot_id):
        self.record(client, "delete_slot", {"slot_id": slot_id}, lambda: slots.delete(self.book, slot_id))

    def add_doctor(self, client, name):
        arguments = {"name": name, "specialization": "Surgery", "email": f"{name}@x.de", "phone": None}
        if shown := self.record(client, "add_doctor", arguments, lambda: doctors.add(self.book, **arguments)):
            self.new_doctors.append(shown["id"])

    def update_doctor(self, client, doctor_id, **change):
        arguments = {"doctor_id": doctor_id, "change": change}
        key, changes = DoctorKey(id=doctor_id), DoctorChange(**change)
        self.record(
            client, "update_doctor", arguments, lambda: doctors.update(self.book, key, changes, if_version=None)
        )

    def delete_doctor(self, client, doctor_id):
        key = DoctorKey(id=doctor_id)
        self.record(client, "delete_doctor", {"doctor_id": doctor_id}, lambda: doctors.delete(self.book, key))

    def set_clinic(self, client, name):
        changes = {"name": name, "timezone": None, "hold_minutes": None}
        self.record(client, "set_clinic", {"name": name}, lambda: clinic.update(self.book, **changes))


@pytest.fixture
def before(url, slots):
    return Contents.read(url)


@pytest.fixture
def desk(opened, before):
    return FrontDesk(opened, [row["id"] for row in before.slots])


def a_usual_day(desk):
    """Let one client do each kind of thing once, so that whatever follows, each was done."""
    desk.add_slot("first", desk.morning)
    desk.ask("first", desk.slot_ids[-1], "first", LONG, "first")
    desk.confirm("first", desk.references[0], "first confirm")
    desk.cancel("first", desk.references[0], "first cancel")
    desk.bulk("first", [desk.morning + HALF_HOUR * number for number in (1, 2)])
    desk.add_slot("first", desk.morning + HALF_HOUR * 3)
    desk.delete_slot("first", desk.slot_ids.pop())
    desk.expire("first")
    desk.add_doctor("first", "first")
    desk.update_doctor("first", desk.new_doctors[-1], phone="1")
    desk.delete_doctor("first", desk.new_doctors[-1])
    desk.set_clinic("first", "First")


def a_rush(desk, client):
    """Do anything at random, so that clients get into each other's way."""
    chance = random.Random(client)
    for step in range(STEPS):
        request_id = f"{client}-{step}"
        instant = desk.morning + HALF_HOUR * chance.randrange(8)
        reference = chance.choice(desk.references[-12:])
        match chance.choices([*KINDS, "again"], [12, 6, 6, 2, 2, 1, 2, 2, 5, 2, 1, 3])[0]:
            case "book":
                hold = chance.choice([SHORT, LONG, None])
                desk.ask(client, chance.choice(desk.slot_ids), f"{client}{chance.randrange(3)}", hold, request_id)
            case "again":
                desk.ask(client, *chance.choice(desk.requests))
            case "confirm":
                desk.confirm(client, reference, chance.choice([request_id, f"confirm {reference}"]))
            case "cancel":
                desk.cancel(client, reference, chance.choice([request_id, f"cancel {reference}"]))
            case "expire":
                desk.expire(client)
            case "add_slot":
                desk.add_slot(client, instant, chance.choice([1, *desk.new_doctors[-1:]]))
            case "bulk":
                desk.bulk(client, [instant + HALF_HOUR * number for number in range(3)])
            case "add_doctor":
                desk.add_doctor(client, request_id)
            case "update_doctor":
                one = chance.choice([1, *desk.new_doctors[-3:]])
                desk.update_doctor(client, one, **chance.choice([{"active": True}, {"active": False}, {"phone": "1"}]))
            case "delete_doctor":
                desk.delete_doctor(client, chance.choice(desk.new_doctors[-3:]))
            case "set_clinic":
                desk.set_clinic(client, request_id)
            case "delete_slot":
                desk.delete_slot(client, chance.choice(desk.slot_ids[4:] or [99]))


def test_many_clients_at_once_break_no_promise(desk, before, url):
    a_usual_day(desk)
    at_once(*(lambda client=f"thread-{number}": a_rush(desk, client) for number in range(CLIENTS)))

    operations = desk.history.operations()
    assert len(operations) == 12 + CLIENTS * STEPS
    assert {operation.kind for operation in operations if isinstance(operation.answer, Done)} == set(KINDS)
    assert violations(operations, Contents.read(url), before) == []


def test_without_the_index_that_keeps_a_slot_from_two_bookings_the_checker_says_so(desk, before, url, sql):
    sql("DROP INDEX bookings_one_active_per_slot")
    desk.ask("one", desk.slot_ids[0], "ana", None, "one")
    desk.ask("other", desk.slot_ids[0], "bob", None, "other")
    desk.cancel("one", desk.references[0], "cancel one")

    broken = violations(desk.history.operations(), Contents.read(url), before)
    assert [violation.kind for violation in broken] == ["double"]


def test_without_the_look_at_the_doctor_the_checker_says_that_a_booking_was_made_with_one_who_takes_none(
    desk, before, url, monkeypatch
):
    def statement(name, find=queries.statement):
        return find(name).replace(" AND d.active", "") if name == "bookings.book" else find(name)

    monkeypatch.setattr(queries, "statement", statement)
    desk.update_doctor("one", 1, active=False)
    desk.ask("other", desk.slot_ids[0], "ana", None, "other")

    broken = violations(desk.history.operations(), Contents.read(url), before)
    assert [violation.kind for violation in broken] == ["inactive"]
