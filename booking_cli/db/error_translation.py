"""Translates errors of the database into errors of booking."""

from typing import NoReturn

import psycopg
from psycopg import errors as pg

from booking_cli.db.connections import Connection
from booking_cli.domain.errors import Busy, DatabaseUnavailable, NotSetUp


def raise_translated(error: psycopg.Error) -> NoReturn:
    """Raise the error of booking for an error of the database, or `error` itself where it can only be a bug."""
    reason = first_line(error)
    match error:
        case pg.UndefinedTable() | pg.InvalidSchemaName() | pg.UndefinedColumn():
            raise NotSetUp("The database is not set up for booking. Run 'booking db migrate' once.") from error
        case pg.InvalidParameterValue() if "TimeZone" in reason:
            raise NotSetUp(
                f"The database server has no data for the clinic's time zone ({reason}). Update its time zone data, "
                "or choose another zone, for example: booking clinic set --timezone UTC"
            ) from error
        case pg.QueryCanceled() | pg.LockNotAvailable():
            raise Busy(
                "The database took too long to answer and was stopped; nothing was changed. "
                "Please try again, or raise BOOKING_STATEMENT_TIMEOUT."
            ) from error
        case pg.InsufficientPrivilege():
            raise DatabaseUnavailable(f"The database does not allow it: {reason}. Ask the administrator.") from error
        case pg.ReadOnlySqlTransaction():
            raise DatabaseUnavailable("The database is read-only (a standby?). Check BOOKING_DATABASE_URL.") from error
        case pg.TooManyConnections():
            raise Busy("The database has no connection left. Nothing was changed; please try again.") from error
        case _ if _ends_the_session(error) or (isinstance(error, psycopg.OperationalError) and error.sqlstate is None):
            raise connection_lost(error) from error
        case psycopg.OperationalError():
            raise DatabaseUnavailable(f"The database failed: {reason}.") from error
    raise error


def is_lost(error: psycopg.Error, connection: Connection | None) -> bool:
    """Return whether `error` is that the connection broke, or that the server is about to close it."""
    return (connection is not None and connection.closed) or _ends_the_session(error)


def _ends_the_session(error: psycopg.Error) -> bool:
    # An InternalError without SQLSTATE: the answer is missing, and could still arrive as that of the next statement.
    unanswered = isinstance(error, psycopg.InternalError) and error.sqlstate is None
    return unanswered or error.diag.severity_nonlocalized in ("FATAL", "PANIC")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message without its full stop; details and hints come after it."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def connection_lost(error: psycopg.Error) -> Busy | DatabaseUnavailable:
    """Return the error for a broken connection; PgBouncer also breaks one that waited too long for a server connection."""
    if "query_wait_timeout" in str(error):
        return Busy("The pooler has no connection to the database left. Nothing was changed; please try again.")
    return DatabaseUnavailable(f"The connection to the database was lost: {first_line(error)}. Please try again.")
