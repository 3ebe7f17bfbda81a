"""The checker of chaos histories finds rows that contradict each other, and calls nothing broken that is not."""

import datetime as dt

import pytest

from tests.chaos.history import Refused, Unknown
from tests.chaos.small_book import SmallBook

KILLED = Unknown("killed")
NOTHING = set()


@pytest.fixture
def book():
    return SmallBook()


def test_a_clinic_s_usual_day_is_right(book):
    ana = book.book(1, "ana")
    book.book(1, "bob", Refused("slot_taken"))
    book.confirm(ana)
    book.cancel(ana)
    book.book(1, "bob", confirm=True)
    lapsed = book.book(2, "carla", hold=3)
    book.expire(lapsed)
    book.confirm(lapsed, Refused("hold_lapsed"))
    book.expire()
    book.add_slot(book.slot_row(3))
    book.delete_slot(3)
    assert book.kinds() == NOTHING


# double


def test_a_slot_that_two_people_have_at_the_end_is_double(book):
    ana, bob = book.book(1, "ana"), book.book(1, "bob", confirm=True)
    assert {ana["status"], bob["status"]} == {"PENDING", "CONFIRMED"}
    assert book.kinds() == {"double"}


@pytest.mark.parametrize("confirm", [True, False])
def test_two_active_bookings_of_a_slot_are_double_even_without_a_history(book, confirm):
    book.book(1, "ana", confirm=confirm), book.book(1, "bob", confirm=confirm)
    book.history.clear()
    assert "double" in book.kinds()


def test_a_slot_that_two_people_had_for_a_while_is_double(book):
    ana, bob = book.book(1, "ana"), book.book(1, "bob")
    book.cancel(ana)
    book.cancel(bob)
    assert book.kinds() == {"double"}


def test_a_slot_given_away_under_the_first_of_two_who_had_left_is_double(book):
    ana = book.book(1, "ana")
    bob = book.book(1, "bob")
    book.cancel(bob)
    carla = book.book(1, "carla")
    book.cancel(ana)
    book.cancel(carla)
    # Bob left before Carla came, but Ana was there all the time.
    assert [violation.message for violation in book.violations()] == [
        "Slot 1 was given to REF-2 while REF-1 had it.",
        "Slot 1 was given to REF-3 while REF-1 had it.",
    ]


def test_a_lapsed_hold_that_is_taken_over_in_one_transaction_is_right(book):
    ana = book.book(1, "ana", hold=3)
    book.fail(ana)
    book.book(1, "bob")
    assert book.history[1]["at"] == book.history[2]["at"]
    assert book.kinds() == NOTHING


def test_a_transaction_that_starts_before_the_release_and_books_after_it_is_right(book):
    ana = book.book(1, "ana")
    book.cancel(ana, span=(10, 30))
    book.book(1, "bob", span=(8, 30))
    assert book.history[1]["at"] > book.history[2]["at"]
    assert book.kinds() == NOTHING


def test_two_slots_with_an_active_booking_each_are_right(book):
    book.book(1, "ana"), book.book(2, "bob")
    assert book.kinds() == NOTHING


# history


@pytest.mark.parametrize("stamp", ["booked_at", "confirmed_at", "cancelled_at", "failed_at"])
def test_a_stamp_that_is_not_its_step_s_is_found(book, stamp):
    book.book(1, "ana")[stamp] = dt.datetime(2031, 1, 1, tzinfo=dt.UTC)
    assert book.kinds() == {"history"}


def test_a_booking_without_a_history_is_found(book):
    book.book(1, "ana")
    book.book(1, "bob", Refused("slot_taken"))
    book.history.clear()
    assert book.kinds() == {"history"}


def test_a_state_that_the_history_does_not_end_with_is_found(book):
    booking = book.book(1, "ana")
    booking["status"] = "CONFIRMED"
    assert book.kinds() == {"history"}


