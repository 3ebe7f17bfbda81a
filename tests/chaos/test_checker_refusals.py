"""The checker of chaos histories finds refusals that contradict what was acknowledged before, and no others."""

import pytest

from tests.chaos.history import Refused, Unknown
from tests.chaos.small_book import SmallBook

KILLED = Unknown("killed")
TAKEN = Refused("slot_taken")
NOT_FOUND = Refused("not_found")
WRONG_STATE = Refused("wrong_state")
LAPSED = Refused("hold_lapsed")
STALE, NOTHING = {"stale"}, set()


@pytest.fixture
def book():
    return SmallBook()


@pytest.fixture
def ana(book):
    return book.book(1, "ana")


@pytest.mark.parametrize("change", ["confirm", "cancel"])
def test_an_acknowledged_booking_that_is_not_found_is_found_out(book, ana, change):
    getattr(book, change)(ana, NOT_FOUND)
    assert book.kinds() == STALE


@pytest.mark.parametrize("change", ["confirm", "cancel"])
def test_a_booking_may_not_be_found_while_it_is_being_made(book, change):
    ana = book.book(1, "ana", span=(0, 10))
    getattr(book, change)(ana, NOT_FOUND, span=(9, 20))
    assert book.kinds() == NOTHING


def test_a_hold_that_cannot_be_confirmed_for_its_state_is_found_out(book, ana):
    book.confirm(ana, WRONG_STATE)
    assert book.kinds() == STALE


@pytest.mark.parametrize("change", ["confirm", "cancel"])
def test_a_booking_that_was_changed_already_cannot_be_confirmed(book, ana, change):
    getattr(book, change)(ana)
    book.confirm(ana, WRONG_STATE, request="other")
    assert book.kinds() == NOTHING


def test_a_cancelled_booking_cannot_be_cancelled(book, ana):
    book.cancel(ana)
    book.cancel(ana, WRONG_STATE, request="other")
    assert book.kinds() == NOTHING


def test_changes_that_began_later_do_not_excuse_an_earlier_refusal(book, ana):
    book.confirm(ana, WRONG_STATE, request="other")
    book.confirm(ana)
    book.cancel(ana)
    assert book.kinds() == STALE


def test_a_cancel_that_was_under_way_excuses_a_refusal(book, ana):
    book.confirm(ana, WRONG_STATE, span=(10, 30))
    book.cancel(ana, span=(29, 40))
    assert book.kinds() == NOTHING


def test_a_cancelled_booking_has_not_lapsed(book, ana):
    book.cancel(ana)
    book.confirm(ana, LAPSED)
    assert book.kinds() == STALE


def test_a_confirmed_booking_that_cannot_be_cancelled_is_found_out(book, ana):
    book.confirm(ana)
    book.cancel(ana, WRONG_STATE)
    assert book.kinds() == STALE


def test_a_failed_booking_is_in_the_wrong_state_for_a_cancel_and_has_lapsed_for_a_confirm(book):
    ana = book.book(1, "ana", hold=3)
    book.cancel(ana, WRONG_STATE)
    book.confirm(ana, LAPSED)
    book.expire(ana)
    book.cancel(ana, WRONG_STATE)
    book.confirm(ana, LAPSED)
    assert book.kinds() == NOTHING


def test_a_failed_booking_that_is_in_the_wrong_state_for_a_confirm_is_found_out(book):
    ana = book.book(1, "ana", hold=3)
    book.expire(ana)
    book.confirm(ana, WRONG_STATE)
    assert book.kinds() == STALE


@pytest.mark.parametrize("change", ["confirm", "cancel"])
def test_a_hold_that_had_lapsed_and_is_confirmed_or_cancelled_later_is_found_out(book, ana, change):
    book.confirm(ana, LAPSED, request="early")
    getattr(book, change)(ana)
    assert book.kinds() == STALE


def test_a_hold_may_lapse_at_any_time_while_it_is_not_confirmed(book, ana):
    book.confirm(ana, LAPSED, span=(10, 30), request="early")
    book.cancel(ana, WRONG_STATE, span=(10, 30), request="early too")
    book.confirm(ana, span=(29, 40))
    # Somebody saw the hold lapse just before the last one's transaction, which had begun earlier, was committed.
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("code", ["busy", "database_unavailable", "request_id_reused"])
def test_a_refusal_that_says_nothing_of_the_state_is_right(book, ana, code):
    book.confirm(ana, Refused(code))
    book.cancel(ana, Refused(code))
    assert book.kinds() == NOTHING


def test_a_change_of_a_booking_that_nobody_knows_is_refused_rightly(book, ana):
    book.confirm({**ana, "reference": "REF-9"}, NOT_FOUND)
    assert book.kinds() == NOTHING


