"""An operator can run every command but migrate and grant, a reader every command that reads; plain SQL can do no more."""

import re
import shlex

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from booking_cli.db import queries
from tests.support import commands
from tests.support.commands import READS, READS_OF_THE_DATABASE, WRITES, listed
from tests.support.logins import KINDS, name_of

STATEMENTS = [
    queries.statement(f"{file.stem}.{name}")
    for file in sorted((queries.sql_folder() / "queries").iterdir())
    for name in queries.statements(file.stem)
]
# Neither kind may run these. {login} is its login, {other} the role of the other kind, {owner} the owner of the tables.
FORBIDDEN = """
    DELETE FROM bookings
    DELETE FROM booking_history
    DELETE FROM patient_history
    TRUNCATE bookings
    UPDATE bookings SET slot_id = 5 WHERE id = 1
    UPDATE bookings SET starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour'
    UPDATE bookings SET overlap_allowed = true
    UPDATE bookings SET reference = 'x', request_id = 'x'
    UPDATE bookings SET hold_expires_at = 'infinity'
    UPDATE booking_history SET actor = 'somebody else'
    UPDATE patients SET id = DEFAULT
    UPDATE patients SET registered_by = 'somebody else'
    UPDATE patient_history SET actor = 'somebody else', details = 'x'
    UPDATE slots SET starts_at = starts_at + interval '5 minutes'
    UPDATE schema_migrations SET checksum = 'x'
    INSERT INTO bookings (id, reference, slot_id, patient_id, starts_at, ends_at, status, request_id)
        OVERRIDING SYSTEM VALUE VALUES (0, 'x', 5, 1, now(), now(), 'PENDING', 'x')
    INSERT INTO booking_history (booking_id, actor, to_status, at) VALUES (1, 'x', 'CONFIRMED', '-infinity')
    INSERT INTO booking_history (id, booking_id, actor, to_status) OVERRIDING SYSTEM VALUE VALUES (0, 1, 'x', 'FAILED')
    INSERT INTO patients (id, name, email, name_key, contact_key, registered_by)
        OVERRIDING SYSTEM VALUE VALUES (0, 'x', 'x', 'x', 'x', 'x')
    INSERT INTO patient_history (patient_id, actor, change, details, at) VALUES (1, 'x', 'merged', 'x', '-infinity')
    INSERT INTO slots (id, doctor_id, starts_at, ends_at) OVERRIDING SYSTEM VALUE VALUES (0, 1, now(), now())
    INSERT INTO schema_migrations (version, name, checksum) VALUES (99, 'x', 'x')
    ALTER TABLE bookings DROP CONSTRAINT bookings_are_for_a_slot
    ALTER TABLE bookings DISABLE TRIGGER ALL
    ALTER SCHEMA booking RENAME TO mine
    DROP INDEX bookings_one_active_per_slot
    DROP SCHEMA booking CASCADE
    CREATE TABLE mine (id integer)
    CREATE TABLE public.mine (id integer)
    CREATE TRIGGER mine BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
    CREATE ROLE mine
    SELECT setval('bookings_id_seq', 1)
    DO 'BEGIN LOCK TABLE bookings IN ACCESS EXCLUSIVE MODE; END'
    SET session_replication_role = replica
    SET ROLE {owner}
    ALTER ROLE {login} SUPERUSER
    GRANT {owner} TO {login}
    GRANT {other} TO {login}
    COPY bookings TO PROGRAM 'cat'
    SELECT pg_read_file('PG_VERSION')"""


@pytest.fixture
def everything(sql):
    """Returns the rows of all tables."""
    tables = sql("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'booking'")
    return lambda: {table["name"]: sql(f"SELECT * FROM {table['name']} t ORDER BY t::text") for table in tables}


def test_every_command_is_in_the_lists_of_this_file():
    lists = READS + READS_OF_THE_DATABASE + WRITES + commands.ADMINISTRATION + commands.EMBEDDED_SERVER
    paths = set(commands.paths())
    assert paths == {path for path in paths for line in listed(lists) if f"{line} ".startswith(f"{path} ")}


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("kind", KINDS)
def test_operator_and_reader_can_run_every_command_that_reads(booking, member, everything, kind):
    address, before = member(kind), everything()
    for command in listed(READS + READS_OF_THE_DATABASE):
        ran = booking(*shlex.split(command), BOOKING_DATABASE_URL=address)
        assert ran.status == 0, (command, ran.stderr)
    assert everything() == before


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("command", listed(WRITES))
def test_operator_can_run_every_command_that_writes(booking, member, everything, command):
    address, before = member("operator"), everything()
    ran = booking(*shlex.split(command), BOOKING_DATABASE_URL=address)
    assert (ran.status, everything() == before) == (0, False), ran.stderr
    assert booking("verify").status == 0


