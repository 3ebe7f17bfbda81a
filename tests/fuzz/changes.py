"""Which rows a command may change: those that its arguments name, with the values that were typed, and no others."""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from math import inf
from typing import Any, NamedTuple

from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.patients import normalized, phone_digits
from booking_cli.domain.validation import parse_email
from tests.fuzz.database import Row, Rows
from tests.fuzz.inputs import Input

_COUNTS = {"1": (1, 1), "?": (0, 1), "*": (0, inf)}
# How many rows (1, ? or *) of which table each command adds (+), changes (~) or removes (-). Other commands only read.
_ALLOWED = {
    "doctors add": "1+doctors",
    "doctors update": "1~doctors",
    "doctors delete": "1-doctors",
    "slots add": "1+slots",
    "slots bulk": "*+slots",
    "slots delete": "1-slots",
    "patients add": "1+patients",
    "patients update": "1~patients 1+patient_history",
    "patients merge": "1-patients 1~patients *+patient_history *~patient_history *~bookings",
    "book": "?+bookings ?+patients *+booking_history *~bookings",
    "confirm": "?~bookings ?+booking_history",
    "cancel": "?~bookings ?+booking_history",
    "expire": "*~bookings *+booking_history",
    "clinic set": "1~clinic",
}
_RESULTS = {"confirm": "CONFIRMED", "cancel": "CANCELLED", "expire": "FAILED", "book": "FAILED"}
_STATE_COLUMNS = {"status", "confirmed_at", "cancelled_at", "failed_at", "reason", "version"}
_COMPUTED = {"version", "updated_at", "name_key", "contact_key", "numbers"}


class Change(NamedTuple):
    """A row that was added (+), changed (~) or removed (-): the change with its table, the columns, and the row."""

    what: str
    columns: set[str]
    old: Row
    new: Row
    row: Row


def changes(before: Rows, after: Rows) -> list[Change]:
    """Return what differs between two states of the database."""
    found = []
    for table in () if before is after else after:
        for key in before[table].keys() | after[table].keys():
            old, new = before[table].get(key, {}), after[table].get(key, {})
            if old != new:
                kind = "~" if old and new else "+" if new else "-"
                columns = {name for name in new if old and old.get(name) != new[name]}
                found.append(Change(kind + table, columns, old, new, new or old))
    return found


def wrong_changes(tried: Input, status: int, made: list[Change], after: Rows) -> Iterator[str]:
    """Yield what a command changed that it must not change, and what it did not change that it must."""
    if tried.is_import or tried.called == "patients merge":  # these release all lapsed holds first
        made = [c for c in made if "FAILED" not in (c.row.get("status"), c.row.get("to_status"))]
    counts = Counter(change.what for change in made)
    if status != 0 and (not tried.is_import or "--atomic" in tried.argv):
        if made:
            yield f"exit status {status}, and changes: {dict(counts)}"
        return
    words = [] if "--dry-run" in tried.argv else _ALLOWED.get(tried.called, "").split()
    allowed = {word[1:]: _COUNTS["*" if tried.is_import else word[0]] for word in words}
    for what in counts.keys() | allowed.keys():
        least, most = allowed.get(what, (0, 0))
        # A mutated command line can be a call for help.
        if not (least if tried.arguments is not None else 0) <= counts[what] <= most:
            yield f"{tried.path} made {counts[what]} changes {what}, not {least} to {most}"
    if tried.arguments is not None:
        yield from _wrong_bookings(tried, status, made, after)
        yield from _wrong_rows(tried, made)
        if tried.path in ("confirm", "cancel") and not counts["~bookings"] and tried.value("request_id") is None:
            yield f"exit status 0 of {tried.path}, and no booking was changed"


def _wrong_bookings(tried: Input, status: int, made: list[Change], after: Rows) -> Iterator[str]:
    """Each new booking, and each new patient, is one of those that were requested, exactly as typed."""
    requests = tried.requests()
    if tried.path != "book" or requests is None:
        return
    unmet = list(requests)
    added = [change.new for change in made if change.what == "+bookings"]
    for row in added:
        patient = after["patients"].get(row["patient_id"])
        match = next((r for r in unmet if same_number(r["slot_id"], row["slot_id"]) and _is_for(r, patient)), None)
        # Two escaped surrogates in JSON are one character.
        key = match and match.get("request_id", "").strip().encode("utf-16", "surrogatepass").decode(
            "utf-16", "replace"
        )
        if match is None or (key or row["request_id"]) != row["request_id"]:
            yield f"booking {row['id']} of slot {row['slot_id']} for {patient and patient['name']!r} was not requested"
        else:
            unmet.remove(match)
    # A booking releases the lapsed holds of its slot and of its patient.
    related = {(name, row[name]) for row in added for name in ("slot_id", "patient_id")}
    for change in made:
        row = change.row
        if change.what == "+patients" and not any(_has_typed(request, row) for request in requests):
            yield f"patient {row['name']!r}, {row['email']!r}, {row['phone']!r} was not typed"
        if change.what == "~bookings" and not related & row.items():
            yield f"booking {row['id']} of another slot and patient was changed"
    if status == 0 and len(added) < sum(not request.get("request_id", "").strip() for request in requests):
        yield f"exit status 0, and {len(added)} of {len(requests)} requests were booked"


