"""The checks of order report what contradicts earlier acknowledgements, and nothing else."""

import pytest

from tests.chaos.builder import BUSY, KILLED
from tests.chaos.history import Rejected

TAKEN, NOT_FOUND = Rejected("slot_taken"), Rejected("not_found")
WRONG_STATE, LAPSED = Rejected("wrong_state"), Rejected("hold_lapsed")
UNJUSTIFIED = {"unjustified_rejection"}


@pytest.fixture
def ana(clinic):
    """A hold of slot 1, acknowledged at 5."""
    return clinic.book(1, "ana")


def test_confirmation_that_was_requested_after_the_acknowledged_cancellation_is_reported(clinic, ana):
    clinic.confirm(ana, span=(30, 35))
    clinic.cancel(ana, span=(20, 25))
    assert clinic.kinds() == {"real_time_order"}


def test_changes_at_the_same_time_and_of_unknown_outcome_can_have_any_order(clinic, ana):
    clinic.confirm(ana, span=(24, 30))
    clinic.retry(ana, BUSY)
    clinic.confirm(ana, WRONG_STATE, span=(29, 40))
    clinic.cancel(ana, span=(20, 25))
    bob = clinic.book(1, "bob", span=(19, 24))
    clinic.book(1, "kim", TAKEN, span=(24, 30))
    clinic.confirm(bob, KILLED, happens=True)
    clinic.cancel(bob)
    clinic.confirm(bob, happens=False)
    clinic.cancel(clinic.book(1, "eve"), KILLED, happens=True, span=(7, 8))
    assert clinic.kinds() == set()


@pytest.mark.parametrize("change", ["retry", "confirm", "cancel"])
def test_acknowledged_request_that_is_rejected_when_it_is_sent_again_is_reported(clinic, ana, change):
    getattr(clinic, change)(ana)
    getattr(clinic, change)(ana, Rejected("request_id_reused"))
    assert clinic.kinds() == {"rejected_replay"}


@pytest.mark.parametrize("change", ["confirm", "cancel"])
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


@pytest.mark.parametrize("outcome", [WRONG_STATE, LAPSED])
@pytest.mark.parametrize("ended", [28, 29])
def test_rejection_before_a_later_confirmation_that_contradicts_it_is_reported(clinic, ana, outcome, ended):
    clinic.confirm(ana, outcome, span=(10, ended), request="early")
    clinic.confirm(ana, span=(29, 40))
    assert clinic.kinds() == (set() if ended == 29 else UNJUSTIFIED)


@pytest.mark.parametrize("how", ["booked later", "released before", "booked by itself"])
def test_slot_taken_without_a_cause_is_reported(clinic, how):
    if how == "released before":
        clinic.cancel(clinic.book(1, "ana"))
    elif how == "booked by itself":
        clinic.book(1, "bob", KILLED, happens=True)
    clinic.book(1, "bob", TAKEN)
    if how == "booked later":
        clinic.book(1, "ana")
    assert clinic.kinds() == UNJUSTIFIED


@pytest.mark.parametrize("code", ["not_found", "invalid_input", None])
@pytest.mark.parametrize(("merged", "span"), [(2, None), (2, (0, 1)), (1, None)])
def test_number_of_a_patient_that_is_rejected_before_they_are_merged_is_reported(clinic, code, merged, span):
    for slot in (1, 2, 3):
        clinic.book(slot, "ana", phone=str(slot), allow_overlap=True)
    clinic.merge(merged, 3)
    if code:
        clinic.merge(2, 3, Rejected(code), span=span)
    else:
        clinic.book(2, "ana", NOT_FOUND, phone="2", patient_id=2, request="other", span=span)
    assert clinic.kinds() == (UNJUSTIFIED if merged == 1 or span else set())


@pytest.mark.parametrize("slot", [1, 2])
def test_merge_that_is_rejected_for_an_overlap_needs_overlapping_bookings(clinic, slot):
    clinic.book(slot, "ana"), clinic.book(3, "ana", phone="1")
    clinic.merge(1, 2, Rejected("patient_overlap"))
    assert clinic.kinds() == (set() if slot == 1 else UNJUSTIFIED)


@pytest.mark.parametrize("outcome", [None, BUSY])
def test_overlap_with_a_booking_of_another_number_is_reported_unless_they_were_merged(clinic, outcome):
    clinic.book(1, "ana", phone="1"), clinic.book(2, "ana")
    clinic.merge(1, 2, outcome)
    clinic.book(3, "ana", Rejected("patient_overlap"))
    assert clinic.kinds() == (UNJUSTIFIED if outcome else set())


def test_slot_that_existed_and_is_not_found_is_reported(clinic):
    clinic.book(2, "ana", NOT_FOUND)
    assert clinic.kinds() == UNJUSTIFIED
