"""CSV for spreadsheets: a header with the field names, then a line for each record.

A spreadsheet runs a field that begins with `=`, `+`, `-` or `@` as a formula. Such a field, and one that begins with an
apostrophe, is prefixed with an apostrophe; programs that read the file remove it.
"""

import csv
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from booking_cli.output.json import dumps, plain
from booking_cli.output.text import visible

_FORMULA_STARTS = ("=", "+", "-", "@", "'")


def write(model: type[NamedTuple], records: Iterable[NamedTuple]) -> None:
    """Write records of one model; a list in a field is written as JSON."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(model._fields)
    writer.writerows(map(_field, record) for record in records)


def _field(value: Any) -> str:
    match value:
        case None:
            return ""
        case int():
            return str(value).lower()  # also true and false
        case str():
            text = visible(value)
        case list():
            text = dumps(value)
        case _:
            text = str(plain(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text
