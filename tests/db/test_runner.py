"""The one runner of every transaction: how it isolates, repeats, gives up, rolls back, and leaves nothing behind."""

import contextlib
import logging
import threading

import psycopg
import pytest

from booking_cli import session as books
from booking_cli.db import queries, runner
from booking_cli.db.runner import Database
from booking_cli.domain.errors import BookingError, Busy, DatabaseUnavailable, EmailTaken
from tests.support.waiting import wait_for_lock_waiter

SETTINGS = (
    "application_name",
    "enable_seqscan",
    "idle_in_transaction_session_timeout",
    "search_path",
    "statement_timeout",
    "transaction_isolation",
    "transaction_read_only",
)
PROBES = {
    "probe.setting": "SELECT current_setting(%(name)s::text) AS value",
    "probe.clinic": "SELECT name FROM clinic WHERE id = 1",
    "probe.rename_clinic": "UPDATE clinic SET name = %(name)s::text WHERE id = 1 RETURNING name",
    "probe.rename_doctor": "UPDATE doctors SET name = %(name)s::text WHERE id = %(id)s::bigint RETURNING name",
    "probe.check_deadlocks_at_once": "SELECT set_config('deadlock_timeout', '10ms', true)",
    "probe.40001": "DO $$ BEGIN RAISE 'could not serialize' USING ERRCODE = '40001'; END $$",
    "probe.40P01": "DO $$ BEGIN RAISE 'deadlock detected' USING ERRCODE = '40P01'; END $$",
    "probe.sleep": "SELECT pg_sleep(60)",
    "probe.short_sleep": "SELECT pg_sleep(0.5)",
}


@pytest.fixture(autouse=True)
def probes(monkeypatch):
    """Statements of the tests' own, beside those of the program."""
    original = queries.statement
    monkeypatch.setattr(queries, "statement", lambda name: PROBES.get(name) or original(name))


@pytest.fixture(params=[0, 4], ids=["one connection", "pool"])
def database(request, url):
    with Database(books.OwnServer(url), statement_timeout=30, pool_size=request.param) as opened:
        yield opened


@pytest.fixture
def other(url):
    """Another program's connection, in transactions of its own."""
    with psycopg.connect(url, options="-c search_path=booking") as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def two_doctors(sql):
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana', 'x', 'a@x.de'), ('Bo', 'x', 'b@x.de')")


@pytest.fixture
def retries(caplog):
    caplog.set_level(logging.INFO, logger="booking")
    return lambda: [record for record in caplog.records if "trying again" in record.getMessage()]


def write(database, work):
    """Write what leaves nothing to ask about, because the connection does not break here."""
    return database.write(work, stands=lambda _tx, _made: pytest.fail("no COMMIT was lost"))


def run(database, kind, work):
    return database.read(work) if kind == "read" else write(database, work)


def settings_of(tx):
    return {name: tx.one("probe.setting", {"name": name})["value"] for name in SETTINGS}


@pytest.mark.parametrize(("kind", "read_only", "scans_whole_tables"), [("read", "on", "on"), ("write", "off", "off")])
def test_a_transaction_has_its_settings(database, kind, read_only, scans_whole_tables):
    assert run(database, kind, settings_of) == {
        "application_name": "booking",
        "enable_seqscan": scans_whole_tables,
        "idle_in_transaction_session_timeout": "1min",
        "search_path": "booking, pg_temp",
        "statement_timeout": "30s",
        "transaction_isolation": "serializable",
        "transaction_read_only": read_only,
    }


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_time_zone_that_is_not_reported_is_not_taken_for_the_clinics(database, kind, monkeypatch):
    """As by a pooler that keeps to itself what the server reports."""
    begin = database._begin

    def begin_unreported(*given):
        begun = begin(*given)
        return begun._replace(statements=begun.statements.replace("Europe/Berlin", "UTC"))

    database.clock = "Europe/Berlin"
    monkeypatch.setattr(database, "_begin", begin_unreported)
    with pytest.raises(DatabaseUnavailable, match="reports the time zone 'UTC' and not Europe/Berlin"):
        run(database, kind, settings_of)


def fail(_tx):
    raise EmailTaken("as a rule of the book would")


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize("work", [settings_of, fail])
def test_nothing_of_a_transaction_stays_in_the_session(database, kind, work):
    with database.connection() as connection:
        before = connection.execute("SELECT name, setting FROM pg_settings ORDER BY name").fetchall()
    with contextlib.suppress(EmailTaken):
        run(database, kind, work)
    with database.connection() as connection:
        assert connection.execute("SELECT name, setting FROM pg_settings ORDER BY name").fetchall() == before
        assert (
            connection.execute(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            ).fetchall()
            == []
        )
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_read_cannot_write(database, sql):
    with pytest.raises(BookingError, match="only allows reading"):
        database.read(lambda tx: tx.one("probe.rename_clinic", {"name": "written"}))
    assert sql("SELECT name FROM clinic") == [{"name": ""}]


