"""The checks of bookings and patients report every broken promise, and nothing else."""

import pytest

from tests.chaos.builder import BUSY, KILLED
from tests.chaos.history import Rejected

OVERLAP = Rejected("patient_overlap")


def test_correct_history_has_no_violation(clinic):
    ana = clinic.book(1, "ana", KILLED, happens=True, hold=45)
    clinic.retry(ana, BUSY)
    clinic.retry(ana)
    clinic.book(1, "bob", Rejected("slot_taken"))
    clinic.confirm(ana)
    clinic.cancel(ana)  # after the deadline
    clinic.retry(ana)
    clinic.lapse(clinic.book(1, "bob", hold=3))  # in the transaction of the next booking
    clinic.book(1, "eve", confirm=True)
    lapsed = clinic.book(2, "eve", hold=10)
    clinic.expire(lapsed)  # at the deadline
    clinic.confirm(lapsed, Rejected("hold_lapsed"))
    assert clinic.kinds() == set()


def test_slot_with_two_active_bookings_is_reported(clinic):
    clinic.book(1, "ana"), clinic.book(1, "bob", confirm=True)
    assert clinic.kinds() == {"double_booking"}


def test_slot_that_had_two_active_bookings_for_a_while_is_reported(clinic):
    ana = clinic.book(1, "ana")
    clinic.cancel(clinic.book(1, "bob"))
    clinic.cancel(ana)
    assert clinic.kinds() == {"double_booking"}


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({"reference": "REF-9"}, {"mismatch"}),
        ({"slot_id": 2}, {"mismatch", "unrequested"}),
        ({"patient_id": 1}, {"mismatch", "unrequested"}),
        ({"patient_id": 9}, {"mismatch"}),
        ({"request_id": "other"}, {"mismatch", "unrequested"}),
    ],
)
def test_booking_that_differs_from_its_request_is_reported(clinic, changed, kinds):
    clinic.cancel(clinic.book(3, "eve"))
    clinic.book(1, "ana").update(changed)
    assert clinic.kinds() == kinds


@pytest.mark.parametrize("field", ["reference", "slot_id", "patient_name", "patient_email", "patient_id", "status"])
def test_result_that_differs_from_the_request_is_reported(clinic, field):
    clinic.retry(clinic.book(1, "ana", KILLED, happens=True), **{field: "other"})
    assert "mismatch" in clinic.kinds()


def test_first_state_that_differs_from_the_acknowledged_one_is_reported(clinic):
    clinic.book(1, "ana")["status"] = clinic.history[0]["to_status"] = "CONFIRMED"
    assert clinic.kinds() == {"mismatch"}


@pytest.mark.parametrize("status", ["PENDING", "FAILED", "CONFIRMED"])
def test_state_that_goes_back_is_reported(clinic, status):
    ana = clinic.book(1, "ana", confirm=True)
    if status == "CONFIRMED":
        clinic.cancel(ana)
    ana["status"] = status
    assert clinic.kinds() == {"reverted"}


@pytest.mark.parametrize(("change", "hold"), [("expire", 1000), ("cancel", 3), ("confirm", 10)])
def test_hold_that_fails_too_early_or_is_changed_too_late_is_reported(clinic, change, hold):
    getattr(clinic, change)(clinic.book(1, "ana", hold=hold))
    assert clinic.kinds() == {"deadline"}


def test_request_that_made_two_bookings_is_reported(clinic):
    clinic.cancel(clinic.book(1, "ana", KILLED, happens=True, request="r"))
    clinic.book(1, "ana", request="r")
    assert clinic.kinds() == {"request_twice"}


def test_acknowledged_booking_that_is_missing_is_reported(clinic):
    clinic.book(1, "ana")
    clinic.bookings.clear(), clinic.history.clear()
    assert clinic.kinds() == {"lost"}


@pytest.mark.parametrize("change", ["confirm", "cancel"])
def test_acknowledged_change_that_another_request_made_is_reported(clinic, change):
    ana = clinic.book(1, "ana")
    getattr(clinic, change)(ana, KILLED, happens=True, request="one")
    getattr(clinic, change)(ana, happens=False, request="other")
    assert clinic.kinds() == {"lost"}


@pytest.mark.parametrize("change", ["book", "confirm", "cancel"])
def test_rejected_change_that_was_made_is_reported(clinic, change):
    ana = clinic.book(1, "ana", BUSY if change == "book" else None, happens=True)
    if change != "book":
        getattr(clinic, change)(ana, BUSY, happens=True)
    assert clinic.kinds() == {"rejected_but_done"}


@pytest.mark.parametrize("change", ["book", "confirm", "cancel"])
def test_change_without_a_request_is_reported(clinic, change):
    ana = clinic.book(1, "ana")
    if change != "book":
        getattr(clinic, change)(ana)
    clinic.operations.pop()
    assert clinic.kinds() == {"unrequested"}


@pytest.mark.parametrize("failed", [True, False])
def test_hold_that_was_reported_as_released_twice_or_has_not_failed_is_reported(clinic, failed):
    ana = clinic.book(1, "ana", hold=3)
    clinic.expire(ana, happens=failed)
    if failed:
        clinic.expire(ana, happens=False)
    assert clinic.kinds() == {"wrong_expire"}


