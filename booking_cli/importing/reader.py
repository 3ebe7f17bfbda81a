"""Reads import files of bookings, CSV or NDJSON, row by row in bounded memory.

A CSV row can span several lines within quotes, and has the number of its first line. Reading ends at a line that is too long
and at a wrong or unclosed quote: the rows after it cannot be told from quoted text, which must not become a booking.
"""

import csv
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import quote
from booking_cli.importing.rows import OPTIONAL, REQUIRED, ImportOptions, ImportRow, parse_row

# The limit of a line, and of a field in quotes.
LONGEST_BYTES = 65_536
_BOM = b"\xef\xbb\xbf"
_COLUMNS = REQUIRED + OPTIONAL
_KNOWN = f"{', '.join(REQUIRED)}, and optionally {', '.join(OPTIONAL)}"


class Unreadable(InvalidInput):
    """The rest of the file cannot be read."""


def read(file: BinaryIO, options: ImportOptions) -> Iterator[ImportRow]:
    """Return the rows of a file; raises InvalidInput for a wrong header at once, and Unreadable later."""
    lines = _lines(file)
    number, first = next(((number, line) for number, line in enumerate(lines, start=1) if line.strip()), (1, b""))
    lines = itertools.chain([first], lines)
    match first.lstrip()[:1]:
        case b"":
            return iter(())
        case b"[":
            raise InvalidInput("This is a JSON array; use NDJSON, with an object on each line, or CSV.")
        case b"{":
            return _json_rows(enumerate(lines, start=number), options)
    csv.field_size_limit(LONGEST_BYTES)
    # Invalid UTF-8 becomes surrogates, which every field's parser rejects.
    text = (line.decode("utf-8", "surrogateescape") for line in lines)
    return _csv_rows(text, number - 1, options)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    for number in itertools.count(1):
        try:
            line = file.readline(LONGEST_BYTES + 1)
        except OSError as error:
            raise Unreadable(f"Reading the file failed after line {number - 1}: {error.strerror}.") from None
        if len(line) > LONGEST_BYTES:
            raise Unreadable(f"Line {number} is longer than {LONGEST_BYTES} bytes; it and later ones were not booked.")
        if not line:
            return
        yield line.removeprefix(_BOM) if number == 1 else line


def _csv_rows(text: Iterator[str], skipped: int, options: ImportOptions) -> Iterator[ImportRow]:
    """Return the rows after the header, which is read at once; `skipped` lines came before it."""
    reader = csv.reader(text, strict=True)
    columns = _header(reader)

    def rows() -> Iterator[ImportRow]:
        while True:
            number = skipped + reader.line_num + 1
            try:
                fields = next(reader, None)
            except csv.Error as error:
                unclosed = skipped + reader.line_num > number or "end of data" in str(error)
                problem = "a quote is not closed" if unclosed else str(error)
                raise Unreadable(
                    f"The row on line {number} is not valid CSV: {problem}. That row and later ones were not booked."
                ) from None
            if fields is None:
                return
            if len(fields) == len(columns):
                yield parse_row(number, dict(zip(columns, fields, strict=True)), options)
            elif len(fields) > 1 or "".join(fields).strip():
                problem = f"This row has {len(fields)} fields, but the header has {len(columns)}."
                yield ImportRow(number, None, problem)

    return rows()


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        names = [name.strip() for name in next(reader)]
    except csv.Error:
        raise InvalidInput(f"The first line is not a header; it must name the columns: {_KNOWN}.") from None
    if any("\udc80" <= character <= "\udcff" or character == "\0" for character in "".join(names)):
        raise InvalidInput("The file is not UTF-8 text.")
    if unknown := [name for name in names if name not in _COLUMNS]:
        raise InvalidInput(
            f"The first line has the unknown column {quote(unknown[0])}; the columns are {_KNOWN}, separated by commas."
        )
    if missing := [name for name in REQUIRED if name not in names]:
        raise InvalidInput(f"The first line lacks the column {missing[0]}; the columns are {_KNOWN}.")
    if len(set(names)) < len(names):
        raise InvalidInput("The first line names a column twice.")
    return names


def _json_rows(lines: Iterable[tuple[int, bytes]], options: ImportOptions) -> Iterator[ImportRow]:
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    for number, line in lines:
        if line.strip():
            try:
                yield parse_row(number, _json_fields(decoder, line), options)
            except InvalidInput as error:
                yield ImportRow(number, None, str(error))


def _json_fields(decoder: json.JSONDecoder, line: bytes) -> Mapping[str, str]:
    try:
        given = decoder.decode(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput("This line is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"This line is not valid JSON: {error.msg} at character {error.pos + 1}.") from None
    except (RecursionError, ValueError):  # nested too deeply, or a number of many thousand digits
        raise InvalidInput("This line is not valid JSON for a booking.") from None
    if not isinstance(given, dict):
        raise InvalidInput('This line is not a JSON object, such as {"slot_id": 42, "name": …, "email": …}.')
    if unknown := [name for name in given if name not in _COLUMNS]:
        raise InvalidInput(f"{quote(unknown[0])} is not a field; the fields are {', '.join(_COLUMNS)}.")
    if missing := [name for name in REQUIRED if given.get(name) is None]:
        raise InvalidInput(f"The field {missing[0]} is missing.")
    return {name: _text(name, value) for name, value in given.items() if value is not None}


def _text(name: str, value: object) -> str:
    match name, value:
        case _, str():
            return value
        case "confirm", bool():
            return "yes" if value else "no"
        case "slot_id", int() if not isinstance(value, bool):
            return str(value)
    kinds = {"slot_id": "a number", "confirm": "true or false"}
    raise InvalidInput(f"The field {name} must be {kinds.get(name, 'a string')}.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidInput("This line has a field twice.")
    return found
