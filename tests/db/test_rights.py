"""An operator can run every command and a reader every one that only reads; neither can do anything else at all."""

import re
import shlex

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from typer.main import get_command

from booking_cli.cli import application as cli
from booking_cli.db import queries
from tests.support.logins import KINDS, name_of
from tests.support.readme import leaves
from tests.unit.test_queries import NAMES

READS = """
    doctors list
    doctors show 1
    slots list
    slots show 1
    slots bulk 1 --from +9d --start 09:00 --end 10:00 --dry-run
    show 1
    list
    history 1
    stats
    stats --by status
    stats --by doctor
    stats --by day
    verify
    clinic show
    db status
    db url
    db migrate --dry-run"""
WRITES = """
    doctors add Cleo --specialization x --email cleo@x.de
    doctors update 1 --name Anna
    doctors delete 2
    slots add 1 +8d 09:00
    slots bulk 1 --from +9d --start 09:00 --end 10:00
    slots delete 6
    book 4 --name Ida --email ida@x.de
    book 4 --name Ida --email ida@x.de --confirm
    book 3 --name Ida --email ida@x.de
    confirm 1
    cancel 1
    cancel 2 --reason flu
    expire
    expire --quiet
    clinic set --name Central
    clinic set --timezone Europe/Berlin"""
# For whoever keeps the database, and no role gives them to anybody else.
KEEPERS = """
    db migrate
    db grant reader
    db grant operator"""
# They do not look at a database of one's own.
OF_THE_EMBEDDED = """
    db start
    db stop"""
FORBIDDEN = """
    DELETE FROM bookings
    DELETE FROM booking_history
    UPDATE booking_history SET actor = 'somebody else'
    UPDATE bookings SET slot_id = 5 WHERE id = 1
    UPDATE bookings SET patient_name = 'somebody else'
    UPDATE bookings SET reference = 'x', request_id = 'x'
    UPDATE bookings SET hold_expires_at = 'infinity', booked_at = '-infinity'
    UPDATE slots SET starts_at = starts_at + interval '5 minutes'
    UPDATE schema_migrations SET checksum = 'x'
    INSERT INTO booking_history (booking_id, actor, to_status, at) VALUES (1, 'x', 'CONFIRMED', '-infinity')
    INSERT INTO booking_history (id, booking_id, actor, to_status) OVERRIDING SYSTEM VALUE VALUES (0, 1, 'x', 'CONFIRMED')
    INSERT INTO schema_migrations (version, name, checksum) VALUES (99, 'x', 'x')
    INSERT INTO clinic (timezone) VALUES ('UTC')
    DELETE FROM clinic
    DELETE FROM schema_migrations
    TRUNCATE bookings
    TRUNCATE booking_history
    ALTER TABLE bookings ADD COLUMN mine text
    ALTER TABLE bookings DROP CONSTRAINT bookings_are_for_a_slot
    ALTER TABLE bookings DISABLE TRIGGER ALL
    ALTER TABLE bookings OWNER TO {login}
    ALTER SCHEMA booking RENAME TO mine
    DROP INDEX bookings_one_active_per_slot
    DROP TABLE booking_history
    DROP SCHEMA booking CASCADE
    CREATE TABLE mine (id integer)
    CREATE TABLE public.mine (id integer)
    CREATE VIEW mine AS SELECT FROM bookings
    CREATE INDEX mine ON bookings (reason)
    CREATE FUNCTION mine() RETURNS integer LANGUAGE sql RETURN 1
    CREATE TRIGGER mine BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
    CREATE RULE mine AS ON UPDATE TO bookings DO INSTEAD NOTHING
    CREATE SCHEMA mine
    CREATE ROLE mine
    SELECT setval('bookings_id_seq', 1)
    DO 'BEGIN LOCK TABLE bookings IN ACCESS EXCLUSIVE MODE; END'
    SET session_replication_role = replica
    SET ROLE {owner}
    SET SESSION AUTHORIZATION {owner}
    ALTER ROLE {login} SUPERUSER
    GRANT {owner} TO {login}
    GRANT {other} TO {login}
    GRANT pg_write_all_data TO {login}
    COPY bookings TO '/tmp/mine'
    COPY bookings TO PROGRAM 'cat'
    COPY doctors (name) FROM PROGRAM 'echo mine'
    SELECT pg_read_file('PG_VERSION')"""


def listed(text):
    return [line.strip() for line in text.strip().splitlines()]


@pytest.fixture
def day(booking, sql):
    """Two doctors, six slots of the first, a hold, a booking and a hold that has lapsed."""
    booking("doctors", "add", "Ana", "--specialization", "x", "--email", "ana@x.de")
    booking("doctors", "add", "Ben", "--specialization", "x", "--email", "ben@x.de")
    booking("slots", "bulk", 1, "--from", "+7d", "--start", "09:00", "--end", "12:00")
    booking("book", 1, "--name", "Tom", "--email", "tom@x.de", "--hold", 60)
    booking("book", 2, "--name", "Maria", "--email", "maria@x.de", "--confirm")
    booking("book", 3, "--name", "Leo", "--email", "leo@x.de")
    sql("UPDATE bookings SET hold_expires_at = booked_at WHERE id = 3")


@pytest.fixture
def everything(sql):
    """What is in all tables."""
    tables = sql("SELECT relname AS name FROM pg_class WHERE relnamespace = 'booking'::regnamespace AND relkind = 'r'")
    return lambda: {table["name"]: sql(f"SELECT * FROM {table['name']} t ORDER BY t::text") for table in tables}


