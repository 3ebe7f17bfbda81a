"""The next free slots of a specialization, found in one of two ways, are those of a search through all slots."""

import datetime as dt

import pytest

from booking_cli.domain.dates import Period
from booking_cli.repository import slots

# Eight doctors, one of them inactive; slots on a thousand days, more than the first of the two ways reads. Heart is fully booked
# for 800 days, Bones for 200; of the other slots every third has a booking in some state.
SCHEDULE = """
    INSERT INTO doctors (name, specialization, email, active)
    SELECT 'Doctor ' || n, (ARRAY['Skin', 'Heart', 'Bones', 'skin'])[1 + n % 4], n || '@x.de', n <> 8
    FROM generate_series(1, 8) n;
    INSERT INTO slots (doctor_id, starts_at, ends_at)
    SELECT d.id, t, t + interval '30 minutes'
    FROM generate_series(now() - interval '1 hour', now() + interval '1000 days', interval '1 day') t, doctors d
    ORDER BY random();
    INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, overlap_allowed, request_id, status,
                          hold_expires_at, confirmed_at, cancelled_at, failed_at)
    SELECT md5(s.id::text), s.id, public.make_patient('Pat', 'pat@x.de'), s.starts_at, s.ends_at, true, s.id, state,
           CASE state WHEN 'PENDING' THEN now() + (CASE WHEN s.id % 2 = 0 THEN 1 ELSE -1 END) * interval '1 hour' END,
           CASE state WHEN 'CONFIRMED' THEN now() END, CASE state WHEN 'CANCELLED' THEN now() END,
           CASE state WHEN 'FAILED' THEN now() END
    FROM slots s
    JOIN doctors d ON d.id = s.doctor_id,
    LATERAL (SELECT CASE
        WHEN d.specialization = 'Heart' AND s.starts_at < now() + interval '800 days' THEN 'CONFIRMED'
        WHEN d.specialization = 'Bones' AND s.starts_at < now() + interval '200 days' THEN 'CONFIRMED'
        WHEN s.id % 3 = 0 THEN (ARRAY['CONFIRMED', 'PENDING', 'CANCELLED', 'FAILED'])[1 + s.id / 3 % 4] END AS state) chosen
    WHERE state IS NOT NULL"""
FREE = """
    SELECT s.id FROM slots s JOIN doctors d ON d.id = s.doctor_id
    WHERE d.active AND lower(d.specialization) = lower(%s) AND s.starts_at >= %s AND s.starts_at < %s
      AND s.id NOT IN (SELECT slot_id FROM bookings WHERE status = 'CONFIRMED'
                       OR status = 'PENDING' AND hold_expires_at > now())
    ORDER BY s.starts_at, s.id"""


@pytest.mark.parametrize(
    ("specialization", "limit", "days"),
    [
        *[("Skin", 20, 1000), ("skin", 1, 1000), ("Skin", 5000, 1000), ("Skin", 20, 2)],
        *[("HEART", 20, 1000), ("Heart", 20, 300), ("Heart", 5000, 1000)],
        *[("Bones", 20, 1000), ("bones", 300, 400), ("Eyes", 20, 1000)],
    ],
)
def test_next_free_slots_of_a_specialization_are_those_of_a_full_search(opened, sql, specialization, limit, days):
    for statement in SCHEDULE.split(";"):
        sql(statement)
    end = opened.now + dt.timedelta(days=days)
    wanted = {"specialization": specialization, "doctor_id": None, "status": "free", "limit": limit}
    found = slots.list_slots(opened, Period(opened.now, end), **wanted)
    expected = [row["id"] for row in sql(FREE, specialization, opened.now, end)]
    assert [slot.id for slot in found] == expected[: limit + 1]
    assert {slot.status for slot in found} <= {"free"}
