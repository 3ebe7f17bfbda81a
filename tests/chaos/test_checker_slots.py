"""The checker of chaos histories finds each kind of broken promise about slots, and calls nothing broken that is not."""

import datetime as dt

import pytest

from tests.chaos.history import Done, Refused, Unknown
from tests.chaos.small_book import SmallBook

KILLED = Unknown("killed")
BUSY = Refused("busy")
NOTHING = set()


@pytest.fixture
def book():
    return SmallBook()


@pytest.fixture
def row(book):
    """A third slot, which nobody has added yet."""
    return book.slot_row(3)


@pytest.fixture
def rows(book):
    """Three more slots, which nobody has added yet."""
    return [book.slot_row(number) for number in (3, 4, 5)]


@pytest.mark.parametrize("how", ["add_slot", "bulk"])
def test_an_acknowledged_slot_that_is_not_there_is_lost(book, row, how):
    getattr(book, how)(row)
    book.slots.remove(row)
    assert book.kinds() - {"partial"} == {"lost"}


def test_a_slot_that_was_there_from_the_beginning_and_is_gone_is_lost(book):
    book.slots.pop()
    assert book.kinds() == {"lost"}


def test_a_slot_is_not_lost_if_it_was_deleted_or_may_have_been(book, row):
    book.add_slot(row)
    book.delete_slot(3)
    book.delete_slot(2, KILLED, happens=True)
    book.delete_slot(1, KILLED, happens=False)
    assert book.kinds() == NOTHING


def test_a_slot_whose_deletion_was_refused_is_lost(book):
    book.delete_slot(2, BUSY, happens=True)
    assert book.kinds() == {"lost"}


def test_a_deleted_slot_that_is_there_is_found(book):
    book.delete_slot(2, happens=False)
    assert book.kinds() == {"lost"}


@pytest.mark.parametrize(
    "change",
    [
        {"doctor_id": 2},
        {"starts_at": dt.datetime(2030, 6, 3, 10, 35, tzinfo=dt.UTC)},
        {"ends_at": dt.datetime(2030, 6, 3, 10, 45, tzinfo=dt.UTC)},
    ],
)
def test_a_slot_that_is_not_what_was_acknowledged_is_found(book, row, change):
    book.add_slot(row)
    row |= change
    assert book.kinds() == {"differs", "nowhere"}


@pytest.mark.parametrize("other", [{"doctor_id": 2}, {"starts_at": "2030-06-03T10:35:00+00:00"}, {"minutes": 45}])
def test_a_slot_that_is_acknowledged_as_it_is_and_not_as_it_was_asked_for_is_found(book, row, other):
    book.add_slot(row)
    book.operations[0].arguments.update(other)
    assert book.kinds() == {"differs", "nowhere"}


def test_a_slot_that_is_shown_on_another_clock_is_the_same(book, row):
    berlin = dt.timezone(dt.timedelta(hours=2))
    shown = {**row, **{name: row[name].astimezone(berlin).isoformat() for name in ("starts_at", "ends_at")}}
    book.add_slot(row, Done(shown), happens=True)
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("how", ["add_slot", "bulk"])
def test_a_refused_slot_that_is_there_is_found(book, row, how):
    getattr(book, how)(row, answer=BUSY)
    book.slots.append(row)
    assert book.kinds() == {"refused"}


@pytest.mark.parametrize("answer", [None, KILLED])
def test_a_refused_slot_is_there_if_somebody_else_may_have_made_it(book, row, answer):
    book.add_slot(row, Refused("slot_overlap"))
    book.bulk(row, answer=answer, created=[row])
    assert book.kinds() == NOTHING


def test_a_slot_that_nobody_asked_for_is_found(book, row):
    book.slots.append(row)
    assert book.kinds() == {"nowhere"}


def test_where_nothing_was_there_before_everything_needs_an_operation(book):
    book.before = None
    assert book.kinds() == {"nowhere"}
    for table in (book.slots, book.doctors, book.clinic):
        table.clear()
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("first", ["add_slot", "bulk"])
def test_a_slot_that_two_operations_were_told_they_made_is_found(book, row, first):
    getattr(book, first)(row)
    book.add_slot(row, happens=False)
    assert book.kinds() == {"claimed"}


def test_a_bulk_that_finds_everything_there_has_made_nothing(book, rows):
    book.bulk(*rows)
    book.bulk(*rows, created=[])
    assert book.kinds() == NOTHING


# overlap


def test_slots_of_one_doctor_that_overlap_are_found(book, row):
    long = {**book.slot_row(3, half_hour=1), "ends_at": book.slot_row(4)["ends_at"]}
    book.slots += [long]
    assert "overlap" in book.kinds()


