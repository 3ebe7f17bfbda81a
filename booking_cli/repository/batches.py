"""Many bookings: some lines of a file at a time, with one statement for all of them, and an answer for each.

The rules are those of `bookings.book`. Lines that could come in each other's way are taken one after the other: the earlier
one wins.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, Protocol, TypeVar

from booking_cli.book import Book
from booking_cli.connections import Row
from booking_cli.database import Transaction
from booking_cli.errors import BookingError, Busy, PatientOverlap, RequestIdReused, SlotTaken
from booking_cli.lines import BadLine, Line, Wish
from booking_cli.models import LineAnswer
from booking_cli.references import new_reference
from booking_cli.repository import refusals

T = TypeVar("T")

# A slot can be lost and become free again between two looks; more often than this is somebody's mistake.
_MAX_ROUNDS = 10


class Terms(NamedTuple):
    """What holds for all lines: for how many minutes a slot is held, and whether a patient may be at two places at once."""

    hold_minutes: Decimal
    allow_overlap: bool


@dataclass(slots=True)
class Settled:
    """The answers by the number of their line; `new` are the lines that were booked now, and not by an earlier request."""

    answers: dict[int, LineAnswer] = field(default_factory=dict)
    new: set[int] = field(default_factory=set)


class Way(Protocol):
    """How transactions are run: each of its own, as by the database, or all within one."""

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run what only reads."""

    def read_what_lasts(self, work: Callable[[Transaction], T]) -> T:
        """Run what only reads, and return when what it saw is there to stay."""

    def write(self, work: Callable[[Transaction], T], *, stands: Callable[[Transaction, T], bool]) -> T:
        """Run what changes the book."""


def book(book: Book, lines: Sequence[Line], terms: Terms) -> list[LineAnswer]:
    """Book some lines, each on its own, and return their answers in their order."""
    wishes = [line for line in lines if isinstance(line, Wish)]
    settled = settle(book.database, book, wishes, terms)
    return [settled.answers[line.line] if isinstance(line, Wish) else bad(line) for line in lines]


def settle(
    way: Way, book: Book, wishes: Sequence[Wish], terms: Terms, asked_before: Collection[int] | None = None
) -> Settled:
    """Book what can be booked of some wishes, and return an answer for each.

    `asked_before` are the lines of which it must be asked before whether they repeat a request, and whether the patient is
    busy: all of them, unless told otherwise.
    """
    settled, waiting = Settled(), list(wishes)
    while waiting:
        asked = waiting if asked_before is None else [wish for wish in waiting if wish.line in asked_before]
        asked_before = None
        answers, behind = look_before(way, book, asked, terms)
        settled.answers.update(answers)
        now: list[Wish] = []
        later: list[Wish] = []
        by_request: dict[str, Wish] = {}
        for wish in waiting:
            if wish.line in answers:
                continue
            first = by_request.setdefault(wish.request_id, wish)
            (later if wish.line in behind or not _is_same(first, wish) else now).append(wish)
        _book(way, book, now, terms, settled)
        waiting = later
    return settled


def look_before(
    way: Way, book: Book, wishes: Sequence[Wish], terms: Terms
) -> tuple[dict[int, LineAnswer], Collection[int]]:
    """Answer repeated requests, and refuse patients who are busy; outside the write, on purpose.

    Returns the answers by the numbers of their lines, and the lines that have to wait for an earlier one's outcome.
    """
    repeatable = [wish for wish in wishes if wish.may_be_repeated]
    answers = _repeated(way, book, repeatable) if repeatable else {}
    if terms.allow_overlap:
        return answers, ()
    rest = [wish for wish in wishes if wish.line not in answers]
    behind = set()
    for row in way.read(lambda tx: _find_overlaps(tx, rest)) if rest else ():
        wish = rest[row["n"] - 1]
        if row["reference"] is None:
            behind.add(wish.line)
        elif row["made_here"]:
            answers[wish.line] = refused(
                wish, PatientOverlap(f"{wish.patient_name} is on an earlier line at a time that overlaps.")
            )
        else:
            answers[wish.line] = refused(wish, refusals.overlap(book, wish.patient_name, row))
    return answers, behind


def bad(line: BadLine) -> LineAnswer:
    """Return the answer for a line that cannot be understood."""
    error = line.error
    return LineAnswer(line.line, None, None, None, None, None, None, None, None, error.code, str(error))


def refused(wish: Wish, error: BookingError) -> LineAnswer:
    """Return the answer for a line that was not booked."""
    return LineAnswer(
        wish.line,
        wish.slot_id,
        wish.patient_name,
        wish.patient_email,
        wish.request_id,
        None,
        None,
        None,
        None,
        error.code,
        str(error),
    )


def stands(tx: Transaction, made: "tuple[str, str] | None") -> bool:
    """Tell whether a transaction stands, by the request id and the reference of one booking that it made."""
    if made is None:
        return False
    found = tx.one("bookings.find_request", {"request_id": made[0]})
    return found is not None and found["reference"] == made[1]


def _is_same(one: Wish, other: Wish) -> bool:
    """Tell whether two wishes with one request id say the same, so that the second gets the answer of the first."""
    return one is other or (one.slot_id, one.patient_name, one.patient_email) == (
        other.slot_id,
        other.patient_name,
        other.patient_email,
    )


