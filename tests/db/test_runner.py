"""The runner of every transaction: isolation, retry, limits and rollback; no session state remains."""

import contextlib
import logging
import threading

import psycopg
import pytest

from booking_cli.db import runner, transaction
from booking_cli.db.transaction import Begin
from booking_cli.domain.errors import BookingError, Busy, DatabaseUnavailable, EmailTaken
from tests.support.waiting import wait_for_lock_waiter

SETTINGS = {
    "application_name": "booking",
    "idle_in_transaction_session_timeout": "60000",
    "search_path": "booking, pg_temp",
    "statement_timeout": "30000",
    "transaction_isolation": "serializable",
}
ALL_SETTINGS = "SELECT name, setting FROM pg_settings ORDER BY name"
ADVISORY_LOCKS = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


@pytest.fixture
def two_doctors(sql):
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Ana', 'x', 'a@x.de'), ('Bo', 'x', 'b@x.de')")


@pytest.fixture
def retries(caplog):
    """Returns the log lines about retries."""
    caplog.set_level(logging.INFO, logger="booking")
    return lambda: [record.getMessage() for record in caplog.records if "retrying" in record.getMessage()]


def write(database, work):
    return database.write(work, was_committed=lambda _tx, _made: pytest.fail("no COMMIT was ambiguous"))


def run(database, kind, work):
    return database.read(work) if kind == "read" else write(database, work)


def settings_of(tx):
    names = [*SETTINGS, "transaction_read_only", "enable_seqscan"]
    return {row["name"]: row["setting"] for row in tx.all("probe.settings", {"names": names})}


@pytest.mark.parametrize(("kind", "read_only", "enable_seqscan"), [("read", "on", "on"), ("write", "off", "off")])
def test_transaction_is_serializable_with_timeouts_and_the_clinics_search_path(
    database, kind, read_only, enable_seqscan
):
    expected = {**SETTINGS, "transaction_read_only": read_only, "enable_seqscan": enable_seqscan}
    assert run(database, kind, settings_of) == expected


@pytest.mark.parametrize("run_once", [transaction.read, transaction.write])
def test_transaction_whose_time_zone_is_not_reported_is_refused(database, run_once):
    """A pooler that does not forward parameter reports would shift every instant."""
    begin = Begin("BEGIN; SET LOCAL timezone = 'UTC'", "Europe/Berlin")
    with database.connection() as connection, pytest.raises(DatabaseUnavailable, match="UTC"):
        run_once(connection, begin, settings_of)


def fail(_tx):
    raise EmailTaken("a rule refuses it")


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize("work", [settings_of, fail])
def test_transaction_leaves_no_setting_and_no_lock_in_the_session(database, kind, work):
    with database.connection() as connection:
        before = connection.execute(ALL_SETTINGS).fetchall()
    with contextlib.suppress(EmailTaken):
        run(database, kind, work)
    with database.connection() as connection:
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert connection.execute(ALL_SETTINGS).fetchall() == before
        assert connection.execute(ADVISORY_LOCKS).fetchall() == []


def test_read_that_writes_is_refused(database, sql):
    with pytest.raises(BookingError, match="read-only"):
        database.read(lambda tx: tx.one("probe.rename_clinic", {"name": "written"}))
    assert sql("SELECT name FROM clinic") == [{"name": ""}]


def test_read_sees_one_snapshot(database, other):
    def work(tx):
        before = tx.one("probe.clinic")
        other.execute("UPDATE clinic SET name = 'changed meanwhile'")
        other.commit()
        return before == tx.one("probe.clinic")

    assert database.read(work)


@pytest.mark.parametrize("error", [EmailTaken("refused"), KeyError("a bug"), KeyboardInterrupt()], ids=repr)
def test_write_that_raises_is_rolled_back(database, error):
    def work(tx):
        tx.one("probe.rename_clinic", {"name": "rolled back"})
        raise error

    with pytest.raises(type(error)) as raised:
        write(database, work)
    assert raised.value is error
    assert database.read(lambda tx: tx.one("probe.clinic")) == {"name": ""}


