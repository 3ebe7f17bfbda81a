"""Fixtures for the tests of commands."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def insert_booking(sql: Callable[..., list[dict[str, Any]]]) -> Callable[..., None]:
    """Inserts a booking and its slot, `insert_booking("2050-03-07 09:00", "CONFIRMED", "Ana")`, a time in UTC.

    Ana is doctor 1, ben is doctor 2. The first booking has the number 1.
    """
    sql(
        "INSERT INTO doctors (name, specialization, email) SELECT n, 'X', n || '@x.de' FROM unnest(ARRAY['Ana', 'ben']) n"
    )
    numbers = itertools.count(1)

    def insert(starts_at: str, status: str, doctor: str, email: str = "maria@example.org") -> None:
        sql(
            """
            WITH slot AS (
                INSERT INTO slots (doctor_id, starts_at, ends_at)
                SELECT d.id, t, t + interval '30 minutes'
                FROM doctors d, (SELECT %s::timestamptz AS t) AS time WHERE d.name = %s
                RETURNING *
            )
            INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, request_id, status,
                                  hold_expires_at, confirmed_at, cancelled_at, failed_at)
            SELECT n, slot.id, public.make_patient('Patient ' || n, %s), starts_at, ends_at, n, status,
                   CASE status WHEN 'PENDING' THEN now() + interval '1 day' END,
                   CASE status WHEN 'CONFIRMED' THEN now() END,
                   CASE status WHEN 'CANCELLED' THEN now() END,
                   CASE status WHEN 'FAILED' THEN now() END
            FROM slot, (SELECT %s::text AS n, %s::text AS status) AS given""",
            *(f"{starts_at}+00", doctor, email, str(next(numbers)), status),
        )

    return insert
