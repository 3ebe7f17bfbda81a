"""Many bookings: some lines of a file at a time, with one statement for all of them, and an answer for each.

The rules are those of `bookings.book`, line after line. What can be booked at once is booked at once; lines that come in each
other's way take turns.
"""

import functools
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from booking_cli.db.connections import Row
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import BookingError, Busy, PatientOverlap, RequestIdReused, SlotTaken
from booking_cli.domain.models import LineAnswer
from booking_cli.domain.references import new_references
from booking_cli.importing.rows import BadLine, Line, Wish, patient_mark
from booking_cli.importing.turns import Span, Turns
from booking_cli.repository import rejections as refusals
from booking_cli.repository.bookings import MAX_ROUNDS
from booking_cli.repository.ways import Way
from booking_cli.session import Book


class Terms(NamedTuple):
    """What holds for all lines: for how many minutes a slot is held, and whether a patient may be at two places at once."""

    hold_minutes: Decimal
    allow_overlap: bool


class Outcome(NamedTuple):
    """The answers of some lines in their order; `failure` is why no further ones should be tried."""

    answers: list[LineAnswer]
    failure: BookingError | None = None


@dataclass(slots=True)
class Settled:
    """The answers by the number of their line; `new` are the lines that were booked now, and not by an earlier command."""

    answers: dict[int, LineAnswer] = field(default_factory=dict)
    new: set[int] = field(default_factory=set)

    def add(self, other: "Settled") -> None:
        """Take over what was found out about other lines."""
        self.answers |= other.answers
        self.new |= other.new

    def left(self, wishes: Iterable[Wish]) -> list[Wish]:
        """Return the wishes that are not settled."""
        return [wish for wish in wishes if wish.line not in self.answers]


def book(way: Way, book: Book, lines: Sequence[Line], terms: Terms) -> Outcome:
    """Book some lines, each on its own. Where something fails on the way, what is not settled has that for an answer."""
    wishes = [line for line in lines if isinstance(line, Wish)]
    settled, failure = Settled(), None
    try:
        settled.add(_ask(way, repeated, [wish for wish in wishes if wish.may_be_repeated]))
        left = settled.left(wishes)
        several = [] if terms.allow_overlap else on_several_lines(left)
        spans = way.read(lambda tx: spans_of(tx, several)) if several else {}
        settle(way, book, left, terms, spans, settled)
    except BookingError as error:
        failure = error
        for wish in wishes:
            settled.answers.setdefault(wish.line, refused(wish, error))
    return Outcome(in_order(lines, settled.answers), failure)


def in_order(lines: Iterable[Line], answers: Mapping[int, LineAnswer]) -> list[LineAnswer]:
    """Return the answers of lines, also of those that cannot be understood, in their order."""
    return [_bad(line) if isinstance(line, BadLine) else answers[line.line] for line in lines]


def repeated(tx: Transaction, wishes: Sequence[Wish]) -> Settled:
    """Return the answers for the wishes whose request made a booking before."""
    settled = Settled()
    found = tx.all("batches.find_requests", {"request_ids": [wish.request_id for wish in wishes]})
    by_request = {row["request_id"]: row for row in found}
    for wish in wishes:
        if (row := by_request.get(wish.request_id)) is None:
            continue
        made = (row["slot_id"], row["patient_name"], row["patient_email"])
        if refusals.same_request(made, (wish.slot_id, wish.patient_name, wish.patient_email)):
            settled.answers[wish.line] = _made(wish, row["first_status"], row)
            if row["made_here"]:
                settled.new.add(wish.line)
            continue
        refusal = refusals.reused(wish.request_id, row["reference"])
        if row["made_here"]:
            refusal = RequestIdReused(
                f"The request id {wish.request_id} is on an earlier line, for another patient or slot."
            )
        settled.answers[wish.line] = refused(wish, refusal)
    return settled


