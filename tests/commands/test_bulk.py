"""Slots in bulk: which are planned, which are left out and counted, and that running it again changes nothing."""

import datetime as dt
from collections.abc import Callable

import pytest

from tests.commands.test_slots import DAY, add_doctor, add_slot, listed, put_where_it_is_noon
from tests.conftest import Ran

MORNING = ("--from", DAY, "--start", "09:00", "--end", "11:00")
COUNTS = ("planned", "created", "existing", "conflicts", "past")


@pytest.fixture(autouse=True)
def doctor(booking: Callable[..., Ran]) -> int:
    """The number of a doctor, who is the first and so number 1."""
    return add_doctor(booking, "ana", "Skin")


@pytest.fixture
def bulk(booking: Callable[..., Ran]) -> Callable[..., Ran]:
    """Runs `slots bulk` for the doctor."""

    def run(*options: object) -> Ran:
        done = booking("slots", "bulk", 1, *options, "-o", "json")
        assert done.status == 0, done.stderr
        return done

    return run


def counts(done: Ran) -> tuple[int, ...]:
    """Return how many slots were planned, created, existing, in conflict and past."""
    return tuple(done.json[name] for name in COUNTS)


def times(done: Ran) -> list[str]:
    return [slot["time"] for slot in done.json["slots"]]


def test_the_program_makes_slots_and_says_how_many(program):
    done = program("slots", "bulk", "ANA@clinic.example", *MORNING)
    assert done == Ran(0, "Created 4 of 4 slots for ana.\n", "")
    assert len(program("slots", "list", "-o", "json").json) == 4


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        (["2", *MORNING], 4, "doctor_inactive"),
        (["3", *MORNING], 3, "not_found"),
        (["1", *MORNING, "--strict"], 4, "slot_overlap"),
        (["1", *MORNING, "--to", DAY - dt.timedelta(days=1)], 2, "invalid_input"),
        (["1", *MORNING, "--to", DAY + dt.timedelta(days=1098)], 2, "invalid_input"),
        (["1", *MORNING, "--days", "someday"], 2, "usage"),
        (["1", "--from", DAY, "--start", "09:00", "--end", "09:00"], 2, "invalid_input"),
    ],
)
def test_the_program_ends_with_the_status_and_the_code_of_its_refusal(program, booking, options, status, code):
    booking("doctors", "update", add_doctor(booking, "bo", "Skin"), "--inactive")
    add_slot(booking, "10:10")
    refused = program("slots", "bulk", *options, "-o", "json")
    assert (refused.status, refused.error["code"], refused.stdout) == (status, code, "")
    assert listed(booking, "--status", "all") == [1]


@pytest.mark.parametrize(
    ("hours", "planned"),
    [
        (("09:00", "10:30"), ["09:00", "09:30", "10:00"]),
        (("09:00", "10:29"), ["09:00", "09:30"]),
        (("09:00", "09:29"), []),
        (("09:05", "10:10"), ["09:05", "09:35"]),
        (("00:00", "00:30"), ["00:00"]),
        (("23:00", "24:00"), ["23:00", "23:30"]),
    ],
)
def test_a_slot_that_would_end_after_the_end_is_not_made(bulk, hours, planned):
    done = bulk("--from", DAY, "--start", hours[0], "--end", hours[1])
    assert times(done) == planned
    assert counts(done) == (len(planned), len(planned), 0, 0, 0)


@pytest.mark.parametrize(
    ("breaks", "planned"),
    [
        (["10:00-11:00"], ["09:00", "09:30", "11:00", "11:30"]),
        (["10:15-10:45"], ["09:00", "09:30", "10:45", "11:15"]),
        (["11:00-11:15", "09:30-10:00"], ["09:00", "10:00", "10:30", "11:15"]),
        (["10:00-11:00", "10:30-11:30"], ["09:00", "09:30", "11:30"]),
        (["08:00-09:10"], ["09:10", "09:40", "10:10", "10:40", "11:10"]),
        (["11:45-13:00"], ["09:00", "09:30", "10:00", "10:30", "11:00"]),
        (["08:00-13:00"], []),
    ],
)
def test_breaks_cut_and_work_begins_anew_after_each(bulk, breaks, planned):
    options = [word for pause in breaks for word in ("--break", pause)]
    assert times(bulk("--from", DAY, "--start", "09:00", "--end", "12:00", *options)) == planned