@pytest.mark.usefixtures("day")
def test_reader_can_run_no_command_that_writes(booking, member, everything):
    address, before = member("reader"), everything()
    for command in listed(WRITES):
        ran = booking(*shlex.split(command), "-o", "json", BOOKING_DATABASE_URL=address)
        assert (ran.status, ran.error["code"]) == (5, "database_unavailable"), command
        assert "permission denied for table" in ran.error["message"], command
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
def test_operator_and_reader_cannot_migrate_or_grant(booking, member, rights, kind):
    address, before = member(kind), [rights(kind) for kind in KINDS]
    for command in listed(commands.ADMINISTRATION):
        ran = booking(*command.split(), "-o", "json", BOOKING_DATABASE_URL=address)
        assert (ran.status, ran.error["code"]) == (5, "database_unavailable"), command
        assert "Run it as" in ran.error["message"], command
    assert [rights(kind) for kind in KINDS] == before


def test_login_without_rights_ends_with_5_and_is_told_which_command_grants_them(booking, make_login):
    address = make_login()
    for command in ("slots list", "book 1 --name Ida --email ida@x.de", "expire --quiet", "db grant reader"):
        ran = booking(*command.split(), "-o", "json", BOOKING_DATABASE_URL=address)
        assert (ran.status, ran.error["code"]) == (5, "database_unavailable"), command
        assert f"booking db grant operator --to {name_of(address)}" in ran.error["message"], command
    for command in ("db status", "db migrate --dry-run"):
        ran = booking(*command.split(), "-o", "json", BOOKING_DATABASE_URL=address)
        assert (ran.status, ran.error["code"]) == (5, "database_unavailable"), command
        assert "permission denied" in ran.error["message"], command


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("kind", KINDS)
def test_plain_sql_cannot_forge_delete_alter_or_escalate(member, sql, booking, everything, role_of, kind):
    address, before = member(kind), everything()
    [other] = {*KINDS} - {kind}
    booking("db", "grant", other)
    owner = sql("SELECT tableowner FROM pg_tables WHERE tablename = 'bookings'")[0]["tableowner"]
    names = {"login": name_of(address), "other": role_of(other), "owner": f'"{owner}"'}
    allowed = {}
    with psycopg.connect(address, options="-c search_path=booking", autocommit=True) as connection:
        for statement in re.split(r"\n    (?=\w)", FORBIDDEN.strip()):
            try:
                connection.execute(statement.format(**names))
            except psycopg.errors.InsufficientPrivilege:
                continue
            except psycopg.Error as error:
                allowed[statement] = error
            else:
                allowed[statement] = "done"
    assert allowed == {}
    assert everything() == before


def test_operator_has_every_right_that_a_statement_needs_and_no_other(booking, sql, rights, role_of, make_login):
    booking("db", "grant", "operator")
    plain = [re.sub(r"%\(\w+\)s", "NULL", statement).replace("%%", "%") for statement in STATEMENTS]

    def is_needed(*revoked):
        sql("BEGIN")
        try:
            for right in revoked:
                sql(f"REVOKE {right} FROM {role_of('operator')}")
            sql(f"SET LOCAL ROLE {role_of('operator')}")
            for statement in plain:
                sql(f"EXPLAIN {statement}")
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):  # undefined without USAGE
            return True
        finally:
            sql("ROLLBACK")
        return False

    assert not is_needed()
    # INSERT and UPDATE are granted by column.
    assert [right for right in rights("operator") if re.match("(INSERT|UPDATE) ON", right)] == []
    assert [right for right in rights("operator") if not is_needed(right)] == []


def test_reader_has_select_on_every_table_and_view_and_nothing_else(booking, sql, rights, make_login):
    booking("db", "grant", "reader")
    relations = sql(
        "SELECT relname AS name FROM pg_class WHERE relnamespace = 'booking'::regnamespace AND relkind IN ('r', 'v')"
    )
    assert rights("reader") == sorted(["USAGE ON SCHEMA booking", *(f"SELECT ON {r['name']}" for r in relations)])


def test_operator_of_one_clinic_has_no_rights_in_another_on_the_same_server(new_database, template, member):
    another = new_database(template)
    with (
        psycopg.connect(make_conninfo(another, user=name_of(member("operator")), password="pa55word")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT FROM booking.clinic")