def _wrong_rows(tried: Input, made: list[Change]) -> Iterator[str]:
    """What was changed is the record that was named, and its values are those that were typed."""
    given = {argument.name for argument in tried.arguments or ()}
    into = {change.new["id"] for change in made if change.what == "~patients"}
    for what, columns, old, _, row in made:
        subject, named, typed, allowed = old or row, True, ("name", "phone", "email"), given
        match what, tried.path:
            case "~bookings", "confirm" | "cancel":
                named, typed, allowed = is_booking(tried.value("booking"), row), ("reason",), _STATE_COLUMNS
            case "~bookings", "patients merge":
                named, typed, allowed = row["patient_id"] in into, (), {"patient_id"}
            case "~bookings", _:
                typed, allowed = (), _STATE_COLUMNS
            case "+booking_history", "confirm" | "cancel":
                typed = ("request_id",)
            case "+doctors" | "~doctors" | "-doctors", _:
                named, typed = not old or is_doctor(tried.value("doctor"), subject), (*typed, "specialization")
            case "+patients" | "~patients", "patients add" | "patients update":
                named, typed = not old or is_patient(tried.value("patient"), subject), (*typed, "note")
            case "~patients" | "-patients", "patients merge":
                named = is_patient(tried.value("into" if what[0] == "~" else "patient"), subject)
                typed, allowed = (), {"email", "phone", "note"}
            case "~clinic", _:
                typed, allowed = ("name", "timezone"), given | ({"hold_minutes"} if "hold" in given else set())
            case "+slots", _:
                named, typed = is_doctor(tried.value("doctor"), {"id": row["doctor_id"]}), ()
            case "-slots", _:
                named, typed = same_number(tried.value("slot"), row["id"]), ()
            case _:
                typed, allowed = (), columns
        if not named:
            yield f"{what} {row['id']} is not what was named"
        if not columns <= allowed | _COMPUTED:
            yield f"{columns - allowed} of {what} {row['id']} changed, and was not given"
        if what == "~bookings" and tried.path in _RESULTS and row["status"] != _RESULTS[tried.path]:
            yield f"{tried.path} made booking {row['id']} {row['status']}"
        for column in typed:
            text, stored = tried.value(column), row[column]
            same = (
                same_email(text or "", stored, exact=True)
                if column == "email"
                else (text or "").strip() == (stored or "")
            )
            if text is not None and not same:
                yield f"{column} is {stored!r}, and {text!r} was typed"


def _has_typed(request: dict[str, str], patient: Row) -> bool:
    name, phone = (request.get(column, "").strip() for column in ("name", "phone"))
    same = (name, phone) == (patient["name"], patient["phone"] or "")
    return same and same_email(request.get("email", ""), patient["email"], exact=True)


def _is_for(request: dict[str, str], patient: Row | None) -> bool:
    """Return whether a request is for a patient, given by a key, or by name and contact."""
    if patient is None or "patient" in request:
        return patient is not None and is_patient(request["patient"], patient)
    if normalized(request.get("name", "")) != normalized(patient["name"]):
        return False
    if request.get("email", "").strip():
        return same_email(request["email"], patient["email"])
    return phone_digits(request.get("phone", "")) == phone_digits(patient["phone"] or "")


def same_number(typed: str | None, number: Any) -> bool:
    """Return whether a number was typed, in ASCII digits."""
    digits = (typed or "").strip().lstrip("0")
    return digits == str(number)


def same_email(typed: str, stored: str | None, *, exact: bool = False) -> bool:
    """Return whether an email address was typed; `exact` in the letter case in which it is stored."""
    with contextlib.suppress(InvalidInput):
        email, stored = parse_email(typed) if typed.strip() else "", stored or ""
        return email == stored if exact else normalized(email) == normalized(stored)
    return False


def is_booking(typed: str | None, row: Row) -> bool:
    """Return whether a booking was named, by its number or its reference."""
    typed = (typed or "").strip()
    plain = re.sub("[IL]", "1", re.sub("[- ]", "", typed).upper())
    return same_number(typed, row["id"]) or (typed.isascii() and plain == row["reference"].replace("-", ""))


def is_doctor(typed: str | None, row: Row) -> bool:
    """Return whether a doctor was named, by number or, where it is in the row, by email address."""
    if "@" in (typed or ""):
        return "email" not in row or same_email(typed or "", row["email"])
    return same_number(typed, row["id"])


def is_patient(typed: str | None, row: Row) -> bool:
    """Return whether a patient was named, by number, email address or phone number."""
    if "@" in (typed or ""):
        return same_email(typed or "", row["email"])
    digits = phone_digits(typed or "")
    return any(same_number(typed, number) for number in row["numbers"]) or digits == phone_digits(row["phone"] or "x")
