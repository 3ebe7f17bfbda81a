"""The program against a model: in any order, a command about bookings does what the model says and changes no other booking."""

import functools
import random
from dataclasses import dataclass, field

import pytest

from booking_cli.cli import application as cli
from booking_cli.cli import lazy_group

pytestmark = pytest.mark.usefixtures("sound_afterwards")

STEPS = 60
PATIENTS = (1, 2, 3)
STATUSES = {"PENDING": "held", "CONFIRMED": "booked"}
BOOKINGS = """
    SELECT b.id, slot_id, patient_id, status, version, array_agg(to_status ORDER BY h.id) AS history
    FROM bookings b LEFT JOIN booking_history h ON h.booking_id = b.id GROUP BY b.id"""


class Refusal(Exception):
    """The code of an error."""


@dataclass(eq=False)
class Booking:
    """A booking with all of its states, and with the request ids that made and changed it."""

    slot: int
    patient: int
    overlap_allowed: bool
    request_id: str | None
    history: list[str]
    changed_by: dict[str, str | None] = field(default_factory=dict)
    lapsed: bool = False

    @property
    def status(self):
        return self.history[-1]

    @property
    def is_active(self):
        return self.status in STATUSES and not (self.status == "PENDING" and self.lapsed)

    def change(self, status, request_id=None):
        self.history.append(status)
        self.changed_by[status] = request_id


class Model:
    """The rules, written a second time: a command returns the state that its result shows, or raises Refusal."""

    def __init__(self, hours):
        self.hour_of = {slot: hour for hour, slots in enumerate(hours) for slot in slots}
        self.patient_of = {number: number for number in PATIENTS}  # a merged number finds the other record
        self.bookings = {}
        self.made = None  # the last booking, until its number is known

    def book(self, slot, patient, confirm, allow_overlap, request_id):
        patient = self.patient_of[patient]
        for made in self.bookings.values():
            if request_id and made.request_id == request_id:
                if (made.slot, made.patient) != (slot, patient):
                    raise Refusal("request_id_reused")
                return made.history[0]
        excluding = [] if allow_overlap else self._overlapping(patient, slot)
        blocking = [m for m in self.bookings.values() if m in excluding or (m.slot == slot and m.status in STATUSES)]
        if active := [made for made in blocking if made.is_active]:
            raise Refusal("slot_taken" if all(made.slot == slot for made in active) else "patient_overlap")
        for made in blocking:
            made.change("FAILED")
        status = "CONFIRMED" if confirm else "PENDING"
        self.made = Booking(slot, patient, allow_overlap, request_id, [status])
        return status

    def confirm(self, number, request_id):
        made = self.bookings[number]
        if request_id is None or made.changed_by.get("CONFIRMED") != request_id:
            if made.status in ("CONFIRMED", "CANCELLED"):
                raise Refusal("wrong_state")
            if not made.is_active:
                raise Refusal("hold_lapsed")
            made.change("CONFIRMED", request_id)
        return "CONFIRMED"

    def cancel(self, number, request_id):
        made = self.bookings[number]
        if request_id is None or made.changed_by.get("CANCELLED") != request_id:
            if not made.is_active:
                raise Refusal("wrong_state")
            made.change("CANCELLED", request_id)
        return made.status

    def expire(self):
        for made in self.bookings.values():
            if made.status == "PENDING" and made.lapsed:
                made.change("FAILED")

    def merge(self, patient, into):
        source, target = self.patient_of[patient], self.patient_of[into]
        if source == target:
            raise Refusal("invalid_input")
        moved = [made for made in self.bookings.values() if made.patient == source]
        if self._overlap(moved, target):
            self.expire()  # a lapsed hold does not block the merge
        if self._overlap(moved, target):
            raise Refusal("patient_overlap")
        for made in moved:
            made.patient = target
        self.patient_of = {number: target if one == source else one for number, one in self.patient_of.items()}

    def _overlapping(self, patient, slot):
        """Return the bookings of a patient that exclude another one at the time of a slot."""
        theirs = [made for made in self.bookings.values() if made.patient == patient and not made.overlap_allowed]
        return [made for made in theirs if made.status in STATUSES and self.hour_of[made.slot] == self.hour_of[slot]]

    def _overlap(self, moved, target):
        counted = [made for made in moved if made.status in STATUSES and not made.overlap_allowed]
        return any(self._overlapping(target, made.slot) for made in counted)

    def rows(self):
        """Return the bookings as the database has them."""
        return {
            number: (made.slot, made.patient, made.status, len(made.history), made.history)
            for number, made in self.bookings.items()
        }

    def slots(self):
        """Return the status of each slot and the number of its booking, as a list shows them."""
        active = {made.slot: (STATUSES[made.status], n) for n, made in self.bookings.items() if made.is_active}
        return {slot: active.get(slot, ("free", None)) for slot in self.hour_of}


