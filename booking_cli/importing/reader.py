"""Files of bookings, CSV or NDJSON, read line by line in bounded memory.

A CSV record may go on over several lines within quotes, and counts as the line on which it begins. That is why a quote that
is never closed takes the lines after it along: they are not read as lines of their own, because somebody's name must never
become a booking.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NoReturn

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.references import new_request_id
from booking_cli.domain.validation import quote
from booking_cli.importing.rows import OPTIONAL, REQUIRED, BadLine, Line, wish

# Of one record, its line ends included.
LONGEST_BYTES = 65_536
_TOO_LONG = f"A line must not be longer than {LONGEST_BYTES} bytes."
_BOM = b"\xef\xbb\xbf"


def read(file: BinaryIO, *, confirms: bool) -> Iterator[Line]:
    """Return the lines of a file; raises InvalidInput at once where its header does not fit.

    While they are read, Unreadable is raised where the file cannot be read on.

    `confirms` is what a line means that does not say whether to confirm.
    """
    source = _Source(file)
    first = source.look_ahead()
    run = new_request_id()
    if first.lstrip().startswith(b"{"):
        return _json_lines(source, confirms, run)
    if first.lstrip().startswith(b"["):
        raise InvalidInput("This is a JSON array; what is read is NDJSON, an object on each line, or CSV.")
    reader = csv.reader(source, strict=True)
    return _csv_lines(source, reader, _columns(source, reader), confirms, run) if first else iter(())


class Unreadable(InvalidInput):
    """The file cannot be read on."""


class _TooLong(Exception):
    """A record is longer than it may be; what was read of it is gone."""


class _Source:
    """The physical lines of a file as text, counted from 1, and bounded from where a record begins."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._ahead = b""
        self._size = self._quotes = 0
        self._ends = True
        self.number = 0

    def look_ahead(self) -> bytes:
        """Return the beginning of the first line that is not blank, without a byte order mark; empty where there is none."""
        line = self._readline().removeprefix(_BOM)
        while line and not line.strip():
            self.number += line.endswith(b"\n")
            line = self._readline()
        self._ahead = line
        return line

    def begin_record(self) -> int:
        """Return the number of the line on which the next record begins."""
        self._size = self._quotes = 0
        return self.number + 1

    def next_line(self) -> bytes:
        """Return the next line, empty at the end; raises _TooLong where the record becomes too long."""
        line, self._ahead = self._ahead or self._readline(), b""
        if line:
            self.number += 1
            self._size += len(line)
            if self._size > LONGEST_BYTES:
                self._quotes += line.count(b'"')
                self._ends = line.endswith(b"\n")
                raise _TooLong
        return line

    def skip_line(self) -> None:
        """Read up to the end of the line that was too long."""
        while not self._ends and (piece := self._readline()):
            self._quotes += piece.count(b'"')
            self._ends = piece.endswith(b"\n")

    def skip_record(self) -> None:
        """Read up to where the quotes of a record are closed that was too long."""
        self.skip_line()
        while self._quotes % 2 and (piece := self._readline()):
            self.number += 1
            self._quotes += piece.count(b'"')
            self._ends = piece.endswith(b"\n")
            self.skip_line()

    def __iter__(self) -> "_Source":
        return self

    def __next__(self) -> str:
        line = self.next_line()
        if not line:
            raise StopIteration
        self._quotes += line.count(b'"')
        # What is no UTF-8 becomes half a surrogate pair, which no name, address or number may contain.
        return line.decode("utf-8", "surrogateescape")

    def _readline(self) -> bytes:
        try:
            return self._file.readline(LONGEST_BYTES + 1)
        except OSError as error:
            raise Unreadable(f"The file cannot be read on after line {self.number}: {error.strerror}.") from None


