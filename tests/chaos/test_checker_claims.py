"""The checker of chaos histories finds what was done once and claimed twice, or claimed and not done."""

import pytest

from tests.chaos.history import Unknown
from tests.chaos.small_book import SmallBook

KILLED = Unknown("killed")
NOTHING = set()


@pytest.fixture
def book():
    return SmallBook()


# claimed


@pytest.mark.parametrize("change", ["confirm", "cancel"])
def test_a_change_that_two_requests_were_told_they_made_is_found(book, change):
    ana = book.book(1, "ana")
    getattr(book, change)(ana, request="one")
    getattr(book, change)(ana, request="other", happens=False)
    assert book.kinds() == {"claimed", "lost"}


def test_a_booking_that_is_confirmed_and_cancelled_by_requests_of_their_own_is_right(book):
    ana = book.book(1, "ana")
    book.confirm(ana, request="one")
    book.cancel(ana, request="other")
    assert book.kinds() == NOTHING


# expired


def test_a_hold_that_two_expires_released_is_found(book):
    ana = book.book(1, "ana", hold=3)
    book.expire(ana)
    book.expire(ana, happens=False)
    assert book.kinds() == {"expired"}


def test_a_released_hold_that_has_not_failed_is_found(book):
    ana = book.book(1, "ana", hold=3)
    book.expire(ana, happens=False)
    assert book.kinds() == {"expired"}


def test_a_count_of_released_holds_that_is_wrong_is_found(book):
    ana = book.book(1, "ana", hold=3)
    book.expire(ana, count=2)
    assert book.kinds() == {"expired"}


def test_two_expires_that_release_different_holds_are_right(book):
    ana, bob = book.book(1, "ana", hold=3), book.book(2, "bob", hold=3)
    book.expire(ana)
    book.expire(bob)
    book.expire(answer=KILLED)
    assert book.kinds() == NOTHING