def on_several_lines(wishes: Sequence[Wish]) -> list[Wish]:
    """Return the wishes of patients who are, or may be, on several lines."""
    marks = [patient_mark(wish) for wish in wishes]
    counts = Counter(marks)
    return [wish for wish, mark in zip(wishes, marks, strict=True) if counts[mark] > 1]


def spans_of(tx: Transaction, wishes: Sequence[Wish]) -> dict[int, Span]:
    """Return who is to be where and when on some lines, by their numbers."""
    return {
        wishes[row["n"] - 1].line: Span(
            (row["email"], row["name"]), row["starts_at"].timestamp(), row["ends_at"].timestamp()
        )
        for row in tx.all("batches.spans", _named(wishes))
    }


def busy(tx: Transaction, wishes: Sequence[Wish]) -> Settled:
    """Return the refusals for the wishes of patients who have a booking at that time."""
    settled = Settled()
    for row in tx.all("batches.find_overlaps", _named(wishes)):
        wish = wishes[row["n"] - 1]
        error = refusals.overlap(wish.patient_name, row)
        if row["made_here"]:
            error = PatientOverlap(f"{wish.patient_name} is on an earlier line already, at a time that overlaps.")
        settled.answers[wish.line] = refused(wish, error)
    return settled


def settle(
    way: Way,
    book: Book,
    wishes: Sequence[Wish],
    terms: Terms,
    spans: Mapping[int, Span],
    settled: Settled,
    asked_before: Collection[int] = (),
) -> None:
    """Book what can be booked of the wishes that are not settled, and add an answer for each.

    Whether the patients are busy is asked right before each turn; in the first turn not for those who were `asked_before`.
    """
    turns, tries = Turns(settled.left(wishes), spans), Counter[int]()
    while True:
        now, late = turns.take()
        if not now and not late:
            return
        for wish, winner in late:
            _answer_late(wish, winner, settled)
        if not terms.allow_overlap:
            settled.add(_ask(way, busy, [wish for wish in now if wish.line not in asked_before]))
            if refused_now := [wish for wish in now if wish.line in settled.answers]:
                # Who is busy is so on the lines behind for the same slot as well.
                settled.add(_ask(way, busy, turns.behind(refused_now)))
                turns.drop(settled.answers.keys())
            now, asked_before = settled.left(now), ()
        for wish, row in _insert(way, book, now, terms, [wish for wish in now if tries[wish.line]]):
            settled.answers[wish.line] = _made(wish, row["status"], row)
            settled.new.add(wish.line)
            turns.booked(wish)
        if left := settled.left(now):
            # What stands in the way of a line stands in the way of those behind it as well.
            settled.add(_ask(way, functools.partial(_why_not, book), [*left, *turns.behind(left)]))
            turns.drop(settled.answers.keys())
            again = settled.left(left)
            tries.update(wish.line for wish in again)
            for wish in again:
                if tries[wish.line] > MAX_ROUNDS:
                    changes = Busy(f"Slot {wish.slot_id} changes all the time. It was not booked; please try again.")
                    settled.answers[wish.line] = refused(wish, changes)
            turns.put_back(settled.left(again))


def refused(wish: Wish, error: BookingError) -> LineAnswer:
    """Return the answer for a line that was not booked."""
    said = (wish.line, wish.slot_id, wish.patient_name, wish.patient_email, wish.request_id)
    return LineAnswer(*said, None, None, None, None, error.code, str(error))


def stands(tx: Transaction, made: "tuple[str, str] | None") -> bool:
    """Tell whether a transaction stands, by the request id and the reference of one booking that it made."""
    if made is None:
        return False
    found = tx.one("bookings.find_request", {"request_id": made[0]})
    return found is not None and found["reference"] == made[1]


def _bad(line: BadLine) -> LineAnswer:
    return LineAnswer(line.line, None, None, None, None, None, None, None, None, "invalid_input", line.why)


