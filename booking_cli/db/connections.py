"""Connecting to the server: with which options, and what to say where it does not work."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Protocol

import psycopg
from psycopg.rows import DictRow, dict_row

from booking_cli import signals as interrupts
from booking_cli.domain.errors import Busy, DatabaseUnavailable

Row = DictRow
Connection = psycopg.Connection[DictRow]

# What the address may set otherwise. A network that swallows everything must not let a command wait for ever: a peer that
# is silent for 30 seconds is taken for dead, where it is on another machine (sockets of this one know by themselves).
_PATIENCE: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
# There is no code for it before one is connected; the last is PgBouncer's.
_NO_CONNECTION_LEFT = (
    "too many clients",
    "remaining connection slots",
    "too many connections",
    "no more connections allowed",
)
_FAILED = "connection failed"
OPTIONS: dict[str, Any] = {
    "autocommit": True,  # the runner writes BEGIN and COMMIT itself
    "row_factory": dict_row,
    "application_name": "booking",
    "client_encoding": "UTF8",
    "prepare_threshold": None,  # prepared statements belong to a session, and a pooler shares sessions
}


class Server(Protocol):
    """Where the database is: one's own, or the embedded one."""

    def conninfo(self) -> str:
        """Return a libpq connection string; raises DatabaseUnavailable where the server is known not to run."""

    def start(self) -> bool:
        """Start the server where that is ours to do, and tell whether connecting again makes sense."""


def connect_to(server: Server) -> Connection:
    """Connect, and start the server first where that is ours to do; raises as `connect` does."""
    try:
        return connect(server.conninfo())
    except DatabaseUnavailable:
        if not server.start():
            raise
    return connect(server.conninfo())


def connect(conninfo: str) -> Connection:
    """Connect; raises DatabaseUnavailable, or Busy where the server has no connection left."""
    try:
        return psycopg.connect(patient(conninfo), **OPTIONS)
    except (psycopg.ProgrammingError, UnicodeError):
        # The driver's own words quote from the address, and may quote the password.
        raise DatabaseUnavailable(
            "BOOKING_DATABASE_URL is not an address that PostgreSQL understands; "
            "use postgresql://user:password@host:5432/name, with special characters percent-encoded."
        ) from None
    except psycopg.OperationalError as error:
        reason = _reason(error)
        if any(words in reason for words in _NO_CONNECTION_LEFT):
            raise Busy("The database has no connection left. Nothing was changed; please try again.") from error
        advice = "Is it running, and is BOOKING_DATABASE_URL right?"
        if "session is read-only" in reason:
            advice = "A standby may be about to take over; try again in a moment."
        raise DatabaseUnavailable(f"The database cannot be reached: {reason.rstrip('.')}. {advice}") from error


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Run a block in a transaction of its own outside the runner, and let Ctrl-C know how its COMMIT ended."""
    interrupts.release()
    with connection.transaction():
        yield
        interrupts.hold_back()
    interrupts.note_outcome(committed=True)


def _reason(error: psycopg.OperationalError) -> str:
    """Return why there is no connection, and where there are several servers, why there is none to any."""
    # libpq indents its guesses about the cause, and ours follows.
    lines = [line.strip() for line in str(error).splitlines() if not line.startswith("\t")]
    # With several servers the driver repeats the last one's reason, and lists them all after their addresses.
    attempts = [line.partition(f"{_FAILED}: ")[2] for line in lines if line.startswith("- host: ")]
    if attempts:
        return "; ".join(dict.fromkeys(attempts))
    return " ".join(lines).removeprefix(f"{_FAILED}: ").removeprefix("connection is bad: ")


def patient(conninfo: str) -> str:
    """Return an address with limits to waiting where it sets none; raises psycopg.ProgrammingError where it is none."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    address = conninfo_to_dict(conninfo)
    if any("@" in host[1:] for host in str(address.get("host", "")).split(",")):
        raise psycopg.ProgrammingError("what stands before the last @ belongs to the password")
    limits = {name: value for name, value in _PATIENCE.items() if f"PG{name.upper()}" not in os.environ}
    return make_conninfo(**{**limits, **address})
