"""The checker of chaos histories finds appointments of doctors who took none, and concludes only what is certain."""

import pytest

from tests.chaos.history import Refused, Unknown
from tests.chaos.small_book import SmallBook

KILLED = Unknown("killed")
INACTIVE = Refused("doctor_inactive")
NOTHING = set()


@pytest.fixture
def book():
    return SmallBook()


@pytest.fixture
def doctor(book):
    """The doctor of all slots."""
    return book.doctors[0]


def test_a_booking_with_a_doctor_who_was_not_active_is_found(book, doctor):
    book.update_doctor(doctor, active=False)
    book.book(1, "ana")
    assert book.kinds() == {"inactive"}


def test_a_booking_before_the_doctor_became_active_again_is_found(book, doctor):
    book.update_doctor(doctor, active=False)
    book.book(1, "ana")
    book.update_doctor(doctor, active=True)
    assert book.kinds() == {"inactive"}


def test_a_booking_is_found_although_the_doctor_was_changed_otherwise_meanwhile(book, doctor):
    book.update_doctor(doctor, active=False)
    book.update_doctor(doctor, phone="1")
    book.book(1, "ana")
    book.update_doctor(doctor, phone="2")
    assert book.kinds() == {"inactive"}


def test_a_booking_that_nobody_was_told_of_is_found_where_the_doctor_never_became_active_again(book, doctor):
    book.update_doctor(doctor, active=False)
    book.book(1, "ana", KILLED, happens=True)
    assert book.kinds() == {"inactive"}


def test_a_booking_that_nobody_was_told_of_may_have_come_once_the_doctor_was_active_again(book, doctor):
    book.update_doctor(doctor, active=False)
    book.book(1, "ana", KILLED, happens=True)
    book.update_doctor(doctor, active=True)
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("span", [(0, 12), (12, 25), (0, 30)])
def test_a_booking_while_the_doctor_became_inactive_is_right(book, doctor, span):
    book.update_doctor(doctor, active=False, span=(10, 20))
    book.book(1, "ana", span=span)
    assert book.kinds() == NOTHING


def test_a_booking_while_the_doctor_became_active_again_is_right(book, doctor):
    book.update_doctor(doctor, active=False)
    book.update_doctor(doctor, active=True, span=(20, 30))
    book.book(1, "ana", span=(10, 21))
    assert book.kinds() == NOTHING


def test_a_booking_is_right_where_a_killed_client_has_made_the_doctor_active_again(book, doctor):
    book.update_doctor(doctor, active=False)
    book.update_doctor(doctor, KILLED, active=True, happens=True)
    book.book(1, "ana")
    assert book.kinds() == NOTHING


def test_a_booking_is_found_although_a_killed_client_wanted_the_doctor_active_again_and_failed(book, doctor):
    book.update_doctor(doctor, active=False)
    book.update_doctor(doctor, KILLED, active=True, happens=False)
    book.book(1, "ana")
    book.update_doctor(doctor, phone="1")
    assert book.kinds() == {"inactive"}


def test_a_booking_is_right_where_a_killed_client_may_have_made_the_doctor_active_for_a_while(book, doctor):
    book.update_doctor(doctor, KILLED, active=True, happens=False)
    book.update_doctor(doctor, active=False)
    doctor["version"] += 1
    book.book(1, "ana")
    doctor["active"] = True
    assert book.kinds() == NOTHING


def test_a_booking_that_is_repeated_after_the_doctor_became_inactive_is_right(book, doctor):
    ana = book.book(1, "ana")
    book.update_doctor(doctor, active=False)
    book.again(ana)
    assert book.kinds() == NOTHING


def test_a_booking_is_right_whose_first_try_was_before_the_doctor_became_inactive(book, doctor):
    ana = book.book(1, "ana", KILLED, happens=True)
    book.update_doctor(doctor, active=False)
    book.again(ana)
    assert book.kinds() == NOTHING


def test_a_booking_is_found_whose_first_try_was_refused_before_the_doctor_became_inactive(book, doctor):
    book.book(1, "ana", Refused("busy"))
    book.update_doctor(doctor, active=False)
    book.book(1, "ana")
    assert book.kinds() == {"inactive"}


def test_a_booking_that_was_there_from_the_beginning_is_right_whatever_the_doctor_is(book, doctor):
    doctor["active"] = False
    book.before_everything(book.book(1, "ana"))
    assert book.kinds() == NOTHING


def test_a_change_of_a_booking_is_right_whatever_the_doctor_is(book, doctor):
    ana = book.book(1, "ana")
    book.update_doctor(doctor, active=False)
    book.confirm(ana)
    book.cancel(ana)
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("how", ["add_slot", "bulk"])
def test_a_slot_of_a_doctor_who_was_not_active_is_found(book, doctor, how):
    book.update_doctor(doctor, active=False)
    getattr(book, how)(book.slot_row(3))
    assert book.kinds() == {"inactive"}


@pytest.mark.parametrize("how", ["add_slot", "bulk"])
def test_a_slot_while_the_doctor_became_inactive_is_right(book, doctor, how):
    book.update_doctor(doctor, active=False, span=(10, 20))
    getattr(book, how)(book.slot_row(3), span=(19, 30))
    assert book.kinds() == NOTHING


def test_a_slot_of_another_doctor_is_right(book, doctor):
    book.update_doctor(doctor, active=False)
    book.add_slot({**book.slot_row(3), "doctor_id": 2})
    assert book.kinds() == NOTHING


# stale


def test_nobody_is_told_that_an_active_doctor_is_not(book):
    book.book(1, "ana", INACTIVE)
    assert book.kinds() == {"stale"}


@pytest.mark.parametrize("how", ["add_slot", "bulk"])
def test_no_slot_is_refused_because_of_a_doctor_who_was_active_again(book, doctor, how):
    book.update_doctor(doctor, active=False)
    book.update_doctor(doctor, active=True)
    getattr(book, how)(book.slot_row(3), answer=INACTIVE)
    assert book.kinds() == {"stale"}


def test_whoever_meets_a_doctor_who_becomes_inactive_may_be_told_so(book, doctor):
    book.update_doctor(doctor, active=False, span=(10, 20))
    book.book(1, "ana", INACTIVE, span=(5, 11))
    book.book(1, "bob", INACTIVE, span=(20, 25))
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("happens", [True, False])
def test_whoever_comes_after_a_killed_deactivation_may_be_told_so_where_it_may_have_happened(book, doctor, happens):
    book.update_doctor(doctor, KILLED, active=False, happens=happens)
    book.book(1, "ana", INACTIVE)
    assert book.kinds() == (NOTHING if happens else {"stale"})


def test_whoever_meets_a_doctor_who_is_deleted_may_be_told_so(book):
    other = {**book.slot_row(3), "doctor_id": 2}
    book.delete_doctor(book.doctors[1], span=(10, 20))
    book.bulk(other, answer=INACTIVE, span=(5, 15))
    book.operations[-1].arguments["doctor_id"] = 2
    assert book.kinds() == NOTHING