def _ask(way: Way, question: Callable[[Transaction, Sequence[Wish]], Settled], wishes: Sequence[Wish]) -> Settled:
    """Ask about wishes; that one was booked before is only said once that is there to stay."""
    if not wishes:
        return Settled()

    def ask(tx: Transaction) -> Settled:
        return question(tx, wishes)

    seen = way.read(ask)
    if any(answer.code is None for answer in seen.answers.values()):
        return way.read_what_lasts(ask)
    return seen


def _insert(
    way: Way, book: Book, wishes: Sequence[Wish], terms: Terms, taking_over: Sequence[Wish]
) -> list[tuple[Wish, Row]]:
    """Book what can be booked of wishes that do not come in each other's way, and return those with their bookings.

    Those that are `taking_over` first let a hold on their slot fail that has lapsed.
    """
    if not wishes:
        return []
    by_reference = dict(zip(new_references(len(wishes)), wishes, strict=True))
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
    takers = [{"slot_id": wish.slot_id, "request_id": wish.request_id} for wish in taking_over]

    def work(tx: Transaction, statement: str) -> list[Row]:
        if takers:
            tx.all("batches.release_lapsed_holds", {"takers": json.dumps(takers), "actor": book.actor})
        return tx.all(statement, parameters)

    def is_there(tx: Transaction, rows: list[Row]) -> bool:
        made = rows[0]["reference"] if rows else None
        return stands(tx, made and (by_reference[made].request_id, made))

    return [(by_reference[row["reference"]], row) for row in way.write(work, is_there)]


def _answer_late(wish: Wish, winner: Wish, settled: Settled) -> None:
    """Answer a wish that an earlier line of the same file came in the way of."""
    error: BookingError
    if wish.request_id == winner.request_id:
        ours, theirs = ((one.slot_id, one.patient_name, one.patient_email) for one in (wish, winner))
        if refusals.same_request(ours, theirs):
            settled.answers[wish.line] = settled.answers[winner.line]._replace(line=wish.line)
            settled.new.add(wish.line)
            return
        error = RequestIdReused(
            f"The request id {wish.request_id} is on line {winner.line} already, for another patient or slot."
        )
    elif wish.slot_id == winner.slot_id:
        error = SlotTaken(f"Slot {wish.slot_id} is taken: line {winner.line} has it. Choose another one.")
    else:
        error = PatientOverlap(
            f"{wish.patient_name} is on line {winner.line} already, at a time that overlaps. "
            "Choose another slot, or use --allow-overlap."
        )
    settled.answers[wish.line] = refused(wish, error)


def _why_not(book: Book, tx: Transaction, wishes: Sequence[Wish]) -> Settled:
    """Return the answers for wishes that were not booked, without those where trying again makes sense."""
    settled = repeated(tx, wishes)
    rest = settled.left(wishes)
    by_number = {row["n"]: row for row in (tx.all("batches.why_not_booked", _named(rest)) if rest else ())}
    for number, wish in enumerate(rest, start=1):
        row = by_number.get(number)
        reason = refusals.not_booked(book, wish.slot_id, row)
        if row is not None and row["made_here"] and isinstance(reason, SlotTaken):
            reason = SlotTaken(f"Slot {wish.slot_id} is taken: an earlier line has it. Choose another one.")
        if reason is not None:
            settled.answers[wish.line] = refused(wish, reason)
    return settled


def _made(wish: Wish, status: str, row: Row) -> LineAnswer:
    said = (wish.line, wish.slot_id, wish.patient_name, wish.patient_email, wish.request_id)
    return LineAnswer(*said, row["id"], row["reference"], status, row["hold_expires_at"], None, None)


def _named(wishes: Sequence[Wish]) -> dict[str, object]:
    """Return the parameters of a statement about the slots and patients of some lines."""
    lines = [{"slot_id": wish.slot_id, "name": wish.patient_name, "email": wish.patient_email} for wish in wishes]
    return {"lines": json.dumps(lines)}