def test_a_read_sees_one_snapshot(database, other):
    def work(tx):
        before = tx.one("probe.clinic")
        other.execute("UPDATE clinic SET name = 'changed meanwhile'")
        other.commit()
        return before == tx.one("probe.clinic")

    assert database.read(work)


@pytest.mark.parametrize("error", [EmailTaken("refused"), KeyError("a bug"), KeyboardInterrupt()], ids=repr)
def test_what_work_raises_rolls_back_and_is_raised(database, sql, error):
    def work(tx):
        tx.one("probe.rename_clinic", {"name": "must not stay"})
        raise error

    with pytest.raises(type(error)) as raised:
        write(database, work)
    assert raised.value is error
    assert sql("SELECT name FROM clinic") == [{"name": ""}]
    assert database.read(lambda tx: tx.one("probe.clinic")) == {"name": ""}


def test_a_look_that_sees_something_leaves_nothing_to_write(database, sql):
    def work(tx):
        return tx.one("probe.rename_clinic", {"name": "must not be"})

    seen = database.write(work, stands=lambda *_: False, look=lambda tx: tx.one("probe.clinic"))
    assert seen == {"name": ""}
    assert sql("SELECT name FROM clinic") == [{"name": ""}]


def test_a_look_that_sees_nothing_is_a_transaction_of_its_own_that_only_reads(database, sql):
    looked = []
    made = database.write(
        lambda tx: tx.one("probe.rename_clinic", {"name": settings_of(tx)["transaction_read_only"]}),
        stands=lambda *_: False,
        look=lambda tx: looked.append(settings_of(tx)["transaction_read_only"]),
    )
    assert (looked, made) == (["on"], {"name": "off"})
    assert sql("SELECT name FROM clinic") == [{"name": "off"}]


def test_before_each_attempt_it_is_looked_anew(database, other):
    """Somebody else changes what was looked at, and makes the first attempt fail."""
    attempts = []

    def look(tx):
        name = tx.one("probe.clinic")["name"]
        return name or None

    def work(tx):
        attempts.append(tx)
        other.execute("UPDATE clinic SET name = 'theirs'")
        other.commit()
        return tx.one("probe.rename_clinic", {"name": "ours"})

    assert database.write(work, stands=lambda *_: False, look=look) == "theirs"
    assert len(attempts) == 1


@pytest.mark.usefixtures("two_doctors")
def test_a_change_that_somebody_else_made_first_is_seen_by_the_next_attempt(database, other, retries):
    seen = []

    def work(tx):
        seen.append(tx.one("doctors.find", {"id": 1, "email": None})["name"])
        if len(seen) == 1:
            other.execute("UPDATE doctors SET name = 'Cleo' WHERE id = 1")
            other.commit()
        return tx.one("probe.rename_doctor", {"id": 1, "name": seen[-1] + "!"})

    assert write(database, work) == {"name": "Cleo!"}
    assert seen == ["Ana", "Cleo"]
    assert [record.levelname for record in retries()] == ["INFO"]
    assert "could not serialize access" in retries()[0].getMessage()


@pytest.mark.usefixtures("two_doctors")
def test_a_serialization_failure_at_commit_is_repeated(database, other, sql, retries):
    """Each reads what the other changes: only at COMMIT can the server tell that no order explains both."""
    other.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    attempts = []

    def work(tx):
        attempts.append(tx.one("probe.clinic")["name"])
        tx.one("probe.rename_doctor", {"id": 1, "name": f"of clinic {attempts[-1]!r}"})
        if len(attempts) == 1:
            name = other.execute("SELECT name FROM doctors WHERE id = 1").fetchone()[0]
            other.execute("UPDATE clinic SET name = %s", [f"of doctor {name}"])
            other.commit()
            attempts.append("work is over")

    write(database, work)
    assert attempts == ["", "work is over", "of doctor Ana"]
    assert sql("SELECT name FROM doctors WHERE id = 1") == [{"name": "of clinic 'of doctor Ana'"}]
    assert len(retries()) == 1


