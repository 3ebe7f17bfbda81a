"""What was shown is what was asked for: the record that was named, and only what passes the filters."""

from collections.abc import Iterator
from typing import Any

from tests.fuzz.changes import is_booking, is_doctor, same_number
from tests.fuzz.lines import Input

_LISTS = ("doctors list", "slots list", "list")


def wrong_choice(tried: Input, things: list[dict[str, Any]]) -> Iterator[str]:
    """Say which of the things that were shown, as JSON has them, were not asked for."""
    if tried.typed is None:
        return
    if tried.path in _LISTS:
        yield from _filtered(tried, things)
        return
    named = {part.name: part.text for part in tried.typed if part.kind in ("BOOKING", "DOCTOR", "SLOT")}
    for thing in things:
        if "booking" in named and "reference" in thing and not is_booking(named["booking"], thing):
            yield f"{tried.path} shows booking {thing['id']} ({thing['reference']}), another was named"
        if "slot" in named and not same_number(named["slot"], thing.get("slot_id", thing["id"])):
            yield f"{tried.path} shows slot {thing.get('slot_id', thing['id'])}, another was named"
        if tried.path == "doctors show" and not is_doctor(named["doctor"], thing["id"], thing["email"]):
            yield f"{tried.path} shows doctor {thing['id']} ({thing['email']!r}), another was named"


def _filtered(tried: Input, things: list[dict[str, Any]]) -> Iterator[str]:
    """Texts are compared where they are plain letters: which others belong together, the database's language decides."""
    given = {part.name: part.text.strip().lower() for part in tried.typed or () if part.text.isascii()}
    if len(things) > int(given.get("limit", "200")):
        yield f"{len(things)} were shown, and --limit was {given.get('limit', '200')}"
    for thing in things:
        for name, column in (("email", "patient_email"), ("specialization", "specialization"), ("status", "status")):
            if name in given and given[name] not in ("all", _lower(str(thing[column]))):
                yield f"--{name} {given[name]!r} shows {thing[column]!r}"
        if "search" in given and given["search"] not in _lower(f"{thing['name']}\n{thing['email']}"):
            yield f"--search {given['search']!r} shows {thing['name']!r}, {thing['email']!r}"
        if "doctor" in given and "@" not in given["doctor"] and not same_number(given["doctor"], thing["doctor_id"]):
            yield f"--doctor {given['doctor']!r} shows doctor {thing['doctor_id']}"
        if tried.path == "doctors list" and not thing["active"] and not tried.flag("--all"):
            yield f"doctor {thing['id']} is shown, who is not active"


def _lower(text: str) -> str:
    """Return `text` in lower case as the database has it: a letter for a letter."""
    return "".join(character.lower()[0] for character in text)
