"""Fixtures for logins of the test's database, their roles, and the rights of those roles."""

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

KINDS = ("operator", "reader")


def name_of(address):
    """Return the login in an address."""
    return conninfo_to_dict(address)["user"]


@pytest.fixture
def database_name(url):
    """The name of the test's database."""
    return conninfo_to_dict(url)["dbname"]


@pytest.fixture
def role_of(database_name):
    """Returns the name of the role of a kind of user: `role_of("reader")`."""
    return lambda kind: f"{database_name}_booking_{kind}"


@pytest.fixture
def make_login(url, sql, database_name):
    """Creates logins without rights and returns their addresses; drops them and the clinic's roles after the test."""
    made = []

    def make(options="LOGIN"):
        made.append(f"{database_name}_login_{len(made)}")
        sql(f"CREATE ROLE {made[-1]} {options} PASSWORD 'pa55word'")
        return make_conninfo(url, user=made[-1], password="pa55word")

    yield make
    roles = [
        row["name"] for row in sql("SELECT rolname AS name FROM pg_roles WHERE rolname ^@ %s", f"{database_name}_")
    ]
    for statement in ('DROP OWNED BY "{}"', 'DROP ROLE "{}"'):
        for role in roles:
            sql(statement.format(role))


@pytest.fixture
def member(booking, make_login):
    """Creates a login with the rights of a kind of user, and returns its address."""

    def make(kind):
        address = make_login()
        ran = booking("db", "grant", kind, "--to", name_of(address), "-o", "json")
        assert ran.status == 0, ran.stderr
        return address

    return make


@pytest.fixture
def rights(sql, role_of):
    """Returns the rights of the role of a kind of user, as a GRANT names them; None where the role does not exist."""

    def read(kind):
        if not sql("SELECT 1 FROM pg_roles WHERE rolname = %s", role_of(kind)):
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
            role_of(kind),
        )
        return sorted(row["what"] for row in found)

    return read
