"""Reads import files of bookings, CSV or NDJSON, row by row in bounded memory.

A CSV row can span several lines within quotes, and has the number of its first line. A file whose lines cannot be told apart
any more, because a line is too long or a quote is not closed, is not read further: quoted text must not become a booking.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NoReturn

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import quote
from booking_cli.importing.rows import OPTIONAL, REQUIRED, ImportOptions, ImportRow, parse_row

# Of one line, and of one field in quotes.
LONGEST_BYTES = 65_536
_BOM = b"\xef\xbb\xbf"
_COLUMNS = REQUIRED + OPTIONAL
_KNOWN = f"{', '.join(REQUIRED)}, and optionally {', '.join(OPTIONAL)}"


def read(file: BinaryIO, options: ImportOptions) -> Iterator[ImportRow]:
    """Return the rows of a file; raises InvalidInput for a wrong header at once, and Unreadable later."""
    lines = _Lines(file)
    first = lines.skip_blank()
    if first.startswith(b"["):
        raise InvalidInput("This is a JSON array; use NDJSON, with an object on each line, or CSV.")
    if first.startswith(b"{"):
        return _json_rows(lines, options)
    csv.field_size_limit(LONGEST_BYTES)
    reader = csv.reader(lines.as_text(), strict=True)
    return _csv_rows(lines, reader, _header(reader), options) if first else iter(())


class Unreadable(InvalidInput):
    """The rest of the file cannot be read."""


class _Lines:
    """The lines of a file; `number` is that of the last one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._next: bytes | None = None
        self.number = 0

    def skip_blank(self) -> bytes:
        """Skip a byte order mark and blank lines; return the next line without leading spaces, empty at the end."""
        line = self._read().removeprefix(_BOM)
        while line and not line.strip():
            self.number += 1
            line = self._read()
        self._next = line
        return line.lstrip()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            line, self._next = self._read() if self._next is None else self._next, None
            if not line:
                return
            self.number += 1
            yield line

    def as_text(self) -> Iterator[str]:
        """Yield the lines as text. Invalid UTF-8 becomes surrogates, which every field's parser rejects."""
        return (line.decode("utf-8", "surrogateescape") for line in self)

    def _read(self) -> bytes:
        try:
            line = self._file.readline(LONGEST_BYTES + 1)
        except OSError as error:
            raise Unreadable(f"Reading the file failed after line {self.number}: {error.strerror}.") from None
        if len(line) > LONGEST_BYTES:
            raise Unreadable(
                f"Line {self.number + 1} is longer than {LONGEST_BYTES} bytes; it and later lines were not booked."
            )
        return line


def _header(reader: "Iterator[list[str]]") -> list[str]:
    """Return the column names of a CSV file; raises InvalidInput where they are wrong."""
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


def _csv_rows(
    lines: _Lines, reader: "Iterator[list[str]]", columns: Sequence[str], options: ImportOptions
) -> Iterator[ImportRow]:
    # Columns that the file lacks are read from an additional, empty field.
    slot, name, email, phone, confirm, request = (
        columns.index(column) if column in columns else len(columns) for column in _COLUMNS
    )
    while True:
        number = lines.number + 1
        try:
            fields = next(reader)
            if len(fields) < 2 and not "".join(fields).strip():
                continue
            if len(fields) != len(columns):
                raise InvalidInput(f"This row has {len(fields)} fields, but the header has {len(columns)}.")
            fields.append("")
            yield parse_row(
                number,
                fields[slot],
                fields[name],
                fields[email],
                fields[phone],
                fields[confirm],
                fields[request],
                options,
            )
        except StopIteration:
            return
        except Unreadable:
            raise
        except InvalidInput as error:
            yield ImportRow(number, None, str(error))
        except csv.Error as error:
            unclosed = lines.number > number or "end of data" in str(error)
            problem = "a quote is not closed" if unclosed else str(error)
            raise Unreadable(
                f"The row on line {number} is not valid CSV: {problem}. It and later rows were not booked."
            ) from None


def _json_rows(lines: _Lines, options: ImportOptions) -> Iterator[ImportRow]:
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_reject_constant)
    for line in lines:
        if line.strip():
            try:
                yield _json_row(lines.number, decoder, line, options)
            except InvalidInput as error:
                yield ImportRow(lines.number, None, str(error))


def _json_row(number: int, decoder: json.JSONDecoder, line: bytes, options: ImportOptions) -> ImportRow:
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
    if type(given["slot_id"]) is int:
        given["slot_id"] = str(given["slot_id"])
    if isinstance(given.get("confirm"), bool):
        given["confirm"] = "yes" if given["confirm"] else "no"
    slot_id, name, email, phone, confirm, request_id = (_text(given, column) for column in _COLUMNS)
    return parse_row(number, slot_id, name, email, phone, confirm, request_id, options)


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        kinds = {"slot_id": "a number", "confirm": "true or false"}
        raise InvalidInput(f"The field {name} must be {kinds.get(name, 'a string')}.")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidInput("This line has a field twice.")
    return found


def _reject_constant(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is not a number in JSON.")