def test_a_free_slot_that_is_taken_is_found_out(book):
    book.book(1, "bob", TAKEN)
    assert book.kinds() == STALE


def test_a_slot_that_is_taken_only_later_is_found_out(book):
    book.book(1, "bob", TAKEN)
    book.book(1, "ana")
    assert book.kinds() == STALE


def test_a_slot_that_was_released_before_is_found_out(book, ana):
    book.cancel(ana)
    book.book(1, "bob", TAKEN)
    assert book.kinds() == STALE


def test_a_slot_that_only_the_request_itself_has_is_found_out(book):
    ana = book.book(1, "ana", KILLED, happens=True)
    book.again(ana, TAKEN)
    assert book.kinds() == STALE


def test_a_slot_that_was_being_booked_or_released_may_be_taken(book):
    ana = book.book(1, "ana", span=(0, 10))
    book.book(1, "bob", TAKEN, span=(9, 12))
    book.cancel(ana, span=(20, 30))
    book.book(1, "bob", TAKEN, span=(29, 40))
    assert book.kinds() == NOTHING


def test_a_slot_whose_release_nobody_was_told_of_may_be_taken(book):
    ana = book.book(1, "ana", KILLED, happens=True)
    book.cancel(ana, KILLED, happens=True)
    book.book(1, "bob", TAKEN)
    assert book.kinds() == NOTHING


def test_a_slot_that_a_hold_took_which_expires_later_is_taken(book):
    ana = book.book(1, "ana", hold=12)
    book.book(1, "bob", TAKEN)
    book.expire(ana)
    assert book.kinds() == NOTHING
    book.book(1, "bob", TAKEN, request="again")
    assert book.kinds() == STALE


def test_a_patient_who_overlaps_with_nothing_is_found_out(book, ana):
    book.book(1, "ana", Refused("patient_overlap"), request="other")
    assert book.kinds() == STALE


def test_a_patient_who_has_another_slot_may_overlap(book, ana):
    book.book(2, "ANA", Refused("patient_overlap"))
    assert book.kinds() == NOTHING


def test_a_patient_with_several_bookings_may_overlap_with_any(book, ana):
    book.cancel(ana)
    book.book(1, "ana", request="once more")
    book.book(2, "ana", Refused("patient_overlap"))
    assert book.kinds() == NOTHING


def test_operations_that_touch_may_have_seen_each_other_or_not(book):
    ana = book.book(1, "ana", span=(0, 10))
    book.confirm(ana, NOT_FOUND, span=(10, 20))
    book.book(1, "bob", TAKEN, span=(20, 30))
    book.cancel(ana, span=(10, 20))
    book.cancel(ana, NOT_FOUND, span=(10, 12), request="early")
    book.add_slot(book.slot_row(3), span=(30, 40))
    book.book(3, "carla", NOT_FOUND, span=(40, 50))
    dora = book.book(3, "dora", span=(80, 90))
    book.cancel(dora, WRONG_STATE, span=(90, 100), request="early")
    book.cancel(dora, span=(100, 110))
    book.delete_slot(2, KILLED, span=(120, 130))
    book.book(2, "fay", NOT_FOUND, span=(110, 120))
    book.book(3, "eve", TAKEN, span=(70, 80))
    assert book.kinds() == NOTHING


def test_a_patient_whose_other_booking_was_cancelled_is_found_out(book, ana):
    book.cancel(ana)
    book.book(2, "ana", Refused("patient_overlap"))
    assert book.kinds() == STALE


@pytest.mark.parametrize("added", ["before", "meanwhile"])
def test_a_slot_that_is_there_and_is_not_found_is_found_out(book, added):
    number = 2
    if added == "meanwhile":
        number = 3
        book.add_slot(book.slot_row(3))
    book.book(number, "ana", NOT_FOUND)
    assert book.kinds() == STALE
    book.operations.pop()
    book.delete_slot(number, NOT_FOUND)
    assert book.kinds() == STALE


def test_a_slot_may_not_be_found_before_it_is_added_and_after_it_may_have_been_deleted(book):
    book.book(3, "ana", NOT_FOUND)
    book.add_slot(book.slot_row(3), span=(20, 30))
    book.book(3, "ana", NOT_FOUND, span=(29, 31))
    book.delete_slot(3, KILLED, span=(40, 50))
    book.book(3, "ana", NOT_FOUND, span=(35, 41))
    assert book.kinds() == NOTHING


def test_a_slot_that_is_deleted_only_later_is_found_out(book):
    book.book(2, "ana", NOT_FOUND)
    book.delete_slot(2)
    assert book.kinds() == STALE


def test_a_refused_deletion_does_not_excuse_a_slot_that_is_not_found(book):
    book.delete_slot(2, Refused("busy"))
    book.book(2, "ana", NOT_FOUND)
    assert book.kinds() == STALE
