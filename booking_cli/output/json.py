"""JSON for programs: an array, an object, or an object in each line.

Written in ASCII, so that it is the same under every locale, and no name can act on a terminal.
"""

import datetime as dt
import functools
import json
import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any


def write_one(thing: Any) -> None:
    """Write one thing as an object."""
    sys.stdout.write(dumps(thing) + "\n")


def write_lines(things: Iterable[Any]) -> None:
    """Write an object in each line."""
    for thing in things:
        sys.stdout.write(dumps(thing) + "\n")


def write_array(things: Iterable[Any]) -> None:
    """Write an array, an object in each line of it."""
    before = "["
    for thing in things:
        sys.stdout.write(f"{before}\n  {dumps(thing)}")
        before = ","
    sys.stdout.write("[]\n" if before == "[" else "\n]\n")


def dumps(value: Any) -> str:
    """Return JSON for a value that a command shows."""
    return _ENCODER.encode(_objects(value))


def plain(value: Any) -> Any:
    """Return what stands for a value in JSON: instants in ISO 8601 with an offset, clock times as HH:MM."""
    match value:
        case dt.datetime() | dt.date():
            return value.isoformat()
        case dt.time():
            return f"{value:%H:%M}"
        case Decimal():
            return int(value) if value == int(value) else float(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def _objects(value: Any) -> Any:
    """Return `value` with an object in place of each thing, by the names of its fields: to JSON, a tuple is an array."""
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
    """Return the names of the fields that hold several things."""
    return [name for name, hint in kind.__annotations__.items() if getattr(hint, "__origin__", None) is list]


# Made once: to make it takes longer than to write a thing.
_ENCODER = json.JSONEncoder(default=plain)
