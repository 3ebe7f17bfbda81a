"""Migrations: forward only, each once, and a sentence for every database that does not fit this program."""

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from typer.main import get_command

from booking_cli.cli import application as cli
from booking_cli.db import migrations, queries
from booking_cli.db.migrations import latest_version
from tests.conftest import PROGRAM
from tests.support.readme import leaves
from tests.support.waiting import wait_until

PAT = ("--name", "Pat", "--email", "pat@example.com")
# Every command that needs the tables, in a form that would get as far as asking the database.
NEED_TABLES = [
    ("db", "grant", "reader"),
    ("doctors", "add", "Ana", "--specialization", "x", "--email", "ana@example.com"),
    ("doctors", "list"),
    ("doctors", "show", "1"),
    ("doctors", "update", "1", "--name", "Ana"),
    ("doctors", "delete", "1"),
    ("slots", "add", "1", "tomorrow", "09:00"),
    ("slots", "bulk", "1", "--from", "tomorrow", "--start", "09:00", "--end", "10:00"),
    ("slots", "list"),
    ("slots", "show", "1"),
    ("slots", "delete", "1"),
    ("book", "1", *PAT),
    ("confirm", "1"),
    ("cancel", "1"),
    ("show", "1"),
    ("list",),
    ("history", "1"),
    ("expire",),
    ("expire", "--quiet"),
    ("stats",),
    ("verify",),
    ("clinic", "show"),
    ("clinic", "set", "--name", "New"),
]
NEED_NO_TABLES = {("db", verb) for verb in ("migrate", "status", "start", "stop", "url")}
MAKE_LATIN1 = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"


def spaced(words):
    return " ".join(words)


