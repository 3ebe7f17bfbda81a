"""Migrations: forward only, each applied once, and an error for every database that this program cannot work with."""

import shlex

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from booking_cli.db import migrations
from booking_cli.db.migrations import latest_version
from tests.support.commands import READS, WRITES, listed
from tests.support.threads import at_once

NEED_TABLES = [*listed(READS + WRITES), "db grant reader"]
MAKE_LATIN1 = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
RECORDED = "SELECT max(version) AS version FROM schema_migrations"


def value(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchone()[0]


def has_tables(url):
    return value(url, "SELECT to_regnamespace('booking') IS NOT NULL")


@pytest.fixture
def later_migrations(sql_files):
    """Two migrations of a later release; the second needs a lock that conflicts with reading the history."""
    version = latest_version()
    first, second = (sql_files / "migrations" / f"{version + n:04d}_later.sql" for n in (1, 2))
    first.write_text("CREATE TABLE came_later (id integer);\n")
    second.write_text("ALTER TABLE booking_history ADD COLUMN later text;\n")
    return [version + 1, version + 2]


def test_empty_database_is_set_up_and_works(program, empty_url):
    ran = program("db", "migrate", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, [row["version"] for row in ran.json]) == (0, list(range(1, latest_version() + 1)))
    assert all(row["applied_at"] for row in ran.json)
    assert program("verify", BOOKING_DATABASE_URL=empty_url).status == 0


def test_migrate_again_changes_nothing(booking, empty_url):
    booking("db", "migrate", BOOKING_DATABASE_URL=empty_url)
    recorded = "SELECT string_agg(m::text, ',' ORDER BY version) FROM booking.schema_migrations m"
    before = value(empty_url, recorded)
    for flags in ([], ["--dry-run"]):
        again = booking("db", "migrate", *flags, "-o", "json", BOOKING_DATABASE_URL=empty_url)
        assert (again.status, again.json, again.stderr) == (0, [], "")
    assert value(empty_url, recorded) == before


def test_migrations_at_the_same_time_all_succeed_and_each_file_is_applied_once(program, empty_url):
    ends = at_once(*[lambda: program("db", "migrate", "-o", "json", BOOKING_DATABASE_URL=empty_url)] * 6)
    assert [ran.status for ran in ends] == [0] * 6
    assert sorted(row["version"] for ran in ends for row in ran.json) == list(range(1, latest_version() + 1))
    assert sum("time zone" in ran.stderr for ran in ends) == 1


def test_dry_run_shows_pending_migrations_and_changes_nothing(booking, empty_url):
    ran = booking("db", "migrate", "--dry-run", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, ran.json[0]["version"], ran.json[0]["name"]) == (0, 1, "appointment_book")
    status = booking("db", "status", "-o", "json", BOOKING_DATABASE_URL=empty_url).json
    assert (status["schema_version"], status["pending_migrations"]) == (0, len(ran.json))
    assert not has_tables(empty_url)
    assert value(empty_url, "SELECT count(*) FROM pg_extension WHERE extname = 'btree_gist'") == 0


def test_only_pending_migrations_are_applied_in_order(booking, sql, later_migrations):
    for flags in (["--dry-run"], []):
        shown = booking("db", "migrate", *flags, "-o", "json")
        assert [row["version"] for row in shown.json] == later_migrations
    assert sql("SELECT count(later) AS n FROM booking_history, came_later") == [{"n": 0}]


def test_migration_that_fails_is_rolled_back_and_those_before_it_stay(booking, sql, sql_files, later_migrations):
    first, second = later_migrations
    [file] = sql_files.glob(f"migrations/{second:04d}_*")
    file.write_text(file.read_text() + "SELECT 1 / 0;\n")
    assert booking("db", "migrate").status != 0
    assert sql("SELECT 1 FROM pg_attribute WHERE attname = 'later'") == []
    assert sql(RECORDED) == [{"version": first}]


@pytest.mark.parametrize("flags", [(), ("--dry-run",)], ids=["migrate", "dry run"])
def test_applied_file_that_was_edited_is_refused(booking, sql_files, flags):
    file = min((sql_files / "migrations").iterdir())
    file.write_text(file.read_text() + "\n-- harmless\n")
    ran = booking("db", "migrate", *flags, "-o", "json")
    assert (ran.status, ran.error["code"], ran.stdout) == (5, "not_set_up", "")
    assert file.name in ran.error["message"]


@pytest.mark.usefixtures("import_files")
def test_database_newer_than_the_program_is_refused_by_every_command(booking, sql):
    sql("INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, 'later', 'x')", latest_version() + 1)
    for command in [*NEED_TABLES, "db migrate", "db migrate --dry-run"]:
        ran = booking(*shlex.split(command), "-o", "json")
        assert (ran.status, ran.error["code"], ran.stdout) == (5, "not_set_up", ""), command
        assert "Upgrade booking" in ran.error["message"], command


def test_database_older_than_the_program_is_refused_and_not_migrated(booking, sql, later_migrations):
    for command in ("slots list", "book 1 --name Pat --email pat@example.com", "expire --quiet"):
        ran = booking(*command.split(), "-o", "json")
        assert (ran.status, ran.error["code"], ran.stdout) == (5, "not_set_up", "")
        assert "booking db migrate" in ran.error["message"]
    assert sql(RECORDED) == [{"version": later_migrations[0] - 1}]


@pytest.mark.usefixtures("import_files")
def test_database_without_tables_is_refused_by_every_command_and_not_set_up(booking, empty_url):
    for command in NEED_TABLES:
        ran = booking(*shlex.split(command), "-o", "json", BOOKING_DATABASE_URL=empty_url)
        assert (ran.status, ran.error["code"], ran.stdout) == (5, "not_set_up", ""), command
        assert "booking db migrate" in ran.error["message"], command
    assert not has_tables(empty_url)


def test_first_migration_takes_the_time_zone_of_the_machine_and_names_it(program, empty_url):
    ran = program("db", "migrate", BOOKING_DATABASE_URL=empty_url, TZ="Asia/Kolkata")
    assert (ran.status, "Asia/Kolkata" in ran.stderr) == (0, True)
    again = program("db", "migrate", BOOKING_DATABASE_URL=empty_url, TZ="Europe/Berlin")
    assert (again.status, again.stderr) == (0, "")
    assert value(empty_url, "SELECT timezone FROM booking.clinic") == "Asia/Kolkata"


def test_unknown_time_zone_of_the_machine_is_replaced_by_a_known_one(program, empty_url):
    ran = program("db", "migrate", BOOKING_DATABASE_URL=empty_url, TZ="Mars/Olympus")
    zone = value(empty_url, "SELECT timezone FROM booking.clinic JOIN pg_timezone_names n ON n.name = timezone")
    assert (ran.status, zone in ran.stderr) == (0, True)


@pytest.fixture
def latin1_url(server, empty_url):
    name = value(empty_url, "SELECT current_database() || '_latin1'")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(MAKE_LATIN1.format(name))
        yield make_conninfo(server, dbname=name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("flags", [(), ("--dry-run",)], ids=["migrate", "dry run"])
def test_database_that_does_not_store_utf8_is_refused(booking, latin1_url, flags):
    ran = booking("db", "migrate", *flags, "-o", "json", BOOKING_DATABASE_URL=latin1_url)
    assert (ran.status, ran.error["code"], ran.stdout) == (5, "not_set_up", "")
    assert "LATIN1" in ran.error["message"]
    assert not has_tables(latin1_url)


def test_server_that_is_too_old_is_refused(booking, empty_url, monkeypatch):
    monkeypatch.setattr(migrations, "OLDEST_SERVER", 9_990_000)
    ran = booking("db", "migrate", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, ran.error["code"]) == (5, "not_set_up")
    assert "too old" in ran.error["message"]
    assert not has_tables(empty_url)


def test_login_that_may_not_create_tables_ends_with_5_and_names_the_owner(booking, empty_url, make_login):
    address = make_conninfo(make_login(), dbname=value(empty_url, "SELECT current_database()"))
    ran = booking("db", "migrate", "-o", "json", BOOKING_DATABASE_URL=address)
    assert (ran.status, ran.error["code"]) == (5, "database_unavailable")
    assert "owner of the database" in ran.error["message"]


def test_migration_that_waits_too_long_for_a_lock_ends_with_6_and_can_be_repeated(
    booking, url, monkeypatch, later_migrations
):
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.1)
    with psycopg.connect(url) as backup:
        backup.execute("LOCK TABLE booking.booking_history IN ACCESS SHARE MODE")
        ran = booking("db", "migrate", "-o", "json")
    assert (ran.status, ran.error["code"]) == (6, "busy")
    assert [row["version"] for row in booking("db", "migrate", "-o", "json").json] == later_migrations[1:]
