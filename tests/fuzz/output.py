"""What a command must show: records that were asked for, in the format that was, and nothing that acts on a terminal or a spreadsheet."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from typing import Any

from tests.fuzz.changes import is_booking, is_doctor, is_patient, same_number
from tests.fuzz.database import Rows
from tests.fuzz.inputs import Input

Record = dict[str, Any]
JOINERS = "\u200c\u200d"
_LISTS = ("doctors list", "slots list", "patients list", "list")


def acts(character: str) -> bool:
    """Return whether a character acts on a terminal: control, format, line separator, unpaired surrogate."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in JOINERS


def wrong_output(tried: Input, stdout: str, before: Rows, after: Rows) -> Iterator[str]:
    """Yield what is wrong with the output of a command that succeeded."""
    rows = {table: {**before[table], **after[table]} for table in after}  # what was deleted can be shown
    format_ = (tried.format_ or "").strip().lower()
    if format_ == "table":
        return
    try:
        records = _records(stdout, format_)
    except (ValueError, csv.Error) as error:
        yield f"stdout is not {format_}: {error}"
        return
    formulas = ("=", "+", "-", "@", "\t", "\r")
    if format_ == "csv" and (found := [f for r in records for f in r.values() if f.lstrip().startswith(formulas)]):
        yield f"a spreadsheet would run {found}"
    if format_ != "csv":
        yield from _not_asked_for(tried, records, rows)


def _records(stdout: str, format_: str) -> list[Record]:
    if format_ == "csv":
        csv.field_size_limit(10**9)  # a list within a record is one field
        header, *lines = csv.reader(io.StringIO(stdout, newline=""), strict=True)
        return [dict(zip(header, line, strict=True)) for line in lines]
    found = json.loads(stdout) if format_ == "json" else [json.loads(line) for line in stdout.splitlines()]
    return found if isinstance(found, list) else [found]


def _not_asked_for(tried: Input, records: list[Record], rows: Rows) -> Iterator[str]:
    """Yield which records were shown and not asked for."""
    named = {argument.name: argument.text for argument in tried.arguments or ()}
    for record in records:
        if wrong := [name for name, text in named.items() if not _is_named(tried.path, name, text, record, rows)]:
            yield f"{tried.path} shows {record}, and another {wrong} was named"


def _is_named(path: str, name: str, text: str, record: Record, rows: Rows) -> bool:
    match name:
        case "booking" if "reference" in record:
            return is_booking(text, record)
        case "slot":
            return same_number(text, record.get("slot_id", record["id"]))
        case "doctor" if path == "doctors show":
            return is_doctor(text, record)
        case "doctor" if path in _LISTS:
            return is_doctor(text, {"id": record["doctor_id"]})
        case "patient" if path == "patients show":
            return is_patient(text, rows["patients"][record["id"]])
        case "email" | "specialization" | "status" if path in _LISTS and text.isascii():
            column = "patient_email" if name == "email" else name
            return text.strip().lower() in ("all", _lower(str(record[column])))
    return True


def _lower(text: str) -> str:
    """Return `text` in lower case as the database does: one letter for one letter."""
    return "".join(character.lower()[0] for character in text)
