"""JSON for programs: an array, an object, or an object in each line.

Written in ASCII: the same under every locale, and without characters that control a terminal.
"""

import datetime as dt
import functools
import json
import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any


def write_one(record: Any) -> None:
    """Write one record as an object."""
    sys.stdout.write(dumps(record) + "\n")


def write_lines(records: Iterable[Any]) -> None:
    """Write an object on each line."""
    for record in records:
        sys.stdout.write(dumps(record) + "\n")


def write_array(records: Iterable[Any], *, closed_on_error: bool) -> None:
    """Write an array, with an object on each line.

    `closed_on_error` is whether the array is complete when `records` raises an error.
    """
    before, is_complete = "[", closed_on_error
    try:
        for record in records:
            sys.stdout.write(f"{before}\n  {dumps(record)}")
            before = ","
        is_complete = True
    finally:
        if is_complete:
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
    kind: type = type(value)
    names = getattr(kind, "_fields", None)
    if names is None:
        return value
    fields: dict[str, Any] = dict(zip(names, value, strict=True))
    for name in _lists_of(kind):
        fields[name] = _objects(fields[name])
    return fields


@functools.cache
def _lists_of(kind: type) -> list[str]:
    """Return the names of the fields that are lists."""
    return [name for name, hint in kind.__annotations__.items() if getattr(hint, "__origin__", None) is list]


# Creating an encoder takes longer than encoding a record.
_ENCODER = json.JSONEncoder(default=plain)