def asked(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchone()[0]


def has_tables(url):
    return asked(url, "SELECT to_regnamespace('booking') IS NOT NULL")


@pytest.fixture
def sql_files(tmp_path, monkeypatch):
    """A copy of the SQL files that the program in this process uses, and a test can change."""
    folder = tmp_path / "sql"
    shutil.copytree(queries.sql_folder(), folder)
    monkeypatch.setattr(queries, "sql_folder", lambda: folder)
    return folder / "migrations"


@pytest.fixture
def later_migration(sql_files):
    """As if this program were one version on."""
    file = sql_files / f"{latest_version() + 1:04d}_later.sql"
    file.write_text("CREATE TABLE came_later (id integer);\nALTER TABLE clinic ADD COLUMN motto text;\n")
    return file


@pytest.fixture
def newer_database(sql):
    """As if a later program had migrated the database."""
    sql("INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, 'later', 'x')", latest_version() + 1)


def test_an_empty_database_is_set_up_and_works(program, empty_url):
    ran = program("db", "migrate", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, [row["version"] for row in ran.json]) == (0, list(range(1, latest_version() + 1)))
    assert all(row["applied_at"] for row in ran.json)
    assert program("verify", BOOKING_DATABASE_URL=empty_url).status == 0


def test_to_migrate_twice_changes_nothing(booking, empty_url):
    booking("db", "migrate", BOOKING_DATABASE_URL=empty_url)
    recorded = "SELECT string_agg(m::text, ',' ORDER BY version) FROM booking.schema_migrations m"
    before = asked(empty_url, recorded)
    again = booking("db", "migrate", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (again.status, again.json, again.stderr) == (0, [], "")
    assert asked(empty_url, recorded) == before


def test_several_that_migrate_at_once_all_succeed_and_one_does_it(environment, empty_url, tmp_path):
    running = [
        subprocess.Popen(
            [PROGRAM, "db", "migrate", "-o", "json"],
            env={**environment, "BOOKING_DATABASE_URL": empty_url},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    ends = [(process.communicate(timeout=120), process.returncode) for process in running]
    assert [status for _, status in ends] == [0] * 6
    applied = [row["version"] for (stdout, _), _ in ends for row in json.loads(stdout)]
    assert sorted(applied) == list(range(1, latest_version() + 1))
    assert sum("new appointment book" in stderr for (_, stderr), _ in ends) == 1


def test_a_dry_run_shows_what_would_run_and_changes_nothing(booking, empty_url):
    ran = booking("db", "migrate", "--dry-run", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, ran.json[0]["version"], ran.json[0]["name"]) == (0, 1, "appointment_book")
    assert len(ran.json) == latest_version()
    assert not has_tables(empty_url)
    assert asked(empty_url, "SELECT count(*) FROM pg_extension WHERE extname = 'btree_gist'") == 0


def test_a_dry_run_has_nothing_to_show_where_all_is_applied(booking):
    ran = booking("db", "migrate", "--dry-run", "-o", "json")
    assert (ran.status, ran.json) == (0, [])


def test_only_what_is_new_is_applied(booking, sql, later_migration):
    version = latest_version()
    shown = booking("db", "migrate", "--dry-run", "-o", "json").json
    assert [row["version"] for row in shown] == [version]
    assert [row["version"] for row in booking("db", "migrate", "-o", "json").json] == [version]
    assert sql("SELECT count(*) AS n FROM came_later") == [{"n": 0}]
    assert later_migration.name == f"{version:04d}_later.sql"


def test_a_migration_that_fails_leaves_nothing_behind(booking, sql, later_migration):
    with later_migration.open("a") as file:
        file.write("SELECT 1 / 0;\n")
    assert booking("db", "migrate").status != 0
    assert sql("SELECT to_regclass('came_later') AS there") == [{"there": None}]
    assert sql("SELECT max(version) AS version FROM schema_migrations") == [{"version": latest_version() - 1}]


@pytest.mark.parametrize("flags", [(), ("--dry-run",)], ids=["migrate", "dry run"])
def test_an_edited_file_that_was_applied_is_refused(booking, sql_files, flags):
    file = min(sql_files.iterdir())
    file.write_text(file.read_text() + "\n-- harmless\n")
    ran = booking("db", "migrate", *flags, "-o", "json")
    assert (ran.status, ran.error["code"], ran.stdout) == (5, "not_set_up", "")
    assert f"{file.name} was edited" in ran.error["message"]


@pytest.mark.usefixtures("newer_database")
@pytest.mark.parametrize("command", [*NEED_TABLES, ("db", "migrate"), ("db", "migrate", "--dry-run")], ids=spaced)
def test_a_database_newer_than_the_program_is_refused(booking, command):
    ran = booking(*command, "-o", "json")
    assert (ran.status, ran.error["code"], ran.stdout) == (5, "not_set_up", "")
    assert "Upgrade booking" in ran.error["message"]


@pytest.mark.usefixtures("later_migration")
@pytest.mark.parametrize("command", [("slots", "list"), ("book", "1", *PAT), ("expire", "--quiet")], ids=spaced)
def test_a_database_older_than_the_program_says_to_migrate_and_is_left_alone(booking, sql, command):
    ran = booking(*command, "-o", "json")
    assert (ran.status, ran.error["code"], ran.stdout) == (5, "not_set_up", "")
    assert "booking db migrate" in ran.error["message"]
    assert sql("SELECT max(version) AS version FROM schema_migrations") == [{"version": latest_version() - 1}]


@pytest.mark.parametrize("command", NEED_TABLES, ids=spaced)
def test_missing_tables_are_said_in_one_line_that_names_the_command(booking, empty_url, command):
    ran = booking(*command, BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, ran.stdout, len(ran.stderr.splitlines())) == (5, "", 1)
    assert "booking db migrate" in ran.stderr
    assert not has_tables(empty_url)


def test_the_program_says_so_too(program, empty_url):
    ran = program("slots", "list", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, ran.error["code"]) == (5, "not_set_up")


def test_no_command_is_forgotten_above():
    covered = {tuple(words[: 2 if words[0] in ("doctors", "slots", "clinic", "db") else 1]) for words in NEED_TABLES}
    assert covered | NEED_NO_TABLES == {tuple(path.split()[1:]) for path, _ in leaves(get_command(cli.app), "booking")}


def test_the_status_of_an_empty_database_is_no_error(booking, empty_url):
    status = booking("db", "status", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (status.status, status.json["schema_version"]) == (0, 0)
    assert status.json["pending_migrations"] == latest_version()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "UTC"])
def test_the_first_migration_takes_the_time_zone_of_the_machine_and_says_which(program, empty_url, zone):
    ran = program("db", "migrate", BOOKING_DATABASE_URL=empty_url, TZ=zone)
    assert ran.status == 0
    assert f"Its time zone is {zone}" in ran.stderr
    assert asked(empty_url, "SELECT timezone FROM booking.clinic") == zone


def test_a_later_migration_leaves_the_time_zone_alone(program, empty_url):
    program("db", "migrate", BOOKING_DATABASE_URL=empty_url, TZ="Asia/Tokyo")
    again = program("db", "migrate", BOOKING_DATABASE_URL=empty_url, TZ="Europe/Berlin")
    assert (again.status, again.stderr) == (0, "")
    assert asked(empty_url, "SELECT timezone FROM booking.clinic") == "Asia/Tokyo"


def test_a_time_zone_that_does_not_exist_is_not_taken_over(program, empty_url):
    ran = program("db", "migrate", BOOKING_DATABASE_URL=empty_url, TZ="Mars/Olympus")
    zone = asked(empty_url, "SELECT timezone FROM booking.clinic JOIN pg_timezone_names n ON n.name = timezone")
    assert (ran.status, f"Its time zone is {zone}" in ran.stderr) == (0, True)


@pytest.fixture
def latin1_url(server, empty_url):
    name = asked(empty_url, "SELECT current_database() || '_latin1'")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(MAKE_LATIN1.format(name))
        yield make_conninfo(server, dbname=name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("flags", [(), ("--dry-run",)], ids=["migrate", "dry run"])
def test_a_database_that_does_not_store_utf8_is_refused(booking, latin1_url, flags):
    ran = booking("db", "migrate", *flags, "-o", "json", BOOKING_DATABASE_URL=latin1_url)
    assert (ran.status, ran.error["code"], ran.stdout) == (5, "not_set_up", "")
    assert "LATIN1" in ran.error["message"]
    assert not has_tables(latin1_url)


def test_a_server_that_is_too_old_is_refused(booking, empty_url, monkeypatch):
    monkeypatch.setattr(migrations, "OLDEST_SERVER", 9_990_000)
    ran = booking("db", "migrate", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, ran.error["code"]) == (5, "not_set_up")
    assert "too old" in ran.error["message"]
    assert not has_tables(empty_url)


@pytest.fixture
def guest(empty_url):
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS booking_test_guest")
        connection.execute("CREATE ROLE booking_test_guest LOGIN PASSWORD 'guest'")
        yield make_conninfo(empty_url, user="booking_test_guest", password="guest")
        connection.execute("DROP ROLE booking_test_guest")


def test_a_user_who_may_not_create_tables_is_told_whom_to_ask(booking, guest):
    ran = booking("db", "migrate", "-o", "json", BOOKING_DATABASE_URL=guest)
    assert (ran.status, ran.error["code"]) == (5, "database_unavailable")
    assert "Run it as the owner of the database" in ran.error["message"]


def test_a_migration_does_not_keep_everybody_waiting_for_a_table_that_is_read(booking, url, sql, monkeypatch):
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.1)
    sql("ALTER TABLE booking_history DROP COLUMN request_id")
    sql("DELETE FROM schema_migrations WHERE version = 2")
    with psycopg.connect(url) as backup:
        backup.execute("LOCK TABLE booking.booking_history IN ACCESS SHARE MODE")
        ran = booking("db", "migrate", "-o", "json")
    assert (ran.status, ran.error["code"]) == (6, "busy")
    assert "in use" in ran.error["message"]
    assert booking("db", "migrate", "-o", "json").json[0]["version"] == 2


@pytest.fixture
def before_the_third(sql):
    """A book with data, as the second migration left it."""
    sql("INSERT INTO doctors (name, specialization, email) SELECT n, 'Skin', n FROM generate_series(1, 300) n")
    sql("INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT id, now(), now() + interval '1 hour' FROM doctors")
    sql(
        "INSERT INTO bookings (reference, slot_id, patient_name, patient_email, request_id, status, hold_expires_at)"
        " SELECT id, id, 'Pat', id, id, 'PENDING', now() + interval '1 day' FROM slots"
    )
    sql("INSERT INTO booking_history (booking_id, actor, to_status) SELECT id, 'tester', 'PENDING' FROM bookings")
    for index in ("doctors_by_specialization", "slots_by_doctor_and_start", "bookings_one_active_per_slot"):
        sql(f"DROP INDEX {index}")
    sql("CREATE INDEX slots_by_doctor_and_start ON slots (doctor_id, starts_at)")
    sql(
        "CREATE UNIQUE INDEX bookings_one_active_per_slot ON bookings (slot_id)"
        " WHERE status IN ('PENDING', 'CONFIRMED')"
    )
    sql("ALTER TABLE bookings RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor)")
    sql("ALTER TABLE slots RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor)")
    sql("DELETE FROM schema_migrations WHERE version = 3")


@pytest.mark.usefixtures("before_the_third")
def test_the_third_migration_brings_its_indexes_to_a_book_with_data(booking, sql):
    assert [row["version"] for row in booking("db", "migrate", "-o", "json").json] == [3]

    indexes = {
        row["indexname"]: row["indexdef"] for row in sql("SELECT * FROM pg_indexes WHERE schemaname = 'booking'")
    }
    assert "(doctor_id, starts_at) INCLUDE (id, ends_at)" in indexes["slots_by_doctor_and_start"]
    assert "UNIQUE" in indexes["bookings_one_active_per_slot"]
    assert "(slot_id) INCLUDE (status, hold_expires_at) WHERE" in indexes["bookings_one_active_per_slot"]
    assert [name for name in indexes if name.endswith("_new")] == []
    vacuum_soon = ["autovacuum_vacuum_scale_factor=0.01", "autovacuum_vacuum_insert_scale_factor=0.01"]
    assert [
        row["reloptions"] for row in sql("SELECT reloptions FROM pg_class WHERE relname IN ('bookings', 'slots')")
    ] == [vacuum_soon] * 2
    [expected] = sql("EXPLAIN (FORMAT JSON) SELECT FROM doctors WHERE lower(specialization) = lower('Skin')")
    assert expected["QUERY PLAN"][0]["Plan"]["Plan Rows"] == 300
    assert booking("verify", "-o", "json").json == []


@pytest.mark.usefixtures("before_the_third")
def test_while_the_third_migration_builds_its_indexes_the_book_can_be_read_and_whoever_changes_it_waits(
    program, url, sql
):
    """As by programs of the version before, that are still running."""
    sql("INSERT INTO schema_migrations (version, name, checksum) VALUES (3, 'running', 'x')")
    text = (queries.sql_folder() / "migrations" / "0003_search_without_the_tables.sql").read_text()
    end = text.index("-- From here on nobody can read")
    with psycopg.connect(url, options="-c search_path=booking,public") as migration:
        migration.execute(text[:end])
        assert len(program("list", "--limit", 1000, "-o", "json").json) == 300
        with ThreadPoolExecutor(1) as pool:
            cancelled = pool.submit(program, "cancel", 7)
            wait_until(lambda: sql("SELECT 1 FROM pg_locks WHERE NOT granted"), "the cancellation waits")
            migration.execute(text[end:])
            migration.commit()
            assert cancelled.result().status == 0
    assert sql("SELECT status FROM bookings WHERE id = 7") == [{"status": "CANCELLED"}]