def random_command(rng, model):
    """Return a command line, and a function that makes the model do the same."""
    number, slot = rng.choice([*model.bookings] or [0]), rng.choice([*model.hour_of])
    patient, into = rng.choices(PATIENTS, k=2)
    request_id = rng.choice([None, None, "call-1", "call-2"])
    key = ["--request-id", request_id] if request_id else []
    command = rng.choice(["book"] * 6 + (["confirm", "cancel"] * 3 + ["merge", "expire"] if number else []))
    if command == "book":
        confirm, allow_overlap = rng.random() < 0.3, rng.random() < 0.2
        options = [*(["--confirm"] if confirm else ["--hold", "60"]), *["--allow-overlap"] * allow_overlap, *key]
        words = ["book", slot, "--patient", patient, *options]
        return words, lambda: model.book(slot, patient, confirm, allow_overlap, request_id)
    if command == "merge":
        return ["patients", "merge", patient, into], lambda: model.merge(patient, into)
    if command == "expire":
        return ["expire"], model.expire
    return [command, number, *key], lambda: getattr(model, command)(number, request_id)


@pytest.mark.parametrize("seed", range(8))
def test_every_command_does_what_the_model_says(booking, sql, overlapping_slots, monkeypatch, seed):
    # Building the commands takes longer than running one.
    monkeypatch.setattr(cli, "get_command", functools.cache(cli.get_command))
    monkeypatch.setattr(lazy_group, "load", functools.cache(lazy_group.load))
    for number in PATIENTS:
        booking("patients", "add", f"Pat {number}", "--email", "pat@example.org")
    rng, model, log = random.Random(seed), Model(overlapping_slots(3, doctors=2)), []
    for _ in range(STEPS):
        words, call = random_command(rng, model)
        ran = booking(*words, "-o", "json")
        log.append(f"booking {' '.join(map(str, words))}: {ran.error['code'] if ran.status else 'done'}")
        try:
            expected = (call(), None)
        except Refusal as refusal:
            expected = (None, str(refusal))
        shown = ran.json.get("status") if ran.status == 0 else None
        assert (shown, ran.error["code"] if ran.status else None) == expected, "\n".join(log)
        if words[0] == "book" and ran.status == 0:
            model.bookings.setdefault(ran.json["id"], model.made)
        rows = {row.pop("id"): tuple(row.values()) for row in sql(BOOKINGS)}
        assert rows == model.rows(), "\n".join(log)
        slots = booking("slots", "list", "--status", "all", "-o", "json").json
        assert {slot["id"]: (slot["status"], slot["booking_id"]) for slot in slots} == model.slots(), "\n".join(log)
        assert booking("slots", "list", "-o", "json").json == [slot for slot in slots if slot["status"] == "free"], (
            "\n".join(log)
        )
        holds = [number for number, made in model.bookings.items() if made.status == "PENDING"]
        if holds and rng.random() < 0.3:
            number = rng.choice(holds)
            model.bookings[number].lapsed = True
            sql("UPDATE bookings SET hold_expires_at = booked_at WHERE id = %s", number)
            log.append(f"the hold of booking {number} lapses")
