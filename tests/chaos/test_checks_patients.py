"""The checks of patients report every broken promise, and nothing else."""

import unicodedata

import pytest

from tests.chaos.builder import KILLED
from tests.chaos.history import Rejected

OVERLAP = Rejected("patient_overlap")


@pytest.mark.parametrize("confirm", [True, False])
def test_patient_with_two_active_bookings_at_the_same_time_is_reported(clinic, confirm):
    clinic.book(1, "ana"), clinic.book(3, "ana", confirm=confirm)
    assert clinic.kinds() == {"patient_overlap"}


def test_patient_who_had_two_active_bookings_at_the_same_time_for_a_while_is_reported(clinic):
    ana, other = clinic.book(1, "ana"), clinic.book(3, "ana", KILLED, happens=True)
    clinic.cancel(ana)
    clinic.cancel(other)
    assert clinic.kinds() == {"patient_overlap"}


@pytest.mark.parametrize("spelling", ["ZOË  MÜLLER", unicodedata.normalize("NFD", "Zoë Müller"), "Ｚｏë Ｍüｌｌｅｒ"])
def test_patient_who_overlaps_in_another_spelling_is_reported(clinic, spelling):
    clinic.book(1, "Zoë Müller", phone="+49 30 1"), clinic.book(3, spelling, phone="+49-30-1")
    assert clinic.kinds() == {"patient_overlap"}


def test_overlap_that_only_the_row_allows_is_reported(clinic):
    clinic.book(1, "ana")
    clinic.book(3, "ana")["overlap_allowed"] = True
    assert clinic.kinds() == {"patient_overlap"}


@pytest.mark.parametrize("first", [True, False])
def test_overlap_that_one_of_two_requests_allowed_is_correct(clinic, first):
    clinic.book(1, "ana", allow_overlap=first), clinic.book(3, "ana", allow_overlap=not first)
    assert clinic.kinds() == set()


def test_bookings_one_after_the_other_and_those_of_other_patients_are_correct(clinic):
    clinic.book(1, "ana"), clinic.book(2, "ana"), clinic.book(3, "ana", phone="1")
    assert clinic.kinds() == set()


def test_booking_after_the_release_of_an_overlapping_one_is_correct(clinic):
    clinic.cancel(clinic.book(1, "ana"))
    lapsed = clinic.book(3, "ana", hold=3)
    clinic.lapse(lapsed)  # in the transaction of the next booking
    clinic.book(1, "ana", request="again")
    assert clinic.kinds() == set()


def test_merged_patient_with_two_active_bookings_at_the_same_time_is_reported(clinic):
    one, other = clinic.book(1, "ana"), clinic.book(3, "ana", phone="1")
    clinic.merge(other["patient_id"], one["patient_id"])
    assert clinic.kinds() == {"patient_overlap"}


def test_patient_who_overlapped_before_a_merge_is_reported(clinic):
    one, other = clinic.book(1, "ana"), clinic.book(3, "ana")
    clinic.cancel(one)
    clinic.merge(clinic.add_patient("ana", phone="1"), other["patient_id"])
    assert clinic.kinds() == {"patient_overlap"}


@pytest.mark.parametrize("cancelled", [0, 1])
def test_overlap_of_two_registrations_that_ended_before_their_merge_is_correct(clinic, cancelled):
    one, other = both = clinic.book(1, "ana"), clinic.book(3, "ana", phone="1")
    clinic.cancel(both[cancelled])
    clinic.merge(one["patient_id"], other["patient_id"])
    clinic.retry(one, patient_id=other["patient_id"])
    clinic.book(both[cancelled]["slot_id"], "ana", request="again")  # registers the patient again
    assert clinic.kinds() == set()


def test_booking_without_its_patient_is_reported(clinic):
    clinic.book(1, "ana")
    clinic.patients.clear()
    assert clinic.kinds() == {"orphan"}


@pytest.mark.parametrize("name", ["ana", "ANA"])
def test_person_who_is_registered_twice_is_reported(clinic, name):
    clinic.book(1, "ana")
    clinic.patients.append({**clinic.patients[0], "id": 2, "name": name, "email": "ANA@X.example"})
    assert clinic.kinds() == {"registered_twice"}


def test_person_who_was_acknowledged_under_two_numbers_is_reported(clinic):
    clinic.add_patient("ana")
    ana = clinic.book(1, "ana", KILLED, happens=True)
    clinic.retry(ana, patient_id=2)
    assert clinic.kinds() == {"registered_twice", "mismatch"}


def test_person_with_two_contacts_and_two_persons_with_one_contact_are_correct(clinic):
    clinic.add_patient("ana"), clinic.add_patient("ana", phone="1"), clinic.add_patient("bob", phone="1")
    assert clinic.kinds() == set()


@pytest.mark.parametrize("how", ["none", "later", "bob", "allowed", "cancelled", "itself", "allows overlap"])
def test_patient_overlap_without_a_cause_is_reported(clinic, how):
    if how == "cancelled":
        clinic.cancel(clinic.book(1, "ana"))
    elif how == "itself":
        clinic.book(3, "ana", KILLED, happens=True)
    elif how != "none":
        clinic.book(2 if how == "later" else 1, "bob" if how == "bob" else "ana", allow_overlap=how == "allowed")
    clinic.book(3, "ana", OVERLAP, allow_overlap=how == "allows overlap")
    assert clinic.kinds() == {"unjustified_rejection"}


@pytest.mark.parametrize("span", [(9, 12), (20, 21)])
def test_patient_overlap_with_a_booking_that_can_have_been_active_is_correct(clinic, span):
    ana = clinic.book(1, "ana", span=(0, 10))
    clinic.cancel(ana, span=(20, 30))
    clinic.book(3, "ANA", OVERLAP, span=span)
    assert clinic.kinds() == set()


def test_patient_overlap_of_a_deleted_slot_and_of_a_row_that_was_rolled_back_are_correct(clinic):
    clinic.book(3, "ana", OVERLAP, atomic=True)
    clinic.book(2, "ana", OVERLAP)
    clinic.delete_slot(2)
    assert clinic.kinds() == set()


@pytest.mark.parametrize("slot", [1, 2])
def test_merge_that_is_rejected_for_an_overlap_needs_overlapping_bookings(clinic, slot):
    one, other = clinic.book(slot, "ana"), clinic.book(3, "ana", phone="1")
    clinic.merge(one["patient_id"], other["patient_id"], OVERLAP)
    assert clinic.kinds() == (set() if slot == 1 else {"unjustified_rejection"})
