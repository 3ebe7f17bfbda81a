"""`booking db`: what the person who runs the database types, for a database of one's own and for the embedded one."""

import os
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.embedded_book import embedded_book
from tests.support.proxy import Proxy

STATUS = (
    "kind running url server_version schema_version pending_migrations database_bytes doctors slots bookings data_dir"
)


@pytest.fixture(scope="module")
def embedded():
    """A book on the embedded database, with a doctor."""
    with embedded_book() as book:
        assert book.run("doctors", "add", "Ana Lima", "--specialization", "X", "--email", "a@b.example").status == 0
        yield book


@pytest.fixture
def over_tcp(url):
    """Makes addresses that lead to the test's database over TCP: `over_tcp("127.0.0.1:1,{}")`."""
    with Proxy(url) as proxy:
        parts = conninfo_to_dict(proxy.url)
        place = f"{parts['host']}:{parts['port']}"
        login = ":".join(quote(str(parts[name]), safe="") for name in ("user", "password") if name in parts)
        yield (
            lambda hosts, more="": (
                f"postgresql://{login}@{hosts.format(place)}/{parts['dbname']}?sslmode=disable&gssencmode=disable{more}"
            )
        )


def test_migrate_sets_up_the_embedded_database_too_and_has_nothing_to_do_after_that():
    with embedded_book() as book:
        first, second = (book.run("db", "migrate", "-o", "json") for _ in range(2))
        assert (first.status, second.status) == (0, 0), first.stderr + second.stderr
        assert first.json[0]["version"] == 1
        assert (second.json, second.stderr) == ([], "")


def test_status_tells_all_about_a_database_of_ones_own(program, booking, sql):
    booking("doctors", "add", "Ana Lima", "--specialization", "X", "--email", "ana@clinic.example")
    booking("slots", "bulk", 1, "--from", "tomorrow", "--start", "09:00", "--end", "10:30")
    booking("book", 1, "--name", "Maria Silva", "--email", "maria@example.org")
    told = program("db", "status", "-o", "json")
    assert told.status == 0, told.stderr
    assert " ".join(told.json) == STATUS
    [server] = sql(
        "SELECT current_setting('server_version') AS version, (SELECT max(version) FROM schema_migrations) AS schema"
    )
    assert told.json | {"url": "", "database_bytes": 0} == {
        "kind": "own",
        "running": True,
        "url": "",
        "server_version": server["version"],
        "schema_version": server["schema"],
        "pending_migrations": 0,
        "database_bytes": 0,
        "doctors": 1,
        "slots": 3,
        "bookings": 1,
        "data_dir": None,
    }
    assert told.json["database_bytes"] > 1_000_000
    assert told.json["url"] == program("db", "url").stdout.strip()


def test_status_of_a_database_that_is_not_there_fails(booking, url):
    told = booking("db", "status", "-o", "json", BOOKING_DATABASE_URL=make_conninfo(url, dbname="not_there"))
    assert (told.status, told.error["code"]) == (5, "database_unavailable")


def test_status_shows_people_each_of_these_things(booking, sql):
    told = booking("db", "status").stdout
    [server] = sql("SELECT current_setting('server_version') AS version")
    assert server["version"] in told
    for word in ("postgresql://", "Schema", "no migrations pending", "MB", "Doctors", "Slots", "Bookings"):
        assert word in told


def test_status_of_a_running_embedded_database(embedded):
    embedded.run("db", "start")
    told = embedded.run("db", "status", "-o", "json")
    assert " ".join(told.json) == STATUS
    assert (told.json["kind"], told.json["running"], told.json["doctors"]) == ("embedded", True, 1)
    assert told.json["data_dir"] == str(embedded.data_dir)
    assert told.json["url"] == embedded.run("db", "url").stdout.strip()