def test_patient_with_two_active_bookings_at_the_same_time_in_another_spelling_is_reported(clinic):
    clinic.book(1, "Zoë Müller", phone="+49 30 1"), clinic.book(3, "ＺＯE\u0308  Müller", phone="+49-30-1")
    assert clinic.kinds() == {"patient_overlap"}


def test_patient_who_had_two_active_bookings_at_the_same_time_for_a_while_is_reported(clinic):
    ana, other = clinic.book(1, "ana"), clinic.book(3, "ana", KILLED, happens=True)
    clinic.cancel(ana)
    clinic.cancel(other)
    assert clinic.kinds() == {"patient_overlap"}


def test_overlap_that_only_the_row_allows_is_reported(clinic):
    clinic.book(1, "ana")
    clinic.book(3, "ana")["overlap_allowed"] = True
    assert clinic.kinds() == {"patient_overlap"}


@pytest.mark.parametrize("first", [True, False])
def test_overlap_that_one_of_two_requests_allowed_is_correct(clinic, first):
    clinic.book(1, "ana", allow_overlap=first), clinic.book(3, "ana", allow_overlap=not first)
    assert clinic.kinds() == set()


def test_booking_after_the_release_of_an_overlapping_one_is_correct(clinic):
    clinic.cancel(clinic.book(1, "ana"))
    clinic.lapse(clinic.book(3, "ana", hold=3))  # in the transaction of the next booking
    clinic.book(1, "ana", request="again"), clinic.book(2, "ana"), clinic.book(3, "ana", phone="1", request="phone")
    assert clinic.kinds() == set()


def test_person_who_is_registered_twice_is_reported(clinic):
    clinic.book(1, "ana")
    clinic.patients.append({**clinic.patients[0], "id": 2, "name": "ANA", "email": "ANA@X.example"})
    assert clinic.kinds() == {"registered_twice"}


def test_person_who_was_acknowledged_under_two_numbers_is_reported(clinic):
    clinic.retry(clinic.book(1, "ana"), patient_id=2)
    assert clinic.kinds() == {"registered_twice", "mismatch"}


def test_person_who_was_acknowledged_under_two_numbers_before_their_merge_is_reported(clinic):
    clinic.retry(clinic.book(1, "ana"), patient_id=2), clinic.book(2, "ana", phone="1")
    clinic.merge(2, 1)
    assert clinic.kinds() == {"registered_twice"}


@pytest.mark.parametrize("cancelled", [0, 1])
def test_bookings_of_merged_patients_are_correct(clinic, cancelled):
    one, other = both = clinic.book(1, "ana"), clinic.book(3, "ana", phone="1")
    clinic.cancel(both[cancelled])  # they overlapped before they were of one patient
    clinic.merge(1, 2)
    clinic.retry(one), clinic.retry(other), clinic.confirm(both[1 - cancelled])
    clinic.book(both[cancelled]["slot_id"], "ana", request="again")  # registers the patient again
    clinic.book(2, "ana", phone="1", patient_id=1)  # the number from before the merge
    assert clinic.kinds() == set()


@pytest.mark.parametrize("phone", [None, "1"])
def test_overlap_of_one_patient_before_a_merge_or_of_two_after_it_is_reported(clinic, phone):
    clinic.book(1, "ana")
    other = clinic.book(3, "ana", phone=phone)
    if not phone:
        clinic.cancel(other), clinic.book(2, "ana", phone="1")
    clinic.merge(2, 1)
    assert clinic.kinds() == {"patient_overlap"}


def test_acknowledged_merge_that_is_missing_is_reported(clinic):
    clinic.book(1, "ana"), clinic.book(2, "ana", phone="1")
    clinic.merge(1, 2, happens=False)
    assert clinic.kinds() == {"lost"}


# With patient 1, who was removed, or with patient 3, who has the same name.
@pytest.mark.parametrize(("row", "shown", "requested"), [(1, 2, None), (3, 2, None), (2, 3, None), (2, 2, 3)])
def test_booking_of_neither_the_requested_nor_the_merged_patient_is_reported(clinic, row, shown, requested):
    ana = clinic.book(1, "ana", patient_id=requested)
    clinic.book(2, "ana", phone="1"), clinic.book(3, "ana", phone="2", allow_overlap=True)
    clinic.merge(1, 2)
    clinic.retry(ana, patient_id=shown)
    ana["patient_id"] = row
    assert clinic.kinds() == {"mismatch"}


@pytest.mark.parametrize("how", ["later", "bob", "allowed", "cancelled", "itself", "allows overlap"])
def test_patient_overlap_without_a_cause_is_reported(clinic, how):
    if how == "cancelled":
        clinic.cancel(clinic.book(1, "ana"))
    elif how == "itself":
        clinic.book(3, "ana", KILLED, happens=True)
    else:
        clinic.book(2 if how == "later" else 1, "bob" if how == "bob" else "ana", allow_overlap=how == "allowed")
    clinic.book(3, "ana", OVERLAP, allow_overlap=how == "allows overlap")
    assert clinic.kinds() == {"unjustified_rejection"}


def test_patient_overlap_with_a_booking_that_can_have_been_active_is_correct(clinic):
    clinic.cancel(clinic.book(1, "ana"), span=(20, 30))
    clinic.book(3, "ANA", OVERLAP, span=(30, 31))
    assert clinic.kinds() == set()
