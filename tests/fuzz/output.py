"""What a command must show: the records that were asked for, complete and without effect, in every format."""

import csv
import io
import itertools
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from booking_cli.domain.patients import normalized, phone_digits
from tests.fuzz.changes import is_booking, is_doctor, is_patient, same_number
from tests.fuzz.database import Rows
from tests.fuzz.inputs import Input

Record = dict[str, Any]
JOINERS = "\u200c\u200d"
_LISTS = {"doctors list": "doctors", "slots list": "slots", "patients list": "patients", "list": "bookings"}
# By the field that only records of one kind have: the tables, the field with their key, and the columns of the fields.
_PATIENT = ("patients", "patient_id", {"patient_name": "name", "patient_email": "email", "patient_phone": "phone"})
_DOCTOR = ("doctors", "doctor_id", {"doctor_name": "name", "specialization": "specialization"})
_BY_FIELD = {
    "line": (("bookings", "booking_id", {"reference": "reference"}), _PATIENT),
    "patient_name": (("bookings", "id", {"reference": "reference", "reason": "reason"}), _PATIENT, _DOCTOR),
    "ends_at": (_DOCTOR,),
    "active": (("doctors", "id", {name: name for name in ("name", "specialization", "email", "phone")}),),
    "note": (("patients", "id", {name: name for name in ("name", "email", "phone", "note")}),),
    "from_status": (("booking_history", "id", {name: name for name in ("actor", "to_status", "reason")}),),
}


def acts(character: str) -> bool:
    """Return whether a character acts on a terminal: control, format, line separator, unpaired surrogate."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in JOINERS


def escaped(text: str | None) -> str:
    """Return a text as tables and CSV show it: characters that act are escapes."""
    return "".join(c.encode("unicode_escape").decode() if acts(c) else c for c in text or "")


def wrong_output(tried: Input, stdout: str, before: Rows, after: Rows) -> Iterator[str]:
    """Yield what is wrong with the output of a command that succeeded."""
    rows = {table: {**before[table], **after[table]} for table in after}  # what was deleted can be shown
    format_ = (tried.format_ or "").strip().lower()
    if format_ == "table":
        yield from _wrong_table(tried.path, stdout, rows)
        return
    try:
        records = _records(stdout, format_)
    except (ValueError, csv.Error) as error:
        yield f"stdout is not {format_}: {error}"
        return
    lists = [value for record in records for value in record.values() if isinstance(value, list)]
    for each in (*records, *itertools.chain.from_iterable(lists)):
        yield from _wrong_record(each, rows, in_csv=format_ == "csv")
    if format_ != "csv":
        yield from _not_asked_for(tried, records, rows)


def _records(stdout: str, format_: str) -> list[Record]:
    if format_ == "csv":
        csv.field_size_limit(10**9)  # a list within a record is one field
        header, *lines = csv.reader(io.StringIO(stdout, newline=""), strict=True)
        return [dict(zip(header, line, strict=True)) for line in lines]
    found = json.loads(stdout) if format_ == "json" else [json.loads(line) for line in stdout.splitlines()]
    return found if isinstance(found, list) else [found]


def _wrong_record(record: Record, rows: Rows, *, in_csv: bool) -> Iterator[str]:
    """Compare the texts of a record with the rows that have them."""
    if in_csv and (formulas := [f for f in record.values() if f.lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))]):
        yield f"a spreadsheet would run {formulas}"
    kind = next((field for field in _BY_FIELD if field in record), "")
    if kind == "line" and not record["booking_id"]:
        return  # a row that was rejected is shown as it was typed
    for table, key, columns in _BY_FIELD.get(kind, ()):
        row = rows[table].get(int(record[key]), {})
        for name, column in columns.items():
            if record[name] != (_in_csv(row.get(column)) if in_csv else row.get(column)):
                yield f"{name} is {record[name]!r}, and {table} {row.get('id')} has {row.get(column)!r}"
    if record.get("change", "registered") != "registered":
        entries = [entry["details"] for entry in rows["patient_history"].values()]
        if record["details"] not in (map(_in_csv, entries) if in_csv else entries):
            yield f"the change {record['details']!r} is not in the history"


def _in_csv(text: str | None) -> str:
    plain = escaped(text)
    return "'" + plain if plain.lstrip().startswith(("=", "+", "-", "@", "'")) else plain


def _wrong_table(path: str, stdout: str, rows: Rows) -> Iterator[str]:
    """The line of a record shows its texts whole: neither markup nor width takes anything from them."""
    table = _LISTS.get(path, "")
    for line in stdout.splitlines()[:-1] if table else ():  # the last one counts
        key = re.match(r" *([0-9]+) ", line)
        row = dict(rows[table].get(int(key[1]), {})) if key else {}
        if table == "bookings" and row:
            row = {"name": rows["patients"][row["patient_id"]]["name"], **rows["slots"][row["slot_id"]]}
        if "doctor_id" in row:
            row |= {"specialization": rows["doctors"][row["doctor_id"]]["name"]}
        for column in ("name", "specialization", "email", "phone", "note"):
            if escaped(row.get(column)).strip() not in line:
                yield f"the line of {table} {key and key[1]} does not show {row[column]!r}"


def _not_asked_for(tried: Input, records: list[Record], rows: Rows) -> Iterator[str]:
    """Yield which records were shown and not asked for."""
    named = {argument.name: argument.text for argument in tried.arguments or ()}
    if tried.path in _LISTS:
        yield from _not_filtered(tried, {n: t.strip().lower() for n, t in named.items() if t.isascii()}, records)
        return
    lines = [record["line"] for record in records if tried.is_import]
    if lines != sorted(set(lines)) or (tried.rows is not None and len(lines) > len(tried.rows)):
        yield f"the results are of the lines {lines}"
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
        case "patient" if path == "patients show":
            return is_patient(text, rows["patients"][record["id"]])
    return True


def _not_filtered(tried: Input, given: dict[str, str], records: list[Record]) -> Iterator[str]:
    """Yield which records of a list do not pass its filters; only ASCII filters are checked."""
    if len(records) > int(given.get("limit", "200")):
        yield f"{len(records)} records are shown, and --limit is {given.get('limit', '200')}"
    for record in records:
        for name, column in (("email", "patient_email"), ("specialization", "specialization"), ("status", "status")):
            if name in given and given[name] not in ("all", _lower(str(record[column]))):
                yield f"--{name} {given[name]!r} shows {record[column]!r}"
        texts = "\n".join(str(record.get(name)) for name in ("name", "email"))
        search, digits = given.get("search", ""), phone_digits(given.get("search", ""))
        in_phone = digits and tried.path == "patients list" and digits in phone_digits(record["phone"] or "")
        if not in_phone and search not in _lower(texts) and normalized(search) not in normalized(texts):
            yield f"--search {search!r} shows {texts!r}"
        if "@" not in given.get("doctor", "@") and not same_number(given["doctor"], record["doctor_id"]):
            yield f"--doctor {given['doctor']!r} shows doctor {record['doctor_id']}"
        if tried.path == "doctors list" and not record["active"] and "--all" not in tried.argv:
            yield f"doctor {record['id']} is shown, and is inactive"


def _lower(text: str) -> str:
    """Return `text` in lower case as the database does: one letter for one letter."""
    return "".join(character.lower()[0] for character in text)
