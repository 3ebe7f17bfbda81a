"""Connections that break between two statements and between two transactions."""

import os
import threading

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from booking_cli.db import pool, runner, transaction
from booking_cli.db.connections import with_default_timeouts
from booking_cli.db.external_server import ExternalServer
from booking_cli.db.runner import Database
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import DatabaseUnavailable
from booking_cli.repository import clinic
from tests.support.threads import at_once
from tests.support.waiting import wait_until

NO_ANSWER = psycopg.InternalError("got no result from the query")


def run(database, kind, work):
    return database.read(work) if kind == "read" else database.write(work, was_committed=lambda _tx, _made: False)


def terminate(sql, pid):
    sql("SELECT pg_terminate_backend(%s)", pid)
    wait_until_gone(sql, pid)


def wait_until_gone(sql, pid):
    wait_until(lambda: not sql("SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid), "the server has ended it")


def pid_of(tx):
    return tx.one("probe.pid")["pid"]


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize("end", [terminate, wait_until_gone], ids=["terminated", "idle in transaction"])
def test_connection_that_the_server_ends_between_two_statements_is_replaced(database, sql, kind, end, monkeypatch):
    """A session can be idle in a transaction after Ctrl-Z, or on a laptop that was asleep."""
    if end is wait_until_gone:
        monkeypatch.setattr(transaction, "IDLE_IN_TRANSACTION_SECONDS", 0.05)
    pids = []

    def work(tx):
        pids.append(pid_of(tx))
        if len(pids) == 1:
            end(sql, *pids)
        return pid_of(tx)

    assert run(database, kind, work) == pids[1]


@pytest.mark.parametrize("kind", ["read", "write"])
def test_connection_that_ended_while_idle_is_replaced(database, sql, kind):
    """As after a restart of the server."""
    first = database.read(pid_of)
    terminate(sql, first)
    assert run(database, kind, pid_of) != first


@pytest.mark.parametrize("kind", ["read", "write"])
def test_error_of_the_server_while_connecting_is_reported_in_its_words(url, monkeypatch, kind):
    def fail(_server):
        raise psycopg.errors.DiskFull("could not extend file: No space left on device")

    monkeypatch.setattr(pool, "connect_to", fail)
    database = Database(ExternalServer(url), statement_timeout=30)
    with pytest.raises(DatabaseUnavailable, match="No space left on device"):
        run(database, kind, pid_of)


def test_pool_survives_the_end_of_all_its_connections(opened, sql):
    all_started = threading.Barrier(8)

    def use(tx):
        all_started.wait(30)
        return tx.one("clinic.open")

    at_once(*[lambda: opened.database.read(use)] * 8)
    others = "application_name = 'booking' AND datname = current_database() AND pid <> pg_backend_pid()"
    pids = [row["pid"] for row in sql(f"SELECT pid FROM pg_stat_activity WHERE {others}")]
    assert len(pids) >= 8
    for pid in pids:
        terminate(sql, pid)
    assert clinic.update(opened, name="New", timezone=None, hold_minutes=None).name == "New"


@pytest.mark.usefixtures("probes")
def test_pool_with_many_waiting_threads_survives_a_broken_connection(open_clinic, url, sql):
    opened = open_clinic(url, pool_size=2)
    to_end = [opened.database.read(pid_of)]

    def use(tx):
        if to_end:
            terminate(sql, to_end.pop())
        return tx.one("clinic.open")["timezone"]

    assert at_once(*[lambda: opened.database.read(use)] * 150) == ["UTC"] * 150


@pytest.mark.usefixtures("probes")
def test_pool_connects_again_after_an_outage(proxy, open_clinic, sql, monkeypatch):
    opened = open_clinic(proxy.url, pool_size=1)
    with monkeypatch.context() as patch, proxy.away():
        patch.setattr(pool, "ACQUIRE_SECONDS", 0.5)
        patch.setattr(runner, "RECONNECT_SECONDS", 0.5)
        terminate(sql, opened.database.read(pid_of))
        with pytest.raises(DatabaseUnavailable):
            opened.database.read(pid_of)
    assert opened.database.read(pid_of)


def test_connection_that_a_thread_is_using_is_not_closed(url):
    connections = pool.SingleConnection(ExternalServer(url))
    with connections.acquire() as connection:
        with connection.lock:
            connections.close()
            assert not connection.closed
        connections.close()
        assert connection.closed


def connection_id(database):
    with database.connection() as connection:
        return connection.info.backend_pid  # behind a pooler a number of the pooler's


def fail_once(monkeypatch, method, before=lambda *_: None):
    """Let a method of Transaction fail once as a statement without any answer does, after calling `before`."""
    original, failed = getattr(Transaction, method), []

    def unanswered(tx, *arguments):
        if failed:
            return original(tx, *arguments)
        failed.append(tx)
        before(tx)
        raise NO_ANSWER

    monkeypatch.setattr(Transaction, method, unanswered)


def test_connection_is_replaced_after_a_statement_without_any_answer(database, monkeypatch):
    first = connection_id(database)
    fail_once(monkeypatch, "one")
    assert database.read(pid_of)
    assert connection_id(database) != first


@pytest.mark.parametrize("committed", [True, False])
def test_commit_without_any_answer_is_resolved(database, sql, monkeypatch, committed):
    first = connection_id(database)
    fail_once(monkeypatch, "commit", before=Transaction.commit if committed else lambda _tx: None)
    made = database.write(
        lambda tx: tx.one("doctors.add", {"name": "A", "specialization": "x", "email": "a@x.de", "phone": None}),
        was_committed=lambda tx, made: tx.one("doctors.find", {"id": made["id"], "email": None}) is not None,
    )
    assert [row["id"] for row in sql("SELECT id FROM doctors")] == [made["id"]]
    assert connection_id(database) != first


def test_connection_is_replaced_after_a_long_list_without_any_answer(database, monkeypatch):
    first = connection_id(database)
    fail_once(monkeypatch, "stream")
    with pytest.raises(DatabaseUnavailable):
        list(database.stream("clinic.open", {}, dict_row))
    assert connection_id(database) != first


@pytest.mark.parametrize(("address", "in_environment"), [("service=clinic", ""), ("dbname=book", "clinic")])
def test_timeouts_of_a_service_are_kept(tmp_path, monkeypatch, address, in_environment):
    (tmp_path / "services").write_text("[clinic]\nkeepalives_idle=77\nconnect_timeout=3\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.delenv("PGSERVICE", raising=False)
    if in_environment:
        monkeypatch.setenv("PGSERVICE", in_environment)
    set_here = conninfo_to_dict(with_default_timeouts(address))
    assert {"keepalives_idle", "connect_timeout"}.isdisjoint(set_here)
    assert "keepalives_interval" in set_here
    assert os.environ.get("PGSERVICE", "") == in_environment
