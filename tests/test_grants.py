"""`booking db grant`: an operator can run every command and a reader every one that only reads, and nothing else at all."""

import os
import re
import shlex
import shutil
import threading

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typer.main import get_command

from booking_cli import cli, queries
from booking_cli.migrations import latest_version
from tests.embedded_book import embedded_book
from tests.readme import leaves
from tests.test_queries import NAMES
from tests.waiting import wait_for_lock_waiter

KINDS = ("operator", "reader")
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
def database(url):
    return conninfo_to_dict(url)["dbname"]


@pytest.fixture
def make_login(url, sql, database):
    """Makes logins that have no right yet and returns their addresses; they and the database's roles go afterwards."""
    made = []

    def make(options="LOGIN"):
        made.append(f"{database}_login_{len(made)}")
        sql(f"CREATE ROLE {made[-1]} {options} PASSWORD 'pa55word'")
        return make_conninfo(url, user=made[-1], password="pa55word")

    yield make
    roles = [row["name"] for row in sql("SELECT rolname AS name FROM pg_roles WHERE rolname ^@ %s", f"{database}_")]
    for statement in ("DROP OWNED BY {}", "DROP ROLE {}"):
        for role in roles:
            sql(statement.format(role))


@pytest.fixture
def member(booking, make_login):
    """Makes a login that was granted the rights of a kind, and returns its address."""

    def make(kind, options="LOGIN"):
        address = make_login(options)
        ran = booking("db", "grant", kind, "--to", name_of(address), "-o", "json")
        assert ran.status == 0, ran.stderr
        return address

    return make


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


@pytest.fixture
def rights(sql, database):
    """The rights of a role of the test's database, as a GRANT writes them; None where there is no such role."""

    def read(kind):
        if not sql("SELECT 1 FROM pg_roles WHERE rolname = %s", f"{database}_{kind}"):
            return None
        found = sql(
            """
            WITH kind AS (SELECT %s::regrole::oid AS role)
            SELECT format('%%s ON %%s', privilege_type, relname) AS what
            FROM kind, pg_class, aclexplode(relacl) WHERE grantee = role
            UNION ALL
            SELECT format('%%s (%%s) ON %%s', privilege_type, attname, attrelid::regclass)
            FROM kind, pg_attribute, aclexplode(attacl) WHERE grantee = role
            UNION ALL
            SELECT format('%%s ON SCHEMA %%s', privilege_type, nspname)
            FROM kind, pg_namespace, aclexplode(nspacl) WHERE grantee = role
            UNION ALL
            SELECT format('%%s ON FUNCTION %%s', privilege_type, p.oid::regprocedure)
            FROM kind, pg_proc p, aclexplode(proacl) WHERE grantee = role""",
            f"{database}_{kind}",
        )
        return sorted(row["what"] for row in found)

    return read


def name_of(address):
    return conninfo_to_dict(address)["user"]


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


def test_the_role_is_this_databases_own_and_nobody_can_log_in_as_it(booking, sql, make_login, database):
    login = name_of(make_login())
    ran = booking("db", "grant", "operator", "--to", login, "-o", "json")
    assert (ran.status, ran.json) == (0, {"role": f"{database}_operator", "kind": "operator", "member": login})
    assert sql("SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = %s", f"{database}_operator") == [
        {"rolcanlogin": False, "rolsuper": False}
    ]
    assert booking("db", "grant", "READER", "-o", "json").json["member"] is None
    assert f"{login} has the rights of a reader" in booking("db", "grant", "reader", "--to", login).stdout