@pytest.mark.usefixtures("two_doctors")
def test_a_deadlock_is_repeated(database, other, sql, retries):
    def change_the_other_way_round():
        other.execute("UPDATE doctors SET phone = '123' WHERE id = 1")
        other.commit()

    rival = threading.Thread(target=change_the_other_way_round)
    # Only we look for deadlocks in time, so that it is us who are stopped.
    other.execute("SET deadlock_timeout = '60s'")
    other.execute("UPDATE doctors SET phone = '456' WHERE id = 2")

    def work(tx):
        tx.one("probe.check_deadlocks_at_once")
        tx.one("probe.rename_doctor", {"id": 1, "name": "ours"})
        if not rival.ident:
            rival.start()
            wait_for_lock_waiter(sql)
        tx.one("probe.rename_doctor", {"id": 2, "name": "ours"})

    write(database, work)
    rival.join()
    assert sql("SELECT name, phone FROM doctors ORDER BY id") == [
        {"name": "ours", "phone": "123"},
        {"name": "ours", "phone": "456"},
    ]
    assert "deadlock" in retries()[0].getMessage()


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that the runner makes, at their longest, without making them."""
    made = []
    monkeypatch.setattr(runner.random, "uniform", lambda _shortest, longest: longest)
    monkeypatch.setattr(runner.time, "sleep", made.append)
    return made


def run_into(database, statement):
    attempts = []

    def work(tx):
        attempts.append(1)
        tx.one("probe.rename_clinic", {"name": "must not stay"})
        tx.one(statement)

    with pytest.raises(Busy) as raised:
        write(database, work)
    return raised.value, len(attempts)


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_after_the_last_attempt_it_is_busy(database, sql, monkeypatch, retries, state):
    monkeypatch.setattr(runner, "MAX_ATTEMPTS", 3)
    busy, attempts = run_into(database, f"probe.{state}")
    assert (busy.exit_status, busy.code, attempts, len(retries())) == (6, "busy", 3, 2)
    assert "nothing was changed; please try again" in str(busy)
    assert sql("SELECT name FROM clinic") == [{"name": ""}]


def test_after_the_time_is_up_it_is_busy(database, monkeypatch):
    monkeypatch.setattr(runner, "MAX_SECONDS", 0)
    assert run_into(database, "probe.40001")[1] == 1


def test_the_pauses_double_up_to_a_limit(database, monkeypatch, pauses):
    monkeypatch.setattr(runner, "MAX_ATTEMPTS", 10)
    run_into(database, "probe.40001")
    assert pauses[:6] == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.16, 0.32])
    assert set(pauses[6:]) == {0.5}


def test_the_pauses_are_random_so_that_rivals_do_not_meet_again(database, monkeypatch):
    made = []
    monkeypatch.setattr(runner, "MAX_ATTEMPTS", 10)
    monkeypatch.setattr(runner.time, "sleep", made.append)
    run_into(database, "probe.40001")
    assert len(set(made)) == 9


def test_the_time_for_conflicts_begins_with_the_first(database, monkeypatch):
    monkeypatch.setattr(runner, "MAX_SECONDS", 0.2)
    attempts = []

    def work(tx):
        attempts.append(1)
        if len(attempts) == 1:
            tx.one("probe.short_sleep")
            tx.one("probe.40001")

    write(database, work)
    assert len(attempts) == 2


def test_what_is_not_a_conflict_is_not_repeated(database):
    attempts = []

    def work(tx):
        attempts.append(1)
        tx.one("doctors.add", {"name": "A", "specialization": "x", "email": None, "phone": None})

    with pytest.raises(psycopg.errors.NotNullViolation):
        write(database, work)
    assert attempts == [1]


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_statement_that_takes_too_long_is_stopped_and_the_connection_stays_usable(url, kind):
    with Database(books.OwnServer(url), statement_timeout=0.05) as database:
        with pytest.raises(Busy, match="BOOKING_STATEMENT_TIMEOUT"):
            run(database, kind, lambda tx: tx.one("probe.sleep"))
        assert database.read(lambda tx: tx.one("probe.clinic")) == {"name": ""}


@pytest.mark.usefixtures("two_doctors")
def test_a_command_stopped_by_the_statement_timeout_ends_with_6(program, booking, other, sql):
    other.execute("UPDATE doctors SET name = 'locked' WHERE id = 1")
    command = ("doctors", "update", 1, "--name", "New", "-o", "json")
    in_process = booking(*command, BOOKING_STATEMENT_TIMEOUT="0.05")
    assert (in_process.status, in_process.error["code"], in_process.stdout) == (6, "busy", "")
    assert program(*command, BOOKING_STATEMENT_TIMEOUT="0.05").status == 6
    other.rollback()
    assert sql("SELECT name FROM doctors WHERE id = 1") == [{"name": "Ana"}]


@pytest.mark.parametrize(("flags", "told"), [(["-v"], True), ([], False)], ids=["-v", "without -v"])
@pytest.mark.usefixtures("two_doctors")
def test_an_attempt_that_is_repeated_is_told_at_v(program, other, sql, flags, told):
    other.execute("UPDATE doctors SET phone = '123' WHERE id = 1")
    ran = []
    command = threading.Thread(target=lambda: ran.append(program("doctors", "update", 1, "--name", "New", *flags)))
    command.start()
    wait_for_lock_waiter(sql)
    other.commit()
    command.join()
    assert ran[0].status == 0
    assert ("Attempt 1 failed (could not serialize access" in ran[0].stderr) == told
    assert sql("SELECT name, phone, version FROM doctors WHERE id = 1") == [
        {"name": "New", "phone": "123", "version": 2}
    ]
