"""The appointment book in plain Python: what each command changes, returns or refuses.

Numbers, references, generated request ids and the time of a transaction are taken from the database. Everything else follows
from the rules, which are written here a second time. A command returns JSON, or raises Refusal and changes nothing.
"""

import datetime as dt

# Half an hour off the hour and without clock changes: a wrong zone shows in every slot.
ZONE_NAME, ZONE = "Asia/Kolkata", dt.timezone(dt.timedelta(hours=5, minutes=30))
# No hold lapses by itself while an example runs.
HOLD_MINUTES = 90
TABLES = ("doctors", "slots", "patients", "patient_history", "bookings", "booking_history")
# A value that is taken from the row in the database.
GIVEN = object()
# Columns of doctors, patients, bookings and histories that are not in the results of commands.
HIDDEN = ("ends_at", "request_id", "overlap_allowed", "name_key", "contact_key", "registered_by")


class Row(dict):
    """A row of a table, with its columns as attributes."""

    __getattr__ = dict.__getitem__


class Refusal(Exception):
    """The code and the exit status of an error."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code
        self.exit_status = {"usage": 2, "invalid_input": 2, "not_found": 3}.get(code, 4)


class Model:
    """The tables, each a dictionary of rows by number, and the commands."""

    def __init__(self, doctors):
        self.tables = {table: {} for table in TABLES}
        self.tables["doctors"] = {number: Row(doctor) for number, doctor in doctors.items()}
        self.doctors, self.slots, self.patients, _, self.bookings, self.history = self.tables.values()
        self.now, self.actor, self.added = None, "", {}

    def begin(self, now, actor, added):
        """Take the time and the actor of the next command, and the rows that it has added to each table."""
        self.now, self.actor, self.added = now, actor, added

    def update_doctor(self, number, changes, if_version):
        doctor = self._find_version("doctors", number, changes, if_version)
        doctor.update(changes, version=doctor.version + 1, updated_at=self.now)
        return json_of(doctor)

    def add_slots(self, number, date, start, end, minutes, strict):
        """Add slots between two times, which are in minutes after midnight."""
        if not self.find("doctors", number).active:
            raise Refusal("doctor_inactive")
        midnight, length = dt.datetime.combine(date, dt.time(), ZONE), dt.timedelta(minutes=minutes)
        starts = [midnight + dt.timedelta(minutes=minute) for minute in range(start, end - minutes + 1, minutes)]
        planned = [Row(doctor_id=number, starts_at=time, ends_at=time + length) for time in starts]
        own = [slot for slot in self.slots.values() if slot.doctor_id == number]
        future = [slot for slot in planned if slot.starts_at > self.now]
        missing = [new for new in future if (new.starts_at, new.ends_at) not in [(s.starts_at, s.ends_at) for s in own]]
        addable = [new for new in missing if not any(overlap(slot, new) for slot in own)]
        if strict and len(addable) < len(missing):
            raise Refusal("slot_overlap")
        return {
            "planned": len(planned),
            "created": len(addable),
            "existing": len(future) - len(missing),
            "conflicts": len(missing) - len(addable),
            "past": len(planned) - len(future),
            "slots": [self.slot_json(self._insert("slots", "doctor_id starts_at", **slot)) for slot in addable],
        }

    def delete_slot(self, number):
        json = self.slot_json(self.find("slots", number))
        if any(booking.slot_id == number for booking in self.bookings.values()):
            raise Refusal("in_use")
        del self.slots[number]
        return json

    def add_patient(self, name, email, phone):
        if self._registered(name, email, phone):
            raise Refusal("patient_exists")
        return json_of(self._register(name, email, phone))

    def update_patient(self, number, changes, if_version):
        patient = self._find_version("patients", number, changes, if_version)
        return self._write_patient(
            patient, patient, "updated", {name: value or None for name, value in changes.items()}
        )

    def merge_patients(self, number, into):
        source, target = self.find("patients", number), self.find("patients", into)
        if source.id == target.id:
            raise Refusal("invalid_input")
        moved = [booking for booking in self.bookings.values() if booking.patient_id == source.id]
        if any(self.is_active(b) and not b.overlap_allowed and self._of_patient_at(target.id, b) for b in moved):
            raise Refusal("patient_overlap")
        taken = {name: source[name] for name in ("email", "phone", "note") if source[name] and not target[name]}
        same = self._registered(*[(target | taken)[name] for name in ("name", "email", "phone")])
        if same and same.id not in (source.id, target.id):
            raise Refusal("patient_exists")
        for row in [*moved, *self.tables["patient_history"].values()]:
            row["patient_id"] = target.id if row.patient_id == source.id else row.patient_id
        del self.patients[source.id]
        merged = self._write_patient(source, target, "merged", {})
        return self._write_patient(target, target, "updated", taken) if taken else merged

    def book(self, slot_id, patient, *, confirm, hold, allow_overlap, request_id):
        """Book for a patient, who is given by number or by name, email address and phone number."""
        if confirm and hold is not None:
            raise Refusal("invalid_input")
        known = self.find("patients", patient) if isinstance(patient, int) else self._registered(*patient)
        if request_id and (made := self.made_by(request_id)):
            former = [c for c in self.tables["patient_history"].values() if c.patient_id == made.patient_id]
            former_keys = [(change.former_name_key, change.former_contact_key) for change in former]
            is_former = not isinstance(patient, int) and register_key(*patient) in former_keys
            if made.slot_id != slot_id or not (is_former or (known and known.id == made.patient_id)):
                raise Refusal("request_id_reused")
            return self._first_result(made)
        slot = self.find("slots", slot_id)
        if not self.doctors[slot.doctor_id].active:
            raise Refusal("doctor_inactive")
        blocking = {b.id: b for b in self.bookings.values() if b.slot_id == slot_id and is_open(b)}
        if known and not allow_overlap:
            blocking |= {b.id: b for b in self._of_patient_at(known.id, slot)}
        if active := [booking for booking in blocking.values() if self.is_active(booking)]:
            raise Refusal("slot_taken" if all(b.slot_id == slot_id for b in active) else "patient_overlap")
        for booking in blocking.values():
            self._change(booking, "FAILED", "hold lapsed", None)
        now, hold_time = self.now, dt.timedelta(minutes=hold or HOLD_MINUTES)
        copied = {"slot_id": slot_id, "starts_at": slot.starts_at, "ends_at": slot.ends_at}
        whose = {"patient_id": (known or self._register(*patient)).id, "overlap_allowed": allow_overlap}
        held = {"status": "PENDING", "hold_expires_at": now + hold_time, "confirmed_at": None}
        state = {"status": "CONFIRMED", "hold_expires_at": None, "confirmed_at": now} if confirm else held
        rest = {"booked_at": now, "cancelled_at": None, "failed_at": None, "reason": None, "version": 1}
        keys = {"reference": GIVEN, "request_id": request_id or GIVEN}
        booking = self._insert("bookings", "slot_id", **copied, **whose, **state, **rest, **keys)
        self._record(None, booking, None)
        return self.booking_json(booking)

    def confirm(self, number, request_id):
        booking = self.find("bookings", number)
        if self.was_changed_by(request_id, number, "CONFIRMED"):
            first = {"status": "CONFIRMED", "cancelled_at": None, "reason": None, "version": 2}
            return self.booking_json(Row(booking | first))
        if booking.status in ("CONFIRMED", "CANCELLED"):
            raise Refusal("wrong_state")
        if not self.is_active(booking):
            raise Refusal("hold_lapsed")
        return self.booking_json(self._change(booking, "CONFIRMED", None, request_id or GIVEN))

    def cancel(self, number, reason, request_id):
        booking = self.find("bookings", number)
        if not self.was_changed_by(request_id, number, "CANCELLED"):
            if not self.is_active(booking):
                raise Refusal("wrong_state")
            self._change(booking, "CANCELLED", reason and reason.strip(), request_id or GIVEN)
        return self.booking_json(booking)

    def expire(self):
        lapsed = [booking for booking in self.bookings.values() if is_open(booking) and not self.is_active(booking)]
        failed = [self.booking_json(self._change(b, "FAILED", "hold lapsed", GIVEN)) for b in by_start(lapsed)]
        return {"expired": len(failed), "bookings": failed}

    def list_slots(self, status):
        free = [slot for slot in self.slots.values() if status != "free" or self.doctors[slot.doctor_id].active]
        return [json for json in map(self.slot_json, by_start(free)) if status in ("all", json["status"])]

    def list_bookings(self, status):
        return [self.booking_json(b) for b in by_start(self.bookings.values()) if status in (None, b.status)]

    def list_patients(self):
        return [json_of(p) for p in sorted(self.patients.values(), key=lambda p: (p.name_key, p.id))]

    def show_history(self, number):
        self.find("bookings", number)
        changes = [change for _, change in sorted(self.history.items()) if change.booking_id == number]
        return [json_of(change) for change in changes]

    def find(self, table, number):
        """Return a row; the number of a patient who was merged into another finds that one."""
        if table == "patients" and number not in self.patients:
            merged = [c.patient_id for c in self.tables["patient_history"].values() if c.former_id == number]
            number = merged[0] if merged else None
        if number not in self.tables[table]:
            raise Refusal("not_found")
        return self.tables[table][number]

    def is_active(self, booking):
        """Return whether a booking is confirmed, or a hold that has not lapsed."""
        return is_open(booking) and (booking.status == "CONFIRMED" or booking.hold_expires_at > self.now)

    def made_by(self, request_id):
        return next((booking for booking in self.bookings.values() if booking.request_id == request_id), None)

    def was_changed_by(self, request_id, number, status):
        changes = [(change.request_id, change.booking_id, change.to_status) for change in self.history.values()]
        return request_id is not None and (request_id, number, status) in changes

    def slot_json(self, slot):
        active = [b for b in self.bookings.values() if b.slot_id == slot.id and self.is_active(b)]
        return self._time_json(slot) | {
            "id": slot.id,
            "ends_at": local(slot.ends_at),
            "status": {"PENDING": "held", "CONFIRMED": "booked"}[active[0].status] if active else "free",
            "booking_id": active[0].id if active else None,
        }

    def booking_json(self, booking):
        patient = self.patients[booking.patient_id]
        return (
            json_of(booking)
            | self._time_json(self.slots[booking.slot_id])
            | {f"patient_{name}": patient[name] for name in ("name", "email", "phone")}
        )

    def _time_json(self, slot):
        doctor, start = self.doctors[slot.doctor_id], slot.starts_at.astimezone(ZONE)
        return {
            "doctor_id": doctor.id,
            "doctor_name": doctor.name,
            "specialization": doctor.specialization,
            "date": start.date().isoformat(),
            "time": f"{start:%H:%M}",
            "minutes": (slot.ends_at - slot.starts_at) // dt.timedelta(minutes=1),
            "starts_at": start.isoformat(),
        }

    def _insert(self, table, key, **values):
        """Add a row; the row in the database that has the same values in the columns `key` is where GIVEN is taken from."""
        same = [row for row in self.added[table] if all(row[name] == values[name] for name in key.split())]
        found = same[0] if same else {}
        values = {"id": GIVEN} | values
        row = Row({name: found.get(name) if value is GIVEN else value for name, value in values.items()})
        self.tables[table][row.id] = row
        return row

    def _find_version(self, table, number, changes, if_version):
        if not changes:
            raise Refusal("invalid_input")
        row = self.find(table, number)
        if if_version not in (None, row.version):
            raise Refusal("version_conflict")
        return row

    def _of_patient_at(self, number, time):
        """Return the bookings of a patient that exclude another one at an overlapping time."""
        theirs = [b for b in self.bookings.values() if b.patient_id == number and not b.overlap_allowed]
        return [booking for booking in theirs if is_open(booking) and overlap(booking, time)]

    def _registered(self, name, email, phone):
        key = register_key(name, email, phone)
        return next((p for p in self.patients.values() if (p.name_key, p.contact_key) == key), None)

    def _register(self, name, email, phone):
        name_key, contact_key = register_key(name, email, phone)
        values = {"name": name.strip(), "email": email, "phone": phone, "note": None}
        keys = {"name_key": name_key, "contact_key": contact_key, "registered_by": self.actor, "version": 1}
        times = {"created_at": self.now, "updated_at": self.now}
        return self._insert("patients", "name_key contact_key", **values, **keys, **times)

    def _write_patient(self, former, patient, change, values):
        """Write a record and its history; `former` is the record before, or the one that was merged into it."""
        after = patient | values
        if not after["email"] and not after["phone"]:
            raise Refusal("invalid_input")
        name_key, contact_key = register_key(after["name"], after["email"], after["phone"])
        same = self._registered(after["name"], after["email"], after["phone"])
        if same and same.id != patient.id:
            raise Refusal("patient_exists")
        entry = {"patient_id": patient.id, "at": self.now, "actor": self.actor, "change": change, "details": GIVEN}
        keys = {"former_name_key": former.name_key, "former_contact_key": former.contact_key}
        self._insert("patient_history", "patient_id change", **entry, **keys, former_id=former.id)
        patient.update(values, name_key=name_key, contact_key=contact_key)
        patient.update(version=patient.version + 1, updated_at=self.now)
        return json_of(patient)

    def _first_result(self, made):
        first = next(c.to_status for c in self.history.values() if c.booking_id == made.id and c.from_status is None)
        unchanged = {"cancelled_at": None, "failed_at": None, "reason": None, "version": 1}
        confirmed_at = made.booked_at if first == "CONFIRMED" else None
        return self.booking_json(Row(made | unchanged | {"status": first, "confirmed_at": confirmed_at}))

    def _change(self, booking, status, reason, request_id):
        before = booking.status
        booking.update({"status": status, "reason": reason, "version": booking.version + 1})
        booking[f"{status.lower()}_at"] = self.now
        self._record(before, booking, request_id)
        return booking

    def _record(self, before, booking, request_id):
        states = {"from_status": before, "to_status": booking.status, "reason": booking.reason}
        values = {"booking_id": booking.id, "at": self.now, "actor": self.actor, "request_id": request_id, **states}
        self._insert("booking_history", "booking_id to_status", **values)


def is_open(booking):
    """Return whether a booking is neither cancelled nor failed; its hold may have lapsed."""
    return booking.status in ("PENDING", "CONFIRMED")


def overlap(one, other):
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def by_start(rows):
    return sorted(rows, key=lambda row: (row.starts_at, row.id))


def register_key(name, email, phone):
    contact = email.lower() if email else "".join(filter(str.isdigit, phone))
    return " ".join(name.lower().split()), contact


def local(value):
    return value.astimezone(ZONE).isoformat()


def json_of(row):
    shown = {name: value for name, value in row.items() if name not in HIDDEN}
    return shown | {name: local(value) for name, value in shown.items() if isinstance(value, dt.datetime)}
