"""The database's clock: a workstation's can be minutes fast, and would show a hold as lapsed that has not."""

import datetime as dt

_difference = dt.timedelta()


def synchronize(database_now: dt.datetime) -> None:
    """Set the difference between the database's clock and this machine's."""
    global _difference
    _difference = database_now - _local_now()


def now() -> dt.datetime:
    """Return the time by the database's clock."""
    return _local_now() + _difference


def _local_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
