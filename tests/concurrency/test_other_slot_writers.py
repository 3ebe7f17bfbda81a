"""Programs that know nothing of booking and write slots by plain SQL: no two slots of a doctor overlap."""

import contextlib
import datetime as dt

import pytest
from psycopg import IsolationLevel, errors

from booking_cli.domain.errors import Busy, SlotOverlap
from booking_cli.domain.validation import DoctorKey
from booking_cli.repository import doctors
from booking_cli.repository.slots import add, add_many
from tests.support.threads import at_once


def test_plain_sql_cannot_overlap_two_slots_of_a_doctor(raw, slot):
    with pytest.raises(errors.ExclusionViolation, match="slots_of_a_doctor_never_overlap"):
        raw().execute(
            "INSERT INTO slots (doctor_id, starts_at, ends_at) "
            "SELECT doctor_id, starts_at + interval '5 minutes', ends_at FROM slots WHERE id = %s",
            [slot],
        )


def insert_slot(connection, doctor, start, _):
    statement = "INSERT INTO slots (doctor_id, starts_at, ends_at) VALUES (%s, %s, %s) RETURNING id"
    return connection.execute(statement, [doctor, start, start + dt.timedelta(hours=1)])


def move_slot(connection, doctor, start, own):
    statement = "UPDATE slots SET doctor_id = %s, starts_at = %s, ends_at = %s WHERE id = %s RETURNING id"
    return connection.execute(statement, [doctor, start, start + dt.timedelta(hours=1), own])


def slot_taken(take, connection, doctor, start, own):
    """Put a slot into an hour by plain SQL and return its number and start, or None where the database refused it."""
    try:
        with contextlib.nullcontext() if connection.autocommit else connection.transaction():
            return take(connection, doctor, start, own).fetchone()[0], start
    except (errors.ExclusionViolation, errors.DeadlockDetected, errors.SerializationFailure):
        return None


def slot_added(adding):
    try:
        return [(slot.id, slot.starts_at) for slot in adding()]
    except (SlotOverlap, Busy):
        return []


def test_a_crowd_of_other_programs_and_of_booking_never_overlap_slots(opened, raw, slots, sql, booking):
    doctor = doctors.find(opened, DoctorKey(id=1))
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ben', 'x', 'ben@x.de')")
    writers = [raw(**how) for how in ({"autocommit": True}, {}, {"level": IsolationLevel.REPEATABLE_READ}) * 3]
    told = []
    for hour in range(8):
        noon = (opened.now + dt.timedelta(days=20, hours=3 * hour)).replace(minute=0, second=0, microsecond=0)
        starts = [noon + dt.timedelta(minutes=5 * number) for number in range(12)]
        calls = []
        for number, connection in enumerate(writers):
            spare = sql(
                "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT 2, t, t + interval '1 hour' "
                "FROM (SELECT %s::timestamptz + interval '1 year' + %s * interval '1 hour') AS s (t) RETURNING id",
                noon,
                number * 100,
            )[0]["id"]
            take = insert_slot if number % 3 else move_slot
            calls.append(
                lambda take=take, connection=connection, start=starts[number], spare=spare: [
                    slot_taken(take, connection, 1, start, spare)
                ]
            )
        for start in starts[::3]:
            calls.append(lambda start=start: slot_added(lambda: [add(opened, DoctorKey(id=1), start, 60)]))
        calls.append(
            lambda starts=starts: slot_added(lambda: add_many(opened, doctor, starts[::6], 30, strict=False).slots)
        )
        outcomes = at_once(*calls)
        assert [outcome for outcome in outcomes if isinstance(outcome, BaseException)] == []
        of_this_hour = [slot for outcome in outcomes for slot in outcome if slot]
        assert of_this_hour
        told += of_this_hour

    there = {(row["id"], row["starts_at"]) for row in sql("SELECT id, starts_at FROM slots WHERE doctor_id = 1")}
    assert there == {*told, *((slot, start) for slot, start in there if slot in slots)}
    overlapping = (
        "SELECT a.id, b.id FROM slots a JOIN slots b ON a.doctor_id = b.doctor_id AND a.id < b.id "
        "AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"
    )
    assert sql(overlapping) == []
    assert booking("verify", "-o", "json").json == []