def _columns(source: _Source, reader: "Iterator[list[str]]") -> list[str]:
    """Return the names in the header of a CSV file; raises InvalidInput where they do not fit."""
    known = f"{', '.join(REQUIRED)}, and perhaps {', '.join(OPTIONAL)}"
    source.begin_record()
    try:
        names = [name.strip() for name in next(reader)]
    except (csv.Error, _TooLong):
        raise InvalidInput(f"The first line is no header; it names the columns: {known}.") from None
    if any("\udc80" <= character <= "\udcff" or character == "\0" for character in "".join(names)):
        raise InvalidInput("The file is not UTF-8 text.")
    if unknown := [name for name in names if name not in REQUIRED + OPTIONAL]:
        raise InvalidInput(
            f"The first line has {quote(unknown[0])}, which is no column; the columns are {known}, between commas."
        )
    if missing := [name for name in REQUIRED if name not in names]:
        raise InvalidInput(f"The first line does not name the column {missing[0]}; the columns are {known}.")
    if len(set(names)) < len(names):
        raise InvalidInput("The first line names a column twice.")
    return names


def _csv_lines(
    source: _Source, reader: "Iterator[list[str]]", columns: Sequence[str], confirms: bool, run: str
) -> Iterator[Line]:
    # One more field, which is empty, stands for the columns that the file does not have.
    places = [columns.index(name) if name in columns else len(columns) for name in REQUIRED + OPTIONAL]
    slot, name, email, phone, confirm, request = places
    while True:
        number = source.begin_record()
        try:
            fields = next(reader)
            if len(fields) < 2 and not "".join(fields).strip():
                continue
            if len(fields) != len(columns):
                raise InvalidInput(f"This line has {len(fields)} fields, and the first line has {len(columns)}.")
            fields.append("")
            yield wish(
                number,
                fields[slot],
                fields[name],
                fields[email],
                fields[phone],
                fields[confirm],
                fields[request],
                confirms=confirms,
                run=run,
            )
        except StopIteration:
            return
        except Unreadable:
            raise
        except InvalidInput as error:
            yield BadLine(number, str(error))
        except csv.Error as error:
            yield BadLine(number, _wrong_csv(error, number, source.number))
        except _TooLong:
            source.skip_record()
            yield BadLine(number, _TOO_LONG + _swallowed(number, source.number))


def _wrong_csv(error: csv.Error, first: int, last: int) -> str:
    if "unexpected end of data" in str(error):
        return "The quote that is opened here is never closed." + _swallowed(first, last)
    return f"This line is no CSV: {error}." + _swallowed(first, last)


def _swallowed(first: int, last: int) -> str:
    return f" What is within quotes reaches to line {last}, so none of these lines was read." if last > first else ""


def _json_lines(source: _Source, confirms: bool, run: str) -> Iterator[Line]:
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number)
    while True:
        number = source.begin_record()
        try:
            line = source.next_line()
            if not line:
                return
            if line.strip():
                yield _json_wish(number, decoder, line, confirms, run)
        except Unreadable:
            raise
        except InvalidInput as error:
            yield BadLine(number, str(error))
        except _TooLong:
            source.skip_line()
            yield BadLine(number, _TOO_LONG)


def _json_wish(number: int, decoder: json.JSONDecoder, line: bytes, confirms: bool, run: str) -> Line:
    try:
        given = decoder.decode(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput("This line is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"This line is no JSON: {error.msg} at character {error.pos + 1}.") from None
    except (RecursionError, ValueError):  # nested without end, or a number of many thousand digits
        raise InvalidInput("This line is no JSON that makes sense here.") from None
    if not isinstance(given, dict):
        raise InvalidInput('This line is not a JSON object, such as {"slot_id": 42, "name": …, "email": …}.')
    if unknown := [name for name in given if name not in REQUIRED + OPTIONAL]:
        raise InvalidInput(f"{quote(unknown[0])} is no field; the fields are {', '.join(REQUIRED + OPTIONAL)}.")
    if missing := [name for name in REQUIRED if given.get(name) is None]:
        raise InvalidInput(f"The field {missing[0]} is missing.")
    slot_id, confirm = given["slot_id"], given.get("confirm")
    return wish(
        number,
        str(slot_id) if type(slot_id) is int else _text(given, "slot_id"),
        _text(given, "name"),
        _text(given, "email"),
        _text(given, "phone"),
        confirm if isinstance(confirm, bool) else _text(given, "confirm"),
        _text(given, "request_id"),
        confirms=confirms,
        run=run,
    )


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        kinds = {"slot_id": "a number", "confirm": "true or false"}
        raise InvalidInput(f"The field {name} must be {kinds.get(name, 'a text')}.")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidInput("This line gives a field twice.")
    return found


def _no_number(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is no number in JSON.")
