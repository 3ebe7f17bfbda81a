"""Databases that cannot be reached, or that do not let this user in: exit 5, the reason, and never the password."""

import contextlib
import socket
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from booking_cli import session as books
from booking_cli.db.runner import Database
from booking_cli.domain.errors import DatabaseUnavailable
from tests.support.waiting import wait_until

PASSWORD = "s3cret-w0rd"


@contextlib.contextmanager
def address_where_nobody_listens(_url):
    with socket.socket() as bound:  # taken, so that nobody else can begin to listen there
        bound.bind(("127.0.0.1", 0))
        yield f"postgresql://booking:{PASSWORD}@127.0.0.1:{bound.getsockname()[1]}/booking"


@contextlib.contextmanager
def address_of_no_database(url):
    yield make_conninfo(url, dbname="no_such_database", **without_password(url))


@contextlib.contextmanager
def address_with_a_user_who_does_not_exist(url):
    yield make_conninfo(url, user="nobody_of_that_name", password=PASSWORD)


@contextlib.contextmanager
def address_that_is_none(_url):
    yield f"postgresql://booking:{PASSWORD}%zz@127.0.0.1/booking"


@contextlib.contextmanager
def address_with_a_sign_in_the_password_that_was_not_encoded(_url):
    yield f"postgresql://booking:half@{PASSWORD}@127.0.0.1/booking"


@contextlib.contextmanager
def address_with_an_unknown_parameter(_url):
    yield f"postgresql://booking:{PASSWORD}@127.0.0.1/booking?no_such_parameter=1"


@contextlib.contextmanager
def address_with_a_parameter_that_is_no_number(_url):
    yield f"postgresql://booking:{PASSWORD}@127.0.0.1/booking?connect_timeout=soon"


def without_password(url):
    return {} if "password" in conninfo_to_dict(url) else {"password": PASSWORD}


UNREACHABLE = [
    (address_where_nobody_listens, "refused"),
    (address_of_no_database, 'database "no_such_database" does not exist'),
    (address_with_a_user_who_does_not_exist, "nobody_of_that_name"),
    (address_that_is_none, "not an address"),
    (address_with_a_sign_in_the_password_that_was_not_encoded, "BOOKING_DATABASE_URL"),
    (address_with_an_unknown_parameter, "BOOKING_DATABASE_URL"),
    (address_with_a_parameter_that_is_no_number, "BOOKING_DATABASE_URL"),
]


@pytest.mark.parametrize(("address", "reason"), UNREACHABLE, ids=[address.__name__ for address, _ in UNREACHABLE])
@pytest.mark.parametrize("command", [("slots", "list"), ("db", "migrate")], ids=" ".join)
def test_a_database_that_cannot_be_reached_ends_with_5_and_the_reason(booking, url, address, reason, command):
    with address(url) as unreachable:
        ran = booking(*command, "-o", "json", "-vv", BOOKING_DATABASE_URL=unreachable)
    assert (ran.status, ran.error["code"], ran.stdout) == (5, "database_unavailable", "")
    assert reason in ran.error["message"]
    assert PASSWORD not in ran.stderr


def test_the_program_ends_with_5_where_nobody_listens(program, url):
    with address_where_nobody_listens(url) as unreachable:
        ran = program("slots", "list", BOOKING_DATABASE_URL=unreachable)
    assert (ran.status, ran.stdout, len(ran.stderr.splitlines())) == (5, "", 1)
    assert PASSWORD not in ran.stderr


def test_of_several_servers_each_is_named_with_its_reason_once(booking, url):
    with address_where_nobody_listens(url) as one, address_where_nobody_listens(url) as another:
        ports = [conninfo_to_dict(address)["port"] for address in (one, another)]
        both = f"postgresql://booking:{PASSWORD}@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/booking"
        ran = booking("slots", "list", BOOKING_DATABASE_URL=f"{both}?target_session_attrs=read-write")
    assert (ran.status, len(ran.stderr.splitlines())) == (5, 1)
    assert [ran.stderr.count(f"port {port} failed: Connection refused") for port in ports] == [1, 1]
    assert "Multiple" not in ran.stderr
    assert PASSWORD not in ran.stderr


def test_a_pool_shows_the_real_reason_too(url):
    with (
        address_of_no_database(url) as unreachable,
        Database(books.OwnServer(unreachable), statement_timeout=30, pool_size=4) as database,
        pytest.raises(DatabaseUnavailable, match="no_such_database"),
    ):
        database.read(lambda tx: tx.one("clinic.open"))


@pytest.fixture
def login(url, sql):
    """A user of whom the server wants the password `right`."""
    sql("DROP ROLE IF EXISTS booking_test_login")
    sql("CREATE ROLE booking_test_login LOGIN PASSWORD 'right'")
    rules = Path(sql("SHOW hba_file")[0]["hba_file"])
    trusting = None
    if lets_in(url, "wrong"):
        if not rules.exists():
            pytest.skip("the server asks nobody for a password, and its rules are elsewhere")
        trusting = rules.read_text()
        rules.write_text("local all booking_test_login scram-sha-256\n" + trusting)
        sql("SELECT pg_reload_conf()")
        wait_until(lambda: not lets_in(url, "wrong"), "the server asks for the password")
    yield "booking_test_login"
    if trusting is not None:
        rules.write_text(trusting)
        sql("SELECT pg_reload_conf()")
    sql("DROP OWNED BY booking_test_login")
    sql("DROP ROLE booking_test_login")


def lets_in(url, password):
    try:
        psycopg.connect(url, user="booking_test_login", password=password).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_wrong_password_ends_with_5_and_is_not_repeated(booking, program, url, login):
    address = make_conninfo(url, user=login, password=PASSWORD)
    ran = booking("slots", "list", "-vv", BOOKING_DATABASE_URL=address)
    assert (ran.status, ran.stdout) == (5, "")
    assert f'password authentication failed for user "{login}"' in ran.stderr
    assert PASSWORD not in ran.stderr
    assert program("slots", "list", BOOKING_DATABASE_URL=address).status == 5


def test_a_user_without_rights_is_told_whom_to_ask(booking, url, sql, login):
    sql(f"GRANT USAGE ON SCHEMA booking TO {login}")
    address = make_conninfo(url, user=login, password="right")
    ran = booking("slots", "list", BOOKING_DATABASE_URL=address)
    assert ran.status == 5
    assert "permission denied" in ran.stderr
    assert "Ask whoever runs the database" in ran.stderr
