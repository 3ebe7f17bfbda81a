"""The checker of chaos histories finds each kind of broken promise about doctors, and calls nothing broken that is not."""

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
    """A doctor who was there from the beginning and has slots."""
    return book.doctors[0]


@pytest.fixture
def row(book):
    """A third doctor, whom nobody has added yet."""
    return book.doctor_row(3)


# lost


def test_an_acknowledged_doctor_who_is_not_there_is_lost(book, row):
    book.doctors.remove(book.add_doctor(row))
    assert book.kinds() == {"lost"}


def test_a_doctor_who_was_there_from_the_beginning_and_is_gone_is_lost(book):
    book.doctors.pop()
    assert book.kinds() == {"lost"}


def test_a_doctor_is_not_lost_if_they_were_deleted_or_may_have_been(book, row):
    book.delete_doctor(book.add_doctor(row))
    book.delete_doctor(book.doctors[1], KILLED, happens=True)
    book.delete_doctor(book.doctors[0], KILLED, happens=False)
    assert book.kinds() == NOTHING


def test_a_doctor_whose_deletion_was_refused_is_lost(book):
    book.delete_doctor(book.doctors[1], BUSY, happens=True)
    assert book.kinds() == {"lost"}


def test_an_acknowledged_change_that_is_not_there_is_lost(book, first):
    book.update_doctor(first, phone="1")
    book.update_doctor(first, phone="2", happens=False)
    assert book.kinds() == {"lost"}


@pytest.mark.parametrize("answer", [None, KILLED])
def test_a_change_that_another_came_after_is_not_lost(book, first, answer):
    book.update_doctor(first, phone="1")
    book.update_doctor(first, answer, phone="2", happens=True)
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("happens", [True, False])
def test_a_killed_change_may_have_happened_or_not(book, first, happens):
    book.update_doctor(first, KILLED, phone="1", happens=happens)
    book.update_doctor(first, active=False)
    assert book.kinds() == NOTHING


# undone


def test_a_deleted_doctor_who_is_there_is_found(book):
    book.delete_doctor(book.doctors[1], happens=False)
    assert book.kinds() == {"undone"}


def test_a_change_of_a_deleted_doctor_is_found(book, row):
    book.add_doctor(row)
    book.delete_doctor(row)
    book.update_doctor(row, phone="1")
    assert book.kinds() == {"undone"}


def test_a_change_while_the_doctor_was_deleted_is_right(book, row):
    book.add_doctor(row)
    book.delete_doctor(row, span=(20, 40))
    book.update_doctor(row, phone="1", span=(30, 35))
    assert book.kinds() == NOTHING


def test_a_slot_for_a_deleted_doctor_is_found(book, row):
    book.add_doctor(row)
    book.delete_doctor(row)
    book.add_slot({**book.slot_row(3), "doctor_id": 3}, happens=False)
    assert "undone" in book.kinds()


# differs


@pytest.mark.parametrize(
    "change",
    [{"name": "Eve"}, {"specialization": "Surgery"}, {"email": "eve@x.de"}, {"phone": "1"}, {"active": False}],
)
def test_a_doctor_who_is_not_what_was_acknowledged_is_found(book, row, change):
    row = book.add_doctor(row)
    row |= change
    assert book.kinds() == {"differs"}


@pytest.mark.parametrize("other", [{"name": "Eve"}, {"phone": "1"}, {"active": False}, {"version": 2}])
def test_a_doctor_who_is_acknowledged_as_they_are_and_not_as_they_were_asked_for_is_found(book, row, other):
    book.add_doctor({**row, **other})
    book.operations[0].arguments.update({name: row[name] for name in ("name", "phone")})
    assert "differs" in book.kinds()


def test_a_change_that_shows_something_else_than_was_asked_for_is_found(book, first):
    book.update_doctor(first, phone="1")
    book.operations[0].arguments["change"]["phone"] = "2"
    assert book.kinds() == {"differs"}


def test_a_change_that_changes_something_else_as_well_is_found(book, first):
    book.update_doctor(first, phone="1")
    first["phone"] = None
    book.update_doctor(first, active=False)
    assert book.kinds() == {"differs"}


def test_a_change_on_top_of_a_killed_one_is_right(book, first):
    book.update_doctor(first, KILLED, phone="1", happens=True)
    book.update_doctor(first, active=False)
    assert book.kinds() == NOTHING