@pytest.mark.parametrize(
    ("days", "wanted"),
    [
        ("mon-fri", "Mon Tue Wed Thu Fri"),
        ("mon,wed", "Mon Wed"),
        ("sat", "Sat"),
        ("fri-mon", "Fri Sat Sun Mon"),
        ("Tue-Wed, SUNDAY", "Tue Wed Sun"),
    ],
)
def test_only_the_weekdays_that_are_wanted_get_slots(bulk, days, wanted):
    done = bulk(*MORNING, "--to", DAY + dt.timedelta(days=13), "--minutes", 120, "--days", days)
    found = [f"{dt.date.fromisoformat(slot['date']):%a}" for slot in done.json["slots"]]
    assert sorted(found) == sorted(wanted.split() * 2)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--days", ""),
        ("--days", "mon-"),
        ("--days", "mo"),
        ("--days", "mon;tue"),
        ("--break", "12:00"),
        ("--break", "13:00-12:00"),
        ("--break", "12:00-12:00"),
        ("--minutes", "4"),
        ("--minutes", "481"),
        ("--start", "24:00"),
        ("--start", "11:01"),
        ("--end", "24:01"),
        ("--end", "09:00"),
        ("--from", "2031-02-29"),
        ("--to", "someday"),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error(booking, option, value):
    # The last one of an option that is given twice counts.
    refused = booking("slots", "bulk", 1, *MORNING, option, value)
    assert (refused.status, refused.stdout) == (2, "")
    assert option in refused.stderr
    assert listed(booking) == []


def test_a_range_has_at_most_three_years(booking):
    last = DAY + dt.timedelta(days=3 * 366 - 1)
    assert booking("slots", "bulk", 1, *MORNING, "--days", "sun", "--to", last).status == 0
    assert booking("slots", "bulk", 1, *MORNING, "--days", "sun", "--to", last + dt.timedelta(days=1)).status == 2


def test_slots_are_told_as_they_are_in_the_book(booking, bulk):
    done = bulk(*MORNING)
    assert [slot["id"] for slot in done.json["slots"]] == [1, 2, 3, 4]
    assert done.json["slots"] == booking("slots", "list", "-o", "json").json


def test_running_it_again_changes_nothing_and_counts_what_exists(booking, bulk):
    bulk(*MORNING)
    before = booking("slots", "list", "-o", "json").json
    again = bulk(*MORNING)
    assert (counts(again), again.json["slots"]) == ((4, 0, 4, 0, 0), [])
    assert booking("slots", "list", "-o", "json").json == before


def test_running_it_again_makes_what_is_missing(booking, bulk):
    bulk(*MORNING)
    booking("slots", "delete", 2)
    again = bulk(*MORNING)
    assert (counts(again), times(again)) == ((4, 1, 3, 0, 0), ["09:30"])


def test_a_booked_slot_in_the_same_form_exists_and_keeps_its_booking(booking, bulk):
    slot = add_slot(booking, "09:30")["id"]
    booking("book", slot, "--name", "Pat", "--email", "pat@mail.example", "--confirm")
    assert counts(bulk(*MORNING)) == (4, 3, 1, 0, 0)
    assert booking("slots", "show", slot, "-o", "json").json["status"] == "booked"


@pytest.mark.parametrize(
    ("time", "minutes", "created", "conflicts"),
    [
        ("10:10", 30, ["09:00", "09:30"], 2),
        ("09:30", 20, ["09:00", "10:00", "10:30"], 1),
        ("09:00", 60, ["10:00", "10:30"], 2),
        ("10:00", 5, ["09:00", "09:30", "10:30"], 1),
        ("08:00", 60, ["09:00", "09:30", "10:00", "10:30"], 0),
        ("08:30", 180, [], 4),
    ],
)
def test_a_slot_that_overlaps_another_is_a_conflict_and_the_rest_is_made(
    booking, bulk, time, minutes, created, conflicts
):
    add_slot(booking, time, "--minutes", minutes)
    done = bulk(*MORNING)
    assert times(done) == created
    assert counts(done) == (4, len(created), 0, conflicts, 0)


