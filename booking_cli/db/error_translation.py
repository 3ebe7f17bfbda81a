"""What an error of the database means: for whoever typed the command, and for the runner."""

from typing import NoReturn

import psycopg
from psycopg import errors as pg

from booking_cli.db.connections import Connection
from booking_cli.domain.errors import Busy, DatabaseUnavailable, NotSetUp


def violates(error: psycopg.IntegrityError, constraint: str) -> bool:
    """Tell whether `error` is about a constraint; Citus adds a number to a constraint's name."""
    return (error.diag.constraint_name or "").startswith(constraint)


def translated(error: psycopg.Error) -> Exception:
    """Return what an error of the database means for whoever typed the command; a bug stays what it is."""
    reason = first_line(error)
    match error:
        case pg.UndefinedTable() | pg.InvalidSchemaName() | pg.UndefinedColumn():
            return NotSetUp("The database is not set up for booking. Run 'booking db migrate' once.")
        case pg.InvalidParameterValue() if "TimeZone" in reason:
            return NotSetUp(
                f"The database server does not know the clinic's time zone ({reason}). Update its time zone data, "
                "or choose another one with 'booking clinic set --timezone'."
            )
        case pg.QueryCanceled() | pg.LockNotAvailable():
            return Busy(
                "The database took too long to answer and was stopped; nothing was changed. "
                "Please try again, or raise BOOKING_STATEMENT_TIMEOUT."
            )
        case pg.InsufficientPrivilege():
            return DatabaseUnavailable(f"The database does not allow it: {reason}. Ask whoever runs the database.")
        case _ if is_from_a_standby(error):
            return DatabaseUnavailable(
                "The database only allows reading; it may be a standby. Check BOOKING_DATABASE_URL."
            )
        case pg.TooManyConnections():
            return Busy("The database has no connection left. Nothing was changed; please try again.")
        case psycopg.OperationalError() if error.sqlstate is None:
            return went_away(error)
        case psycopg.OperationalError():
            return DatabaseUnavailable(f"The database failed: {reason}.")
    return error


def raise_translated(error: psycopg.Error) -> NoReturn:
    """Raise what an error of the database means for whoever typed the command."""
    meaning = translated(error)
    if meaning is error:
        raise error
    raise meaning from error


def is_lost(error: psycopg.Error, connection: Connection) -> bool:
    """Tell whether `error` is that the connection broke, or that the server has ended it (which may not be seen yet).

    A statement without any answer, which the driver calls an internal error of its own, is from a connection that broke just
    then: what comes next on it, if anything, would be taken for the answer to something else.
    """
    out_of_step = isinstance(error, psycopg.InternalError) and error.sqlstate is None
    return connection.closed or out_of_step or error.diag.severity_nonlocalized in ("FATAL", "PANIC")


def is_from_a_standby(error: psycopg.Error) -> bool:
    """Tell whether `error` is that the server only allows reading, as one does that follows another."""
    return isinstance(error, pg.ReadOnlySqlTransaction) or (
        isinstance(error, pg.FeatureNotSupported) and "hot standby" in str(error)
    )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message without its full stop; details and hints come after it."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def went_away(error: psycopg.Error) -> Busy | DatabaseUnavailable:
    """Return what it means that a connection broke: PgBouncer also breaks one that waited for too long."""
    if "query_wait_timeout" in str(error):
        return Busy("The pooler has no connection to the database left. Nothing was changed; please try again.")
    return DatabaseUnavailable(f"The database went away: {first_line(error)}. Please try again.")
