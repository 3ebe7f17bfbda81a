"""Lines that come in each other's way take turns, and get what they would get one after the other. Nothing here needs a database."""

from hypothesis import given
from hypothesis import strategies as st

from booking_cli.importing.rows import Wish
from booking_cli.importing.turns import Span, Turns


def wish(line, slot=None, request=None):
    return Wish(line, slot or line, "Pat", "pat@example.com", None, False, request or f"r-{line}", False)


def span(start, end, patient="pat"):
    return Span((patient, patient), start, end)


def in_turns(wishes, spans, can_be_booked):
    """Return the lines that are booked, and those that are too late with the line before them, turn after turn."""
    turns, booked, late = Turns(wishes, spans), [], {}
    while True:
        now, behind = turns.take()
        if not now and not behind:
            return sorted(booked), late
        late.update((wish.line, winner.line) for wish, winner in behind)
        for one in now:
            if can_be_booked(one):
                booked.append(one.line)
                turns.booked(one)


def one_by_one(wishes, spans, can_be_booked):
    """The same, in the plainest way."""
    booked = []
    for one in wishes:
        if can_be_booked(one) and not any(in_the_way(one, other, spans) for other in booked):
            booked.append(one)
    return [one.line for one in booked]


def in_the_way(one, other, spans):
    if one.slot_id == other.slot_id or one.request_id == other.request_id:
        return True
    a, b = spans.get(one.line), spans.get(other.line)
    return bool(a and b and a.patient == b.patient and a.start < b.end and a.end > b.start)


def test_lines_that_are_apart_all_have_their_turn_at_once():
    wishes = [wish(1), wish(2), wish(3)]
    assert Turns(wishes, {}).take() == (wishes, [])


def test_the_second_line_after_a_slot_is_too_late_once_the_first_has_it():
    assert in_turns([wish(1, slot=7), wish(2, slot=7)], {}, lambda _: True) == ([1], {2: 1})


def test_the_second_line_after_a_slot_gets_it_where_the_first_cannot():
    assert in_turns([wish(1, slot=7), wish(2, slot=7)], {}, lambda wish: wish.line != 1) == ([2], {})


def test_who_is_behind_a_line_that_waits_waits_too():
    """Line 2 waits for line 1, the same patient's at that time; line 3 must not take its slot meanwhile."""
    wishes, spans = [wish(1), wish(2, slot=9), wish(3, slot=9)], {1: span(9, 10), 2: span(9, 10)}
    assert in_turns(wishes, spans, lambda wish: wish.line != 1) == ([2], {3: 2})
    assert in_turns(wishes, spans, lambda _: True) == ([1, 3], {2: 1})


def test_a_line_that_was_put_back_has_its_old_place():
    turns = Turns([wish(1, slot=7), wish(2, slot=7)], {})
    now, _ = turns.take()
    turns.put_back(now)
    assert [one.line for one in turns.take()[0]] == [1]


@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 4), st.integers(1, 2), st.sampled_from("ab")),
        max_size=9,
    ),
    st.sets(st.integers(1, 9)),
)
def test_in_turns_is_as_one_by_one(drawn, refused):
    wishes = [wish(n, slot=slot, request=f"r-{request}") for n, (slot, request, *_) in enumerate(drawn, start=1)]
    spans = {n: span(start, start + length, who) for n, (_, _, start, length, who) in enumerate(drawn, start=1)}

    def can_be_booked(one):
        return one.line not in refused

    assert in_turns(wishes, spans, can_be_booked)[0] == one_by_one(wishes, spans, can_be_booked)
