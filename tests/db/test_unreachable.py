"""Databases that cannot be reached, or that refuse this login: exit 5, the reason, and never the password."""

import socket

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from booking_cli.db.external_server import ExternalServer
from booking_cli.db.runner import Database
from booking_cli.domain.errors import DatabaseUnavailable

PASSWORD = "s3cret-w0rd"
# In the form of a URL, or as changes to the address of the test's database; and what the message says.
UNREACHABLE = {
    "closed port": ("postgresql://booking:{password}@127.0.0.1:{port}/booking", "refused"),
    "no such database": ({"dbname": "no_such_database"}, 'database "no_such_database" does not exist'),
    "no such user": ({"user": "no_such_user", "password": PASSWORD}, "no_such_user"),
    "malformed": ("postgresql://booking:{password}%zz@127.0.0.1/booking", "BOOKING_DATABASE_URL"),
    "unknown parameter": ("postgresql://booking:{password}@127.0.0.1/booking?no_such=1", "BOOKING_DATABASE_URL"),
}


@pytest.fixture
def closed_ports():
    """Two ports on which no server listens, bound so that none can begin to."""
    with socket.socket() as one, socket.socket() as another:
        for bound in (one, another):
            bound.bind(("127.0.0.1", 0))
        yield [bound.getsockname()[1] for bound in (one, another)]


@pytest.mark.parametrize("command", [("slots", "list"), ("db", "status"), ("db", "migrate")], ids=" ".join)
@pytest.mark.parametrize(("address", "reason"), UNREACHABLE.values(), ids=list(UNREACHABLE))
def test_command_on_an_unreachable_database_ends_with_5_and_the_reason(
    booking, url, closed_ports, address, reason, command
):
    if isinstance(address, dict):
        address = make_conninfo(url, **address)
    else:
        address = address.format(password=PASSWORD, port=closed_ports[0])
    ran = booking(*command, "-o", "json", "-vv", BOOKING_DATABASE_URL=address)
    assert (ran.status, ran.error["code"], ran.stdout) == (5, "database_unavailable", "")
    assert reason in ran.error["message"]
    assert PASSWORD not in ran.stderr


def test_unreachable_servers_are_each_named_once_with_their_reason(program, closed_ports):
    hosts = ",".join(f"127.0.0.1:{port}" for port in closed_ports)
    address = f"postgresql://booking:{PASSWORD}@{hosts}/booking?target_session_attrs=read-write"
    ran = program("slots", "list", BOOKING_DATABASE_URL=address)
    assert (ran.status, ran.stdout, len(ran.stderr.splitlines())) == (5, "", 1)
    assert [ran.stderr.count(f"port {port} failed: Connection refused") for port in closed_ports] == [1, 1]
    assert PASSWORD not in ran.stderr


def test_pool_on_an_unreachable_database_raises_the_reason(url):
    server = ExternalServer(make_conninfo(url, dbname="no_such_database"))
    with (
        Database(server, statement_timeout=30, pool_size=4) as database,
        pytest.raises(DatabaseUnavailable, match="no_such_database"),
    ):
        database.read(lambda tx: tx.one("clinic.open"))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("connection failed: wrong password\nwrong password", ": wrong password. Is it"),
        ("connection is bad: refused\n\tIs the server running?", ": refused. Is it"),
        ("", ": the server gives no reason. Is it"),
    ],
)
def test_reason_is_told_once(booking, monkeypatch, told, reason):
    def fail(*_arguments, **_options):
        raise psycopg.OperationalError(told)

    monkeypatch.setattr(psycopg, "connect", fail)
    ran = booking("slots", "list")
    assert (ran.status, ran.stderr.count("wrong password") <= 1) == (5, True)
    assert reason in ran.stderr