def test_a_killed_change_does_not_excuse_what_it_did_not_ask_for(book, first):
    book.update_doctor(first, KILLED, phone="1", happens=True)
    first["name"] = "Eve"
    assert book.kinds() == {"differs"}


def test_a_killed_change_does_not_excuse_a_difference_where_no_version_is_left_for_it(book, first):
    book.update_doctor(first, KILLED, phone="1", happens=False)
    first["phone"] = "1"
    assert book.kinds() == {"differs"}


def test_a_doctor_added_by_a_killed_client_is_as_they_were_asked_for(book, row):
    book.add_doctor(row, KILLED, happens=True)
    assert book.kinds() == NOTHING
    row["name"] = "Eve"
    assert book.kinds() == {"differs"}


# refused, nowhere


def test_a_refused_doctor_who_is_there_is_found(book, row):
    book.add_doctor(row, BUSY, happens=True)
    assert book.kinds() == {"refused"}


@pytest.mark.parametrize("answer", [None, KILLED])
def test_a_refused_doctor_is_there_if_another_try_may_have_added_them(book, row, answer):
    book.add_doctor(row, BUSY)
    book.add_doctor(row, answer, happens=True)
    book.add_doctor(row, Refused("email_taken"))
    assert book.kinds() == NOTHING


def test_a_refused_change_that_is_there_is_found(book, first):
    book.update_doctor(first, BUSY, phone="1", happens=True)
    assert book.kinds() == {"refused", "differs"}


def test_a_refused_change_that_others_came_after_is_found(book, first):
    book.update_doctor(first, BUSY, phone="1", happens=True)
    book.update_doctor(first, phone="2")
    assert book.kinds() == {"refused"}


def test_a_change_that_was_refused_because_the_doctor_was_deleted_may_have_come_before(book, row):
    book.add_doctor(row)
    book.update_doctor(row, Refused("not_found"), phone="1", happens=True, span=(10, 20))
    book.update_doctor(row, active=False, span=(11, 12))
    book.delete_doctor(row, span=(13, 14))
    assert book.kinds() == NOTHING


def test_a_change_that_was_refused_and_came_before_the_doctor_was_deleted_is_found(book, row):
    book.add_doctor(row)
    book.update_doctor(row, BUSY, phone="1", happens=True)
    book.update_doctor(row, phone="2")
    book.delete_doctor(row)
    assert book.kinds() == {"refused"}


def test_a_doctor_whom_nobody_asked_for_is_found(book, row):
    book.doctors.append(row)
    assert book.kinds() == {"nowhere"}


def test_a_change_that_nobody_asked_for_is_found(book, first):
    first["version"] += 1
    assert book.kinds() == {"nowhere"}


def test_one_killed_change_does_not_explain_two_versions(book, first):
    book.update_doctor(first, KILLED, phone="1", happens=True)
    first["version"] += 1
    assert book.kinds() == {"nowhere"}


# claimed, twice, orphan


def test_a_version_that_two_operations_were_told_they_made_is_found(book, first):
    book.update_doctor(first, phone="1", happens=False, span=(0, 5))
    book.update_doctor(first, active=False, span=(1, 6))
    assert book.kinds() == {"claimed"}


def test_a_doctor_who_two_operations_were_told_they_added_is_found(book, row):
    book.add_doctor(row, span=(0, 5))
    book.add_doctor(row, happens=False, span=(1, 6))
    assert book.kinds() == {"claimed"}


def test_a_doctor_who_was_deleted_twice_one_after_the_other_is_found(book):
    book.delete_doctor(book.doctors[1])
    book.delete_doctor(book.doctor_row(2))
    assert book.kinds() == {"claimed"}


def test_of_two_deletions_at_a_time_one_may_have_found_the_doctor_gone(book):
    book.delete_doctor(book.doctors[1], span=(0, 5))
    book.delete_doctor(book.doctor_row(2), span=(4, 9))
    assert book.kinds() == NOTHING


def test_two_doctors_of_one_address_are_found(book, row):
    book.add_doctor(row, KILLED, happens=True)
    book.add_doctor({**row, "id": 4, "email": row["email"].upper()})
    assert book.kinds() == {"twice"}


def test_a_slot_without_its_doctor_is_found(book):
    book.delete_doctor(book.doctors[0])
    assert book.kinds() == {"orphan"}