@pytest.mark.parametrize("used", [True, False])
def test_status_of_a_stopped_embedded_database_does_not_start_it(embedded, tmp_path, used):
    embedded.run("db", "stop")
    place = {} if used else {"BOOKING_DATA_DIR": str(tmp_path / "unused")}
    told = embedded.run("db", "status", "-o", "json", **place)
    assert told.status == 0, told.stderr
    assert " ".join(told.json) == STATUS
    unknown = set(told.json) - {"kind", "running", "data_dir"}
    assert {told.json[name] for name in unknown} == {None}
    assert (told.json["kind"], told.json["running"]) == ("embedded", False)
    assert not (embedded.data_dir / "postgres" / "postmaster.pid").exists()
    assert not (tmp_path / "unused").exists()
    assert "stopped" in embedded.run("db", "status", **place).stdout


@pytest.mark.parametrize("command", ["start", "stop"])
def test_a_database_of_ones_own_is_neither_started_nor_stopped(program, command):
    refused = program("db", command, "-o", "json")
    assert (refused.status, refused.stdout) == (2, "")
    assert "BOOKING_DATABASE_URL" in refused.error["message"]
    assert program("doctors", "list").status == 0


def test_url_starts_the_embedded_database_and_prints_an_address_that_can_be_used_at_once(embedded):
    embedded.run("db", "stop")
    printed = embedded.run("db", "url")
    assert (printed.status, printed.stderr) == (0, "")
    with psycopg.connect(one_line(printed.stdout)) as connection:
        assert connection.execute("SELECT name FROM booking.doctors").fetchone() == ("Ana Lima",)


def test_url_prints_nothing_but_an_address_that_leads_to_the_same_database(program, url):
    printed = program("db", "url")
    assert (printed.status, printed.stderr) == (0, "")
    with psycopg.connect(one_line(printed.stdout), password=conninfo_to_dict(url).get("password")) as connection:
        assert connection.info.dbname == conninfo_to_dict(url)["dbname"]


def test_parameters_survive_url(booking, url):
    parts = {**conninfo_to_dict(url), "options": "-c work_mem=5MB -c geqo=off"}
    printed = booking("db", "url", BOOKING_DATABASE_URL="postgresql:///?" + urlencode(parts, quote_via=quote))
    assert printed.status == 0, printed.stderr
    with psycopg.connect(one_line(printed.stdout), password=parts.get("password")) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)


@pytest.mark.parametrize(
    ("hosts", "more"),
    [
        ("{}", ""),
        ("127.0.0.1:1,{}", ""),
        ("127.0.0.1:1,localhost:2,{}", "&connect_timeout=5"),
        ("[::1]:1,{}", ""),
    ],
)
def test_every_host_and_port_survives_url(booking, over_tcp, hosts, more):
    given = over_tcp(hosts, more)
    printed = booking("db", "url", BOOKING_DATABASE_URL=given)
    assert printed.status == 0, printed.stderr
    password = conninfo_to_dict(given).get("password")
    assert conninfo_to_dict(one_line(printed.stdout)) | {"password": password} == conninfo_to_dict(given) | {
        "password": password
    }
    with psycopg.connect(one_line(printed.stdout), password=password) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("sign", [" ", "@", "/", ":", "%", "?", "#", "ü", '"'])
def test_names_with_signs_survive_url(booking, url, sql, sign):
    user = f"keeper{sign}{os.getpid()}"
    sql(f"CREATE ROLE \"{user.replace(chr(34), chr(34) * 2)}\" LOGIN SUPERUSER PASSWORD 'pa55word'")
    try:
        printed = booking("db", "url", BOOKING_DATABASE_URL=make_conninfo(url, user=user, password="pa55word"))
        assert printed.status == 0, printed.stderr
        with psycopg.connect(one_line(printed.stdout), password="pa55word") as connection:
            assert connection.execute("SELECT current_user").fetchone() == (user,)
    finally:
        sql(f'DROP ROLE "{user.replace(chr(34), chr(34) * 2)}"')


def test_pg_variables_fill_what_the_address_leaves_out(program, url):
    parts = conninfo_to_dict(url)
    names = {"dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    variables = {names[name]: str(value) for name, value in parts.items() if name in names}
    listed = program("doctors", "list", "-o", "json", BOOKING_DATABASE_URL="postgresql://", **variables)
    assert (listed.status, listed.stdout) == (0, "[]\n"), listed.stderr


def one_line(printed):
    assert printed.startswith("postgresql://")
    assert printed.endswith("\n")
    assert printed.count("\n") == 1
    return printed.strip()
