"""What a command may change in the book: the rows that it is about, and nobody else's."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

from tests.fuzz.book import Row, Rows
from tests.fuzz.lines import Input

# How many rows of which table; a command that is not here reads, and may change nothing.
SHAPES: dict[str, dict[tuple[str, str], tuple[float, float]]] = {
    "doctors add": {("added", "doctors"): (1, 1)},
    "doctors update": {("changed", "doctors"): (1, 1)},
    "doctors delete": {("removed", "doctors"): (1, 1)},
    "slots add": {("added", "slots"): (1, 1)},
    "slots bulk": {("added", "slots"): (0, inf)},
    "slots delete": {("removed", "slots"): (1, 1)},
    "book": {("added", "bookings"): (0, 1), ("added", "booking_history"): (0, 2), ("changed", "bookings"): (0, 1)},
    "confirm": {("changed", "bookings"): (0, 1), ("added", "booking_history"): (0, 1)},
    "cancel": {("changed", "bookings"): (0, 1), ("added", "booking_history"): (0, 1)},
    "expire": {("changed", "bookings"): (0, inf), ("added", "booking_history"): (0, inf)},
    "clinic set": {("changed", "clinic"): (1, 1)},
}
_STATE = {"status", "confirmed_at", "cancelled_at", "failed_at", "reason", "version"}
_STEPS = {("PENDING", "CONFIRMED"), ("PENDING", "CANCELLED"), ("CONFIRMED", "CANCELLED"), ("PENDING", "FAILED")}
_BECOMES = {"confirm": "CONFIRMED", "cancel": "CANCELLED", "expire": "FAILED", "book": "FAILED"}
_COLUMNS = {"slot": "slot_id", "name": "patient_name", "phone": "patient_phone", "request_id": "request_id"}


@dataclass(frozen=True)
class Change:
    """A row that was added, removed or changed; `old` or `new` is None where there was or is none."""

    kind: str
    table: str
    old: Row | None
    new: Row | None

    @property
    def columns(self) -> set[str]:
        return {name for name in self.new or () if self.old and self.new and self.old.get(name) != self.new[name]}


def changes(before: Rows, after: Rows) -> list[Change]:
    """Return what is different, row by row."""
    if before is after:
        return []
    found = []
    for table in after:
        for key in before[table].keys() | after[table].keys():
            old, new = before[table].get(key), after[table].get(key)
            if old != new:
                found.append(Change("added" if old is None else "changed" if new else "removed", table, old, new))
    return found


def wrong_changes(tried: Input, status: int, made: list[Change]) -> Iterator[str]:
    """Say what was changed that should not have been, and what was not that should."""
    if status != 0:
        if made:
            yield f"it ended with {status} and changed {_counted(made)}"
        return
    counts = Counter((change.kind, change.table) for change in made)
    shape = SHAPES.get(tried.called, {})
    if tried.typed is None:  # it may have asked for help
        shape = {what: (0, most) for what, (_, most) in shape.items()}
    if tried.flag("--dry-run"):
        shape = {}
    for what in counts.keys() | shape.keys():
        least, most = shape.get(what, (0, 0))
        if not least <= counts[what] <= most:
            yield f"{tried.path} {what[0]} {counts[what]} rows of {what[1]}, not {least} to {most}"
    yield from _histories(made)
    if tried.typed is not None:
        yield from _meant(tried, made)


def _histories(made: list[Change]) -> Iterator[str]:
    """A booking changes by one legal step, and its history says so; the history itself only grows."""
    entries = {c.new["booking_id"]: c.new for c in made if c.table == "booking_history" and c.new}
    for change in made:
        if change.table == "booking_history" and change.kind != "added":
            yield "a line of the history was changed or removed"
        if change.table != "bookings" or change.new is None:
            continue
        old, new = change.old, change.new
        entry = entries.pop(new["id"], None)
        step = (old and old["status"], new["status"])
        if entry is None or (entry["from_status"], entry["to_status"]) != step:
            yield f"the history of booking {new['id']} does not tell its step {step}"
        elif old and entry["reason"] != new["reason"]:
            yield f"the history of booking {new['id']} has another reason"
        if old and (step not in _STEPS or new["version"] != old["version"] + 1 or not change.columns <= _STATE):
            yield f"booking {new['id']} went {step} and changed {change.columns}"
        if old and old["status"] == "PENDING":
            lapsed = old["hold_expires_at"] <= (new["confirmed_at"] or new["cancelled_at"] or new["failed_at"])
            if lapsed != (new["status"] == "FAILED"):
                yield f"the hold of booking {new['id']} had {'' if lapsed else 'not '}lapsed, and it is {new['status']}"
    if entries:
        yield f"the history got lines for bookings that did not change: {sorted(entries)}"


def _meant(tried: Input, made: list[Change]) -> Iterator[str]:
    """What was changed is what was typed: the record that was named, and the values letter by letter."""
    for change in made:
        row: Row = change.new or change.old or {}
        match change.table, change.kind:
            case "bookings", "changed":
                if tried.path in ("confirm", "cancel") and not is_booking(tried.value("booking") or "", row):
                    yield f"booking {row['id']} ({row['reference']}) is not the one that was named"
                if row["status"] != _BECOMES.get(tried.path):
                    yield f"{tried.path} made booking {row['id']} {row['status']}"
                if tried.path == "book" and not same_number(tried.value("slot"), row["slot_id"]):
                    yield f"booking {row['id']} of another slot was changed"
                if tried.path == "cancel":
                    yield from _letter_by_letter(tried, row, {"reason": "reason"})
            case "bookings", "added":
                if not same_number(tried.value("slot"), row["slot_id"]):
                    yield f"slot {row['slot_id']} was booked, another was meant"
                yield from _letter_by_letter(tried, row, {k: v for k, v in _COLUMNS.items() if k != "slot"})
                yield from _email(tried, row["patient_email"])
            case "booking_history", "added" if tried.path in ("confirm", "cancel") and "request_id" in row:
                yield from _letter_by_letter(tried, row, {"request_id": "request_id"})
            case "doctors", "added" | "changed":
                yield from _letter_by_letter(tried, row, {n: n for n in ("name", "specialization", "phone")})
                yield from _email(tried, row["email"])
                given = {part.name for part in tried.typed or ()} | {"version", "updated_at"}
                if change.kind == "changed" and not change.columns <= given:
                    yield f"{change.columns - given} of doctor {row['id']} changed, and was not given"
            case "clinic", _:
                yield from _letter_by_letter(tried, row, {"name": "name", "timezone": "timezone"})
                given = {"hold_minutes" if part.name == "hold" else part.name for part in tried.typed or ()}
                if not change.columns <= given | {"updated_at"}:
                    yield f"{change.columns - given} of the clinic changed, and was not given"
            case "slots", "added":
                if not is_doctor(tried.value("doctor") or "", row["doctor_id"], None):
                    yield f"doctor {row['doctor_id']} got a slot, and was not named"
            case "slots", "removed":
                if not same_number(tried.value("slot"), row["id"]):
                    yield f"slot {row['id']} was deleted, and was not named"
        old = change.old if change.table == "doctors" else None
        if old and not is_doctor(tried.value("doctor") or "", old["id"], old["email"]):
            yield f"doctor {old['id']} is not the one that was named"
    done = Counter(change.table for change in made)
    if tried.path in ("confirm", "cancel") and not done["bookings"] and tried.value("request_id") is None:
        yield f"{tried.path} ended well and changed no booking"
    # A file that is tried here has nothing in it.
    of_one = tried.value("request_id") is None and tried.value("path") is None
    if tried.path == "book" and not done["bookings"] and of_one:
        yield "book ended well and booked nothing"


def _letter_by_letter(tried: Input, row: Row, columns: dict[str, str]) -> Iterator[str]:
    for name, column in columns.items():
        typed = tried.value(name)
        if typed is not None and (row[column] or "") != typed.strip():
            yield f"{column} is {row[column]!r}, and {typed.strip()!r} was typed"


def _email(tried: Input, stored: str) -> Iterator[str]:
    typed = tried.value("email")
    if typed is None:
        return
    local, _, domain = typed.strip().rpartition("@")
    stored_local, _, stored_domain = stored.rpartition("@")
    same_domain = domain.lower() == stored_domain or not domain.isascii() or "xn--" in domain.lower()
    if unicodedata.normalize("NFC", local) != stored_local or not same_domain:
        yield f"email is {stored!r}, and {typed!r} was typed"


def same_number(typed: str | None, number: Any) -> bool:
    """Tell whether a number was typed, in the digits that everybody knows."""
    return bool(typed is not None and re.fullmatch("[0-9]+", typed.strip()) and int(typed.strip()) == number)


def is_booking(typed: str, row: Row) -> bool:
    """Tell whether a booking was named, by its number or by its reference."""
    typed = typed.strip()
    plain = typed.upper().replace("-", "").replace(" ", "").replace("I", "1").replace("L", "1")
    return same_number(typed, row["id"]) or (typed.isascii() and plain == row["reference"].replace("-", ""))


def is_doctor(typed: str, number: int, email: str | None) -> bool:
    """Tell whether a doctor was named; an address is compared where it is known, and not letter by letter."""
    if "@" not in typed:
        return same_number(typed, number)
    if email is None:
        return True
    (local, _, domain), (stored_local, _, stored_domain) = typed.strip().rpartition("@"), email.rpartition("@")
    same_domain = domain.lower() == stored_domain.lower() or not domain.isascii() or "xn--" in domain.lower()
    return same_domain and unicodedata.normalize("NFC", local).lower() == stored_local.lower()


def _counted(made: list[Change]) -> str:
    return ", ".join(f"{n} of {what}" for what, n in Counter(f"{c.table} ({c.kind})" for c in made).items())
