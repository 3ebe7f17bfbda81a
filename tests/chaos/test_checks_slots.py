"""The checks of slots and of inactive doctors report every broken promise, and nothing else."""

import datetime as dt

import pytest

from tests.chaos.builder import BUSY, KILLED
from tests.chaos.history import Rejected


@pytest.fixture
def row(clinic):
    return clinic.slot_row(4)


def test_acknowledged_slot_that_is_missing_is_reported(clinic, row):
    clinic.add_slots(row)
    clinic.slots.remove(row)
    assert clinic.kinds() == {"lost"}


@pytest.mark.parametrize("outcome", [None, BUSY, KILLED])
def test_slot_that_is_missing_is_reported_unless_it_can_have_been_deleted(clinic, outcome):
    clinic.delete_slot(2, outcome, happens=True)
    assert clinic.kinds() == ({"lost"} if outcome is BUSY else set())


@pytest.mark.parametrize("field", ["doctor_id", "starts_at", "ends_at", "starts", "minutes"])
def test_slot_that_differs_from_the_acknowledged_or_the_requested_one_is_reported(clinic, row, field):
    clinic.add_slots(row)
    if field in row:
        row[field] += 1 if field == "doctor_id" else dt.timedelta(minutes=5)
    else:
        clinic.operations[0].arguments[field] = ["2030-06-03T11:05:00+00:00"] if field == "starts" else 45
    assert clinic.kinds() == {"mismatch", "unrequested"}


def test_deleted_slot_that_is_there_is_reported(clinic):
    clinic.delete_slot(2, happens=False)
    assert clinic.kinds() == {"lost"}


def test_rejected_slot_that_was_created_is_reported(clinic, row):
    clinic.add_slots(row, outcome=BUSY)
    clinic.slots.append(row)
    assert clinic.kinds() == {"rejected_but_done"}


@pytest.mark.parametrize("outcome", [None, KILLED])
def test_rejected_slot_that_another_operation_can_have_created_is_correct(clinic, row, outcome):
    clinic.add_slots(row, outcome=Rejected("slot_overlap"))
    clinic.add_slots(row, outcome=outcome, created=[row])
    assert clinic.kinds() == set()


@pytest.mark.parametrize("earlier", [1, 2])
def test_slots_that_overlap_at_the_end_are_reported(clinic, earlier):
    clinic.delete_slot(earlier, KILLED)
    row = clinic.slot_row(4, half_hour=earlier)
    clinic.add_slots(row, outcome=KILLED, created=[row])
    assert clinic.kinds() == {"slot_overlap"}


def test_slots_that_overlapped_for_a_while_are_reported(clinic, row):
    clinic.add_slots(row), clinic.add_slots(clinic.slot_row(5, half_hour=4))
    clinic.delete_slot(5)
    assert clinic.kinds() == {"slot_overlap"}


@pytest.mark.parametrize(("outcome", "span"), [(None, (0, 5)), (KILLED, (0, 5)), (None, (10, 30))])
def test_slot_in_place_of_one_that_can_have_been_deleted_is_correct(clinic, outcome, span):
    clinic.delete_slot(2, outcome, happens=True, span=span)
    clinic.add_slots(clinic.slot_row(4, half_hour=2), span=(5, 11))
    clinic.add_slots(clinic.slot_row(5, half_hour=2, doctor_id=2)), clinic.add_slots(clinic.slot_row(9))
    clinic.delete_slot(9)
    clinic.add_slots(clinic.slot_row(8, half_hour=9))
    assert clinic.kinds() == set()


@pytest.mark.parametrize("reactivated", [True, False])
def test_booking_of_an_inactive_doctor_is_reported(clinic, reactivated):
    clinic.set_active(False)
    clinic.book(1, "ana", BUSY), clinic.book(1, "ana")
    if reactivated:
        clinic.set_active(True)
    assert clinic.kinds() == {"inactive_doctor"}


@pytest.mark.parametrize("reactivated", [True, False])
def test_booking_of_unknown_outcome_can_have_been_made_when_the_doctor_was_active_again(clinic, reactivated):
    clinic.set_active(False)
    clinic.book(1, "ana", KILLED, happens=True)
    if reactivated:
        clinic.set_active(True)
    assert clinic.kinds() == (set() if reactivated else {"inactive_doctor"})


@pytest.mark.parametrize("span", [(0, 12), (12, 25), (0, 30)])
def test_booking_during_a_deactivation_is_correct(clinic, span):
    clinic.set_active(False, span=(10, 20))
    clinic.book(1, "ana", span=span)
    assert clinic.kinds() == set()


@pytest.mark.parametrize("happens", [True, False])
def test_activation_of_unknown_outcome_counts_if_the_version_shows_it(clinic, happens):
    clinic.set_active(False)
    clinic.set_active(True, KILLED, happens=happens)
    clinic.book(1, "ana")
    assert clinic.kinds() == (set() if happens else {"inactive_doctor"})


def test_earlier_bookings_of_an_inactive_doctor_are_correct(clinic):
    ana = clinic.book(1, "ana")
    clinic.there_before()
    bob = clinic.book(2, "bob", KILLED, happens=True)
    clinic.set_active(False)
    clinic.retry(bob), clinic.confirm(ana), clinic.cancel(bob)
    clinic.book(3, "eve")
    assert clinic.kinds() == set()
