"""Fixtures with doctors, slots and bookings in the test's database."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest


@pytest.fixture
def slots(sql: Callable[..., list[dict[str, Any]]]) -> list[int]:
    """The numbers of four half hours of one doctor, in a week from 09:00 on."""
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana Lima', 'Cardiology', 'ana@clinic.example')")
    made = sql("""
        INSERT INTO slots (doctor_id, starts_at, ends_at)
        SELECT 1, t, t + interval '30 minutes'
        FROM (SELECT date_trunc('day', now(), 'UTC') + interval '7 days 9 hours' + n * interval '30 minutes' AS t
              FROM generate_series(0, 3) n) AS times
        RETURNING id""")
    return [row["id"] for row in made]


@pytest.fixture
def slot(slots: list[int]) -> int:
    """The number of a slot in a week."""
    return slots[0]


@pytest.fixture
def overlapping_slots(slots: list[int], sql: Callable[..., list[dict[str, Any]]]) -> list[int]:
    """The numbers of slots 5 to 8 of a second doctor, at the times of slots 1 to 4."""
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Bo Kern', 'Skin', 'bo@clinic.example')")
    sql("INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT 2, starts_at, ends_at FROM slots ORDER BY id")
    return [5, 6, 7, 8]


@pytest.fixture
def held(slots: list[int], sql: Callable[..., list[dict[str, Any]]]) -> None:
    """Booking 1 holds slot 1; the holds of bookings 2 and 3 have lapsed; slot 4 is free, and doctor 2 has no slots."""
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Bo', 'x', 'bo@x.de')")
    sql("""
        WITH held AS (
            INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, status, hold_expires_at, request_id)
            SELECT 'HELD-' || id, id, public.make_patient('Pat ' || id, 'pat@example.com'), starts_at, ends_at, 'PENDING',
                   now() + interval '1 hour' * (1.5 - id), 'hold ' || id
            FROM slots WHERE id <= 3 ORDER BY id
            RETURNING id
        )
        INSERT INTO booking_history (booking_id, actor, to_status) SELECT id, 'tester', 'PENDING' FROM held""")


@pytest.fixture
def contents(sql: Callable[..., list[dict[str, Any]]]) -> Callable[[], object]:
    """What is in the tables that a booking changes, to see that nothing did."""
    return lambda: [sql(f"SELECT * FROM {table} ORDER BY id") for table in ("bookings", "booking_history", "patients")]


@pytest.fixture
def open_booking(raw: Callable[..., psycopg.Connection[Any]]) -> Callable[..., psycopg.Connection[Any]]:
    """Books a slot with plain SQL in a transaction that stays open: `open_booking(1, "Pat", "pat@example.com")`."""

    def book(slot: int, name: str = "Other", email: str = "other@example.com") -> psycopg.Connection[Any]:
        connection = raw()
        connection.execute(
            """
            WITH booked AS (
                INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, status, confirmed_at, request_id)
                SELECT 'OTHER', id, public.make_patient(%s, %s), starts_at, ends_at, 'CONFIRMED', now(), 'other'
                FROM slots WHERE id = %s RETURNING id
            )
            INSERT INTO booking_history (booking_id, actor, to_status) SELECT id, 'other', 'CONFIRMED' FROM booked""",
            (name, email, slot),
        )
        return connection

    return book
