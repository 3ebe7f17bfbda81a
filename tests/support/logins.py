"""Logins of the test's database, before and after `booking db grant`, and the rights that its roles give them."""

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

KINDS = ("operator", "reader")


def name_of(address):
    """Return the login that an address is for."""
    return conninfo_to_dict(address)["user"]


@pytest.fixture
def database(url):
    """The name of the test's database, with which the names of its roles begin."""
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

    def make(kind):
        address = make_login()
        ran = booking("db", "grant", kind, "--to", name_of(address), "-o", "json")
        assert ran.status == 0, ran.stderr
        return address

    return make


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
