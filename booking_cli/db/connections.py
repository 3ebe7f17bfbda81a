"""Connects to the server, with timeouts, and translates the errors of connecting."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Protocol

import psycopg
from psycopg.rows import DictRow, dict_row

from booking_cli import signals
from booking_cli.domain.errors import Busy, DatabaseUnavailable

Row = DictRow
Connection = psycopg.Connection[DictRow]

# Defaults, which the address can override. On a network that drops packets, a silent peer counts as dead after 30 seconds.
_DEFAULT_TIMEOUTS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
# Before there is a connection libpq reports no SQLSTATE; the last text is PgBouncer's.
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
    """A database server: an external one, or the embedded one."""

    def conninfo(self) -> str:
        """Return a libpq connection string; raises DatabaseUnavailable where the embedded server is stopped."""

    def start(self) -> bool:
        """Start an embedded server; returns False for an external one."""


def connect_to(server: Server) -> Connection:
    """Connect, and start an embedded server first where it is stopped; raises as `connect` does."""
    try:
        return connect(server.conninfo())
    except DatabaseUnavailable:
        if not server.start():
            raise
    return connect(server.conninfo())


def connect(conninfo: str) -> Connection:
    """Connect; raises DatabaseUnavailable, or Busy where the server has no connection left."""
    try:
        return psycopg.connect(with_default_timeouts(conninfo), **OPTIONS)
    except (psycopg.ProgrammingError, UnicodeError):
        # libpq quotes the address in its message, and the address may contain a password.
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
    """Run a block in a transaction outside the runner, with Ctrl-C deferred during COMMIT."""
    signals.deliver_sigint()
    with connection.transaction():
        yield
        signals.commit_started()
    signals.commit_ended(committed=True)


def _reason(error: psycopg.OperationalError) -> str:
    """Return the reason why connecting failed; with several hosts, the reasons of all."""
    # libpq indents its hints about the cause; they are left out.
    lines = [line.strip() for line in str(error).splitlines() if not line.startswith("\t")]
    # With several hosts psycopg repeats the last one's reason, and lists each after its address.
    attempts = [line.partition(f"{_FAILED}: ")[2] for line in lines if line.startswith("- host: ")]
    if attempts:
        return "; ".join(dict.fromkeys(attempts))
    return " ".join(lines).removeprefix(f"{_FAILED}: ").removeprefix("connection is bad: ")


def with_default_timeouts(conninfo: str) -> str:
    """Return an address with timeouts where it sets none; raises psycopg.ProgrammingError where it is malformed."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    address = conninfo_to_dict(conninfo)
    if any("@" in host[1:] for host in str(address.get("host", "")).split(",")):
        raise psycopg.ProgrammingError("an @ in the password is not percent-encoded")
    limits = {name: value for name, value in _DEFAULT_TIMEOUTS.items() if f"PG{name.upper()}" not in os.environ}
    return make_conninfo(**{**limits, **address})
