"""Who may do what: the roles of this database, with the rights that `sql/roles` writes down for each kind of user.

A role belongs to one database, because the server has its roles for all of them: an operator of one clinic must not be one
of another's. A right is only ever given to the role, never to a login, so that a later release can change it for everybody.
"""

import logging
from typing import NoReturn

import psycopg
from psycopg import errors as pg
from psycopg import sql

from booking_cli import session as book
from booking_cli.db import queries
from booking_cli.db.connections import Connection, Row, transaction
from booking_cli.db.error_translation import raise_translated
from booking_cli.db.runner import IDLE_IN_TRANSACTION_SECONDS, SEARCH_PATH
from booking_cli.domain.errors import DatabaseUnavailable, InUse, InvalidInput, NotFound
from booking_cli.domain.models import Grant

log = logging.getLogger("booking.grants")

KINDS = ("operator", "reader")
LONGEST_NAME_BYTES = 63
LONG_SECONDS = 600
# From here on a membership says itself whether it hands its rights on; before, the login says it for all of its roles.
_MEMBERSHIPS_HAVE_OPTIONS = 160_000
# A GRANT that grants nothing, or less than it says, is no error to PostgreSQL: it only warns.
_NOT_DONE = {"01006", "01007"}


def grant(kind: str, login: str | None) -> Grant:
    """Give this database's role of `kind` its rights, making it where it is missing, and let `login` be one of its members.

    Raises NotFound where there is no such login, NotSetUp, InUse and InvalidInput where the role's name is taken or too
    long, and DatabaseUnavailable where whoever runs this may not do it. Then nothing was changed. Where the connection breaks
    it may all have been done, and to do it again is safe.
    """
    with book.open_book() as opened, opened.database.connection() as connection:
        try:
            with transaction(connection):
                _begin(connection)
                return _grant(connection, kind, login)
        except psycopg.Error as error:
            _raise_meaning(error)


def refresh(connection: Connection) -> None:
    """Give the roles that are there the rights of this release, after a migration; makes no role."""
    try:
        with transaction(connection):
            _begin(connection)
            for kind in KINDS:
                found = _find(connection, kind, None)
                if found["is_there"] and not found["is_something_else"]:
                    _give_rights(connection, kind, found["role"])
    except psycopg.Error as error:
        _raise_meaning(error)


def _grant(connection: Connection, kind: str, login: str | None) -> Grant:
    found = _find(connection, kind, login)
    role: str = found["role"]
    if len(role.encode()) > LONGEST_NAME_BYTES:
        raise InvalidInput(
            f"The role would be called {role}, and PostgreSQL takes no name of more than {LONGEST_NAME_BYTES} bytes. "
            "Give the database a shorter name."
        )
    if found["is_something_else"]:
        raise InUse(
            f"The server already has a role {role} that can log in or owns the book, and booking leaves it as it is. "
            f"Rename it, and grant the {kind}'s rights to it with --to."
        )
    if login is not None and not found["can_login"]:
        raise _no_login(connection, login, there=found["can_login"] is not None)
    if not found["is_there"]:
        _run_or_ask(connection, sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    _give_rights(connection, kind, role)
    if login is not None and not found["is_member"]:
        _make_member(connection, kind, role, login)
    if login is not None:
        _tell_of_other_rights(connection, kind, login)
    return Grant(role, kind, login)


def _begin(connection: Connection) -> None:
    # The lock lets two runs, or a run and a migration, follow one another: rights cannot be changed by two at once.
    connection.execute(
        f"SET LOCAL search_path = {SEARCH_PATH}"
        f"; SET LOCAL statement_timeout = '{LONG_SECONDS}s'"
        f"; SET LOCAL idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'"
        "; LOCK TABLE schema_migrations IN EXCLUSIVE MODE".encode()
    )


def _find(connection: Connection, kind: str, login: str | None) -> Row:
    row = connection.execute(queries.statement("db.role"), {"kind": kind, "login": login}).fetchone()
    assert row is not None
    return row


def _give_rights(connection: Connection, kind: str, role: str) -> None:
    """Take every right on the schema from a role and give it those of `kind`; raises DatabaseUnavailable."""
    rights = (queries.sql_folder() / "roles" / f"{kind}.sql").read_text(encoding="utf-8")
    not_done: list[str] = []

    def hear(warning: psycopg.errors.Diagnostic) -> None:  # it can be read only now
        if warning.sqlstate in _NOT_DONE:
            not_done.append(warning.message_primary or "a right cannot be granted")

    connection.add_notice_handler(hear)
    try:
        connection.execute(sql.SQL(rights).format(role=sql.Identifier(role)))
    finally:
        connection.remove_notice_handler(hear)
    if not_done:
        raise _not_allowed(not_done[-1])


def _make_member(connection: Connection, kind: str, role: str, login: str) -> None:
    text = "GRANT {} TO {}"
    if connection.info.server_version >= _MEMBERSHIPS_HAVE_OPTIONS:
        text += " WITH INHERIT TRUE"
    _run_or_ask(connection, sql.SQL(text).format(sql.Identifier(role), sql.Identifier(login)))
    if not _find(connection, kind, login)["is_member"]:
        alter = sql.SQL("ALTER ROLE {} INHERIT").format(sql.Identifier(login)).as_string(connection)
        raise InUse(f"{login} is set to use no right of its roles (NOINHERIT). Change that with: {alter}")


def _tell_of_other_rights(connection: Connection, kind: str, login: str) -> None:
    for other in KINDS:
        found = _find(connection, other, login)
        if other != kind and found["is_member"]:
            revoke = sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(found["role"]), sql.Identifier(login))
            log.warning(
                "%s still has the rights of the %s as well; to take them back: %s",
                login,
                other,
                revoke.as_string(connection),
            )


def _run_or_ask(connection: Connection, statement: sql.Composed) -> None:
    """Run a statement about roles; raises DatabaseUnavailable with who can run it where we may not."""
    try:
        connection.execute(statement)
    except pg.InsufficientPrivilege as error:
        raise DatabaseUnavailable(
            f"The database does not allow it: {error.diag.message_primary}. Have a superuser, or somebody else who may, "
            f"run this first: {statement.as_string(connection)}"
        ) from error


def _raise_meaning(error: psycopg.Error) -> NoReturn:
    if isinstance(error, pg.InsufficientPrivilege):
        raise _not_allowed(error.diag.message_primary or "permission denied") from error
    raise_translated(error)


def _not_allowed(reason: str) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"The database does not allow it: {reason}. Run it as the owner of the book's tables, who migrates them, "
        "or as a superuser."
    )


def _no_login(connection: Connection, login: str, *, there: bool) -> NotFound:
    name = sql.Identifier(login).as_string(connection)
    if there:
        return NotFound("login", login, f"There is a role of that name; let it log in with: ALTER ROLE {name} LOGIN")
    return NotFound("login", login, f"Make it first, with: CREATE ROLE {name} LOGIN")
