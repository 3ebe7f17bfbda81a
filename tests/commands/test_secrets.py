"""A password in the database's address never appears: in no output, no error and no log, however wrong the address is."""

import os
from urllib.parse import quote, urlencode

import pytest
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from booking_cli.db import queries

PASSWORD = "pa55word"
MISTAKEN = {
    "nobody there": "postgresql://ana:{}@127.0.0.1:1/book",
    "no such host": "postgresql://ana:{}@nowhere.invalid/book",
    "a port that is no number": "postgresql://ana:{}@127.0.0.1:port/book",
    "an unknown parameter": "postgresql://ana:{}@127.0.0.1:1/book?colour=red",
    "a wrong value for a parameter": "postgresql://ana:{}@127.0.0.1:1/book?sslmode=maybe",
    "an address that is not closed": "postgresql://ana:{}@[::1:1/book",
    "a wrong percent sign": "postgresql://ana:{}%zz@127.0.0.1:1/book",
    "bytes that are no text": os.fsdecode(b"postgresql://ana:{}\xff@127.0.0.1:1/book"),
    "a space in the password": "postgresql://ana:{} 1@127.0.0.1:1/book",
    "a space before the password": "postgresql://ana:1 {}@127.0.0.1:1/book",
    "a slash in the password": "postgresql://ana:1/{}@127.0.0.1:1/book",
    "an at-sign in the password": "postgresql://ana:1@{}@nowhere.invalid/book",
    "a question mark in the password": "postgresql://ana:1?{}@127.0.0.1:1/book",
    "a hash sign in the password": "postgresql://ana:1#{}@127.0.0.1:1/book",
    "a colon too many": "postgresql://ana::{}:1@127.0.0.1:1/book",
    "a space before the address": " postgresql://ana:{}@127.0.0.1:1/book",
    "quotes around the address": '"postgresql://ana:{}@127.0.0.1:1/book"',
    "a slash too few": "postgresql:/ana:{}@127.0.0.1:1/book",
    "another scheme": "mysql://ana:{}@127.0.0.1:1/book",
    "a driver in the scheme": "postgresql+psycopg://ana:{}@127.0.0.1:1/book",
    "the password as a parameter": "postgresql://ana@127.0.0.1:1/book?password={}",
    "keywords": "host=127.0.0.1 port=1 user=ana password={}",
    "keywords with a space in the password": "host=127.0.0.1 port=1 user=ana password=1 {}",
    "keywords with an open quote": "host=127.0.0.1 port=1 user=ana password='{}",
    "nothing but the password": "{}",
}


@pytest.mark.parametrize("address", MISTAKEN.values(), ids=MISTAKEN.keys())
def test_a_mistaken_address_is_told_without_the_password(booking, address):
    ran = booking("doctors", "list", "-v", BOOKING_DATABASE_URL=address.format(PASSWORD))
    assert PASSWORD not in ran.stdout + ran.stderr
    assert (ran.status, ran.stdout) == (5, "")
    assert ran.stderr.startswith("Error: ")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["db url", "db status", "db migrate", "db migrate --dry-run", "expire --quiet"])
@pytest.mark.parametrize("kind", ["nobody there", "a space in the password"])
def test_no_command_tells_the_password_of_a_mistaken_address(booking, command, kind):
    ran = booking(*command.split(), "-v", "-o", "json", BOOKING_DATABASE_URL=MISTAKEN[kind].format(PASSWORD))
    assert PASSWORD not in ran.stdout + ran.stderr
    assert (ran.status, ran.error["code"]) == (5, "database_unavailable")


def test_another_setting_that_is_wrong_does_not_bring_up_the_password(booking, tmp_path):
    (tmp_path / ".env").write_text(f"BOOKING_DATABASE_URL=postgresql://ana:{PASSWORD}@127.0.0.1:1/book\n")
    ran = booking("doctors", "list", "-v", BOOKING_DATABASE_URL="", BOOKING_POOL_SIZE="many")
    assert ran.status == 2
    assert PASSWORD not in ran.stdout + ran.stderr


@pytest.fixture
def with_password(url, sql):
    """An address with a user and a password that the test's database accepts."""
    user = f"keeper_{os.getpid()}"
    sql(f"CREATE ROLE {user} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    yield address(url, user=user)
    sql(f"DROP ROLE {user}")


@pytest.mark.parametrize("form", ["table", "json", "csv"])
@pytest.mark.parametrize(
    ("command", "status"),
    [
        *((command, 0) for command in ("db url", "db status", "db migrate", "doctors list", "verify", "expire")),
        *(("db start", 2), ("db stop", 2), ("doctors show 99", 3)),
    ],
)
def test_a_command_that_reaches_the_database_does_not_tell_the_password(booking, with_password, command, status, form):
    ran = booking(*command.split(), "-v", "-o", form, BOOKING_DATABASE_URL=with_password)
    assert ran.status == status, ran.stderr
    assert PASSWORD not in ran.stdout + ran.stderr


def test_a_bug_does_not_tell_the_password(booking, with_password, monkeypatch):
    right = queries.statement
    monkeypatch.setattr(queries, "statement", lambda name: "SELECT (" if name == "doctors.list" else right(name))
    ran = booking("doctors", "list", "-v", BOOKING_DATABASE_URL=with_password)
    assert ran.status == 1
    assert "Traceback" in ran.stderr
    assert PASSWORD not in ran.stdout + ran.stderr


@pytest.mark.parametrize("secret", ["sslpassword", "scram_client_key", "oauth_client_secret"])
def test_other_secrets_are_left_out_of_the_address_too(booking, url, secret):
    if secret not in known_parameters():
        pytest.skip("this libpq does not know it")
    # 32 bytes in base64, as a key must be; no server here asks for it.
    value = "cGE1NXdvcmQgcGE1NXdvcmQgcGE1NXdvcmQgcGE1NTU="
    ran = booking(
        "db",
        "url",
        BOOKING_DATABASE_URL=address(url, password=conninfo_to_dict(url).get("password"), **{secret: value}),
    )
    assert ran.status == 0, ran.stderr
    assert "cGE1NXdvcmQ" not in ran.stdout


def address(url, **changes):
    """Return a connection string as a URL, with the password."""
    parts = {**conninfo_to_dict(url), "password": PASSWORD, **changes}
    return "postgresql:///?" + urlencode({k: v for k, v in parts.items() if v is not None}, quote_via=quote)


def known_parameters():
    return {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
