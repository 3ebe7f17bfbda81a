"""The checker of chaos histories finds each kind of broken promise about the clinic, and calls nothing broken that is not."""

import pytest

from tests.chaos.history import Done, Refused, Unknown
from tests.chaos.small_book import SmallBook

KILLED = Unknown("killed")
NOTHING = set()


@pytest.fixture
def book():
    return SmallBook()


def test_an_acknowledged_name_that_is_not_there_is_found(book):
    book.set_clinic("North", happens=False)
    assert book.kinds() == {"undone"}


def test_a_name_that_comes_back_is_found(book):
    book.set_clinic("North")
    book.set_clinic("South", happens=False)
    assert book.kinds() == {"undone"}


@pytest.mark.parametrize("answer", [None, KILLED])
def test_the_name_is_the_last_that_may_have_been_given(book, answer):
    book.set_clinic("North")
    book.set_clinic("South", answer, happens=True)
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("name", ["North", "South"])
def test_of_two_names_given_at_a_time_either_may_be_the_last(book, name):
    book.set_clinic("North", happens=name == "North", span=(0, 6))
    book.set_clinic("South", happens=name == "South", span=(5, 9))
    assert book.kinds() == NOTHING


def test_a_name_given_by_a_killed_client_may_come_at_any_later_time(book):
    book.set_clinic("North", KILLED)
    book.set_clinic("South")
    book.clinic[0]["name"] = "North"
    assert book.kinds() == NOTHING


def test_a_name_is_right_that_is_given_once_more(book):
    book.set_clinic("North")
    book.set_clinic("South")
    book.set_clinic("North")
    assert book.kinds() == NOTHING


def test_a_refused_name_that_is_there_is_found(book):
    book.set_clinic("North", Refused("busy"), happens=True)
    assert book.kinds() == {"refused"}


def test_a_name_that_nobody_asked_for_is_found(book):
    book.clinic[0]["name"] = "North"
    assert book.kinds() == {"nowhere"}


def test_a_name_that_was_given_otherwise_than_it_was_asked_for_is_found(book):
    book.set_clinic("North", Done({"name": "South"}), happens=True)
    assert book.kinds() == {"differs"}


@pytest.mark.parametrize("change", [{"timezone": "Europe/Berlin"}, {"hold_minutes": 3}])
def test_another_change_of_the_clinic_is_found(book, change):
    book.clinic[0] |= change
    assert book.kinds() == {"differs"}
