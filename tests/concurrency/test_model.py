"""The whole command set against a model: in any order and with any input, the book does what the model says and no more.

Hypothesis chooses the commands, the same ones in every run, so that a failure comes again. With `EXAMPLES=1000` in the
environment it chooses anew, and more of them.
"""

import datetime as dt
import functools
import os

import pytest
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test

from booking_cli.cli import application as cli
from booking_cli.cli import lazy_commands as root
from tests.concurrency import model_inputs as typed
from tests.concurrency.model import CLINIC_HOLD_MINUTES, Hours, overlap
from tests.concurrency.model_machine import Comparison, clock, heard, line, step
from tests.concurrency.model_state import STATUSES, ZONE_NAME, Period, Refusal

EXAMPLES = int(os.environ.get("EXAMPLES", "0"))


class AppointmentBook(Comparison):
    @initialize(lapsed=typed.flags)
    def two_doctors_work_at_the_same_time(self, lapsed):
        self.add_a_doctor("Ana Lima", "Skin", "ana@clinic.example", typed.PHONES[0])
        self.add_slots_in_bulk(1, typed.MONDAY, None, (540, 660), 30, [(575, 600)], None, False, False)
        self.add_a_doctor("Bo Berg", "Skin", "bo@clinic.example", None)
        self.add_slots_in_bulk(2, typed.MONDAY, None, (540, 660), 45, [], None, False, False)
        self.book(1, typed.PATIENTS[0], None, (False, None), False, "call-1")
        self.book(2, typed.PATIENTS[0], None, (True, None), False, None)
        if lapsed:
            self.let_a_hold_lapse(1)

    def look_around(self):
        for number in self.waiting():
            self.show_a_slot(self.model.bookings[number].slot_id)
        self.list_slots(None, None, (None, None), "free", typed.ALL_ROWS)
        self.list_bookings(None, None, "ana@clinic.example", None, typed.ALL_ROWS)
        self.let_all_holds_lapse()
        self.expire(quiet=False)
        self.count_bookings("doctor", (None, None))

    # First, because Hypothesis tries the first most often, and this one costs nothing.
    @step(actor=st.sampled_from(["ana", "Tom Ülk"]))
    def let_somebody_else_type(self, actor):
        self.actor = actor

    @step(
        name=typed.names,
        specialization=typed.specializations,
        email=typed.addresses,
        phone=st.none() | st.sampled_from(typed.PHONES),
    )
    def add_a_doctor(self, name, specialization, email, phone):
        words = line("doctors", "add", name, specialization=specialization, email=email, phone=phone)
        self.run(words, due=lambda: self.model.add_doctor(name, specialization, email, phone))

    @step(2, key=typed.doctors, changes=typed.changes_of_a_doctor, if_version=st.none() | st.integers(1, 3))
    def change_a_doctor(self, key, changes, if_version):
        active = changes.get("active")
        options = {name: value for name, value in changes.items() if name != "active"}
        words = line(
            "doctors", "update", key, **options, active=active, inactive=active is False, if_version=if_version
        )
        self.run(words, due=lambda: self.model.update_doctor(key, changes, if_version))

    @step(2, key=typed.doctors, active=st.sampled_from([True, True, False]))
    def take_appointments_or_no_more(self, key, active):
        self.change_a_doctor(key, {"active": active}, None)

    @step(2, key=typed.doctors)
    def delete_a_doctor(self, key):
        self.run(line("doctors", "delete", key), due=lambda: self.model.delete_doctor(key))

    @step(2, key=typed.doctors, date=typed.dates, time=typed.times, minutes=typed.lengths)
    def add_a_slot(self, key, date, time, minutes):
        words = line("slots", "add", key, date, clock(time), minutes=None if minutes == 30 else minutes)
        self.run(words, due=lambda: self.model.add_slot(key, date, time, minutes))

    @step(
        3,
        key=typed.doctors,
        first=typed.dates,
        days_more=st.sampled_from([None, 0, 1, 2, -1, 1098]),
        hours=typed.hours,
        minutes=st.sampled_from([20, 30, 45]),
        breaks=typed.breaks,
        days=typed.weekdays,
        strict=typed.rarely,
        dry_run=typed.flags,
    )
    def add_slots_in_bulk(self, key, first, days_more, hours, minutes, breaks, days, strict, dry_run):
        last = None if days_more is None else first + dt.timedelta(days=days_more)
        words = line(
            *("slots", "bulk", key),
            from_=first,
            to=last,
            start=clock(hours[0]),
            end=clock(hours[1]),
            minutes=minutes,
            days=days,
            break_=[f"{clock(start)}-{clock(end)}" for start, end in breaks],
            strict=strict,
            dry_run=dry_run,
        )
        working = Hours(*hours, minutes, breaks)
        weekdays = typed.WEEKDAYS[days] if days else None
        self.run(words, due=lambda: self.model.bulk(key, first, last, working, weekdays, strict, dry_run))

    @step(2, key=typed.doctors, strict=typed.rarely, dry_run=typed.flags)
    def add_the_first_slots_again(self, key, strict, dry_run):
        self.add_slots_in_bulk(key, typed.MONDAY, None, (540, 660), 45, [], None, strict, dry_run)

    @step(slot_id=typed.slots)
    def delete_a_slot(self, slot_id):
        self.run(line("slots", "delete", slot_id), due=lambda: self.model.delete_slot(slot_id))

    @step(
        5,
        slot_id=typed.slots,
        patient=typed.patients,
        phone=st.none() | st.sampled_from(typed.PHONES),
        way=typed.ways_to_book,
        allow_overlap=typed.rarely,
        request_id=typed.request_ids,
    )
    def book(self, slot_id, patient, phone, way, allow_overlap, request_id):
        (name, email), (confirm, hold) = patient, way
        options = {"phone": phone, "confirm": confirm, "hold": hold, "allow_overlap": allow_overlap}
        words = line("book", slot_id, name=name, email=email, **options, request_id=request_id)
        told = "booked once" if self.model.made_by(request_id) else ""
        self.run(words, due=lambda: self.model.book(slot_id, patient, **options, request_id=request_id), told=told)

    @step(3, slot_id=typed.slots, patient=typed.patients, confirm=typed.flags)
    def book_without_more_ado(self, slot_id, patient, confirm):
        self.book(slot_id, patient, None, (confirm, None), False, None)

    @step(3, number=typed.bookings, which=st.integers(0, 5), allow_overlap=typed.flags)
    def book_the_same_time(self, number, which, allow_overlap):
        if made := self.model.bookings.get(number):
            then = self.model.slots[made.slot_id]
            slots = [slot.id for slot in self.model.slots.values() if overlap(slot, then)]
            patient = (made.patient_name, made.patient_email)
            self.book(slots[which % len(slots)], patient, None, (False, None), allow_overlap, None)

    @step(2, number=typed.bookings, way=typed.ways_to_book, louder=typed.flags)
    def repeat_a_request(self, number, way, louder):
        if made := self.model.bookings.get(number):
            patient = (made.patient_name, made.patient_email)
            louder_patient = tuple(text.upper() for text in patient)
            self.book(made.slot_id, louder_patient if louder else patient, None, way, False, made.request_id)

    @step(4, number=typed.bookings, spelling=typed.spellings, request_id=typed.request_ids)
    def confirm(self, number, spelling, request_id):
        words = line("confirm", self.named(number, spelling), request_id=request_id)
        told = "confirmed once" if self.model.changed_by(request_id, number, "CONFIRMED") else ""
        self.run(words, due=lambda: self.model.confirm(heard(number, spelling), request_id), told=told)

    @step(3, number=typed.bookings, spelling=typed.spellings, reason=typed.reasons, request_id=typed.request_ids)
    def cancel(self, number, spelling, reason, request_id):
        words = line("cancel", self.named(number, spelling), reason=reason, request_id=request_id)
        told = "cancelled once" if self.model.changed_by(request_id, number, "CANCELLED") else ""
        self.run(words, due=lambda: self.model.cancel(heard(number, spelling), reason, request_id), told=told)

    @step(2, number=typed.bookings)
    def confirm_and_cancel_and_confirm_late(self, number):
        self.confirm(number, "number", "call-1")
        self.cancel(number, "number", None, "call-2")
        self.confirm(number, "number", "call-1")

    @step(3, number=typed.changes)
    def repeat_a_change(self, number):
        change = self.model.booking_history[number]
        if change.to_status == "CANCELLED":
            self.cancel(change.booking_id, "reference", "again", change.request_id)
        else:
            self.confirm(change.booking_id, "reference", change.request_id)

    @step(2, quiet=typed.flags)
    def expire(self, quiet):
        def due():
            shown = self.model.expire()
            return "" if quiet else shown

        self.run(line("expire", quiet=quiet), due=due)

    @step(4, number=typed.holds)
    def let_a_hold_lapse(self, number):
        if number in self.holds():
            self.sql("UPDATE bookings SET hold_expires_at = booked_at WHERE id = %s", number)
            self.model.lapse(number)

    @step(2)
    def let_all_holds_lapse(self):
        for number in self.holds():
            self.let_a_hold_lapse(number)

    @step(slot_id=typed.slots)
    def let_a_slot_pass(self, slot_id):
        slot = self.model.slots.get(slot_id)
        if slot and slot.starts_at > self.model.now:
            # To a week of its own, so that no two slots meet there.
            by = typed.LONG_AGO - typed.MONDAY - dt.timedelta(weeks=next(self.weeks))
            self.sql(
                "UPDATE slots SET starts_at = starts_at + %s, ends_at = ends_at + %s WHERE id = %s", by, by, slot_id
            )
            self.model.move(slot_id, by)

    @step(2, mistake=st.sampled_from(typed.MISTAKES))
    def make_a_mistake(self, mistake):
        code, words = mistake

        def due():
            raise Refusal(code)

        self.run(line(*words), due=due)

    @step(key=typed.doctors)
    def show_a_doctor(self, key):
        self.run(line("doctors", "show", key), due=lambda: self.model.shown_doctor(self.model.doctor(key)))

    @step(slot_id=typed.slots)
    def show_a_slot(self, slot_id):
        self.run(line("slots", "show", slot_id), due=lambda: self.model.shown_slot(self.model.slot(slot_id)))

    @step(number=typed.bookings, spelling=typed.spellings)
    def show_a_booking(self, number, spelling):
        words = line("show", self.named(number, spelling))
        self.run(words, due=lambda: self.model.shown_booking(self.model.booking(heard(number, spelling))))

    @step(number=typed.bookings, spelling=typed.spellings)
    def show_a_history(self, number, spelling):
        words = line("history", self.named(number, spelling))
        self.run(words, due=lambda: self.model.show_history(heard(number, spelling)))

    @step(
        specialization=st.none() | typed.specializations,
        search=st.none() | st.sampled_from(["b", "CLINIC", "Zoë"]),
        all_=typed.flags,
        limit=typed.limits,
    )
    def list_doctors(self, specialization, search, all_, limit):
        words = line("doctors", "list", specialization=specialization, search=search, all=all_, limit=limit)
        self.run(words, due=lambda: self.model.list_doctors(specialization, search, all_), limit=limit)

    @step(
        key=st.none() | typed.doctors,
        specialization=st.none() | typed.specializations,
        period=typed.periods,
        status=st.sampled_from(["free", "held", "booked", "all"]),
        limit=typed.limits,
    )
    def list_slots(self, key, specialization, period, status, limit):
        options = {"doctor": key, "specialization": specialization, "status": None if status == "free" else status}
        words = line("slots", "list", **options, from_=period[0], to=period[1], limit=limit)
        self.run(words, due=lambda: self.model.list_slots(key, specialization, Period(*period), status), limit=limit)

    @step(
        status=st.none() | st.sampled_from(STATUSES),
        patient=st.none() | typed.patients,
        key=st.none() | typed.doctors,
        date=st.none() | typed.dates,
        limit=typed.limits,
    )
    def list_bookings(self, status, patient, key, date, limit):
        email = patient and patient[1].strip()
        words = line("list", status=status, email=email, doctor=key, date=date, limit=limit)
        self.run(words, due=lambda: self.model.list_bookings(status, email, key, Period(date, date)), limit=limit)

    @step(by=st.sampled_from([None, "status", "doctor", "day"]), period=typed.periods)
    def count_bookings(self, by, period):
        words = line("stats", by=by, from_=period[0], to=period[1])
        self.run(words, due=lambda: self.model.stats(by, Period(*period)))


@pytest.mark.parametrize("number", range(3))
def test_every_command_does_what_the_model_says_and_no_more(booking, sql, monkeypatch, number):
    sql("UPDATE clinic SET timezone = %s, hold_minutes = %s", ZONE_NAME, CLINIC_HOLD_MINUTES)
    # To build the commands takes longer than to run one.
    monkeypatch.setattr(cli, "get_command", functools.cache(cli.get_command))
    monkeypatch.setattr(root, "load", functools.cache(root.load))

    def an_empty_book():
        return AppointmentBook(booking, sql)

    run_state_machine_as_test(
        an_empty_book if EXAMPLES else seed(number)(an_empty_book),
        settings=settings(
            # After the tenth example Hypothesis begins to vary earlier ones; in a short run new ones find more.
            max_examples=EXAMPLES or 10,
            stateful_step_count=40,
            deadline=None,  # how fast the server is decides nothing
            database=None,
            phases=[Phase.generate, Phase.shrink],
            print_blob=True,
            report_multiple_bugs=False,
        ),
    )
