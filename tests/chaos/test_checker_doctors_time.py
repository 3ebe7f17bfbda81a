"""The checker of chaos histories finds answers about doctors that contradict what was acknowledged before, and no others."""

import pytest

from tests.chaos.history import Refused, Unknown
from tests.chaos.small_book import SmallBook

KILLED = Unknown("killed")
BUSY = Refused("busy")
NOTHING = set()


@pytest.fixture
def book():
    return SmallBook()


@pytest.fixture
def first(book):
    """A doctor who was there from the beginning."""
    return book.doctors[0]


@pytest.fixture
def row(book):
    """A third doctor, whom nobody has added yet."""
    return book.doctor_row(3)


# order


def test_a_change_that_comes_before_one_that_was_acknowledged_earlier_is_found(book, first):
    book.update_doctor(first, phone="1", span=(20, 25))
    book.update_doctor(first, active=False, span=(10, 15))
    assert book.kinds() == {"order"}


def test_two_changes_at_a_time_may_come_in_either_order(book, first):
    book.update_doctor(first, phone="1", span=(14, 25))
    book.update_doctor(first, active=False, span=(10, 15))
    assert book.kinds() == NOTHING


# stale


@pytest.mark.parametrize("how", ["update_doctor", "delete_doctor"])
def test_a_doctor_who_was_there_is_found_where_somebody_was_told_they_were_not(book, row, how):
    book.add_doctor(row)
    getattr(book, how)(row, Refused("not_found"))
    assert book.kinds() == {"stale"}


def test_a_slot_for_a_doctor_who_was_there_is_not_refused_for_want_of_a_doctor(book):
    book.add_slot(book.slot_row(3), Refused("not_found"))
    assert book.kinds() == {"stale"}


@pytest.mark.parametrize("answer", [None, KILLED])
def test_a_doctor_is_not_found_once_they_may_have_been_deleted(book, row, answer):
    book.add_doctor(row)
    book.delete_doctor(row, answer, happens=True)
    book.update_doctor(row, Refused("not_found"), phone="1")
    assert book.kinds() == NOTHING


def test_a_doctor_is_not_found_while_they_are_added(book, row):
    book.add_doctor(row, span=(10, 20))
    book.update_doctor(row, Refused("not_found"), phone="1", span=(11, 19))
    assert book.kinds() == NOTHING


def test_a_doctor_without_slots_is_not_in_use(book, row):
    book.delete_doctor(book.add_doctor(row), Refused("in_use"))
    assert book.kinds() == {"stale"}


@pytest.mark.parametrize("answer", [None, KILLED])
def test_a_doctor_is_in_use_who_has_slots_or_may_have(book, row, answer):
    book.add_doctor(row)
    book.add_slot({**book.slot_row(3), "doctor_id": 3}, answer)
    book.delete_doctor(row, Refused("in_use"))
    book.delete_doctor(book.doctors[0], Refused("in_use"))
    assert book.kinds() == NOTHING


def test_an_address_that_nobody_can_have_had_is_not_taken(book, row):
    book.add_doctor(row, BUSY)
    book.add_doctor(row, Refused("email_taken"))
    assert book.kinds() == {"stale"}


def test_an_address_is_taken_that_was_there_from_the_beginning(book, row):
    book.add_doctor({**row, "email": "DOCTOR1@x.de"}, Refused("email_taken"))
    assert book.kinds() == NOTHING
