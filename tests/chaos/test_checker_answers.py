"""The checker of chaos histories finds answers about bookings that the rows do not keep, and rows that nobody asked for."""

import pytest

from tests.chaos.history import Done, Refused, Unknown
from tests.chaos.small_book import SmallBook

KILLED = Unknown("killed")
BUSY = Refused("busy")
NOTHING = set()


@pytest.fixture
def book():
    return SmallBook()


# lost


@pytest.mark.parametrize("confirm", [True, False])
def test_an_acknowledged_booking_that_is_not_there_is_lost(book, confirm):
    book.book(1, "ana", confirm=confirm)
    book.bookings.clear()
    book.history.clear()
    assert book.kinds() == {"lost"}


def test_an_acknowledged_booking_is_not_made_good_by_another_of_the_same_slot(book):
    ana = book.book(1, "ana")
    book.book(1, "bob", span=(0, 9))
    book.bookings.remove(ana)
    del book.history[0]
    assert book.kinds() == {"lost"}


@pytest.mark.parametrize("change", ["confirm", "cancel"])
def test_an_acknowledged_change_that_is_not_there_is_lost(book, change):
    ana = book.book(1, "ana")
    getattr(book, change)(ana, happens=False)
    assert "lost" in book.kinds()


def test_an_acknowledged_cancel_is_not_made_good_by_another_request_s(book):
    ana = book.book(1, "ana", confirm=True)
    book.cancel(ana, KILLED, happens=True, request="one")
    book.cancel(ana, happens=False, request="other")
    assert book.kinds() == {"lost"}


def test_an_acknowledged_confirm_is_not_made_good_by_the_booking_of_the_same_request(book):
    ana = book.book(1, "ana", confirm=True, request="r")
    book.history[0]["request_id"] = "r"
    book.confirm(ana, request="r", happens=False)
    assert book.kinds() == {"lost"}


# differs


@pytest.mark.parametrize(
    ("field", "value", "kinds"),
    [
        ("reference", "REF-9", {"differs"}),
        ("slot_id", 2, {"differs", "nowhere"}),
        ("patient_name", "Ana", {"differs"}),
        ("patient_name", "eve", {"differs", "nowhere"}),
        ("patient_email", "eve@x.de", {"differs", "nowhere"}),
        ("request_id", "other", {"differs", "nowhere"}),
    ],
)
def test_a_booking_that_is_not_what_was_acknowledged_is_found(book, field, value, kinds):
    book.book(1, "ana")[field] = value
    assert book.kinds() == kinds


@pytest.mark.parametrize(
    "other", [{"slot_id": 2}, {"patient_name": "eve"}, {"patient_email": "eve@x.de"}, {"status": "CONFIRMED"}]
)
def test_an_answer_that_is_not_what_was_asked_for_is_found(book, other):
    ana = book.book(1, "ana", KILLED, happens=True)
    book.again(ana, Done({**ana, **other}))
    assert "differs" in book.kinds()


@pytest.mark.parametrize("other", [{"slot_id": 2}, {"patient_name": "eve"}, {"patient_email": "eve@x.de"}])
def test_a_booking_that_is_acknowledged_as_it_is_and_not_as_it_was_asked_for_is_found(book, other):
    book.book(1, "ana")
    book.operations[0].arguments.update(other)
    assert book.kinds() == {"differs", "nowhere"}


def test_a_confirm_that_shows_another_booking_is_found(book):
    ana, bob = book.book(1, "ana"), book.book(2, "bob", confirm=True)
    book.confirm(ana, Done(dict(bob)), happens=True)
    assert book.kinds() == {"differs"}


def test_a_first_state_that_is_not_the_acknowledged_one_is_found(book):
    ana = book.book(1, "ana")
    ana |= {"status": "CONFIRMED", "hold_expires_at": None, "confirmed_at": ana["booked_at"]}
    book.history[0]["to_status"] = "CONFIRMED"
    assert book.kinds() == {"differs"}


def test_a_hold_for_whom_asked_to_be_confirmed_at_once_is_found(book):
    book.book(1, "ana")
    book.operations[0].arguments["confirm"] = True
    assert book.kinds() == {"differs"}


def test_a_repetition_that_asks_for_more_and_gets_the_first_answer_is_right(book):
    ana = book.book(1, "ana")
    book.again(ana)
    book.operations[1].arguments["confirm"] = True
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("other", [{"reference": "REF-9"}, {"status": "CANCELLED"}, {"patient_name": "eve"}])
def test_a_confirm_that_shows_something_else_is_found(book, other):
    ana = book.book(1, "ana")
    book.confirm(ana, KILLED, happens=True)
    book.confirm(ana, Done({**ana, **other}))
    assert "differs" in book.kinds()


def test_a_name_that_is_written_in_other_letters_next_time_is_the_same_patient(book):
    ana = book.book(1, "ana")
    book.again({**ana, "patient_name": "ANA"}, Done(dict(ana)))
    assert book.kinds() == NOTHING


# undone


