"""The checks of slots and of inactive doctors report every broken promise, and nothing else."""

import datetime as dt

import pytest

from tests.chaos.builder import BUSY, KILLED


@pytest.fixture
def row(clinic):
    return clinic.slot_row(4)


def test_acknowledged_slot_that_is_missing_is_reported(clinic, row):
    clinic.add_slot(row)
    clinic.slots.remove(row)
    assert clinic.kinds() == {"lost"}


@pytest.mark.parametrize("field", ["doctor_id", "starts_at", "ends_at"])
def test_slot_that_differs_from_the_acknowledged_one_is_reported(clinic, row, field):
    clinic.add_slot(row)
    row[field] += 1 if field == "doctor_id" else dt.timedelta(minutes=5)
    assert clinic.kinds() == {"mismatch", "unrequested"}


def test_acknowledged_slot_that_differs_from_the_requested_one_is_reported(clinic, row):
    clinic.add_slot(row)
    clinic.operations[0].arguments["minutes"] = 45
    assert clinic.kinds() == {"mismatch", "unrequested"}


def test_rejected_slot_that_was_created_is_reported(clinic, row):
    clinic.add_slot(row, outcome=BUSY, happens=True)
    assert clinic.kinds() == {"rejected_but_done"}


def test_slots_of_one_doctor_that_overlap_are_reported(clinic):
    clinic.add_slot(clinic.slot_row(4, half_hour=2, doctor_id=2))
    assert clinic.kinds() == set()
    clinic.add_slot(clinic.slot_row(5, half_hour=2))
    assert clinic.kinds() == {"slot_overlap"}


@pytest.mark.parametrize("reactivated", [True, False])
@pytest.mark.parametrize("outcome", [None, KILLED])
def test_booking_of_an_inactive_doctor_is_reported(clinic, outcome, reactivated):
    clinic.set_active(False)
    clinic.book(1, "ana", outcome, happens=True)
    if reactivated:
        clinic.set_active(True)
    # One of unknown outcome can have been made when the doctor was active again.
    assert clinic.kinds() == (set() if outcome and reactivated else {"inactive_doctor"})


@pytest.mark.parametrize("happens", [True, False])
def test_activation_of_unknown_outcome_counts_if_the_version_shows_it(clinic, happens):
    clinic.set_active(False)
    clinic.set_active(True, KILLED, happens=happens)
    clinic.book(1, "ana")
    assert clinic.kinds() == (set() if happens else {"inactive_doctor"})


def test_earlier_bookings_and_those_during_a_deactivation_are_correct(clinic):
    ana = clinic.book(1, "ana")
    clinic.set_active(False, span=(10, 20))
    clinic.book(2, "bob", span=(12, 25))
    clinic.confirm(ana)
    clinic.book(3, "eve")
    assert clinic.kinds() == set()
