"""Connections that break between two statements and between two transactions."""

import threading

import psycopg
import pytest
from psycopg.rows import dict_row

from booking_cli.db import pool, runner
from booking_cli.db import transaction as transactions
from booking_cli.domain.errors import DatabaseUnavailable
from booking_cli.repository import clinic
from tests.support.threads import at_once
from tests.support.waiting import wait_until


@pytest.fixture(params=[0, 4], ids=["one connection", "pool"])
def book(request, url, open_book):
    return open_book(url, pool_size=request.param)


def run(database, kind, work):
    return database.read(work) if kind == "read" else database.write(work, stands=lambda _tx, _made: False)


def terminate(sql, pid):
    sql("SELECT pg_terminate_backend(%s)", pid)
    wait_until(lambda: not sql("SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid), "the server has ended it")


def server_pid(database):
    with database.connection() as connection:
        return connection.execute("SELECT pg_backend_pid() AS pid").fetchone()["pid"]


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_connection_that_ends_between_two_statements_is_replaced(book, sql, kind):
    to_end = [server_pid(book.database)]

    def work(tx):
        tx.one("clinic.open")
        if to_end:
            terminate(sql, to_end.pop())
        return tx.one("clinic.open")["timezone"]

    assert run(book.database, kind, work) == "UTC"
    assert to_end == []


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_connection_that_ended_while_nobody_used_it_is_replaced(book, sql, kind):
    """As after a restart of the server."""
    terminate(sql, server_pid(book.database))
    assert run(book.database, kind, lambda tx: tx.one("clinic.open"))["timezone"] == "UTC"


def test_a_pool_outlives_a_restart_with_many_connections_open(opened, sql):
    everybody_is_in = threading.Barrier(8)

    def use(tx):
        everybody_is_in.wait(30)
        return tx.one("clinic.open")

    threads = [threading.Thread(target=opened.database.read, args=[use]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    others = "application_name = 'booking' AND datname = current_database() AND pid <> pg_backend_pid()"
    pids = [row["pid"] for row in sql(f"SELECT pid FROM pg_stat_activity WHERE {others}")]
    for pid in pids:
        terminate(sql, pid)
    assert len(pids) >= 8
    assert clinic.update(opened, name="New", timezone=None, hold_minutes=None).name == "New"


def test_a_connection_that_breaks_is_nothing_to_those_who_wait_for_another(open_book, url, sql):
    """They do not all try at once whether the server is there, until it has no room for them."""
    opened = open_book(url, pool_size=2)
    to_end = [server_pid(opened.database)]

    def use(tx):
        if to_end:
            terminate(sql, to_end.pop())
        return tx.one("clinic.open")["timezone"]

    assert at_once(*[lambda: opened.database.read(use)] * 150) == ["UTC"] * 150


def test_a_pool_is_there_again_as_soon_as_its_server_is(proxy, open_book, sql, monkeypatch):
    """Left to itself it would try less and less often, and whoever wants a connection would wait for that."""
    opened = open_book(proxy.url, pool_size=1)
    monkeypatch.setattr(pool, "BORROW_SECONDS", 0.5)
    monkeypatch.setattr(runner, "RECONNECT_SECONDS", 0.5)
    with proxy.away():
        terminate(sql, server_pid(opened.database))
        with pytest.raises(DatabaseUnavailable):
            opened.database.read(lambda tx: tx.one("clinic.open"))
    assert server_pid(opened.database)


@pytest.mark.parametrize(("pool_size", "prepared"), [(0, 0), (1, 1)], ids=["one connection", "pool"])
def test_only_a_pool_prepares_statements_because_only_there_they_run_again(open_book, url, pool_size, prepared):
    opened = open_book(url, pool_size=pool_size)
    for _ in range(5):
        opened.database.read(lambda tx: tx.one("clinic.open"))
    with opened.database.connection() as connection:
        found = connection.execute("SELECT 1 FROM pg_prepared_statements WHERE statement LIKE '%schema_version%'")
        assert len(found.fetchall()) == prepared


def test_a_pool_that_was_closed_opens_no_more_connections(opened):
    opened.database.close()
    with pytest.raises(RuntimeError, match="closed"):
        server_pid(opened.database)


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_session_that_the_server_ended_for_being_idle_is_replaced(book, sql, kind, monkeypatch):
    """As after a Ctrl-Z, or a laptop that was shut."""
    monkeypatch.setattr(runner, "IDLE_IN_TRANSACTION_SECONDS", 0.05)
    pids = []

    def work(tx):
        pids.append(tx._connection.info.backend_pid)
        if len(pids) == 1:
            there = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
            wait_until(lambda: not sql(there, *pids), "the server has ended the session")
        return tx.one("clinic.open")["timezone"]

    assert run(book.database, kind, work) == "UTC"
    assert len(set(pids)) == 2


def test_after_a_statement_without_any_answer_another_connection_is_taken(book, monkeypatch):
    run_, used = transactions.Transaction._run, []

    def unanswered(tx, *given):
        used.append(tx._connection)
        if len(used) == 1:
            raise psycopg.InternalError("got no result from the query")
        return run_(tx, *given)

    monkeypatch.setattr(transactions.Transaction, "_run", unanswered)
    assert book.database.read(lambda tx: tx.one("clinic.open"))["timezone"] == "UTC"
    assert [connection.closed for connection in used] == [True, False]


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_without_any_answer_is_found_out_about(book, sql, monkeypatch, committed):
    """As seen, once in some ten thousand, when connections were cut at random."""
    commit, begun_on = transactions.Transaction.commit, []

    def commit_unanswered(tx):
        begun_on.append(tx._connection)
        if len(begun_on) == 1:
            if committed:
                commit(tx)
            raise psycopg.InternalError("got no result from the query")
        commit(tx)

    monkeypatch.setattr(transactions.Transaction, "commit", commit_unanswered)
    made = book.database.write(
        lambda tx: tx.one("doctors.add", {"name": "A", "specialization": "x", "email": "a@x.de", "phone": None}),
        stands=lambda tx, made: tx.one("doctors.find", {"id": made["id"], "email": None}) is not None,
    )
    assert [row["id"] for row in sql("SELECT id FROM doctors")] == [made["id"]]
    assert begun_on[0].closed


def test_after_a_long_list_without_any_answer_another_connection_is_taken(book, monkeypatch):
    used = []

    def unanswered(tx, *_given):
        used.append(tx._connection)
        raise psycopg.InternalError("got no result from the query")

    monkeypatch.setattr(transactions.Transaction, "stream", unanswered)
    with pytest.raises(DatabaseUnavailable, match="went away"):
        list(book.database.stream("clinic.open", {}, dict_row))
    assert used[0].closed
    assert book.database.read(lambda tx: tx.one("clinic.open"))["timezone"] == "UTC"
