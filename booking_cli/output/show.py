"""Writes a result in a format: data to stdout, everything else to stderr."""

import itertools
import sys

from booking_cli.domain.errors import OutputFailed
from booking_cli.output.results import Format, Many, One, Result
from booking_cli.output.text import visible


def show(result: Result, format_: Format) -> None:
    """Write `result` to stdout, and notes about it to stderr; raises OutputFailed where stdout cannot be written."""
    try:
        _write(result, format_)
        sys.stdout.flush()
    except OSError as error:
        if isinstance(error, BrokenPipeError) and not result.has_changes:
            raise
        reason = f"The result could not be written: {error.strerror}."
        raise OutputFailed(f"{reason} Any changes that the command made are saved.") from error
    if failure := result.failure():
        raise failure


def tell(sentence: str) -> None:
    """Write a sentence for people to stderr."""
    sys.stderr.write(visible(sentence) + "\n")


def _write(result: Result, format_: Format) -> None:
    many = Many(type(result.record), [result.record], "") if isinstance(result, One) else result
    rows = iter(many.rows)
    records = itertools.islice(rows, many.limit)
    match format_:
        case Format.TABLE:
            from booking_cli.output import table

            table.write(result, records)
        case Format.CSV:
            from booking_cli.output import csv

            csv.write(many.model, records)
        case _:
            from booking_cli.output import json

            write = json.write_array if format_ is Format.JSON and result is many else json.write_lines
            write(records)
    if many.limit is not None and next(rows, None) is not None:
        sys.stdout.flush()
        tell(f"There are more {many.noun}s; raise --limit above {many.limit}, or narrow the search.")
