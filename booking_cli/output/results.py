"""What a command returns to be shown."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, NamedTuple


class Format(StrEnum):
    """The formats of output."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


class Many(NamedTuple):
    """Records of one model; `rows` may have one more than `limit`, to show that there are more.

    `failure` returns the error with which the command ends after the rows were shown. With `has_changes` the rows report
    changes, so that a reader who closes the pipe too early is an error.
    """

    model: type
    rows: Iterable[Any]
    noun: str
    zone: str | None = None
    limit: int | None = None
    failure: Callable[[], Exception | None] = lambda: None
    has_changes: bool = False


class One(NamedTuple):
    """One record. In a table, `headline` comes first; then the details, or `many`, or with `details=False` nothing.

    `failure` and `has_changes` are those of `Many`.
    """

    record: Any
    headline: str = ""
    details: bool = True
    many: Many | None = None
    failure: Callable[[], Exception | None] = lambda: None
    has_changes: bool = False


Result = One | Many
