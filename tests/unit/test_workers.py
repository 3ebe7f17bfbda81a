"""Threads that work on pieces: in which order their results come, and which pieces never meet."""

import threading

import pytest

from booking_cli.importing.workers import Workers
from tests.support.waiting import PATIENCE_SECONDS


@pytest.fixture
def workers():
    """Makes workers that are closed afterwards; a piece is what `work` takes, and marked with itself."""
    made = []

    def make(count, work, *, is_last=lambda _: False, marks=lambda piece: {piece}):
        made.append(Workers(count, work, is_last=is_last, marks=marks))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_results_come_in_the_order_of_the_pieces(workers):
    first_may_end = threading.Event()

    def work(piece):
        if piece == 0:
            assert first_may_end.wait(PATIENCE_SECONDS)
        else:
            first_may_end.set()
        return piece

    assert list(workers(2, work).results(iter(range(9)))) == list(range(9))


def test_pieces_that_share_a_mark_are_never_worked_on_at_the_same_time(workers):
    at_work, together, lock = set(), set(), threading.Lock()
    met = threading.Barrier(2)

    def work(piece):
        with lock:
            at_work.add(piece)
            together.update((piece, other) for other in at_work)
        if piece[0] == "b":
            met.wait(PATIENCE_SECONDS)  # these have nothing in common, and so they are at work together
        with lock:
            at_work.discard(piece)
        return piece

    pieces = ["a1", "a2", "a3", "b4", "b5", "a6"]
    marks = {"a1": {"x"}, "a2": {"x", "y"}, "a3": {"y"}, "b4": {"p"}, "b5": {"q"}, "a6": {"q"}}
    assert list(workers(3, work, marks=marks.get).results(iter(pieces))) == pieces
    assert {pair for pair in together if marks[pair[0]] & marks[pair[1]] and pair[0] != pair[1]} == set()
    assert ("b5", "b4") in together or ("b4", "b5") in together


def test_after_a_result_that_is_the_last_no_piece_begins(workers):
    begun = []

    def work(piece):
        begun.append(piece)
        return piece

    assert list(workers(1, work, is_last=lambda piece: piece == 2).results(iter(range(9)))) == [0, 1, 2]
    assert begun == [0, 1, 2]


def test_after_an_error_of_the_work_what_is_in_hand_is_still_returned(workers):
    both_begun = threading.Barrier(2)

    def work(piece):
        both_begun.wait(PATIENCE_SECONDS)
        if piece == 0:
            raise ValueError("a bug")
        return piece

    results = workers(2, work).results(iter(range(2)))
    assert next(results) == 1
    with pytest.raises(ValueError, match="a bug"):
        next(results)


def test_where_the_pieces_cannot_be_read_on_what_was_begun_is_returned_first(workers):
    def pieces():
        yield from range(3)
        raise ValueError("the file cannot be read on")

    results = workers(2, lambda piece: piece).results(pieces())
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="read on"):
        next(results)
