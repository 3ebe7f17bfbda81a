"""`booking expire` releases lapsed holds and nothing else; concurrent runs release each hold once."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from booking_cli.repository import bookings

STATES = "SELECT status, count(*) AS n FROM bookings GROUP BY 1 ORDER BY 1"


@pytest.fixture
def holds(sql):
    """Makes lapsed holds on slots of five minutes in a week, the later numbers lapsed first, and returns the slots."""
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana Lima', 'Cardiology', 'ana@clinic.example')")

    def make(count):
        made = sql(
            """
            INSERT INTO slots (doctor_id, starts_at, ends_at)
            SELECT 1, t, t + interval '5 minutes'
            FROM (SELECT now() + interval '7 days' + n * interval '5 minutes' AS t FROM generate_series(1, %s) n) AS times
            RETURNING id""",
            count,
        )
        sql("""
            WITH hold AS (
                INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, request_id, status,
                                      booked_at, hold_expires_at)
                SELECT 'hold-' || id, id, public.make_patient('Pat ' || id, 'pat@example.com'), starts_at, ends_at,
                       'hold-' || id, 'PENDING', now() - interval '1 day', now() - id * interval '1 second'
                FROM slots ORDER BY id RETURNING id
            )
            INSERT INTO booking_history (booking_id, actor, to_status) SELECT id, 'tester', 'PENDING' FROM hold""")
        return [row["id"] for row in made]

    return make


def test_expire_releases_lapsed_holds_and_leaves_other_bookings_as_they_are(booking, sql, holds):
    slots = holds(5)
    sql("UPDATE bookings SET hold_expires_at = now() + interval '1 minute' WHERE id = 1")
    sql("UPDATE bookings SET status = 'CONFIRMED', confirmed_at = booked_at WHERE id = 2")
    sql("UPDATE bookings SET status = 'CANCELLED', cancelled_at = booked_at WHERE id = 3")
    sql("UPDATE bookings SET status = 'FAILED', failed_at = booked_at WHERE id = 4")
    others = "SELECT * FROM bookings WHERE id <> 5 ORDER BY id"
    before = sql(others)
    expiry = booking("expire", "-o", "json", BOOKING_ACTOR="cron").json
    failed = booking("show", 5, "-o", "json").json
    assert expiry == {"expired": 1, "bookings": [failed]}
    assert (failed["status"], failed["version"], failed["reason"]) == ("FAILED", 2, "hold lapsed")
    assert sql(others) == before
    assert booking("slots", "show", slots[4], "-o", "json").json["status"] == "free"
    change = booking("history", 5, "-o", "json").json[-1]
    assert tuple(change.values())[1:] == (5, failed["failed_at"], "cron", "PENDING", "FAILED", "hold lapsed")


def test_expire_in_a_table_counts_and_lists_the_holds(booking, holds):
    assert booking("expire").stdout == "No hold has lapsed.\n"
    assert booking("expire", "-o", "json").json == {"expired": 0, "bookings": []}
    holds(2)
    headline, *table = booking("expire").stdout.splitlines()
    assert headline == "Released 2 lapsed holds."
    assert [any(f"hold-{number}" in line for line in table) for number in (1, 2)] == [True, True]


def test_expire_releases_all_holds_in_batches_the_oldest_first(booking, sql, holds, monkeypatch):
    monkeypatch.setattr(bookings, "EXPIRE_BATCH", 2)
    holds(5)
    sql("UPDATE bookings SET hold_expires_at = now() - (7 * id % 5) * interval '1 hour' - interval '1 minute'")
    oldest_first = [row["id"] for row in sql("SELECT id FROM bookings ORDER BY hold_expires_at")]
    assert booking("expire", "-o", "json").json["expired"] == 5
    changes = sql("SELECT booking_id FROM booking_history WHERE to_status = 'FAILED' ORDER BY id")
    released = [row["booking_id"] for row in changes]
    for batch in (slice(0, 2), slice(2, 4), slice(4, 5)):
        assert set(released[batch]) == set(oldest_first[batch])


def test_expire_that_fails_after_a_batch_reports_what_was_released(booking, sql, holds, monkeypatch):
    monkeypatch.setattr(bookings, "EXPIRE_BATCH", 2)
    holds(3)
    sql("""CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE 'cancelled' USING ERRCODE = 'query_canceled'; END $$""")
    sql("CREATE TRIGGER stop BEFORE UPDATE ON bookings FOR EACH ROW WHEN (old.id = 1) EXECUTE FUNCTION stop()")
    ran = booking("expire", "--quiet", "-o", "json")
    assert (ran.status, ran.stdout, ran.error["code"]) == (6, "", "busy")
    assert "released: 2" in ran.error["message"]
    assert sql(STATES) == [{"status": "FAILED", "n": 2}, {"status": "PENDING", "n": 1}]


@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("options", [("--quiet",), ("-q", "-o", "json"), ("-q", "-o", "csv")])
def test_expire_quiet_writes_nothing(booking, sql, holds, count, options):
    holds(count)
    ran = booking("expire", *options)
    assert (ran.status, ran.stdout, ran.stderr) == (0, "", "")
    assert sql("SELECT count(*) AS n FROM bookings WHERE status = 'FAILED'") == [{"n": count}]


def test_expire_quiet_reports_what_is_wrong(program, empty_url):
    ran = program("expire", "--quiet", BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, ran.stdout) == (5, "")
    assert "booking db migrate" in ran.stderr


@pytest.mark.usefixtures("sound_afterwards")
def test_ten_concurrent_runs_release_each_hold_once(program, sql, holds):
    count = 3 * bookings.EXPIRE_BATCH
    holds(count)
    with ThreadPoolExecutor(10) as pool:
        runs = list(pool.map(lambda _: program("expire", "-o", "json"), range(10)))
    assert [(run.status, run.stderr) for run in runs] == [(0, "")] * 10
    released = [made["id"] for run in runs for made in run.json["bookings"]]
    assert sorted(released) == list(range(1, count + 1))
    assert sum(run.json["expired"] for run in runs) == count


def test_expire_skips_a_hold_that_another_transaction_has_locked(booking, url, holds):
    holds(3)
    with psycopg.connect(url) as other:
        other.execute("SELECT FROM booking.bookings WHERE id = 2 FOR UPDATE")
        ran = booking("expire", "-o", "json", BOOKING_STATEMENT_TIMEOUT="5")
    assert (ran.status, sorted(made["id"] for made in ran.json["bookings"])) == (0, [1, 3])
    assert [made["id"] for made in booking("expire", "-o", "json").json["bookings"]] == [2]