def test_no_command_is_forgotten_here():
    cases = [f"booking {case} " for case in listed(READS + WRITES + KEEPERS + OF_THE_EMBEDDED)]
    paths = [f"{path} " for path, _ in leaves(get_command(cli.app), "booking")]
    assert [path for path in paths if not any(case.startswith(path) for case in cases)] == []
    assert [case for case in cases if not any(case.startswith(path) for path in paths)] == []


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("kind", KINDS)
def test_operators_and_readers_can_run_every_command_that_reads(booking, member, everything, kind):
    address, before = member(kind), everything()
    ended = {case: booking(*shlex.split(case), BOOKING_DATABASE_URL=address) for case in listed(READS)}
    assert {case: ran.stderr for case, ran in ended.items() if ran.status != 0} == {}
    assert everything() == before


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("case", listed(WRITES))
def test_an_operator_can_run_every_command_that_writes(booking, member, everything, case):
    address, before = member("operator"), everything()
    ran = booking(*shlex.split(case), BOOKING_DATABASE_URL=address)
    assert (ran.status, everything() == before) == (0, False), ran.stderr
    assert booking("verify").status == 0


@pytest.mark.usefixtures("day")
def test_a_reader_can_run_no_command_that_writes(booking, member, everything):
    address, before = member("reader"), everything()
    for case in listed(WRITES):
        ran = booking(*shlex.split(case), "-o", "json", BOOKING_DATABASE_URL=address)
        assert (ran.status, ran.error["code"], ran.stdout) == (5, "database_unavailable", ""), case
        assert re.search("permission denied for table .+ Ask whoever runs the database", ran.error["message"]), case
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_but_the_keeper_migrates_or_grants(booking, member, rights, kind):
    address, before = member(kind), [rights(kind) for kind in KINDS]
    for case in listed(KEEPERS):
        ran = booking(*case.split(), "-o", "json", BOOKING_DATABASE_URL=address)
        assert (ran.status, ran.error["code"]) == (5, "database_unavailable"), case
        assert "Run it as" in ran.error["message"], case
    assert [rights(kind) for kind in KINDS] == before


@pytest.mark.parametrize(
    "command", ["slots list", "book 1 --name Ida --email ida@x.de", "expire --quiet", "db grant reader"]
)
def test_a_login_without_any_rights_is_told_who_can_give_them(booking, make_login, command):
    ran = booking(*command.split(), "-o", "json", BOOKING_DATABASE_URL=make_login())
    assert (ran.status, ran.error["code"]) == (5, "database_unavailable")
    assert "Whoever runs the database can give them: booking db grant" in ran.error["message"]


@pytest.mark.parametrize("command", ["db status", "db migrate --dry-run"])
def test_a_login_without_any_rights_cannot_look_into_the_database_either(booking, make_login, command):
    ran = booking(*command.split(), "-o", "json", BOOKING_DATABASE_URL=make_login())
    assert (ran.status, ran.error["code"]) == (5, "database_unavailable")
    assert "permission denied" in ran.error["message"]


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("kind", KINDS)
def test_plain_sql_can_do_no_more(member, sql, booking, everything, rights, database, kind):
    address, before = member(kind), everything()
    booking("db", "grant", *({*KINDS} - {kind}))
    names = {
        "login": name_of(address),
        "other": f"{database}_{'reader' if kind == 'operator' else 'operator'}",
        "owner": '"{}"'.format(sql("SELECT tableowner FROM pg_tables WHERE tablename = 'bookings'")[0]["tableowner"]),
    }
    done = {}
    with psycopg.connect(address, options="-c search_path=booking", autocommit=True) as connection:
        for statement in listed(FORBIDDEN):
            try:
                connection.execute(statement.format(**names))
            except psycopg.errors.InsufficientPrivilege:
                continue
            except psycopg.Error as error:
                done[statement] = error
            else:
                done[statement] = "done"
    assert done == {}
    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_can_pass_rights_on(member, rights, sql, kind):
    address, before = member(kind), rights(kind)
    friend = name_of(member("reader"))
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"GRANT ALL ON booking.bookings TO {name_of(address)}, {friend}")  # PostgreSQL only warns
    can = "SELECT has_table_privilege(%s, 'bookings', 'DELETE') AS mine, has_any_column_privilege(%s, 'bookings', 'UPDATE') AS yours"
    assert sql(can, name_of(address), friend) == [{"mine": False, "yours": False}]
    assert rights(kind) == before


def test_an_operator_has_every_right_that_a_statement_needs_and_no_other(booking, sql, rights, database, make_login):
    booking("db", "grant", "operator")
    plain = {name: re.sub(r"%\(\w+\)s", "NULL", queries.statement(name)).replace("%%", "%") for name in NAMES}

    def refused_without(*taken_away):
        sql("BEGIN")
        try:
            for right in taken_away:
                sql(f"REVOKE {right} FROM {database}_operator")
            sql(f"SET LOCAL ROLE {database}_operator")
            for name in NAMES:
                sql(f"EXPLAIN {plain[name]}")
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):  # or hidden with its schema
            return name
        finally:
            sql("ROLLBACK")
        return None

    assert refused_without() is None
    assert [
        right for right in rights("operator") if re.match("(INSERT|UPDATE) ON", right)
    ] == []  # but column by column
    assert [right for right in rights("operator") if not refused_without(right)] == []


def test_a_reader_may_look_at_every_table_and_nothing_else(booking, sql, rights, make_login):
    booking("db", "grant", "reader")
    tables = sql("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'booking'")
    assert rights("reader") == sorted(["USAGE ON SCHEMA booking", *(f"SELECT ON {table['name']}" for table in tables)])


def test_an_operator_of_one_clinic_has_no_rights_in_another_on_the_same_server(new_database, template, member):
    another = new_database(template)
    with (
        psycopg.connect(make_conninfo(another, user=name_of(member("operator")), password="pa55word")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT FROM booking.clinic")
