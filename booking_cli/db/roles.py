"""Grants the rights that `sql/roles` lists, to a role for each kind of user, and the role to logins.

A role belongs to one schema of one database, because roles are shared by all databases of a server: an operator of one clinic
must not be one of another's. Rights are granted to the role only, never to a login, so that a later release can change them.
"""

import contextlib
from collections.abc import Iterator

import psycopg
from psycopg import errors as pg
from psycopg import sql

from booking_cli.db import queries
from booking_cli.db.connections import Connection, Row
from booking_cli.db.error_translation import raise_translated
from booking_cli.db.transaction import transaction
from booking_cli.domain.errors import DatabaseUnavailable, InUse, InvalidInput, NotFound
from booking_cli.domain.models import Grant

KINDS = ("operator", "reader")
LONGEST_NAME_BYTES = 63
LONG_SECONDS = 600
# From this version on INHERIT is an option of each membership; before, of the login.
_MEMBERSHIPS_HAVE_OPTIONS = 160_000
# PostgreSQL only warns when a GRANT grants none or only some of its rights.
_NOT_GRANTED = {"01006", "01007"}


def grant(connection: Connection, schema: str, kind: str, login: str | None) -> Grant:
    """Grant the rights of `kind` to its role, which is created where it is missing, and the role to `login`.

    Raises NotFound where the login does not exist, InUse and InvalidInput where the role's name is taken or too long, and
    DatabaseUnavailable where this login may not grant. Then nothing was changed. It can be run again.
    """
    with _transaction(connection, schema):
        found = _find(connection, kind, login)
        role: str = found["role"]
        if len(role.encode()) > LONGEST_NAME_BYTES:
            raise InvalidInput(
                f"The role's name would be {role}, which is longer than PostgreSQL's limit of {LONGEST_NAME_BYTES} bytes. "
                "Give the database a shorter name."
            )
        if found["is_other_role"]:
            raise InUse(
                f"The role {role} exists already, and can log in or owns the tables; it was not changed. "
                f"Rename it, and grant it the {kind}'s rights with --to."
            )
        if login is not None and not found["can_login"]:
            name = sql.Identifier(login).as_string(connection)
            advice = f"The role of that name cannot log in; change that with: ALTER ROLE {name} LOGIN"
            if found["can_login"] is None:
                advice = f"Create it first: CREATE ROLE {name} LOGIN"
            raise NotFound("login", login, advice)
        if not found["exists"]:
            _run_or_explain(connection, "CREATE ROLE {}", role)
        _grant_rights(connection, schema, kind, role)
        if login is not None and not found["is_member"]:
            inherits = " WITH INHERIT TRUE" if connection.info.server_version >= _MEMBERSHIPS_HAVE_OPTIONS else ""
            _run_or_explain(connection, f"GRANT {{}} TO {{}}{inherits}", role, login)
            if not _find(connection, kind, login)["is_member"]:
                alter = sql.SQL("ALTER ROLE {} INHERIT").format(sql.Identifier(login)).as_string(connection)
                raise InUse(f"{login} does not inherit the rights of its roles (NOINHERIT). Change that with: {alter}")
        return Grant(role, kind, login)


def refresh(connection: Connection, schema: str) -> None:
    """Grant the rights of this release to the roles that exist; for the end of a migration."""
    with _transaction(connection, schema):
        for kind in KINDS:
            found = _find(connection, kind, None)
            if found["exists"] and not found["is_other_role"]:
                _grant_rights(connection, schema, kind, found["role"])


@contextlib.contextmanager
def _transaction(connection: Connection, schema: str) -> Iterator[None]:
    try:
        with transaction(connection, LONG_SECONDS, schema):
            # Serializes runs and migrations: PostgreSQL fails when two transactions change one object's rights.
            connection.execute("LOCK TABLE schema_migrations IN EXCLUSIVE MODE")
            yield
    except pg.InsufficientPrivilege as error:
        raise _not_allowed(error.diag.message_primary or "permission denied") from error
    except psycopg.Error as error:
        raise_translated(error)


def _find(connection: Connection, kind: str, login: str | None) -> Row:
    row = connection.execute(queries.statement("db.role"), {"kind": kind, "login": login}).fetchone()
    assert row is not None
    return row


def _grant_rights(connection: Connection, schema: str, kind: str, role: str) -> None:
    """Revoke every right on the schema from a role and grant it those of `kind`; raises DatabaseUnavailable."""
    rights = (queries.sql_folder() / "roles" / f"{kind}.sql").read_text(encoding="utf-8")
    not_granted: list[str] = []

    def on_notice(warning: psycopg.errors.Diagnostic) -> None:  # readable only during the call
        if warning.sqlstate in _NOT_GRANTED:
            not_granted.append(warning.message_primary or "a right cannot be granted")

    connection.add_notice_handler(on_notice)
    try:
        connection.execute(sql.SQL(rights).format(role=sql.Identifier(role), schema=sql.Identifier(schema)))
    finally:
        connection.remove_notice_handler(on_notice)
    if not_granted:
        raise _not_allowed(not_granted[-1])


def _run_or_explain(connection: Connection, text: str, *names: str) -> None:
    """Run a statement about roles; where it is not allowed, raises DatabaseUnavailable with the statement for a superuser."""
    statement = sql.SQL(text).format(*map(sql.Identifier, names))
    try:
        connection.execute(statement)
    except pg.InsufficientPrivilege as error:
        raise DatabaseUnavailable(
            f"The database does not allow it: {error.diag.message_primary}. Have a superuser "
            f"run this first: {statement.as_string(connection)}"
        ) from error


def _not_allowed(reason: str) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"The database does not allow it: {reason}. Run it as the owner of the book's tables or as a superuser."
    )
