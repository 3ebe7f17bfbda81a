"""`booking db grant`: the roles that it creates and repairs, who can run it, and what it refuses."""

import os
import re
import threading

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from booking_cli.db.migrations import latest_version
from tests.support.logins import KINDS, name_of
from tests.support.waiting import wait_for_lock_waiter


def test_grant_creates_a_role_of_the_clinic_that_cannot_log_in(booking, sql, make_login, role_of):
    login = name_of(make_login())
    ran = booking("db", "grant", "operator", "--to", login, "-o", "json")
    assert (ran.status, ran.json) == (0, {"role": role_of("operator"), "kind": "operator", "member": login})
    assert sql("SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = %s", role_of("operator")) == [
        {"rolcanlogin": False, "rolsuper": False}
    ]
    assert booking("db", "grant", "READER", "-o", "json").json["member"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_grant_again_restores_the_rights_of_a_role(booking, member, rights, kind, sql, role_of, make_login):
    address, before = member(kind), rights(kind)
    role, friend = role_of(kind), name_of(make_login())
    sql("CREATE FUNCTION mine() RETURNS integer LANGUAGE sql RETURN 1")
    sql(f"GRANT ALL ON bookings TO {role} WITH GRANT OPTION")
    sql(f"GRANT ALL ON SCHEMA booking TO {role}")
    sql(f"GRANT EXECUTE ON FUNCTION mine() TO {role}")
    sql(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA booking TO {role}")
    sql(f"REVOKE SELECT ON clinic FROM {role}")
    with psycopg.connect(address) as connection:
        connection.execute(f"SET ROLE {role}")
        connection.execute(f"GRANT DELETE ON booking.bookings TO {friend}")
    assert booking("db", "grant", kind).status == 0
    assert rights(kind) == before
    assert sql("SELECT has_table_privilege(%s, 'bookings', 'DELETE') AS can", friend) == [{"can": False}]


def test_migration_grants_the_rights_of_its_release_to_existing_roles(booking, member, rights, sql_files):
    reader, before = member("reader"), rights("reader")
    (sql_files / "migrations" / f"{latest_version() + 1:04d}_later.sql").write_text("CREATE TABLE came_later ();")
    with (sql_files / "roles" / "reader.sql").open("a") as file:
        file.write("GRANT SELECT ON came_later TO {role};")
    assert booking("db", "migrate").status == 0
    assert rights("reader") == sorted([*before, "SELECT ON came_later"])
    assert rights("operator") is None
    assert booking("doctors", "list", BOOKING_DATABASE_URL=reader).status == 0


def test_grant_waits_for_another_grant(program, url, sql, make_login, rights, role_of):
    outcome = []
    granting = threading.Thread(target=lambda: outcome.append(program("db", "grant", "reader").status))
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE booking.schema_migrations IN EXCLUSIVE MODE")  # as a grant or a migration does
        other.execute(f"CREATE ROLE {role_of('reader')}")
        granting.start()
        wait_for_lock_waiter(sql)
    granting.join()
    assert outcome == [0]
    assert len(rights("reader")) > 1


def test_grant_to_a_login_with_noinherit_works_or_says_how_to_change_it(booking, sql, make_login):
    address = make_login("LOGIN NOINHERIT")
    ran = booking("db", "grant", "reader", "--to", name_of(address), "-o", "json")
    if ran.status != 0:  # before PostgreSQL 16, INHERIT is an option of the login
        assert (ran.status, ran.error["code"]) == (4, "in_use")
        sql(re.search("ALTER ROLE .+", ran.error["message"])[0])
        booking("db", "grant", "reader", "--to", name_of(address))
    assert booking("doctors", "list", BOOKING_DATABASE_URL=address).status == 0


@pytest.mark.parametrize("options", [None, "NOLOGIN"])
def test_grant_to_what_is_not_a_login_is_refused_with_the_statement_that_makes_it_one(
    booking, sql, rights, make_login, database_name, options
):
    login = name_of(make_login(options)) if options else f"{database_name}_of nobody"
    ran = booking("db", "grant", "reader", "--to", login, "-o", "json")
    assert (ran.status, ran.error["code"], ran.stdout) == (3, "not_found", "")
    assert rights("reader") is None
    sql(re.search("(ALTER|CREATE) ROLE .+", ran.error["message"])[0])
    assert booking("db", "grant", "reader", "--to", login).status == 0


@pytest.mark.parametrize("words", [["boss"], [], ["reader", "--to", ""], ["reader", "--to", "x" * 64]])
def test_grant_with_invalid_arguments_ends_with_2_in_one_line(booking, words):
    ran = booking("db", "grant", *words)
    assert (ran.status, len(ran.stderr.splitlines())) == (2, 1)
    assert "--to" in words or ("operator" in ran.stderr and "reader" in ran.stderr)


def test_grant_whose_role_name_would_be_too_long_is_refused(server, template, booking):
    long = f"booking_test_ü_{os.getpid()}_".ljust(46, "x")  # 47 bytes: 64 with "_booking_operator"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{long}" TEMPLATE {template}')
        address = make_conninfo(server, dbname=long)
        refused = booking("db", "grant", "operator", "-o", "json", BOOKING_DATABASE_URL=address)
        fits = booking("db", "grant", "reader", "-o", "json", BOOKING_DATABASE_URL=address)
        admin.execute(f'DROP DATABASE "{long}" WITH (FORCE)')
        admin.execute(f'DROP ROLE IF EXISTS "{long}_booking_reader"')
    assert (refused.status, refused.error["code"]) == (2, "invalid_input")
    assert "63 bytes" in refused.error["message"]
    assert (fits.status, fits.json["role"]) == (0, f"{long}_booking_reader")


def test_grant_in_a_database_without_tables_creates_no_role(booking, empty_url, sql):
    ran = booking("db", "grant", "reader", "-o", "json", BOOKING_DATABASE_URL=empty_url)
    assert (ran.status, ran.error["code"]) == (5, "not_set_up")
    role = f"{conninfo_to_dict(empty_url)['dbname']}_booking_reader"
    assert sql("SELECT 1 FROM pg_roles WHERE rolname = %s", role) == []


@pytest.mark.parametrize("options", ["LOGIN", "SUPERUSER"])
def test_existing_role_with_another_purpose_is_refused_and_not_changed(
    booking, sql, rights, make_login, role_of, options
):
    sql(f"CREATE ROLE {role_of('operator')} {options}")
    ran = booking("db", "grant", "operator", "-o", "json")
    assert (ran.status, ran.error["code"]) == (4, "in_use")
    assert booking("db", "migrate").status == 0
    assert rights("operator") == []


def make_owner(login, sql):
    for relation in sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'booking'::regnamespace AND relkind IN ('r', 'v')"
    ):
        sql(f"ALTER TABLE {relation['relname']} OWNER TO {login}")
    sql(f"ALTER SCHEMA booking OWNER TO {login}")


def test_owner_without_createrole_is_told_what_a_superuser_must_run(booking, sql, make_login, rights):
    owner, login = make_login(), name_of(make_login())
    make_owner(name_of(owner), sql)
    for _ in range(2):
        ran = booking("db", "grant", "reader", "--to", login, "-o", "json", BOOKING_DATABASE_URL=owner)
        assert (ran.status, ran.error["code"]) == (5, "database_unavailable")
        sql(re.search("run this first: (.+)", ran.error["message"])[1])
    assert rights("reader") == []
    assert booking("db", "grant", "reader", "--to", login, BOOKING_DATABASE_URL=owner).status == 0
    assert len(rights("reader")) > 1


def test_owner_with_createrole_can_grant_without_a_superuser(booking, sql, make_login):
    owner, reader = make_login("LOGIN CREATEROLE"), make_login()
    make_owner(name_of(owner), sql)
    assert booking("db", "grant", "reader", "--to", name_of(reader), BOOKING_DATABASE_URL=owner).status == 0
    assert booking("doctors", "list", BOOKING_DATABASE_URL=reader).status == 0
    assert (
        booking("db", "grant", "reader", "--to", name_of(reader)).status == 0
    )  # as a superuser, without a second membership
    assert len(sql("SELECT 1 FROM pg_auth_members WHERE member = %s::regrole", name_of(reader))) == 1


@pytest.mark.parametrize("own_rights", ["SELECT", "ALL"])
def test_login_with_createrole_that_does_not_own_the_tables_creates_no_role(
    booking, sql, make_login, rights, own_rights
):
    stranger = make_login("LOGIN CREATEROLE")
    sql(f"GRANT USAGE ON SCHEMA booking TO {name_of(stranger)}")
    for objects in ("TABLES", "SEQUENCES"):  # with some rights, PostgreSQL only warns that they cannot be granted
        sql(f"GRANT {own_rights} ON ALL {objects} IN SCHEMA booking TO {name_of(stranger)}")
    ran = booking("db", "grant", "reader", "-o", "json", BOOKING_DATABASE_URL=stranger)
    assert (ran.status, ran.error["code"]) == (5, "database_unavailable")
    assert "owner" in ran.error["message"]
    assert rights("reader") is None