def test_an_operator_of_one_clinic_has_no_rights_in_another_on_the_same_server(new_database, template, member):
    another = new_database(template)
    with (
        psycopg.connect(make_conninfo(another, user=name_of(member("operator")), password="pa55word")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT FROM booking.clinic")


@pytest.mark.parametrize("kind", KINDS)
def test_to_grant_again_changes_nothing(booking, member, rights, kind, sql, database):
    login, before = name_of(member(kind)), rights(kind)
    for words in ([], ["--to", login], ["--to", login]):
        assert booking("db", "grant", kind, *words).status == 0
    assert rights(kind) == before
    assert len(sql("SELECT 1 FROM pg_auth_members WHERE roleid = %s::regrole", f"{database}_{kind}")) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_to_grant_again_repairs_what_somebody_changed(booking, member, rights, kind, sql, database, make_login):
    address, before = member(kind), rights(kind)
    friend = name_of(make_login())
    sql(f"GRANT ALL ON bookings TO {database}_{kind} WITH GRANT OPTION")
    sql(f"GRANT ALL ON SCHEMA booking TO {database}_{kind}")
    sql("CREATE FUNCTION mine() RETURNS integer LANGUAGE sql RETURN 1")
    sql(f"GRANT EXECUTE ON FUNCTION mine() TO {database}_{kind}")
    sql(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA booking TO {database}_{kind}")
    sql(f"REVOKE SELECT ON clinic FROM {database}_{kind}")
    with psycopg.connect(address) as connection:
        connection.execute(f"SET ROLE {database}_{kind}")
        connection.execute(f"GRANT DELETE ON booking.bookings TO {friend}")
    assert booking("db", "grant", kind).status == 0
    assert rights(kind) == before
    assert sql("SELECT has_table_privilege(%s, 'bookings', 'DELETE') AS can", friend) == [{"can": False}]


def test_who_grants_while_somebody_else_does_waits_for_them(program, url, sql, make_login, rights, database):
    outcome = []
    granting = threading.Thread(target=lambda: outcome.append(program("db", "grant", "reader").status))
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE booking.schema_migrations IN EXCLUSIVE MODE")  # as a grant or a migration does
        other.execute(f"CREATE ROLE {database}_reader")
        granting.start()
        wait_for_lock_waiter(sql)
    granting.join()
    assert outcome == [0]
    assert len(rights("reader")) > 1


def test_a_login_that_sets_its_roles_aside_gets_the_rights_or_a_reason(booking, sql, make_login):
    address = make_login("LOGIN NOINHERIT")
    ran = booking("db", "grant", "reader", "--to", name_of(address), "-o", "json")
    if sql("SELECT current_setting('server_version_num')::integer >= 160000 AS new")[0]["new"]:
        assert booking("doctors", "list", BOOKING_DATABASE_URL=address).status == 0
    else:
        assert (ran.status, f'ALTER ROLE "{name_of(address)}" INHERIT' in ran.error["message"]) == (4, True)


@pytest.mark.parametrize(
    ("options", "advice"), [(None, 'CREATE ROLE "{}" LOGIN'), ("NOLOGIN", 'ALTER ROLE "{}" LOGIN')]
)
def test_a_login_that_does_not_exist_is_not_found_and_nothing_is_made(booking, rights, make_login, options, advice):
    login = name_of(make_login(options)) if options else "nobody of that name"
    ran = booking("db", "grant", "reader", "--to", login, "-o", "json")
    assert (ran.status, ran.error["code"], ran.stdout) == (3, "not_found", "")
    assert f"There is no login {login}." in ran.error["message"]
    assert advice.format(login) in ran.error["message"]
    assert rights("reader") is None


@pytest.mark.parametrize("words", [["boss"], [], ["reader", "--to", ""], ["reader", "--to", "x" * 64]])
def test_what_is_no_kind_or_no_name_is_a_usage_error(booking, words):
    assert booking("db", "grant", *words).status == 2


def test_a_role_with_a_name_too_long_for_postgresql_is_refused(server, template, booking, sql):
    long = f"booking_test_ü_{os.getpid()}_".ljust(54, "x")  # 55 bytes: with "_operator" one too many
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{long}" TEMPLATE {template}')
        address = make_conninfo(server, dbname=long)
        refused = booking("db", "grant", "operator", "-o", "json", BOOKING_DATABASE_URL=address)
        fits = booking("db", "grant", "reader", "-o", "json", BOOKING_DATABASE_URL=address)
        admin.execute(f'DROP DATABASE "{long}" WITH (FORCE)')
        admin.execute(f'DROP ROLE IF EXISTS "{long}_reader"')
    assert (refused.status, refused.error["code"]) == (2, "invalid_input")
    assert "63 bytes" in refused.error["message"]
    assert (fits.status, fits.json["role"]) == (0, f"{long}_reader")


def test_a_database_that_is_not_set_up_gets_no_roles(booking, empty_url, sql):
    ran = booking("db", "grant", "reader", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, ran.error["code"]) == (5, "not_set_up")
    assert sql("SELECT 1 FROM pg_roles WHERE rolname = %s", f"{conninfo_to_dict(empty_url)['dbname']}_reader") == []


@pytest.mark.parametrize("options", ["LOGIN", "SUPERUSER"])
def test_a_role_of_that_name_that_is_something_else_is_left_alone(booking, sql, rights, make_login, database, options):
    sql(f"CREATE ROLE {database}_operator {options}")
    ran = booking("db", "grant", "operator", "-o", "json")
    assert (ran.status, ran.error["code"]) == (4, "in_use")
    assert booking("db", "migrate").status == 0
    assert rights("operator") == []


def give_the_book_to(owner, sql):
    for table in sql("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'booking'"):
        sql(f"ALTER TABLE {table['name']} OWNER TO {owner}")
    sql(f"ALTER SCHEMA booking OWNER TO {owner}")


def test_an_owner_who_may_make_no_roles_is_told_what_to_have_run(booking, sql, make_login, rights):
    owner, login = make_login(), name_of(make_login())
    give_the_book_to(name_of(owner), sql)
    for _ in range(2):
        ran = booking("db", "grant", "reader", "--to", login, "-o", "json", BOOKING_DATABASE_URL=owner)
        assert (ran.status, ran.error["code"]) == (5, "database_unavailable")
        sql(re.search("run this first: (.+)", ran.error["message"])[1])
    assert rights("reader") == []
    assert booking("db", "grant", "reader", "--to", login, BOOKING_DATABASE_URL=owner).status == 0
    assert len(rights("reader")) > 1


def test_an_owner_who_may_make_roles_needs_no_superuser(booking, sql, make_login):
    owner, reader = make_login("LOGIN CREATEROLE"), make_login()
    give_the_book_to(name_of(owner), sql)
    assert booking("db", "grant", "reader", "--to", name_of(reader), BOOKING_DATABASE_URL=owner).status == 0
    assert booking("doctors", "list", BOOKING_DATABASE_URL=reader).status == 0
    assert booking("db", "grant", "reader", "--to", name_of(reader)).status == 0  # and what is there is not given twice
    assert len(sql("SELECT 1 FROM pg_auth_members WHERE member = %s::regrole", name_of(reader))) == 1


@pytest.mark.parametrize("rights_of_theirs", ["SELECT", "ALL"])
def test_who_may_make_roles_but_does_not_own_the_book_makes_none(booking, sql, make_login, rights, rights_of_theirs):
    stranger = make_login("LOGIN CREATEROLE")
    sql(f"GRANT USAGE ON SCHEMA booking TO {name_of(stranger)}")
    for what in ("TABLES", "SEQUENCES"):  # to one who has a right, PostgreSQL only warns that it cannot be passed on
        sql(f"GRANT {rights_of_theirs} ON ALL {what} IN SCHEMA booking TO {name_of(stranger)}")
    ran = booking("db", "grant", "reader", "-o", "json", BOOKING_DATABASE_URL=stranger)
    assert (ran.status, ran.error["code"]) == (5, "database_unavailable")
    assert "Run it as the owner" in ran.error["message"]
    assert rights("reader") is None


def test_a_migration_gives_the_rights_of_its_release(booking, member, rights, tmp_path, monkeypatch):
    reader, before = member("reader"), rights("reader")
    files = shutil.copytree(queries.sql_folder(), tmp_path / "sql")
    monkeypatch.setattr(queries, "sql_folder", lambda: files)
    (files / "migrations" / f"{latest_version() + 1:04d}_later.sql").write_text("CREATE TABLE came_later ();")
    with (files / "roles" / "reader.sql").open("a") as file:
        file.write("GRANT SELECT ON came_later TO {role};")
    assert booking("db", "migrate").status == 0
    assert rights("reader") == sorted([*before, "SELECT ON came_later"])
    assert rights("operator") is None
    assert booking("doctors", "list", BOOKING_DATABASE_URL=reader).status == 0


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


def test_the_embedded_database_has_such_roles_too():
    with embedded_book() as book:
        assert book.run("db", "grant", "reader", "-o", "json").json["role"] == "booking_reader"
        with psycopg.connect(book.run("db", "url").stdout.strip(), autocommit=True) as keeper:
            keeper.execute("CREATE ROLE ana LOGIN")
        assert book.run("db", "grant", "reader", "--to", "ana").status == 0
        with psycopg.connect(book.run("db", "url").stdout.strip(), user="ana") as ana:
            assert ana.execute("SELECT timezone FROM booking.clinic").rowcount == 1
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ana.execute("DELETE FROM booking.clinic")


def test_who_gives_no_kind_is_told_the_kinds_in_one_line(booking):
    ran = booking("db", "grant")
    assert (ran.status, len(ran.stderr.splitlines())) == (2, 1)
    assert "Choose from: operator, reader." in ran.stderr


def test_who_gets_a_readers_rights_and_keeps_an_operators_is_named(booking, member):
    login = name_of(member("operator"))
    ran = booking("db", "grant", "reader", "--to", login, "-o", "json")
    assert (ran.status, ran.json["kind"]) == (0, "reader")
    assert f"{login} still has the rights of the operator as well" in ran.stderr
    assert "REVOKE" in ran.stderr
