"""The program against a model: in any order and with any input, a command does what the model says and changes nothing else.

Hypothesis chooses the commands, by default the same ones in every run. `EXAMPLES=1000` in the environment makes it choose that
many new examples.
"""

import datetime as dt
import functools
import os
import shlex

import pytest
from hypothesis import Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from booking_cli.cli import application as cli
from booking_cli.cli import lazy_group
from tests.concurrency.model import HOLD_MINUTES, TABLES, ZONE_NAME, Model, Refusal, overlap

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
TIMESTAMPS = ("created_at", "updated_at", "booked_at", "confirmed_at", "cancelled_at", "failed_at", "at")
ADD_DOCTORS = """
    INSERT INTO doctors (name, specialization, email) VALUES ('Ana', 'Skin', 'ana@x.de'), ('Bo', 'Skin', 'bo@x.de')"""
MONDAY = dt.date(2190, 1, 4)
UNKNOWN = 4711
MARIA, TOM = ("Maria Silva", "maria@mail.example", None), ("Tom Silva", "maria@mail.example", None)
MARIA_AGAIN, MARIA_BY_PHONE = (" MARIA  silva", "Maria@mail.example", None), ("Maria Silva", None, "+1-555-0100")
PATIENTS = [MARIA, MARIA_AGAIN, MARIA_BY_PHONE, TOM, ("TOM Silva", None, "+1 555 0100")]
PATIENT_UPDATES = [
    {"name": TOM[0]},
    {"email": TOM[1]},
    {"email": ""},
    {"phone": "030 1", "note": "x"},
    {"phone": ""},
    {},
]
DOCTOR_UPDATES = [{"name": "Zoë d'Été", "phone": "030 1"}, {"active": False}, {"active": True}, {"active": True}, {}]


def chosen(choices):
    """Return a strategy for one of what `choices` returns for the machine in its current state."""
    return st.runner().flatmap(lambda machine: st.sampled_from([*choices(machine), UNKNOWN]))


# Deleted records are chosen, too, and holds and their slots more often than others.
doctors = chosen(lambda machine: machine.ever["doctors"] * 3)
slots = chosen(lambda machine: [*machine.ever["slots"], *(b.slot_id for b in machine.pending() * 2)])
patients = chosen(lambda machine: machine.ever["patients"] * 2)
given_patients = st.sampled_from(PATIENTS) | patients
bookings = chosen(lambda machine: [*machine.ever["bookings"], *(booking.id for booking in machine.pending())])
holds = chosen(lambda machine: [booking.id for booking in machine.pending()])
changes = chosen(lambda machine: [c.id for c in machine.model.history.values() if c.request_id])
flags, rarely = st.booleans(), st.sampled_from([False, False, False, True])
versions = st.sampled_from([None, None, None, 1, 2])
dates = st.sampled_from([MONDAY, MONDAY, MONDAY + dt.timedelta(days=1), dt.date(2020, 1, 6)])
starts, lengths = st.sampled_from([540, 550]), st.sampled_from([20, 30, 45])
request_ids = st.none() | st.sampled_from(["call-1", "call-2"])
reasons = st.none() | st.sampled_from(["has a cold", " moved away "])
ways = st.sampled_from([(False, None), (True, None), (False, 60), (False, 719.5), (True, 60)])


def step(weight=1, **arguments):
    """Make a method a step of the machine, chosen `weight` times as often as one of weight 1."""

    def decorate(method):
        method.weight, method.arguments = weight, st.fixed_dictionaries(arguments)
        return method

    return decorate


def line(*words, **options):
    """Return a command line; None and False leave an option out, and `from_` is the option `--from`."""
    written = [str(word) for word in words]
    for name, value in options.items():
        if value is not None and value is not False:
            flag = f"--{name.rstrip('_').replace('_', '-')}"
            written += [flag] if value is True else [flag, str(value)]
    return written