def _book(way: Way, book: Book, wishes: Sequence[Wish], terms: Terms, settled: Settled) -> None:
    """Book wishes that do not come in each other's way, and add their answers."""
    left = list(wishes)
    for take_over in (False, *[True] * _MAX_ROUNDS):
        if not left:
            return
        rows, by_reference = _insert(way, book, left, terms, take_over=take_over)
        for row in rows:
            wish = by_reference[row["reference"]]
            settled.answers[wish.line] = _made(book, wish, row["status"], row)
            settled.new.add(wish.line)
        left = [wish for wish in left if wish.line not in settled.answers]
        if left:
            settled.answers.update(_why_not(way, book, left))
            left = [wish for wish in left if wish.line not in settled.answers]
    for wish in left:
        changes = Busy(f"Slot {wish.slot_id} changes all the time. It was not booked; please try again.")
        settled.answers[wish.line] = refused(wish, changes)


def _insert(
    way: Way, book: Book, wishes: Sequence[Wish], terms: Terms, *, take_over: bool
) -> tuple[list[Row], dict[str, Wish]]:
    """Book what can be booked, and return the new bookings, and the wishes by the references that they were given."""
    by_reference: dict[str, Wish] = {}
    for wish in wishes:
        reference = new_reference()
        while reference in by_reference:
            reference = new_reference()
        by_reference[reference] = wish
    lines = [
        {
            "slot_id": wish.slot_id,
            "name": wish.patient_name,
            "email": wish.patient_email,
            "phone": wish.patient_phone,
            "confirm": wish.confirm,
            "request_id": wish.request_id,
            "reference": reference,
        }
        for reference, wish in by_reference.items()
    ]
    parameters = {"lines": json.dumps(lines), "hold_minutes": terms.hold_minutes, "actor": book.actor}
    # Of several who want one slot, the first gets it.
    takers = {wish.slot_id: wish.request_id for wish in reversed(wishes)} if take_over else {}
    taking_over = {
        "takers": json.dumps([{"slot_id": slot_id, "request_id": key} for slot_id, key in takers.items()]),
        "actor": book.actor,
    }

    def work(tx: Transaction) -> list[Row]:
        if take_over:
            tx.all("batches.release_lapsed_holds", taking_over)
        return tx.all("batches.book", parameters)

    def is_there(tx: Transaction, rows: list[Row]) -> bool:
        made = rows[0]["reference"] if rows else None
        return stands(tx, made and (by_reference[made].request_id, made))

    return way.write(work, stands=is_there), by_reference


def _why_not(way: Way, book: Book, wishes: Sequence[Wish]) -> dict[int, LineAnswer]:
    """Return the answers for wishes that were not booked, without those where trying again makes sense."""
    answers = _repeated(way, book, wishes)
    rest = [wish for wish in wishes if wish.line not in answers]
    rows = way.read(lambda tx: tx.all("batches.why_not_booked", {"lines": _dumped(rest)}))
    by_number = {row["n"]: row for row in rows}
    for number, wish in enumerate(rest, start=1):
        row = by_number.get(number)
        reason = refusals.not_booked(book, wish.slot_id, row)
        if row is not None and row["made_here"] and isinstance(reason, SlotTaken):
            reason = SlotTaken(f"Slot {wish.slot_id} is wanted on an earlier line.")
        if reason is not None:
            answers[wish.line] = refused(wish, reason)
    return answers


def _repeated(way: Way, book: Book, wishes: Sequence[Wish]) -> dict[int, LineAnswer]:
    """Return the answers for wishes whose request made a booking before."""
    request_ids = [wish.request_id for wish in wishes]

    def find(tx: Transaction) -> list[Row]:
        return tx.all("batches.find_requests", {"request_ids": request_ids})

    found = way.read(find) and way.read_what_lasts(find)
    by_request = {row["request_id"]: row for row in found}
    answers = {}
    for wish in wishes:
        if (row := by_request.get(wish.request_id)) is None:
            continue
        refusal = refusals.reused(row, wish.slot_id, wish.patient_name, wish.patient_email)
        if refusal and row["made_here"]:
            refusal = RequestIdReused(
                f"The request id {wish.request_id} is on an earlier line, for another patient or slot."
            )
        answers[wish.line] = refused(wish, refusal) if refusal else _made(book, wish, row["first_status"], row)
    return answers


def _made(book: Book, wish: Wish, status: str, row: Row) -> LineAnswer:
    expires: Any = row["hold_expires_at"]
    return LineAnswer(
        wish.line,
        wish.slot_id,
        wish.patient_name,
        wish.patient_email,
        wish.request_id,
        row["id"],
        row["reference"],
        status,
        expires and expires.astimezone(book.zone),
        None,
        None,
    )


def _find_overlaps(tx: Transaction, wishes: Sequence[Wish]) -> list[Row]:
    return tx.all("batches.find_overlaps", {"lines": _dumped(wishes)})


def _dumped(wishes: Sequence[Wish]) -> str:
    return json.dumps(
        [{"slot_id": wish.slot_id, "name": wish.patient_name, "email": wish.patient_email} for wish in wishes]
    )