@pytest.mark.parametrize("status", ["PENDING", "FAILED"])
def test_a_confirmed_booking_that_is_something_less_is_undone(book, status):
    ana = book.book(1, "ana", confirm=True)
    ana["status"] = status
    assert book.kinds() == {"undone", "history"}


def test_a_cancelled_booking_that_is_active_again_is_undone(book):
    ana = book.book(1, "ana", confirm=True)
    book.cancel(ana)
    ana["status"] = "CONFIRMED"
    assert book.kinds() == {"undone", "history"}


def test_a_booking_that_went_on_since_it_was_acknowledged_is_right(book):
    ana = book.book(1, "ana")
    book.confirm(ana, KILLED, happens=True)
    book.cancel(ana, KILLED, happens=True)
    assert book.kinds() == NOTHING


# refused


@pytest.mark.parametrize("code", ["slot_taken", "busy", "database_unavailable"])
def test_a_refused_booking_that_is_there_is_found(book, code):
    book.book(1, "ana", Refused(code), happens=True)
    assert "refused" in book.kinds()
    assert "nowhere" not in book.kinds()


@pytest.mark.parametrize("change", ["confirm", "cancel"])
def test_a_refused_change_that_is_there_is_found(book, change):
    ana = book.book(1, "ana")
    getattr(book, change)(ana, BUSY, happens=True)
    assert book.kinds() == {"refused"}


def test_a_refused_change_that_is_there_is_not_excused_by_another_request_of_unknown_outcome(book):
    ana = book.book(1, "ana")
    book.confirm(ana, KILLED, request="one")
    book.confirm(ana, BUSY, happens=True, request="other")
    assert book.kinds() == {"refused"}


@pytest.mark.parametrize("before", [True, False])
def test_a_try_that_was_refused_is_excused_by_another_of_the_same_request(book, before):
    if before:
        book.book(1, "ana", BUSY)
        ana = book.book(1, "ana")
        book.confirm(ana, BUSY)
        book.confirm(ana, KILLED, happens=True)
    else:
        ana = book.book(1, "ana", KILLED, happens=True)
        book.again(ana, BUSY)
        book.confirm(ana, KILLED, happens=True)
        book.confirm(ana, BUSY)
    assert book.kinds() == NOTHING


def test_a_booking_that_is_refused_after_it_released_a_lapsed_hold_is_right(book):
    ana = book.book(1, "ana", hold=3)
    book.update_doctor(book.doctors[0], active=False)
    book.book(1, "bob", Refused("doctor_inactive"))
    book.fail(ana)
    assert book.kinds() == NOTHING


def test_an_expire_that_fails_midway_has_released_some(book):
    ana = book.book(1, "ana", hold=3)
    book.expire(ana, answer=BUSY, happens=True)
    assert book.kinds() == NOTHING


# nowhere


def test_a_booking_that_nobody_asked_for_is_found(book):
    book.book(1, "ana")
    book.operations.clear()
    assert book.kinds() == {"nowhere"}
    book.history.clear()
    assert book.kinds() == {"nowhere", "history"}


@pytest.mark.parametrize("change", ["confirm", "cancel"])
def test_a_change_that_nobody_asked_for_is_found(book, change):
    ana = book.book(1, "ana")
    getattr(book, change)(ana)
    book.operations.pop()
    assert book.kinds() == {"nowhere"}


@pytest.mark.parametrize("request_id", [None, "other"])
def test_a_change_by_a_request_that_nobody_made_is_found(book, request_id):
    ana = book.book(1, "ana")
    book.confirm(ana, KILLED, happens=True)
    book.history[1]["request_id"] = request_id
    assert book.kinds() == {"nowhere"}


def test_a_confirm_does_not_explain_a_cancelled_booking(book):
    ana = book.book(1, "ana")
    book.confirm(ana, KILLED, request="r")
    book.cancel(ana, request="r")
    book.operations.pop()
    assert book.kinds() == {"nowhere"}


def test_a_hold_that_lapsed_without_an_expire_or_anybody_who_wanted_the_slot_is_found(book):
    ana = book.before_everything(book.book(1, "ana", hold=3))
    book.book(2, "bob")
    book.again(ana)
    book.fail(ana)
    assert book.kinds() == {"nowhere"}


def test_a_booking_for_somebody_else_than_who_asked_is_found(book):
    ana = book.book(1, "ana", KILLED, happens=True)
    ana["patient_name"] = "eve"
    assert book.kinds() == {"nowhere"}


def test_what_was_there_before_the_first_operation_is_right(book):
    ana = book.before_everything(book.book(1, "ana"))
    book.cancel(ana)
    assert book.kinds() == NOTHING


def test_a_history_that_names_the_request_of_a_booking_is_right(book):
    book.book(1, "ana", request="r")
    book.history[0]["request_id"] = "r"
    assert book.kinds() == NOTHING


def test_a_history_that_names_another_request_than_the_booking_is_found(book):
    book.book(1, "ana")
    book.history[0]["request_id"] = "other"
    assert book.kinds() == {"nowhere"}
