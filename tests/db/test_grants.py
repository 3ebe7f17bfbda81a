"""`booking db grant`: the roles that it makes, gives and repairs, who can run it, and what it refuses."""

import os
import re
import shutil
import threading

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from booking_cli.db import queries
from booking_cli.db.migrations import latest_version
from tests.support.embedded_book import embedded_book
from tests.support.logins import KINDS, name_of
from tests.support.waiting import wait_for_lock_waiter


def test_the_role_is_this_databases_own_and_nobody_can_log_in_as_it(booking, sql, make_login, database):
    login = name_of(make_login())
    ran = booking("db", "grant", "operator", "--to", login, "-o", "json")
    assert (ran.status, ran.json) == (0, {"role": f"{database}_operator", "kind": "operator", "member": login})
    assert sql("SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = %s", f"{database}_operator") == [
        {"rolcanlogin": False, "rolsuper": False}
    ]
    assert booking("db", "grant", "READER", "-o", "json").json["member"] is None
    assert f"{login} has the rights of a reader" in booking("db", "grant", "reader", "--to", login).stdout


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


def test_who_gets_a_readers_rights_and_keeps_an_operators_is_named(booking, member):
    login = name_of(member("operator"))
    ran = booking("db", "grant", "reader", "--to", login, "-o", "json")
    assert (ran.status, ran.json["kind"]) == (0, "reader")
    assert f"{login} still has the rights of the operator as well" in ran.stderr
    assert "REVOKE" in ran.stderr


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


def test_who_gives_no_kind_is_told_the_kinds_in_one_line(booking):
    ran = booking("db", "grant")
    assert (ran.status, len(ran.stderr.splitlines())) == (2, 1)
    assert "Choose from: operator, reader." in ran.stderr


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
