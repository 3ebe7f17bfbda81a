"""Connects to the server, with timeouts, and translates the errors of connecting."""

import os
import re
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

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
_NO_CONNECTION_LEFT = re.compile(
    "too many clients|remaining connection slots|too many connections|no more connections allowed"
)
OPTIONS: dict[str, Any] = {
    "autocommit": True,  # the runner writes BEGIN and COMMIT itself
    "row_factory": dict_row,
    "application_name": "booking",
    "client_encoding": "UTF8",
    "prepare_threshold": None,  # prepared statements belong to a session, and a pooler shares sessions
}


def connect(conninfo: str) -> Connection:
    """Connect; raises DatabaseUnavailable, or Busy where the server has no connection left."""
    try:
        return psycopg.connect(with_default_timeouts(conninfo), **OPTIONS)
    except (psycopg.ProgrammingError, UnicodeError):
        # libpq quotes the address in its message, and the address may contain a password.
        raise DatabaseUnavailable(
            "BOOKING_DATABASE_URL is not a valid PostgreSQL address; "
            "use postgresql://user:password@host:5432/name, with special characters percent-encoded."
        ) from None
    except psycopg.OperationalError as error:
        # libpq indents its hints about the cause; they are left out.
        lines = [line.strip() for line in str(error).splitlines() if not line.startswith("\t")]
        # With several hosts psycopg repeats the last one's reason, and lists each after its address.
        attempts = [line.partition(": connection failed: ")[2] for line in lines if line.startswith("- host: ")]
        # Without TLS, libpq connects a second time.
        reasons = [line.removeprefix("connection failed: ").removeprefix("connection is bad: ") for line in lines]
        reason = "; ".join(dict.fromkeys(attempts)) or " ".join(dict.fromkeys(reasons)) or "the server gives no reason"
        if _NO_CONNECTION_LEFT.search(reason):
            raise Busy("The database has no connection left. Nothing was changed; please try again.") from error
        advice = "Is it running, and is BOOKING_DATABASE_URL right?"
        if "session is read-only" in reason:
            advice = "A standby may be about to take over; try again in a moment."
        raise DatabaseUnavailable(f"The database cannot be reached: {reason.rstrip('.')}. {advice}") from error


def with_default_timeouts(conninfo: str) -> str:
    """Return an address with timeouts where it sets none; raises psycopg.ProgrammingError where it is malformed."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    address = conninfo_to_dict(conninfo)
    if any("@" in host[1:] for host in str(address.get("host", "")).split(",")):
        raise psycopg.ProgrammingError("an @ in the password is not percent-encoded")
    elsewhere = _set_elsewhere(address.get("service"))
    limits = {name: value for name, value in _DEFAULT_TIMEOUTS.items() if name not in elsewhere}
    return make_conninfo(**{**limits, **address})


def _set_elsewhere(service: Any) -> set[str]:
    """Return the parameters that the environment sets, or the file of services for the address's service."""
    before = os.environ.get("PGSERVICE")
    if service:  # libpq looks up the service of this variable
        os.environ["PGSERVICE"] = service
    try:
        return {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.val}
    finally:
        if service:
            del os.environ["PGSERVICE"]
        if service and before:
            os.environ["PGSERVICE"] = before
