"""CSV for spreadsheets: a header with the field names, then a line for each thing.

A spreadsheet takes a field that begins with `=`, `+`, `-` or `@` for a formula and would run it. Such a field, and one that
begins with an apostrophe, gets an apostrophe before it: whoever reads the file back takes one off.
"""

import csv
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from booking_cli.output.json import dumps, plain
from booking_cli.output.text import visible

_FORMULA_STARTS = ("=", "+", "-", "@", "'")


def write(kind: type[NamedTuple], things: Iterable[NamedTuple]) -> None:
    """Write things of one kind; a list within a thing is written as JSON."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(kind._fields)
    writer.writerows(map(_field, thing) for thing in things)


def _field(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            text = visible(value)
        case list():
            text = dumps(value)
        case _:
            text = str(plain(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text
