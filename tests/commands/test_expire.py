"""`booking expire`: releases what has lapsed and nothing else, quietly, in any number of runs at once."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from booking_cli.repository import bookings, verify
from tests.commands.test_slots import DAY, sundays_of_change

HISTORY_OF_A_LAPSED_HOLD = [(None, "PENDING"), ("PENDING", "FAILED")]


@pytest.fixture
def holds(sql: Callable[..., list[dict[str, Any]]]) -> Callable[[int], list[int]]:
    """Puts lapsed holds into the tables, each on a slot of its own that is to come, and returns the slots' numbers."""
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana Lima', 'Cardiology', 'ana@clinic.example')")

    def make(count: int) -> list[int]:
        made = sql(
            """
            WITH slot AS (
                INSERT INTO slots (doctor_id, starts_at, ends_at)
                SELECT 1, t, t + interval '5 minutes'
                FROM (SELECT now() + interval '7 days' + n * interval '5 minutes' AS t
                      FROM generate_series(1, %s) n) AS times
                RETURNING id
            ), hold AS (
                INSERT INTO bookings (reference, slot_id, patient_name, patient_email, request_id, status,
                                      booked_at, hold_expires_at)
                SELECT 'hold-' || id, id, 'Patient ' || id, 'patient@example.org', 'hold-' || id, 'PENDING',
                       now() - interval '1 hour', now() - id * interval '1 second'
                FROM slot
                RETURNING id, slot_id
            )
            INSERT INTO booking_history (booking_id, at, actor, to_status)
            SELECT id, now() - interval '1 hour', 'tester', 'PENDING' FROM hold ORDER BY slot_id
            RETURNING (SELECT slot_id FROM hold WHERE hold.id = booking_id)""",
            count,
        )
        return [row["slot_id"] for row in made]

    return make


@pytest.fixture
def histories(sql: Callable[..., list[dict[str, Any]]]) -> Callable[[], list[list[tuple[str | None, str]]]]:
    """The steps of every booking."""

    def read() -> list[list[tuple[str | None, str]]]:
        steps = sql("SELECT booking_id, from_status, to_status FROM booking_history ORDER BY booking_id, id")
        return [
            [(step["from_status"], step["to_status"]) for step in group]
            for _, group in itertools.groupby(steps, key=lambda step: step["booking_id"])
        ]

    return read


def test_where_nothing_has_lapsed_nothing_is_done(program, booking):
    ran = program("expire")

    assert (ran.status, ran.stdout, ran.stderr) == (0, "No hold has lapsed.\n", "")
    assert booking("expire", "-o", "json").json == {"expired": 0, "bookings": []}


def test_only_holds_that_have_lapsed_are_released(booking, sql, holds):
    slots = holds(5)
    sql("UPDATE bookings SET hold_expires_at = now() + interval '1 minute' WHERE id = 1")
    sql("UPDATE bookings SET status = 'CONFIRMED', confirmed_at = booked_at WHERE id = 2")
    sql("UPDATE bookings SET status = 'CANCELLED', cancelled_at = booked_at WHERE id = 3")
    sql("UPDATE bookings SET status = 'FAILED', failed_at = booked_at WHERE id = 4")
    untouched = sql("SELECT * FROM bookings WHERE id <> 5 ORDER BY id")

    expiry = booking("expire", "-o", "json").json

    assert (expiry["expired"], [made["id"] for made in expiry["bookings"]]) == (1, [5])
    assert sql("SELECT * FROM bookings WHERE id <> 5 ORDER BY id") == untouched
    assert sql("SELECT status, version, reason, failed_at IS NOT NULL AS dated FROM bookings WHERE id = 5") == [
        {"status": "FAILED", "version": 2, "reason": "hold lapsed", "dated": True}
    ]
    assert booking("slots", "show", slots[4], "-o", "json").json["status"] == "free"


def test_what_was_released_is_shown_as_it_is_now(program, booking, holds):
    holds(2)

    ran = program("expire", "-o", "json")

    assert (ran.status, ran.stderr, ran.json["expired"]) == (0, "", 2)
    assert ran.json["bookings"] == booking("list", "--status", "FAILED", "-o", "json").json
    assert booking("expire", "-o", "json").json == {"expired": 0, "bookings": []}


def test_they_are_shown_as_time_goes_by_also_in_the_hour_that_comes_twice(booking, sql, holds):
    booking("clinic", "set", "--timezone", "Europe/Berlin")
    _, autumn = sundays_of_change(DAY.year + 1)
    for slot, start in zip(holds(4), ("01:15", "00:00", "01:00", "00:15"), strict=True):
        sql(
            "UPDATE slots SET starts_at = %s::timestamptz, ends_at = %s::timestamptz + interval '5 minutes' WHERE id = %s",
            *[f"{autumn} {start}Z"] * 2,
            slot,
        )

    expiry = booking("expire", "-o", "json").json

    assert [released["slot_id"] for released in expiry["bookings"]] == [2, 4, 3, 1]
    assert [released["starts_at"][11:] for released in expiry["bookings"]] == [
        *("02:00:00+02:00", "02:15:00+02:00", "02:00:00+01:00", "02:15:00+01:00")
    ]


