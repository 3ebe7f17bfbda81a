"""The checks of bookings report every broken promise, and nothing else."""

import pytest

from tests.chaos.builder import BUSY, KILLED
from tests.chaos.history import Rejected

CHANGE = pytest.mark.parametrize("change", ["confirm", "cancel"])


def test_correct_history_has_no_violation(clinic):
    ana = clinic.book(1, "ana")
    clinic.book(1, "bob", Rejected("slot_taken"))
    clinic.confirm(ana)
    clinic.cancel(ana)
    clinic.book(1, "bob", confirm=True)
    lapsed = clinic.book(2, "eve", hold=3)
    clinic.expire(lapsed)
    clinic.confirm(lapsed, Rejected("hold_lapsed"))
    clinic.add_slots(clinic.slot_row(4))
    clinic.delete_slot(4)
    clinic.merge(clinic.add_patient("eve", phone="1"), lapsed["patient_id"])
    clinic.set_active(False)
    assert clinic.kinds() == set()


@pytest.mark.parametrize("recorded", [True, False])
def test_slot_with_two_active_bookings_is_reported(clinic, recorded):
    clinic.book(1, "ana"), clinic.book(1, "bob", confirm=True)
    if not recorded:
        clinic.history.clear()
    assert clinic.kinds() == {"double_booking"}


def test_slot_that_had_two_active_bookings_for_a_while_is_reported(clinic):
    ana = clinic.book(1, "ana")
    clinic.cancel(clinic.book(1, "bob"))
    eve = clinic.book(1, "eve")
    clinic.cancel(ana)
    clinic.cancel(eve)
    assert [violation.kind for violation in clinic.violations()] == ["double_booking"] * 2  # of Bob, and of Eve


def test_slot_that_is_booked_after_its_release_is_correct(clinic):
    clinic.lapse(clinic.book(1, "ana", hold=3))  # in the transaction of the next booking
    clinic.cancel(clinic.book(1, "bob"), span=(20, 40))
    clinic.book(1, "eve", span=(18, 40))
    assert clinic.history[-1]["at"] < clinic.history[-2]["at"]  # the start of a transaction is not its order
    assert clinic.kinds() == set()


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({"reference": "REF-9"}, {"mismatch"}),
        ({"slot_id": 2}, {"mismatch", "unrequested"}),
        ({"slot_id": 9}, {"mismatch", "unrequested", "orphan"}),
        ({"patient_id": 1}, {"mismatch", "unrequested"}),
        ({"patient_id": 9}, {"mismatch", "orphan"}),
        ({"request_id": "other"}, {"mismatch", "unrequested"}),
    ],
)
def test_booking_that_differs_from_its_request_is_reported(clinic, changed, kinds):
    clinic.add_patient("eve")
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


@pytest.mark.parametrize(("change", "hold"), [("expire", 1000), ("confirm", 3), ("cancel", 3), ("confirm", 10)])
def test_hold_that_fails_too_early_or_is_changed_too_late_is_reported(clinic, change, hold):
    getattr(clinic, change)(clinic.book(1, "ana", hold=hold))
    assert clinic.kinds() == {"deadline"}


def test_hold_that_fails_at_its_deadline_and_confirmed_hold_that_is_cancelled_later_are_correct(clinic):
    clinic.expire(clinic.book(1, "ana", hold=10))
    bob = clinic.book(2, "bob", hold=11)
    clinic.confirm(bob)
    clinic.cancel(bob)
    assert clinic.kinds() == set()


def test_request_that_made_two_bookings_is_reported(clinic):
    clinic.cancel(clinic.book(1, "ana", KILLED, happens=True, request="r"))
    clinic.book(1, "ana", request="r")
    assert clinic.kinds() == {"request_twice"}


def test_request_that_was_retried_and_done_once_is_correct(clinic):
    ana = clinic.book(1, "ana", KILLED, happens=True)
    clinic.retry(ana, BUSY)
    clinic.retry(ana)
    clinic.confirm(ana, KILLED, happens=True)
    clinic.confirm(ana, happens=False)
    clinic.cancel(ana)
    clinic.retry(ana)
    assert clinic.kinds() == set()


def test_acknowledged_booking_that_is_missing_is_reported(clinic):
    ana = clinic.book(1, "ana")
    clinic.book(1, "bob", span=(0, 9))
    clinic.bookings.remove(ana)
    del clinic.history[0]
    assert clinic.kinds() == {"lost"}


@CHANGE
def test_acknowledged_change_that_another_request_made_is_reported(clinic, change):
    ana = clinic.book(1, "ana")
    getattr(clinic, change)(ana, KILLED, happens=True, request="one")
    getattr(clinic, change)(ana, happens=False, request="other")
    assert clinic.kinds() == {"lost"}


@pytest.mark.parametrize("change", ["book", "confirm", "cancel"])
def test_rejected_change_that_was_made_is_reported(clinic, change):
    ana = clinic.book(1, "ana", BUSY if change == "book" else None, happens=True)
    if change != "book":
        getattr(clinic, change)(ana, KILLED, request="one")
        getattr(clinic, change)(ana, BUSY, happens=True, request="other")
    assert clinic.kinds() == {"rejected_but_done"}


@pytest.mark.parametrize("change", ["book", "confirm", "cancel"])
def test_change_without_a_request_is_reported(clinic, change):
    ana = clinic.book(1, "ana")
    if change != "book":
        getattr(clinic, change)(ana)
    clinic.operations.pop()
    assert clinic.kinds() == {"unrequested"}


def test_hold_that_failed_without_anything_that_releases_it_is_reported(clinic):
    ana = clinic.book(1, "ana", hold=3)
    clinic.there_before()
    clinic.retry(ana)
    clinic.book(2, "ana"), clinic.book(3, "bob", BUSY)
    clinic.lapse(ana)
    assert clinic.kinds() == {"unrequested"}


@pytest.mark.parametrize(("slot", "name"), [(1, "bob"), (3, "ana")])
def test_hold_that_was_released_by_a_rejected_booking_of_its_slot_or_its_patient_is_correct(clinic, slot, name):
    ana = clinic.book(1, "ana", hold=3)
    clinic.book(slot, name, BUSY)
    clinic.lapse(ana)
    assert clinic.kinds() == set()


@pytest.mark.parametrize("failed", [True, False])
def test_hold_that_was_reported_as_released_twice_or_has_not_failed_is_reported(clinic, failed):
    ana, bob = clinic.book(1, "ana", hold=3), clinic.book(2, "bob", hold=3)
    clinic.expire(ana)
    clinic.expire(bob, happens=failed)
    if failed:
        clinic.expire(bob, happens=False)
    assert clinic.kinds() == {"wrong_expire"}