class AppointmentBook(RuleBasedStateMachine):
    """An empty database and its model; `ever` are the numbers of all records, also of those that were deleted."""

    def __init__(self, booking, sql):
        super().__init__()
        self.booking, self.sql = booking, sql
        sql(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY")
        sql(ADD_DOCTORS)
        self.tables = self._read_tables()
        self.model, self.actor, self.agrees = Model(self.tables["doctors"]), "ana", True
        self.ever = {table: list(rows) for table, rows in self.tables.items()}

    @initialize(lapsed=flags)
    def two_doctors_work_at_the_same_time(self, lapsed):
        self.add_slots(1, MONDAY, 540, 30, False)
        self.add_slots(2, MONDAY, 540, 45, False)
        self.book(1, MARIA, (False, None), False, "call-1")
        self.book(5, TOM, (True, None), False, None)
        if lapsed:
            self.let_hold_lapse(1)

    # The only rule: of several, Hypothesis leaves out half in each example, and few examples would then reach little.
    @rule(data=st.data())
    def run_step(self, data):
        steps = [name for name, method in vars(type(self)).items() for _ in range(getattr(method, "weight", 0))]
        chosen_step = getattr(self, data.draw(st.sampled_from(steps)))
        chosen_step(**data.draw(chosen_step.arguments))

    def teardown(self):
        if self.agrees:
            self.list_slots("all")
            self.list_bookings(None)
            for booking in self.pending():
                self.let_hold_lapse(booking.id)
            self.expire()
            self.run(line("verify"), list)

    def run(self, words, due, replayed=False):
        """Run a command; its result or error, and then all tables, must be those that the model has."""
        self.agrees = False
        [now] = self.sql("SELECT now() AS now")
        ran = self.booking(*words, "-o", "json", BOOKING_ACTOR=self.actor)
        note(f"booking {shlex.join(words)}\n  {ran.status} {ran.stdout}{ran.stderr}")
        before, self.tables = self.tables, self._read_tables()
        added = {
            table: [row for number, row in rows.items() if number not in before[table]]
            for table, rows in self.tables.items()
        }
        times = timestamps(self.tables) - timestamps(before)
        assert len(times) <= 1, "a command changes everything in one transaction"
        self.model.begin(times.pop() if times else now["now"], self.actor, added)
        try:
            expected = (0, due(), bool(replayed))
        except Refusal as refusal:
            expected = (refusal.exit_status, "", refusal.code)
        found = (ran.status, ran.stdout and ran.json, ran.stderr != "" if ran.status == 0 else ran.error["code"])
        assert found == expected
        for table in TABLES:
            assert self.tables[table] == self.model.tables[table], f"found, and expected, in {table}"
            self.ever[table] += [number for number in self.tables[table] if number not in self.ever[table]]
        self.agrees = True

    def pending(self):
        return [booking for booking in self.model.bookings.values() if booking.status == "PENDING"]

    @step(actor=st.sampled_from(["ana", "Tom Ülk"]))
    def change_actor(self, actor):
        self.actor = actor

    @step(4, number=doctors, values=st.sampled_from(DOCTOR_UPDATES), if_version=versions)
    def update_doctor(self, number, values, if_version):
        options = values | {"active": values.get("active"), "inactive": values.get("active") is False}
        words = line("doctors", "update", number, **options, if_version=if_version)
        self.run(words, lambda: self.model.update_doctor(number, values, if_version))

    @step(5, number=doctors, date=dates, start=starts, minutes=lengths, strict=rarely)
    def add_slots(self, number, date, start, minutes, strict):
        times = {"from_": date, "start": f"09:{start % 60:02}", "end": "11:00", "minutes": minutes}
        words = line("slots", "bulk", number, **times, strict=strict)
        self.run(words, lambda: self.model.add_slots(number, date, start, 660, minutes, strict))

    @step(number=slots)
    def delete_slot(self, number):
        self.run(line("slots", "delete", number), lambda: self.model.delete_slot(number))

    @step(2, patient=st.sampled_from(PATIENTS))
    def add_patient(self, patient):
        name, email, phone = patient
        words = line("patients", "add", name, email=email, phone=phone)
        self.run(words, lambda: self.model.add_patient(name, email, phone))

    @step(4, number=patients, values=st.sampled_from(PATIENT_UPDATES), if_version=versions)
    def update_patient(self, number, values, if_version):
        words = line("patients", "update", number, **values, if_version=if_version)
        self.run(words, lambda: self.model.update_patient(number, values, if_version))

    @step(3, number=patients, into=patients)
    def merge_patients(self, number, into):
        self.expire()
        self.run(line("patients", "merge", number, into), lambda: self.model.merge_patients(number, into))

    @step(6, slot=slots, patient=given_patients, way=ways, allow_overlap=rarely, request_id=request_ids)
    def book(self, slot, patient, way, allow_overlap, request_id):
        name, email, phone = (None, None, None) if isinstance(patient, int) else patient
        given = {"patient": patient} if name is None else {"name": name, "email": email, "phone": phone}
        options = dict(zip(("confirm", "hold"), way, strict=True)) | {"allow_overlap": allow_overlap}
        words = line("book", slot, **given, **options, request_id=request_id)
        replayed = request_id and self.model.made_by(request_id)
        self.run(words, lambda: self.model.book(slot, patient, **options, request_id=request_id), replayed)

    @step(4, number=bookings, which=st.integers(0, 5), allow_overlap=flags)
    def book_same_time(self, number, which, allow_overlap):
        if made := self.model.bookings.get(number):
            slots = [slot.id for slot in self.model.slots.values() if overlap(slot, made)]
            self.book(slots[which % len(slots)], made.patient_id, (False, None), allow_overlap, None)

    @step(2, number=bookings, way=ways)
    def repeat_booking(self, number, way):
        if made := self.model.bookings.get(number):
            self.book(made.slot_id, made.patient_id, way, False, made.request_id)

    @step(4, number=bookings, request_id=request_ids)
    def confirm(self, number, request_id):
        words = line("confirm", number, request_id=request_id)
        replayed = self.model.was_changed_by(request_id, number, "CONFIRMED")
        self.run(words, lambda: self.model.confirm(number, request_id), replayed)

    @step(3, number=bookings, reason=reasons, request_id=request_ids)
    def cancel(self, number, reason, request_id):
        words = line("cancel", number, reason=reason, request_id=request_id)
        replayed = self.model.was_changed_by(request_id, number, "CANCELLED")
        self.run(words, lambda: self.model.cancel(number, reason, request_id), replayed)

    @step(4, number=changes)
    def repeat_change(self, number):
        if (change := self.model.history.get(number)) and change.to_status == "CANCELLED":
            self.cancel(change.booking_id, "again", change.request_id)
        elif change:
            self.confirm(change.booking_id, change.request_id)

    @step(2)
    def expire(self):
        self.run(line("expire"), self.model.expire)

    @step(5, number=holds)
    def let_hold_lapse(self, number):
        if booking := self.model.bookings.get(number):
            self.sql("UPDATE bookings SET hold_expires_at = booked_at WHERE id = %s", number)
            booking["hold_expires_at"] = booking.booked_at
            self.tables = self._read_tables()

    @step(number=bookings)
    def show_history(self, number):
        words = line("history", number)
        self.run(words, lambda: self.model.show_history(number))

    @step()
    def list_patients(self):
        self.run(line("patients", "list"), self.model.list_patients)

    @step(status=st.sampled_from(["free", "held", "booked", "all"]))
    def list_slots(self, status):
        self.run(line("slots", "list", status=status), lambda: self.model.list_slots(status))

    @step(status=st.sampled_from([None, "CONFIRMED", "PENDING", "FAILED", "CANCELLED"]))
    def list_bookings(self, status):
        self.run(line("list", status=status), lambda: self.model.list_bookings(status))

    def _read_tables(self):
        return {table: {row["id"]: row for row in self.sql(f"SELECT * FROM {table} ORDER BY id")} for table in TABLES}


def timestamps(tables):
    rows = [row for table in tables.values() for row in table.values()]
    return {row[name] for row in rows for name in TIMESTAMPS if row.get(name)}


@pytest.mark.parametrize("number", range(3))
def test_every_command_does_what_the_model_says(booking, sql, monkeypatch, number):
    sql("UPDATE clinic SET timezone = %s, hold_minutes = %s", ZONE_NAME, HOLD_MINUTES)
    # Building the commands takes longer than running one.
    monkeypatch.setattr(cli, "get_command", functools.cache(cli.get_command))
    monkeypatch.setattr(lazy_group, "load", functools.cache(lazy_group.load))

    def machine():
        return AppointmentBook(booking, sql)

    # After the tenth example Hypothesis varies earlier ones; in a short run new ones reach more.
    size = {"max_examples": EXAMPLES or 10, "stateful_step_count": 40}
    phases = [Phase.generate, Phase.shrink]
    run_state_machine_as_test(
        machine if EXAMPLES else seed(number)(machine),
        settings=settings(**size, deadline=None, database=None, phases=phases, report_multiple_bugs=False),
    )
