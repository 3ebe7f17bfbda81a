"""`booking db status`, `url`, `start`, `stop` and `migrate`, for an external and for the embedded database."""

import os
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.embedded_book import embedded_book
from tests.support.proxy import Proxy


@pytest.fixture(scope="module")
def embedded():
    """An embedded database with a doctor."""
    with embedded_book() as book:
        assert book.run("doctors", "add", "Ana Lima", "--specialization", "X", "--email", "a@b.example").status == 0
        yield book


def connected(printed, password):
    """Connect with the address that `db url` printed, and nothing else."""
    assert (printed.status, printed.stderr, printed.stdout.count("\n")) == (0, "", 1)
    assert printed.stdout.startswith("postgresql://")
    return psycopg.connect(printed.stdout.strip(), password=password)


def test_migrate_sets_up_the_embedded_database_and_then_has_nothing_to_apply():
    with embedded_book() as book:
        first, second = (book.run("db", "migrate", "-o", "json") for _ in range(2))
        assert (first.status, second.status) == (0, 0), first.stderr + second.stderr
        assert first.json[0]["version"] == 1
        assert (second.json, second.stderr) == ([], "")


@pytest.mark.usefixtures("slots")
def test_status_of_an_external_database_shows_version_address_and_sizes(program, booking, sql):
    booking("book", 1, "--name", "Maria Silva", "--email", "maria@example.org")
    shown = program("db", "status", "-o", "json").json
    assert shown.pop("database_bytes") > 1_000_000
    assert shown.pop("kind") == "external"
    version = sql("SELECT current_setting('server_version') AS v")[0]["v"]
    assert shown == {
        "running": True,
        "url": program("db", "url").stdout.strip(),
        "server_version": version,
        "schema_version": sql("SELECT max(version) AS v FROM schema_migrations")[0]["v"],
        "pending_migrations": 0,
        "doctors": 1,
        "slots": 4,
        "bookings": 1,
        "data_dir": None,
    }
    table = booking("db", "status").stdout
    assert [text for text in (version, "postgresql://", "MB") if text not in table] == []


def test_url_and_status_of_the_embedded_database_show_a_usable_address(embedded):
    embedded.run("db", "stop")
    url = embedded.run("db", "url")
    with connected(url, None) as connection:
        assert connection.execute("SELECT name FROM booking.doctors").fetchone() == ("Ana Lima",)
    shown = embedded.run("db", "status", "-o", "json").json
    assert (shown["kind"], shown["running"], shown["doctors"]) == ("embedded", True, 1)
    assert (shown["url"], shown["data_dir"]) == (url.stdout.strip(), str(embedded.data_dir))


@pytest.mark.parametrize(("used", "schema_version", "state"), [(True, None, "stopped"), (False, 0, "not created yet")])
def test_status_of_a_stopped_embedded_database_does_not_start_or_create_it(
    embedded, tmp_path, used, schema_version, state
):
    embedded.run("db", "stop")
    folder = {} if used else {"BOOKING_DATA_DIR": str(tmp_path / "unused")}
    shown = embedded.run("db", "status", "-o", "json", **folder).json
    assert shown.pop("schema_version") == schema_version
    assert {name for name, value in shown.items() if value is not None} == {"kind", "running", "data_dir"}
    assert (shown["kind"], shown["running"]) == ("embedded", False)
    assert state in embedded.run("db", "status", **folder).stdout
    assert not (embedded.data_dir / "postgres" / "postmaster.pid").exists()
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("command", ["start", "stop"])
def test_an_external_database_is_neither_started_nor_stopped(program, command):
    refused = program("db", command, "-o", "json")
    assert (refused.status, refused.error["code"], refused.stdout) == (2, "invalid_input", "")
    assert "BOOKING_DATABASE_URL" in refused.error["message"]
    assert program("doctors", "list").status == 0


def test_url_keeps_the_database_and_the_parameters_of_the_address(booking, url):
    parts = {**conninfo_to_dict(url), "options": "-c work_mem=5MB -c geqo=off"}
    printed = booking("db", "url", BOOKING_DATABASE_URL="postgresql:///?" + urlencode(parts, quote_via=quote))
    with connected(printed, parts.get("password")) as connection:
        assert connection.info.dbname == parts["dbname"]
        assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)


@pytest.mark.parametrize("hosts", ["{}", "127.0.0.1:1,localhost:2,{}", "[::1]:1,{}"])
def test_url_keeps_every_host_and_port(booking, url, hosts):
    with Proxy(url) as proxy:
        parts = conninfo_to_dict(proxy.url)
        login = ":".join(quote(str(parts[name]), safe="") for name in ("user", "password") if name in parts)
        hosts = hosts.format(f"{parts['host']}:{parts['port']}")
        options = "connect_timeout=5&sslmode=disable&gssencmode=disable"
        given = f"postgresql://{login}@{hosts}/{parts['dbname']}?{options}"
        printed = booking("db", "url", BOOKING_DATABASE_URL=given)
        assert conninfo_to_dict(printed.stdout.strip(), password="") == conninfo_to_dict(given, password="")
        with connected(printed, parts.get("password")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("character", [" ", "@", "/", ":", "%", "?", "#", "ü", '"'])
def test_url_keeps_special_characters_in_names_and_omits_the_password(booking, url, sql, character):
    user = f"owner{character}{os.getpid()}"
    quoted = user.replace('"', '""')
    sql(f"CREATE ROLE \"{quoted}\" LOGIN SUPERUSER PASSWORD 'pa55word'")
    try:
        printed = booking("db", "url", BOOKING_DATABASE_URL=make_conninfo(url, user=user, password="pa55word"))
        assert "pa55word" not in printed.stdout
        with connected(printed, "pa55word") as connection:
            assert connection.execute("SELECT current_user").fetchone() == (user,)
    finally:
        sql(f'DROP ROLE "{quoted}"')


def test_pg_variables_fill_what_the_address_leaves_out(program, url):
    names = {"dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    variables = {names[name]: str(value) for name, value in conninfo_to_dict(url).items() if name in names}
    listed = program("doctors", "list", "-o", "json", BOOKING_DATABASE_URL="postgresql://", **variables)
    assert (listed.status, listed.stdout) == (0, "[]\n"), listed.stderr
