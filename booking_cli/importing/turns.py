"""Whose turn it is among lines of a file that come in each other's way: the earlier one goes first. Pure: no database.

Two lines come in each other's way where they want the same slot, have the same request id, or book one patient at times
that overlap. The later one waits until it is known what became of the earlier one, and whoever is behind it waits too: were
a line to go ahead of one that waits, it could take what the other would have got.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from booking_cli.importing.rows import Wish


class Span(NamedTuple):
    """Who is to be where, and from when to when, in seconds since 1970.

    `patient` is the same for those whom the database takes for the same patient.
    """

    patient: tuple[str, str]
    start: float
    end: float


class Turns:
    """The lines that wait, in the order of the file; `spans` are those of patients who are on several lines."""

    def __init__(self, wishes: Sequence[Wish], spans: Mapping[int, Span]) -> None:
        self._waiting = list(wishes)
        self._spans = spans
        self._booked = _Claims(spans)

    def take(self) -> tuple[list[Wish], list[tuple[Wish, Wish]]]:
        """Return whose turn it is, and who is too late, each with the line that was booked; none of them waits any longer.

        Of those whose turn it is, none comes in another's way. Where both are empty, nobody waits.
        """
        now: list[Wish] = []
        late: list[tuple[Wish, Wish]] = []
        waiting: list[Wish] = []
        ahead = _Claims(self._spans)
        for wish in self._waiting:
            if (winner := self._booked.rival(wish)) is not None:
                late.append((wish, winner))
                continue
            (now if ahead.rival(wish) is None else waiting).append(wish)
            ahead.add(wish)
        self._waiting = waiting
        return now, late

    def booked(self, wish: Wish) -> None:
        """Note that a wish has come true."""
        self._booked.add(wish)

    def behind(self, wishes: Iterable[Wish]) -> list[Wish]:
        """Return the lines that wait for the slots of others."""
        slots = {wish.slot_id for wish in wishes}
        return [wish for wish in self._waiting if wish.slot_id in slots]

    def drop(self, lines: Collection[int]) -> None:
        """Let lines wait no longer, by their numbers."""
        self._waiting = [wish for wish in self._waiting if wish.line not in lines]

    def put_back(self, wishes: Iterable[Wish]) -> None:
        """Let lines wait for another turn, in their old places."""
        self._waiting = sorted([*wishes, *self._waiting], key=lambda wish: wish.line)


class _Claims:
    """What some lines want."""

    def __init__(self, spans: Mapping[int, Span]) -> None:
        self._spans = spans
        self._by_slot: dict[int, Wish] = {}
        self._by_request: dict[str, Wish] = {}
        self._by_patient: dict[tuple[str, str], list[tuple[Span, Wish]]] = {}

    def add(self, wish: Wish) -> None:
        self._by_slot.setdefault(wish.slot_id, wish)
        self._by_request.setdefault(wish.request_id, wish)
        if (span := self._spans.get(wish.line)) is not None:
            self._by_patient.setdefault(span.patient, []).append((span, wish))

    def rival(self, wish: Wish) -> Wish | None:
        """Return a line that is in the way of another: with its request id, or else its patient, or else its slot."""
        if (rival := self._by_request.get(wish.request_id)) is not None:
            return rival
        if (span := self._spans.get(wish.line)) is not None:
            for other, busy in self._by_patient.get(span.patient, ()):
                if busy.slot_id != wish.slot_id and other.start < span.end and other.end > span.start:
                    return busy
        return self._by_slot.get(wish.slot_id)
