"""Writes a result in a format: data to stdout, everything else to stderr."""

import sys
from collections.abc import Iterator
from typing import Any

from booking_cli.domain.errors import OutputFailed
from booking_cli.output.results import Format, Many, One, Result
from booking_cli.output.text import visible


def show(result: Result, format_: Format) -> None:
    """Write `result` to stdout, and notes about it to stderr; raises OutputFailed where stdout cannot be written."""
    many = result if isinstance(result, Many) else result.many
    try:
        _show(result, format_)
        sys.stdout.flush()
    except OSError as error:
        if isinstance(error, BrokenPipeError) and not (many and many.has_changes):
            raise
        raise _output_failed(error) from error
    if failure := result.failure or (many and many.failure):
        raise failure


def flush() -> None:
    """Flush stdout; raises OutputFailed where it cannot be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _output_failed(error) from error


def tell(sentence: str) -> None:
    """Write a sentence for people to stderr."""
    sys.stderr.write(visible(sentence) + "\n")


def _output_failed(error: OSError) -> OutputFailed:
    return OutputFailed(f"The result could not be written: {error.strerror}. Changes that the command made are saved.")


def _show(result: Result, format_: Format) -> None:
    match result, format_:
        case Many(), _:
            _show_many(result, format_)
        case One(), Format.TABLE:
            from booking_cli.output import table

            table.show_one(result)
        case One(), Format.CSV:
            from booking_cli.output import csv

            csv.write(type(result.record), [result.record])
        case One(), _:
            from booking_cli.output import json

            json.write_one(result.record)


def _show_many(many: Many, format_: Format) -> None:
    rows = _Limited(many)
    match format_:
        case Format.TABLE:
            from booking_cli.output import table

            table.show_many(many, list(rows))
        case Format.JSON:
            from booking_cli.output import json

            json.write_array(rows, closed_on_error=many.has_changes)
        case Format.NDJSON:
            from booking_cli.output import json

            json.write_lines(rows)
        case Format.CSV:
            from booking_cli.output import csv

            csv.write(many.model, rows)
    if rows.truncated:
        sys.stdout.flush()
        tell(f"There are more than {many.limit} {many.noun}s; raise --limit, or narrow the search.")


class _Limited:
    """The rows up to the limit; `truncated` is set where there was one more."""

    def __init__(self, many: Many) -> None:
        self._many = many
        self.truncated = False

    def __iter__(self) -> Iterator[Any]:
        for number, row in enumerate(self._many.rows, start=1):
            if self._many.limit is not None and number > self._many.limit:
                self.truncated = True
                return
            yield row
