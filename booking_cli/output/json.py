"""JSON for programs: an array, an object, or an object in each line.

Written in ASCII, so that it is the same under every locale, and no name can act on a terminal.
"""

import datetime as dt
import json
import sys
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
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
    return json.dumps(value, default=plain)


def plain(value: Any) -> Any:
    """Return what stands for a value in JSON: instants in ISO 8601 with an offset, clock times as HH:MM."""
    match value:
        case dt.datetime() | dt.date():
            return value.isoformat()
        case dt.time():
            return f"{value:%H:%M}"
        case Decimal():
            return int(value) if value == int(value) else float(value)
        case _ if is_dataclass(value):
            return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"no JSON for {type(value).__name__}")
