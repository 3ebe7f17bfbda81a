"""The checker of chaos histories finds what cannot have come in that order, and repeated requests that lost their answer."""

import pytest

from tests.chaos.history import Refused, Unknown
from tests.chaos.small_book import SmallBook

KILLED = Unknown("killed")
BUSY = Refused("busy")
NOTHING = set()


@pytest.fixture
def book():
    return SmallBook()


# order


def test_a_confirm_that_began_after_the_acknowledged_cancel_is_found(book):
    ana = book.book(1, "ana")
    book.confirm(ana, span=(30, 35))
    book.cancel(ana, span=(20, 25))
    assert book.kinds() == {"order"}


def test_a_slot_booked_under_an_acknowledged_booking_that_is_cancelled_only_later_is_found(book):
    ana = book.book(1, "ana", confirm=True)
    book.cancel(ana, span=(40, 45))
    book.book(1, "bob", span=(20, 25))
    assert book.kinds() == {"order"}


def test_a_hold_taken_over_before_it_was_made_is_found(book):
    ana = book.book(1, "ana", hold=0.5, span=(20, 25))
    book.expire(ana, span=(10, 15))
    assert "order" in book.kinds()


def test_a_change_told_of_by_a_repetition_that_ended_early_is_found(book):
    ana = book.book(1, "ana", KILLED, happens=True)
    book.cancel(ana, span=(30, 35))
    book.book(1, "bob", KILLED, happens=True, span=(10, 50))
    book.again(book.bookings[1], span=(11, 20))
    assert book.kinds() == {"order"}


def test_changes_that_overlapped_may_come_in_either_order(book):
    ana = book.book(1, "ana")
    book.confirm(ana, span=(22, 30))
    book.cancel(ana, span=(20, 25))
    book.book(1, "bob", span=(19, 24))
    assert book.kinds() == NOTHING


def test_a_killed_client_s_change_may_come_after_everything(book):
    ana = book.book(1, "ana")
    book.confirm(ana)
    book.cancel(ana, KILLED, happens=True, span=(7, 8))
    assert book.kinds() == NOTHING


def test_a_change_that_a_first_try_made_comes_before_what_was_acknowledged_before_the_second(book):
    ana = book.book(1, "ana")
    book.confirm(ana, KILLED, happens=True)
    book.cancel(ana)
    book.confirm(ana, happens=False)
    assert book.kinds() == NOTHING


def test_a_hold_that_the_first_of_two_expires_released_is_right(book):
    ana = book.book(1, "ana", hold=3)
    book.expire(ana, answer=KILLED, happens=True)
    book.book(2, "bob")
    book.expire()
    assert book.kinds() == NOTHING


def test_a_hold_that_was_taken_over_before_anybody_else_came_is_right(book):
    ana = book.book(1, "ana", hold=3)
    book.fail(ana)
    book.book(1, "bob")
    book.book(1, "carla", Refused("slot_taken"))
    book.expire()
    assert book.kinds() == NOTHING


# repeat


@pytest.mark.parametrize(
    "code", ["not_found", "slot_taken", "slot_in_past", "doctor_inactive", "patient_overlap", "request_id_reused"]
)
def test_an_acknowledged_booking_that_is_refused_when_repeated_is_found(book, code):
    ana = book.book(1, "ana")
    book.again(ana, Refused(code))
    assert "repeat" in book.kinds()


@pytest.mark.parametrize("change", ["confirm", "cancel"])
@pytest.mark.parametrize("code", ["wrong_state", "hold_lapsed"])
def test_an_acknowledged_change_that_is_refused_when_repeated_is_found(book, change, code):
    ana = book.book(1, "ana")
    getattr(book, change)(ana)
    getattr(book, change)(ana, Refused(code))
    assert "repeat" in book.kinds()


def test_a_repetition_that_did_not_get_through_is_right(book):
    ana = book.book(1, "ana")
    book.again(ana, BUSY)
    book.again(ana, Refused("database_unavailable"))
    assert book.kinds() == NOTHING


def test_a_repetition_that_began_before_the_answer_may_be_refused(book):
    ana = book.book(1, "ana")
    book.confirm(ana, span=(20, 30))
    book.confirm(ana, Refused("wrong_state"), span=(29, 40))
    assert book.kinds() == NOTHING


def test_operations_that_touch_may_come_in_either_order(book):
    ana = book.book(1, "ana")
    book.confirm(ana, span=(20, 30))
    book.cancel(ana, span=(10, 20))
    book.confirm(ana, Refused("wrong_state"), span=(30, 40))
    assert book.kinds() == NOTHING


def test_a_request_id_of_a_confirm_is_refused_rightly_for_a_cancel(book):
    ana = book.book(1, "ana")
    book.confirm(ana, request="r")
    book.cancel(ana, Refused("request_id_reused"), request="r")
    assert book.kinds() == NOTHING


def test_a_request_id_used_for_somebody_else_is_refused_rightly(book):
    book.book(1, "ana", request="r")
    book.book(1, "bob", Refused("request_id_reused"), request="r")
    book.book(2, "ana", Refused("request_id_reused"), request="r")
    assert book.kinds() == NOTHING