def test_slots_of_two_doctors_may_be_at_one_time(book):
    other = {**book.slot_row(3, half_hour=1), "doctor_id": 2}
    book.add_slot(other)
    assert book.kinds() == NOTHING


def test_slots_that_overlapped_for_a_while_are_found(book):
    one, other = book.slot_row(3), book.slot_row(4, half_hour=3)
    book.add_slot(one)
    book.add_slot(other)
    book.delete_slot(3)
    assert book.kinds() == {"overlap"}


def test_a_slot_over_one_that_was_there_from_the_beginning_is_found(book):
    book.add_slot(book.slot_row(3, half_hour=2))
    book.delete_slot(3)
    assert book.kinds() == {"overlap"}


@pytest.mark.parametrize("answer", [None, KILLED])
def test_a_slot_in_place_of_one_that_may_have_been_deleted_is_right(book, answer):
    book.delete_slot(2, answer, happens=True)
    book.add_slot(book.slot_row(3, half_hour=2))
    assert book.kinds() == NOTHING


def test_a_slot_added_while_the_one_in_its_place_was_deleted_is_right(book):
    book.delete_slot(2, span=(10, 30))
    book.add_slot(book.slot_row(3, half_hour=2), span=(5, 11))
    assert book.kinds() == NOTHING


def test_slots_that_came_one_after_the_other_are_right_in_either_order(book):
    book.add_slot(book.slot_row(4, half_hour=3))
    book.delete_slot(4)
    book.add_slot(book.slot_row(3, half_hour=3))
    assert book.kinds() == NOTHING


# partial


def test_a_bulk_that_happened_in_part_is_found(book, rows):
    book.bulk(*rows, answer=KILLED, created=rows[:2])
    assert book.kinds() == {"partial"}


def test_a_bulk_that_happened_in_part_is_found_although_it_was_tried_again(book, rows):
    book.bulk(*rows, answer=KILLED, created=rows[:1])
    book.bulk(*rows, answer=KILLED)
    assert book.kinds() == {"partial"}


@pytest.mark.parametrize("happens", [True, False])
def test_a_killed_bulk_may_have_happened_or_not(book, rows, happens):
    book.bulk(*rows, answer=KILLED, created=rows if happens else [])
    assert book.kinds() == NOTHING


def test_a_bulk_leaves_out_what_overlaps_a_slot_of_somebody_else(book, rows):
    quarter = dt.timedelta(minutes=15)
    between = {**rows[0], "starts_at": rows[0]["starts_at"] + quarter, "ends_at": rows[0]["ends_at"] + quarter}
    book.add_slot({**between, "id": 9})
    book.bulk(*rows, created=rows[2:])
    assert book.kinds() == NOTHING


def test_a_bulk_leaves_out_what_was_there_from_the_beginning(book, rows):
    book.bulk(book.slots[0], *rows, answer=KILLED, created=rows)
    book.delete_slot(1)
    assert book.kinds() == NOTHING


def test_a_slot_of_a_killed_bulk_may_have_been_deleted(book, rows):
    book.bulk(*rows, answer=KILLED, created=rows)
    book.delete_slot(4)
    assert book.kinds() == NOTHING


@pytest.mark.parametrize("deleted", [2, 6])
def test_the_deletion_of_another_slot_does_not_excuse_a_bulk_that_happened_in_part(book, rows, deleted):
    book.add_slot(book.slot_row(6))
    book.bulk(*rows, answer=KILLED, created=rows[:2])
    book.delete_slot(deleted)
    assert book.kinds() == {"partial"}


def test_a_refused_deletion_does_not_excuse_a_bulk_that_happened_in_part(book, rows):
    book.bulk(*rows, answer=KILLED, created=rows[:2])
    book.delete_slot(5, Refused("not_found"))
    assert book.kinds() == {"partial"}


def test_a_bulk_leaves_out_what_has_passed(book, rows):
    late = rows[1]["starts_at"].timestamp()
    rows.append(book.slot_row(9))
    book.bulk(*rows, answer=KILLED)
    book.bulk(*rows, answer=KILLED, created=rows[1:], span=(late - 60, late - 30))
    assert book.kinds() == NOTHING


def test_a_bulk_leaves_out_what_overlaps_itself(book, rows):
    twin = {**rows[0], "starts_at": rows[0]["starts_at"] + dt.timedelta(minutes=10)}
    book.bulk(*rows, twin, answer=KILLED, created=rows)
    assert book.kinds() == NOTHING


def test_a_bulk_beside_other_slots_is_judged(book, rows):
    other = {**rows[0], "id": 9, "doctor_id": 2}
    book.add_slot(other)
    book.add_slot(rows[2], BUSY)
    book.bulk(*rows, answer=KILLED, created=rows[:2])
    assert book.kinds() == {"partial"}
