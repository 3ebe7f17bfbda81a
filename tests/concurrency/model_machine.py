"""The book and its model side by side: runs a command in both and compares the answers and all there is."""

import itertools
import shlex
from dataclasses import fields

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.concurrency.model import Given, Model
from tests.concurrency.model_inputs import UNKNOWN_REFERENCE
from tests.concurrency.model_state import Booking, Change, Doctor, Refusal, Slot

_KINDS = {"doctors": Doctor, "slots": Slot, "bookings": Booking, "booking_history": Change}
_COLUMNS = {table: ", ".join(column.name for column in fields(kind)) for table, kind in _KINDS.items()}
_INSTANTS = ("created_at", "updated_at", "booked_at", "confirmed_at", "cancelled_at", "failed_at", "at")


def step(weight=1, /, **arguments):
    """Make a method of a machine one of its steps, chosen so many times as often as one of weight 1."""

    def made(method):
        method.weight, method.arguments = weight, st.fixed_dictionaries(arguments)
        return method

    return made


class Comparison(RuleBasedStateMachine):
    """An empty book and its model; `ever` are the numbers that were given out, also of what has been deleted."""

    def __init_subclass__(cls):
        super().__init_subclass__()
        cls.steps = [name for name, method in vars(cls).items() for _ in range(getattr(method, "weight", 0))]

    def __init__(self, booking, sql):
        super().__init__()
        self.booking, self.sql = booking, sql
        sql("TRUNCATE doctors, slots, bookings, booking_history RESTART IDENTITY")
        self.model = Model(self._now())
        self.actor = "ana"
        self.ever = {table: [] for table in _KINDS}
        self.weeks = itertools.count(1)
        self._agrees = True

    # The only rule: of many, Hypothesis leaves out half in each example, and the few examples of a run would reach little.
    @rule(data=st.data())
    def go_on(self, data):
        chosen = getattr(self, data.draw(st.sampled_from(self.steps)))
        chosen(**data.draw(chosen.arguments))

    def teardown(self):
        if self._agrees:
            self.look_around()
            self.run(line("verify"), due=list)

    def look_around(self):
        """Run what shows the state in which an example ends."""

    def run(self, words, *, due, told="", limit=None):
        """Run a command; what it shows or refuses, and then all tables, must be what is `due` by the model."""
        self._agrees = False
        now, before = self._now(), self.model.tables()
        ran = self.booking(*words, "-o", "json", BOOKING_ACTOR=self.actor)
        after = self._tables()
        note(f"booking {shlex.join(words)}\n  {ran.status} {ran.stdout}{ran.stderr}")
        self.model.expect(*_given(now, before, after), self.actor)
        status, answer = _outcome(due)
        if status:
            _agree((ran.status, ran.stdout, ran.error["code"] if ran.status else None), (status, "", answer))
        else:
            if limit is not None and len(answer) > limit:
                answer, told = answer[:limit], f"more than {limit} "
            _agree((ran.status, ran.stdout and ran.json), (0, answer))
            assert told in ran.stderr if told else ran.stderr == "", ran.stderr
        for table, rows in self.model.tables().items():
            _agree([row for row in after[table] if row not in rows], [row for row in rows if row not in after[table]])
        assert after == self.model.tables()
        self._agrees = True
        for table, rows in after.items():
            self.ever[table] += [row["id"] for row in rows if row["id"] not in self.ever[table]]

    def waiting(self):
        """Return the bookings that are neither confirmed nor given up; their hold may have lapsed."""
        return [number for number, booking in self.model.bookings.items() if booking.status == "PENDING"]

    def holds(self):
        """Return the bookings with a time that has not run out; some may have been confirmed in it, or cancelled."""
        bookings = self.model.bookings.values()
        return [b.id for b in bookings if b.hold_expires_at and b.hold_expires_at > b.booked_at]

    def taken(self):
        """Return the slots that have a booking; more often those of a hold, which may have lapsed."""
        return [b.slot_id for b in self.model.bookings.values() for _ in range(3 if b.status == "PENDING" else 1)]

    def repeatable(self):
        """Return the changes that a command with a request id made; more often those that were not the last."""
        changes = [c for c in self.model.booking_history.values() if c.request_id and c.to_status != "FAILED"]
        return [
            c.id for c in changes for _ in range(1 if self.model.bookings[c.booking_id].status == c.to_status else 3)
        ]

    def named(self, number, spelling):
        """Return what a booking is called on the command line."""
        made = self.model.bookings.get(number)
        reference = made.reference if made else UNKNOWN_REFERENCE
        match spelling:
            case "number":
                return number
            case "reference":
                return reference
            case "small letters":
                return reference.lower().replace("-", " ")
            case _:
                return f"{reference[:-1]}{'2' if reference[-1] == '1' else '1'}"

    def _now(self):
        return self.sql("SELECT now() AS now")[0]["now"]

    def _tables(self):
        return {table: self.sql(f"SELECT {columns} FROM {table} ORDER BY id") for table, columns in _COLUMNS.items()}


def line(*words, **options):
    """Return a command line: None and False stand for an option that is left out, and `from_` for one called `from`."""
    written = [str(word) for word in words]
    for name, value in options.items():
        flag = f"--{name.rstrip('_').replace('_', '-')}"
        for one in value if isinstance(value, list) else [value]:
            if one is not None and one is not False:
                written += [flag] if one is True else [flag, str(one)]
    return written


def clock(minutes):
    return f"{minutes // 60:02}:{minutes % 60:02}"


def heard(number, spelling):
    """Return which booking is meant by what it is called; what was misheard is no booking at all."""
    if spelling == "misheard":
        raise Refusal("usage")
    return number


def _outcome(due):
    try:
        return 0, due()
    except Refusal as refusal:
        return refusal.exit_status, refusal.code


def _agree(found, due):
    assert found == due, f"found\n  {found}\nwhere the model has\n  {due}"


def _given(now, before, after):
    """Return the instant of a command, and what it gave out: that is in the tables now, and was not before."""
    instants = _instants(after) - _instants(before)
    assert len(instants) <= 1, "all that a command changes is changed in one transaction"
    doctors, slots, bookings, changes = (_new(before[table], after[table]) for table in _KINDS)
    return instants.pop() if instants else now, Given(
        {doctor["email"]: doctor["id"] for doctor in doctors},
        {slot["starts_at"]: slot["id"] for slot in slots},
        {made["slot_id"]: (made["id"], made["reference"], made["request_id"]) for made in bookings},
        {change["booking_id"]: (change["id"], change["request_id"]) for change in changes},
    )


def _instants(tables):
    return {row[name] for rows in tables.values() for row in rows for name in _INSTANTS if row.get(name)}


def _new(before, after):
    known = {row["id"] for row in before}
    return [row for row in after if row["id"] not in known]
