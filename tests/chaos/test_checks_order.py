"""The checks of order report what contradicts earlier acknowledgements, and nothing else."""

import pytest

from tests.chaos.builder import BUSY, KILLED
from tests.chaos.history import Rejected

TAKEN, NOT_FOUND = Rejected("slot_taken"), Rejected("not_found")
WRONG_STATE, LAPSED = Rejected("wrong_state"), Rejected("hold_lapsed")
UNJUSTIFIED = {"unjustified_rejection"}
CHANGE = pytest.mark.parametrize("change", ["confirm", "cancel"])


@pytest.fixture
def ana(clinic):
    """A hold of slot 1, acknowledged at 5."""
    return clinic.book(1, "ana")


def test_confirmation_that_was_requested_after_the_acknowledged_cancellation_is_reported(clinic, ana):
    clinic.confirm(ana, span=(30, 35))
    clinic.cancel(ana, span=(20, 25))
    assert clinic.kinds() == {"real_time_order"}


def test_booking_that_was_acknowledged_before_the_release_of_its_slot_was_requested_is_reported(clinic, ana):
    clinic.cancel(ana, span=(40, 45))
    clinic.retry(clinic.book(1, "bob", KILLED, happens=True, span=(10, 50)), span=(11, 20))
    assert clinic.kinds() == {"real_time_order"}


def test_changes_at_the_same_time_and_of_unknown_outcome_can_have_any_order(clinic, ana):
    clinic.confirm(ana, span=(22, 30))
    clinic.cancel(ana, span=(20, 25))
    bob = clinic.book(1, "bob", span=(19, 24))
    clinic.confirm(bob, KILLED, happens=True)
    clinic.cancel(bob)
    clinic.confirm(bob, happens=False)
    clinic.cancel(clinic.book(1, "eve"), KILLED, happens=True, span=(7, 8))
    assert clinic.kinds() == set()


@pytest.mark.parametrize("change", ["retry", "confirm", "cancel"])
@pytest.mark.parametrize("code", ["not_found", "slot_taken", "patient_overlap", "request_id_reused", "hold_lapsed"])
def test_acknowledged_request_that_is_rejected_when_it_is_sent_again_is_reported(clinic, ana, change, code):
    getattr(clinic, change)(ana)
    getattr(clinic, change)(ana, Rejected(code))
    assert "rejected_replay" in clinic.kinds()


def test_request_that_is_sent_again_can_be_busy_or_started_before_the_acknowledgement(clinic, ana):
    clinic.retry(ana, BUSY)
    clinic.confirm(ana, span=(20, 30))
    clinic.confirm(ana, WRONG_STATE, span=(29, 40))
    assert clinic.kinds() == set()


@CHANGE
@pytest.mark.parametrize("started", [5, 6])
def test_booking_that_is_not_found_is_reported_unless_it_was_being_made(clinic, ana, change, started):
    getattr(clinic, change)(ana, NOT_FOUND, span=(started, 10))
    assert clinic.kinds() == (set() if started == 5 else UNJUSTIFIED)


@pytest.mark.parametrize(
    ("done", "rejected", "outcome", "correct"),
    [
        ([], "confirm", WRONG_STATE, False),
        ([], "confirm", LAPSED, True),
        ([], "cancel", WRONG_STATE, True),  # the hold can have lapsed
        (["confirm"], "confirm", WRONG_STATE, True),
        (["confirm"], "confirm", LAPSED, False),
        (["confirm"], "cancel", WRONG_STATE, False),
        (["cancel"], "confirm", WRONG_STATE, True),
        (["cancel"], "confirm", LAPSED, False),
        (["confirm", "cancel"], "cancel", WRONG_STATE, True),
        (["expire"], "cancel", WRONG_STATE, True),
        (["expire"], "confirm", LAPSED, True),
        (["expire"], "confirm", WRONG_STATE, False),
    ],
)
def test_rejection_needs_a_state_of_the_booking_that_explains_it(clinic, done, rejected, outcome, correct):
    ana = clinic.book(1, "ana", hold=3 if done == ["expire"] else 1000)
    for change in done:
        getattr(clinic, change)(ana)
    getattr(clinic, rejected)(ana, outcome, request="other")
    assert clinic.kinds() == (set() if correct else UNJUSTIFIED)


@pytest.mark.parametrize("ended", [28, 29])
def test_rejection_for_a_state_that_came_later_is_reported(clinic, ana, ended):
    clinic.confirm(ana, WRONG_STATE, span=(10, ended), request="other")
    clinic.confirm(ana, span=(29, 40))
    clinic.cancel(ana, span=(45, 50))
    assert clinic.kinds() == (set() if ended == 29 else UNJUSTIFIED)


@CHANGE
@pytest.mark.parametrize("ended", [28, 29])
def test_hold_that_had_lapsed_before_it_was_changed_is_reported(clinic, ana, change, ended):
    clinic.confirm(ana, LAPSED, span=(10, ended), request="early")
    getattr(clinic, change)(ana, span=(29, 40))
    assert clinic.kinds() == (set() if ended == 29 else UNJUSTIFIED)


@pytest.mark.parametrize("how", ["never booked", "booked later", "released before", "booked by itself"])
def test_slot_taken_without_a_cause_is_reported(clinic, how):
    if how == "released before":
        clinic.cancel(clinic.book(1, "ana"))
    elif how == "booked by itself":
        clinic.book(1, "bob", KILLED, happens=True)
    clinic.book(1, "bob", TAKEN)
    if how == "booked later":
        clinic.book(1, "ana")
    assert clinic.kinds() == UNJUSTIFIED


def test_slot_taken_by_a_booking_that_can_have_been_active_is_correct(clinic, ana):
    clinic.book(1, "bob", TAKEN, span=(5, 12))
    clinic.cancel(ana, span=(20, 30))
    clinic.book(1, "bob", TAKEN, span=(30, 40))
    clinic.cancel(clinic.book(1, "eve", KILLED, happens=True, span=(31, 32)), KILLED, happens=True)
    clinic.book(1, "bob", TAKEN)
    assert clinic.kinds() == set()


@pytest.mark.parametrize("number", [2, 4])
@pytest.mark.parametrize("deleted", [True, False])
def test_slot_that_is_not_found_is_reported_unless_it_can_have_been_deleted(clinic, number, deleted):
    if number == 4:
        clinic.book(4, "ana", NOT_FOUND)
        clinic.add_slots(clinic.slot_row(4))
    clinic.delete_slot(number, KILLED, happens=deleted)
    clinic.book(number, "ana", NOT_FOUND), clinic.delete_slot(number, NOT_FOUND)
    assert clinic.kinds() == (set() if deleted else UNJUSTIFIED)


@pytest.mark.parametrize("merged", [True, False])
def test_patient_who_is_not_found_by_number_is_reported_unless_they_can_have_been_merged(clinic, merged):
    one, other = clinic.add_patient("ana"), clinic.add_patient("ana", phone="1")
    if merged:
        clinic.merge(one, other)
    clinic.book(1, "ana", NOT_FOUND, patient_id=one)
    assert clinic.kinds() == (set() if merged else UNJUSTIFIED)