def test_of_many_the_oldest_are_released_first(booking, sql, holds, monkeypatch):
    monkeypatch.setattr(bookings, "EXPIRE_BATCH", 2)
    holds(5)
    sql("UPDATE bookings SET hold_expires_at = now() - (7 * id % 5) * interval '1 hour' - interval '1 minute'")

    booking("expire")

    released = sql("SELECT booking_id FROM booking_history WHERE to_status = 'FAILED' ORDER BY id")
    oldest_first = sql("SELECT id FROM bookings ORDER BY hold_expires_at")
    pairs = [{row["booking_id"] for row in released[:2]}, {row["booking_id"] for row in released[2:4]}]
    assert pairs == [{row["id"] for row in oldest_first[:2]}, {row["id"] for row in oldest_first[2:4]}]


@pytest.mark.parametrize(("count", "headline"), [(1, "Released 1 lapsed hold."), (2, "Released 2 lapsed holds.")])
def test_people_read_how_many_were_released_and_which(booking, holds, count, headline):
    holds(count)

    ran = booking("expire")

    assert ran.stdout.splitlines()[0] == headline
    assert [f"hold-{number}" in ran.stdout for number in range(1, count + 1)] == [True] * count


def test_more_holds_than_a_batch_are_all_released(booking, holds, histories):
    count = 2 * bookings.EXPIRE_BATCH + 1
    holds(count)

    expiry = booking("expire", "-o", "json").json

    assert expiry["expired"] == count
    assert len({made["id"] for made in expiry["bookings"]}) == len(expiry["bookings"]) == count
    assert histories() == [HISTORY_OF_A_LAPSED_HOLD] * count


@pytest.mark.parametrize("count", [0, 3], ids=["nothing to do", "three to release"])
@pytest.mark.parametrize("flag", ["--quiet", "-q"])
def test_cron_reads_nothing_at_all(program, sql, holds, count, flag):
    holds(count)

    ran = program("expire", flag)

    assert (ran.status, ran.stdout, ran.stderr) == (0, "", "")
    assert sql("SELECT count(*) AS n FROM bookings WHERE status = 'FAILED'") == [{"n": count}]


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv"])
def test_quiet_is_quiet_in_every_form(booking, holds, form):
    holds(1)

    ran = booking("expire", "--quiet", "-o", form)

    assert (ran.status, ran.stdout, ran.stderr) == (0, "", "")


def test_cron_reads_what_is_wrong(program, empty_url):
    ran = program("expire", "--quiet", BOOKING_DATABASE_URL=empty_url)

    assert (ran.status, ran.stdout) == (5, "")
    assert "booking db migrate" in ran.stderr


def test_ten_runs_at_once_release_each_hold_exactly_once(program, booking, holds, histories):
    count = 3 * bookings.EXPIRE_BATCH
    holds(count)

    with ThreadPoolExecutor(10) as pool:
        runs = list(pool.map(lambda _: program("expire", "-o", "json"), range(10)))

    assert [(run.status, run.stderr) for run in runs] == [(0, "")] * 10
    assert sum(run.json["expired"] for run in runs) == count
    released = [made["id"] for run in runs for made in run.json["bookings"]]
    assert sorted(released) == list(range(1, count + 1))
    assert histories() == [HISTORY_OF_A_LAPSED_HOLD] * count
    assert booking("verify").status == 0


def test_a_run_does_not_wait_for_a_hold_that_another_transaction_has_in_hand(booking, url, sql, holds):
    holds(3)

    with psycopg.connect(url) as other:
        other.execute("SELECT FROM booking.bookings WHERE id = 2 FOR UPDATE")
        # A run that waited would be stopped by the statement timeout, and not exit 0.
        ran = booking("expire", "-o", "json", BOOKING_STATEMENT_TIMEOUT="5")

        assert ran.status == 0, ran
        assert sorted(made["id"] for made in ran.json["bookings"]) == [1, 3]
        other.rollback()

    assert [made["id"] for made in booking("expire", "-o", "json").json["bookings"]] == [2]
    assert sql("SELECT DISTINCT status FROM bookings") == [{"status": "FAILED"}]


def test_slots_can_be_booked_while_their_holds_are_released(opened, sql, holds):
    slots = holds(60)

    def take(slot: int) -> int:
        request = bookings.BookingRequest(
            slot_id=slot,
            patient_name=f"New patient {slot}",
            patient_email="new@example.org",
            patient_phone=None,
            hold_minutes=None,
            request_id=f"take-{slot}",
        )
        return bookings.book(opened, request).booking.slot_id

    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(bookings.expire, opened)]
        taken = []
        for number, slot in enumerate(slots):
            taken.append(pool.submit(take, slot))
            if number % 10 == 9:
                runs.append(pool.submit(bookings.expire, opened))
        assert [booked.result() for booked in taken] == slots
        released = [made.id for run in runs for made in run.result().bookings]

    assert len(released) == len(set(released))
    assert sql("SELECT status, count(*) AS n FROM bookings GROUP BY 1 ORDER BY 1") == [
        {"status": "CONFIRMED", "n": 60},
        {"status": "FAILED", "n": 60},
    ]
    assert verify.violations(opened) == []