def test_a_version_that_counts_other_steps_is_found(book):
    book.book(1, "ana")["version"] = 2
    assert book.kinds() == {"history"}


def test_a_step_from_a_state_that_the_booking_was_not_in_is_found(book):
    ana = book.book(1, "ana", confirm=True)
    book.cancel(ana)
    book.history[1]["from_status"] = "PENDING"
    assert book.kinds() == {"history"}


def test_a_step_out_of_a_final_state_is_found(book):
    ana = book.book(1, "ana")
    book.cancel(ana)
    ana["hold_expires_at"] = ana["booked_at"]
    book.expire(ana)
    assert "history" in book.kinds()


def test_two_changes_in_the_other_order_of_their_instants_are_right(book):
    ana = book.book(1, "ana")
    book.confirm(ana, span=(20, 40))
    book.cancel(ana, span=(15, 40))
    assert book.history[1]["at"] > book.history[2]["at"]
    assert book.kinds() == NOTHING


# deadline


def test_a_hold_released_before_it_lapsed_is_found(book):
    ana = book.book(1, "ana", hold=1000)
    book.expire(ana)
    assert book.kinds() == {"deadline"}


@pytest.mark.parametrize("change", ["confirm", "cancel"])
def test_a_hold_changed_after_it_lapsed_is_found(book, change):
    ana = book.book(1, "ana", hold=3)
    getattr(book, change)(ana)
    assert book.kinds() == {"deadline"}


def test_a_hold_that_reaches_its_deadline_has_lapsed(book):
    ana, bob = book.book(1, "ana", hold=20), book.book(2, "bob", hold=20)
    assert ana["hold_expires_at"] == ana["booked_at"] + dt.timedelta(seconds=20)
    book.expire(ana)
    assert book.history[-1]["at"] == ana["hold_expires_at"]
    assert book.kinds() == NOTHING
    book.confirm(bob)
    assert book.history[-1]["at"] == bob["hold_expires_at"]
    assert book.kinds() == {"deadline"}


def test_a_booking_confirmed_at_once_has_no_deadline(book):
    ana = book.book(1, "ana", confirm=True)
    book.cancel(ana)
    assert book.kinds() == NOTHING


def test_a_confirmed_hold_may_be_cancelled_after_its_deadline(book):
    ana = book.book(1, "ana", hold=11)
    book.confirm(ana)
    book.cancel(ana)
    assert book.kinds() == NOTHING


# twice


def test_a_request_that_made_two_bookings_is_found(book):
    book.book(1, "ana", KILLED, happens=True, request="r")
    book.cancel(book.bookings[0])
    book.book(1, "ana", request="r")
    assert book.kinds() == {"twice"}


def test_a_request_that_changed_a_booking_twice_is_found(book):
    ana = book.book(1, "ana", confirm=True)
    book.cancel(ana, KILLED, happens=True)
    book.cancel(ana)
    assert book.kinds() == {"twice", "history"}


def test_a_request_that_was_tried_twice_and_happened_once_is_right(book):
    ana = book.book(1, "ana", KILLED, happens=True)
    book.again(ana)
    book.confirm(ana, KILLED, happens=True)
    book.confirm(ana, happens=False)
    book.cancel(ana)
    book.confirm(ana, happens=False)
    book.again(ana)
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("happens", [True, False])
def test_what_was_killed_may_have_happened_or_not(book, happens):
    ana = book.book(1, "ana", confirm=True)
    book.cancel(ana, KILLED, happens=happens)
    book.book(2, "bob", KILLED, happens=happens)
    assert book.kinds() == NOTHING


# orphan


def test_a_booking_whose_slot_is_gone_is_found(book):
    book.book(1, "ana")
    book.delete_slot(1)
    assert book.kinds() == {"orphan"}


def test_a_history_whose_booking_is_gone_is_found(book):
    ana = book.book(1, "ana", KILLED, happens=True)
    book.bookings.remove(ana)
    assert book.kinds() == {"orphan", "nowhere"}