@pytest.mark.usefixtures("two_doctors")
def test_write_after_a_concurrent_update_is_retried_on_the_new_row(database, other, retries):
    seen = []

    def work(tx):
        seen.append(tx.one("probe.doctor")["name"])
        if len(seen) == 1:
            other.execute("UPDATE doctors SET name = 'Cleo' WHERE id = 1")
            other.commit()
        return tx.one("probe.rename_doctor", {"id": 1, "name": seen[-1] + "!"})

    assert write(database, work) == {"name": "Cleo!"}
    assert seen == ["Ana", "Cleo"]
    assert "could not serialize access" in retries()[0]


@pytest.mark.usefixtures("two_doctors")
def test_write_with_a_serialization_failure_at_commit_is_retried(database, other, sql, retries):
    """Each transaction reads what the other changes; the server detects it at COMMIT."""
    other.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    seen = []

    def work(tx):
        seen.append(tx.one("probe.clinic")["name"])
        tx.one("probe.rename_doctor", {"id": 1, "name": f"of clinic {seen[-1]!r}"})
        if len(seen) == 1:
            name = other.execute("SELECT name FROM doctors WHERE id = 1").fetchone()[0]
            other.execute("UPDATE clinic SET name = %s", [f"of doctor {name}"])
            other.commit()

    write(database, work)
    assert seen == ["", "of doctor Ana"]
    assert sql("SELECT name FROM doctors WHERE id = 1") == [{"name": "of clinic 'of doctor Ana'"}]
    assert len(retries()) == 1


def attempts_until_busy(database, statement):
    """Return how often a write was tried before it was given up."""
    attempts = []

    def work(tx):
        attempts.append(1)
        tx.one("probe.rename_clinic", {"name": "rolled back"})
        tx.one(statement)

    with pytest.raises(Busy):
        write(database, work)
    return len(attempts)


@pytest.mark.parametrize("state", ["40001", "40P01"], ids=["serialization failure", "deadlock"])
def test_write_that_always_fails_is_busy_after_the_most_attempts(database, sql, monkeypatch, state):
    monkeypatch.setattr(runner, "MAX_ATTEMPTS", 3)
    assert attempts_until_busy(database, f"probe.{state}") == 3
    assert sql("SELECT name FROM clinic") == [{"name": ""}]


def test_write_that_always_fails_is_busy_after_the_most_seconds(database, monkeypatch):
    monkeypatch.setattr(runner, "MAX_SECONDS", 0)
    assert attempts_until_busy(database, "probe.40001") == 1


def test_write_that_violates_a_constraint_is_not_retried(database):
    attempts = []

    def work(tx):
        attempts.append(1)
        tx.one("probe.invalid")

    with pytest.raises(psycopg.errors.NotNullViolation):
        write(database, work)
    assert attempts == [1]


@pytest.mark.usefixtures("two_doctors")
def test_command_over_the_statement_timeout_ends_with_6_and_changes_nothing(program, other, sql):
    other.execute("UPDATE doctors SET name = 'locked' WHERE id = 1")
    ran = program("doctors", "update", 1, "--name", "New", "-o", "json", BOOKING_STATEMENT_TIMEOUT="0.05")
    assert (ran.status, ran.error["code"], ran.stdout) == (6, "busy", "")
    assert "BOOKING_STATEMENT_TIMEOUT" in ran.error["message"]
    other.rollback()
    assert sql("SELECT name FROM doctors WHERE id = 1") == [{"name": "Ana"}]


@pytest.mark.parametrize(("flags", "logged"), [(["-v"], True), ([], False)], ids=["-v", "without -v"])
@pytest.mark.usefixtures("two_doctors")
def test_retry_is_logged_only_with_v(program, other, sql, flags, logged):
    other.execute("UPDATE doctors SET phone = '123' WHERE id = 1")
    ran = []
    command = threading.Thread(target=lambda: ran.append(program("doctors", "update", 1, "--name", "New", *flags)))
    command.start()
    wait_for_lock_waiter(sql)
    other.commit()
    command.join()
    assert ran[0].status == 0
    assert ("could not serialize access" in ran[0].stderr) == logged
    assert sql("SELECT name, phone, version FROM doctors WHERE id = 1") == [
        {"name": "New", "phone": "123", "version": 2}
    ]
