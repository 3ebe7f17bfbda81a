"""JSON for programs: an array, an object, or an object in each line.

Written in ASCII: the same under every locale, and without characters that control a terminal.
"""

import datetime as dt
import json
import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any


def write_lines(records: Iterable[Any]) -> None:
    """Write an object on each line."""
    for record in records:
        sys.stdout.write(dumps(record) + "\n")


def write_array(records: Iterable[Any]) -> None:
    """Write an array, with an object on each line; it stays incomplete if `records` raises an error."""
    before = "["
    for record in records:
        sys.stdout.write(f"{before}\n  {dumps(record)}")
        before = ","
    sys.stdout.write("[]\n" if before == "[" else "\n]\n")


def dumps(value: Any) -> str:
    """Return a value as JSON."""
    return _ENCODER.encode(_objects(value))


def plain(value: Any) -> Any:
    """Return a JSON value: for an instant ISO 8601 with an offset, for a clock time HH:MM."""
    match value:
        case dt.datetime() | dt.date():
            return value.isoformat()
        case dt.time():
            return f"{value:%H:%M}"
        case Decimal():
            return int(value) if value == int(value) else float(value)
    raise TypeError(f"no JSON value for {type(value).__name__}")


def _objects(value: Any) -> Any:
    """Return `value` with a dictionary for each named tuple, which the encoder would write as an array."""
    if isinstance(value, list):
        return [_objects(item) for item in value]
    names = getattr(value, "_fields", None)
    if names is None:
        return value
    return {name: _objects(item) if isinstance(item, list) else item for name, item in zip(names, value, strict=True)}


# Creating an encoder takes longer than encoding a record.
_ENCODER = json.JSONEncoder(default=plain)
