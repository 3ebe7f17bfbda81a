"""What a command returns, and the one place that shows it: as a table, or as json, ndjson or csv for programs.

Data goes to stdout, everything else to stderr.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from booking_cli.domain.errors import BookingError, Interrupted, OutputFailed
from booking_cli.output.text import visible


class Format(StrEnum):
    """In what form data is shown."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


class Many(NamedTuple):
    """Things of one kind; `rows` may hold one more than `limit`, which says that there are more.

    `failure` is what to end with once they have been shown; it can be asked for then. `cut_off` returns what to end with where
    they cannot be shown to their end, for a reason in words; unless it is given, a reader who goes away has seen enough.
    """

    kind: type
    rows: Iterable[Any]
    noun: str
    zone: str | None = None
    limit: int | None = None
    failure: "Failure" = None
    cut_off: Callable[[str], BookingError] | None = None


class One(NamedTuple):
    """One thing. For people, a `headline` goes before its details; `many`, or just the headline, can stand for them.

    `failure` is what to end with once it has been shown.
    """

    thing: Any
    headline: str = ""
    details: bool = True
    many: Many | None = None
    failure: "Failure" = None


Failure = Exception | Callable[[], Exception | None] | None
Result = One | Many


def show(result: Result, form: Format) -> None:
    """Write `result` to stdout, and to stderr what is not data; raises OutputFailed where stdout takes no more."""
    cut_off = result.cut_off if isinstance(result, Many) else None
    try:
        _show(result, form)
        sys.stdout.flush()
    except KeyboardInterrupt:
        if cut_off is not None:
            raise Interrupted(str(cut_off("interrupted"))) from None
        raise
    except OSError as error:
        if cut_off is not None:
            raise cut_off(error.strerror or "nobody reads them") from error
        if isinstance(error, BrokenPipeError):
            raise
        raise _failed(error) from error
    many = result if isinstance(result, Many) else result.many
    for failure in (result.failure, many and many.failure):
        if ending := failure() if callable(failure) else failure:
            raise ending


def flush() -> None:
    """Write out what waits for stdout; raises OutputFailed where that cannot be done."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _failed(error) from error


def _failed(error: OSError) -> OutputFailed:
    return OutputFailed(f"The result could not be written: {error.strerror}. What the command did stays done.")


def _show(result: Result, form: Format) -> None:
    match result, form:
        case Many(), _:
            _show_many(result, form)
        case One(), Format.TABLE:
            from booking_cli.output import table

            table.show_one(result)
        case One(), Format.CSV:
            from booking_cli.output import csv

            csv.write(type(result.thing), [result.thing])
        case One(), _:
            from booking_cli.output import json

            json.write_one(result.thing)


def _show_many(many: Many, form: Format) -> None:
    rows = _Limited(many)
    match form:
        case Format.TABLE:
            from booking_cli.output import table

            table.show_many(many, list(rows))
        case Format.JSON:
            from booking_cli.output import json

            json.write_array(rows)
        case Format.NDJSON:
            from booking_cli.output import json

            json.write_lines(rows)
        case Format.CSV:
            from booking_cli.output import csv

            csv.write(many.kind, rows)
    if rows.left_out:
        sys.stdout.flush()
        tell(f"There are more than {many.limit} {many.noun}s; see them with --limit, or narrow the search.")


def tell(sentence: str) -> None:
    """Write a sentence for people to stderr."""
    sys.stderr.write(visible(sentence) + "\n")


class _Limited:
    """The rows up to the limit; afterwards `left_out` tells whether there was one more."""

    def __init__(self, many: Many) -> None:
        self._many = many
        self.left_out = False

    def __iter__(self) -> Iterator[Any]:
        for number, row in enumerate(self._many.rows, start=1):
            if self._many.limit is not None and number > self._many.limit:
                self.left_out = True
                return
            yield row