def test_the_slots_of_another_doctor_are_no_conflict(booking, bulk):
    add_slot(booking, "09:10", whose=add_doctor(booking, "bo", "Skin"))
    assert counts(bulk(*MORNING, "--strict")) == (4, 4, 0, 0, 0)


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_with_strict_a_conflict_creates_nothing(booking, dry_run):
    add_slot(booking, "10:10")
    refused = booking("slots", "bulk", 1, *MORNING, "--strict", *dry_run, "-o", "json")
    assert (refused.status, refused.error["code"], refused.stdout) == (4, "slot_overlap", "")
    assert "2 of 4 slots overlap" in refused.error["message"]
    assert listed(booking) == [1]


def test_with_strict_what_exists_is_no_conflict(booking, bulk):
    add_slot(booking, "10:00")
    assert counts(bulk(*MORNING, "--strict")) == (4, 3, 1, 0, 0)


def test_past_times_are_skipped_and_counted(booking, bulk):
    put_where_it_is_noon(booking)
    before = dt.datetime.now(dt.UTC)
    done = bulk("--from", "today", "--start", "00:00", "--end", "24:00", "--minutes", 60)
    after = dt.datetime.now(dt.UTC)
    planned, created, existing, conflicts, past = counts(done)
    assert (planned, existing, conflicts) == (24, 0, 0)
    assert past == 24 - created
    first = dt.datetime.fromisoformat(done.json["slots"][0]["starts_at"])
    assert before < first
    assert first - dt.timedelta(hours=1) <= after


def test_a_past_day_makes_no_slot(bulk):
    assert counts(bulk("--from", "2020-01-06", "--start", "09:00", "--end", "11:00")) == (4, 0, 0, 0, 4)


@pytest.fixture
def everything(booking: Callable[..., Ran]) -> tuple[object, ...]:
    """Options for four slots on one weekday in three weeks: eight are past, one exists, two are in conflict, one is free."""
    add_slot(booking, "09:00")
    add_slot(booking, "10:10")
    weeks_ago = DAY - dt.timedelta(days=14)
    return ("--from", weeks_ago, "--to", DAY, "--start", "09:00", "--end", "11:00", "--days", f"{DAY:%a}")


def test_every_planned_slot_is_counted_once(bulk, everything):
    assert counts(bulk(*everything)) == (12, 1, 1, 2, 8)


def test_a_dry_run_tells_the_same_counts_as_the_real_run_and_writes_nothing(booking, bulk, everything):
    before = listed(booking, "--status", "all")
    dry = bulk(*everything, "--dry-run")
    assert dry.json["slots"] == []
    assert listed(booking, "--status", "all") == before
    assert counts(bulk(*everything)) == counts(dry)


def test_the_sentence_names_each_count(booking, everything):
    told = "1 of 12 slots for ana: 1 there already, 2 in conflict with other slots, 8 in the past.\n"
    assert booking("slots", "bulk", 1, *everything, "--dry-run").stdout == f"Would create {told}"
    assert booking("slots", "bulk", 1, *everything).stdout == f"Created {told}"


def test_a_range_over_months_is_one_statement(bulk, sql):
    sql("CREATE TABLE statements (at timestamptz DEFAULT now())")
    sql(
        "CREATE FUNCTION booking.count_statement() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN INSERT INTO booking.statements DEFAULT VALUES; RETURN NULL; END$$"
    )
    sql(
        "CREATE TRIGGER counted AFTER INSERT ON booking.slots "
        "FOR EACH STATEMENT EXECUTE FUNCTION booking.count_statement()"
    )
    done = bulk(*MORNING, "--to", DAY + dt.timedelta(days=119))
    assert counts(done) == (480, 480, 0, 0, 0)
    assert len({slot["date"] for slot in done.json["slots"]}) == 120
    assert sql("SELECT count(*) FROM statements")[0]["count"] == 1
