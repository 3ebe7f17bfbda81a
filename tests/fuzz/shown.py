"""What was shown, held against what is stored: each form of output, in full and without effect."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from tests.fuzz.book import Row, Rows
from tests.fuzz.choice import wrong_choice
from tests.fuzz.lines import Input

JOINERS = "\u200c\u200d"
_DOCTOR = {"doctor_name": "name", "specialization": "specialization"}
_BOOKING = ("reference", "patient_name", "patient_email", "patient_phone")
_DOCTORS_OWN = ("name", "specialization", "email", "phone")
_HISTORY = ("actor", "to_status", "reason")
_KEY_COLUMN = re.compile(r"^ *([0-9]+) ")
_LISTS = {"doctors list": "doctors", "slots list": "slots", "list": "bookings"}


def acts(character: str) -> bool:
    """Tell whether a character acts on a terminal: control, formatting, line separators, halves of characters."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in JOINERS


def written_out(text: str) -> str:
    """Return how a text is shown to people and spreadsheets: what acts is written as an escape."""
    return "".join(c.encode("unicode_escape").decode() if acts(c) else c for c in text)


def wrong_data(tried: Input, form: str, stdout: str, before: Rows, after: Rows) -> Iterator[str]:
    """Say what is wrong with what a command that ended well has shown."""
    path = tried.path
    # What was deleted is shown as well, and was there before.
    rows = {table: {**before[table], **after[table]} for table in after}
    match form:
        case "table":
            yield from _table(path, stdout, rows)
        case "json" | "ndjson":
            try:
                things = json.loads(stdout) if form == "json" else [json.loads(line) for line in stdout.splitlines()]
            except ValueError as error:
                yield f"stdout is not JSON: {error}"
                return
            things = things if isinstance(things, list) else [things]
            yield from wrong_choice(tried, things)
            for thing in things:
                for below in (
                    (thing, *(thing.get("slots") or ()), *(thing.get("bookings") or ())) if path != "db status" else ()
                ):
                    yield from _compare(path, below, rows, exactly)
        case "csv":
            yield from _csv(path, stdout, rows)


def exactly(shown: Any, stored: str | None) -> bool:
    """JSON gives the text as it is."""
    return bool(shown == stored)


def defused(shown: Any, stored: str | None) -> bool:
    """CSV gives the text with what acts written out, and an apostrophe before what a spreadsheet would run."""
    plain = written_out(stored or "")
    return bool(shown == ("'" + plain if plain.lstrip().startswith(("=", "+", "-", "@", "'")) else plain))


def _csv(path: str, stdout: str, rows: Rows) -> Iterator[str]:
    csv.field_size_limit(10**9)  # a list within a thing is one field
    try:
        header, *lines = csv.reader(io.StringIO(stdout, newline=""), strict=True)
    except (csv.Error, ValueError) as error:
        yield f"stdout is not CSV: {error}"
        return
    for line in lines:
        if len(line) != len(header):
            yield f"a line of CSV has {len(line)} fields, and {len(header)} are due"
            continue
        for name, field in zip(header, line, strict=True):
            if field.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")):
                yield f"a spreadsheet would run {name}: {field!r}"
        yield from _compare(path, dict(zip(header, line, strict=True)), rows, defused)


def _compare(path: str, thing: dict[str, Any], rows: Rows, same: Any) -> Iterator[str]:
    """Hold the texts of one thing against the rows that they come from."""
    for table, row, columns in _sources(thing, rows):
        for shown, stored in columns.items():
            if not same(thing[shown], row[stored]):
                yield f"{path} shows {shown} as {thing[shown]!r}, and {table} has {row[stored]!r}"


def _sources(thing: dict[str, Any], rows: Rows) -> Iterator[tuple[str, Row, dict[str, str]]]:
    """Yield the rows that a thing shows: table, row, and from which column each field comes."""
    if "patient_name" in thing:
        yield "bookings", rows["bookings"][int(thing["id"])], {name: name for name in _BOOKING}
    if "doctor_id" in thing:
        fields = {shown: stored for shown, stored in _DOCTOR.items() if shown in thing}
        yield "doctors", rows["doctors"][int(thing["doctor_id"])], fields
    if {"email", "active"} <= thing.keys():
        yield "doctors", rows["doctors"][int(thing["id"])], {name: name for name in _DOCTORS_OWN}
    if "from_status" in thing:
        yield "booking_history", rows["booking_history"][int(thing["id"])], {name: name for name in _HISTORY}
    if "hold_minutes" in thing:
        yield "clinic", rows["clinic"][1], {"name": "name", "timezone": "timezone"}


def _table(path: str, stdout: str, rows: Rows) -> Iterator[str]:
    """A name stands in its line letter by letter: neither markup nor width takes anything from it."""
    if table := _LISTS.get(path):
        for line in stdout.splitlines()[:-1]:  # the last one counts
            if found := _KEY_COLUMN.match(line):
                for text in _names(table, rows[table].get(int(found[1])), rows):
                    if written_out(text).strip() not in line:
                        yield f"the line of {table} {found[1]} does not show {text!r}"
        return
    lines: dict[str, str] = dict(re.findall(r"^  ([A-Z][a-z]+) +(.*)$", stdout, re.MULTILINE))
    if path in ("doctors show", "doctors add", "doctors update") and "Doctor" in lines:
        thing = rows["doctors"][int(lines["Doctor"])]
        shown = {"Name": thing["name"], "Specialization": thing["specialization"], "Email": thing["email"]}
    elif path in ("show", "book", "confirm", "cancel") and "Reference" in lines:
        number = int(lines["Reference"].rpartition("booking ")[2].rstrip(")"))
        thing = rows["bookings"][number]
        shown = {"Patient": thing["patient_name"], "Email": thing["patient_email"]}
    else:
        return
    for label, text in shown.items():
        if lines.get(label, "").strip() != written_out(text).strip():
            yield f"the details show {label} as {lines.get(label)!r}, and {text!r} is stored"


def _names(table: str, row: Row | None, rows: Rows) -> list[str]:
    match table:
        case _ if row is None:
            return []
        case "doctors":
            return [row["name"], row["specialization"], row["email"], row["phone"] or ""]
        case "slots":
            doctor = rows["doctors"][row["doctor_id"]]
            return [doctor["name"], doctor["specialization"]]
        case _:
            doctor = rows["doctors"][rows["slots"][row["slot_id"]]["doctor_id"]]
            return [row["patient_name"], doctor["name"]]
