"""`booking slots bulk`: which slots are planned, which are left out and counted, and that a repeated run changes nothing."""

import datetime as dt

import pytest

from tests.commands.test_slots import DAY, add_doctor, add_slot, listed, set_zone_where_it_is_noon, sundays_of_change

MORNING = ("--from", DAY, "--start", "09:00", "--end", "11:00")
COUNTS = ("planned", "created", "existing", "conflicts", "past")


@pytest.fixture(autouse=True)
def doctor(booking):
    """The number of a doctor, who is the first and so number 1."""
    return add_doctor(booking, "ana", "Skin")


@pytest.fixture
def bulk(booking):
    """Runs `slots bulk` for the doctor."""

    def run(*options):
        done = booking("slots", "bulk", 1, *options, "-o", "json")
        assert done.status == 0, done.stderr
        return done

    return run


def counts(done):
    """Return how many slots were planned, created, existing, in conflict and past."""
    return tuple(done.json[name] for name in COUNTS)


def times(done):
    return [slot["time"] for slot in done.json["slots"]]


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        ("2 --from +5d --start 09:00 --end 11:00", 4, "doctor_inactive"),
        ("3 --from +5d --start 09:00 --end 11:00", 3, "not_found"),
        (f"1 --from {DAY} --start 09:00 --end 11:00 --strict", 4, "slot_overlap"),
        (f"1 --from {DAY} --start 09:00 --end 11:00 --strict --dry-run", 4, "slot_overlap"),
        ("1 --from +5d --to +4d --start 09:00 --end 11:00", 2, "invalid_input"),
        ("1 --from +5d --to +1103d --start 09:00 --end 11:00", 2, "invalid_input"),
        ("1 --from +5d --to someday --start 09:00 --end 11:00", 2, "usage"),
        ("1 --from +5d --start 09:00 --end 11:00 --days someday", 2, "usage"),
        ("1 --from +5d --start 09:00 --end 11:00 --break 13:00-12:00", 2, "usage"),
        ("1 --from +5d --start 09:00 --end 11:00 --minutes 481", 2, "usage"),
        ("1 --from +5d --start 09:00 --end 09:00", 2, "invalid_input"),
        ("1 --from +5d --start 09:00 --end 24:01", 2, "usage"),
    ],
)
def test_a_rejected_command_has_its_status_and_code_and_changes_nothing(booking, arguments, status, code):
    booking("doctors", "update", add_doctor(booking, "bo", "Skin"), "--inactive")
    add_slot(booking, "10:10")
    rejected = booking("slots", "bulk", *arguments.split(), "-o", "json")
    assert (rejected.status, rejected.error["code"], rejected.stdout) == (status, code, "")
    assert listed(booking, "--status", "all") == [1]
    if code == "slot_overlap":
        assert "overlap others of ana: 2" in rejected.error["message"]


@pytest.mark.parametrize(
    ("start", "end", "breaks", "planned"),
    [
        ("09:00", "10:29", [], "09:00 09:30"),
        ("23:00", "24:00", [], "23:00 23:30"),
        ("09:00", "12:00", ["11:00-11:15", "09:30-10:00"], "09:00 10:00 10:30 11:15"),
        ("09:00", "12:00", ["08:00-13:00"], ""),
    ],
)
def test_slots_fit_between_start_breaks_and_end(bulk, start, end, breaks, planned):
    options = [word for pause in breaks for word in ("--break", pause)]
    done = bulk("--from", DAY, "--start", start, "--end", end, *options)
    assert times(done) == planned.split()
    assert counts(done) == (len(times(done)), len(times(done)), 0, 0, 0)


@pytest.mark.parametrize(("days", "expected"), [("mon,wed", "Mon Wed"), ("fri-mon", "Fri Mon Sat Sun")])
def test_only_the_given_weekdays_get_slots(bulk, days, expected):
    done = bulk(*MORNING, "--to", DAY + dt.timedelta(days=13), "--minutes", 120, "--days", days)
    found = [f"{dt.date.fromisoformat(slot['date']):%a}" for slot in done.json["slots"]]
    assert sorted(found) == sorted(expected.split() * 2)


def test_a_repeated_run_creates_only_the_missing_slots_and_leaves_the_others(booking, bulk):
    first = bulk(*MORNING)
    assert first.json["slots"] == booking("slots", "list", "-o", "json").json
    again = bulk(*MORNING)
    assert (counts(again), again.json["slots"]) == ((4, 0, 4, 0, 0), [])
    assert first.json["slots"] == booking("slots", "list", "-o", "json").json
    booking("slots", "delete", 2)
    booking("book", 3, "--name", "Pat", "--email", "pat@mail.example", "--confirm")
    again = bulk(*MORNING, "--strict")
    assert (counts(again), times(again)) == ((4, 1, 3, 0, 0), ["09:30"])
    assert booking("slots", "show", 3, "-o", "json").json["status"] == "booked"


@pytest.mark.parametrize(
    ("time", "minutes", "created", "conflicts"),
    [
        ("10:10", 30, "09:00 09:30", 2),
        ("09:30", 20, "09:00 10:00 10:30", 1),
        ("09:00", 60, "10:00 10:30", 2),
        ("08:00", 60, "09:00 09:30 10:00 10:30", 0),
        ("08:30", 180, "", 4),
    ],
)
def test_an_overlapping_slot_is_a_conflict_and_the_rest_is_created(booking, bulk, time, minutes, created, conflicts):
    add_slot(booking, time, "--minutes", minutes)
    add_slot(booking, "09:10", doctor=add_doctor(booking, "bo", "Skin"))  # another doctor's slot is no conflict
    done = bulk(*MORNING)
    assert times(done) == created.split()
    assert counts(done) == (4, len(times(done)), 0, conflicts, 0)


@pytest.mark.parametrize(
    ("change", "starts", "remark"),
    [
        (0, "01:00 01:30 03:00 03:30", "no 02:00 and 02:30"),
        (1, "01:00 01:30 02:00 02:30 03:00 03:30", "02:00 and 02:30 twice"),
    ],
    ids=["forward", "back"],
)
def test_a_time_that_the_clock_skips_gets_no_slot_and_a_repeated_one_gets_one(booking, bulk, change, starts, remark):
    booking("clinic", "set", "--timezone", "Europe/Berlin")
    date = sundays_of_change(DAY.year + 1)[change]
    night = ("--from", date - dt.timedelta(days=1), "--to", date, "--start", "01:00", "--end", "04:00")
    dry, done, again = bulk(*night, "--dry-run"), bulk(*night), bulk(*night)
    assert [slot["time"] for slot in done.json["slots"] if slot["date"] == f"{date}"] == starts.split()
    assert done.stderr.startswith(f"{date} has {remark}")
    assert dry.stderr == done.stderr == again.stderr
    assert done.json["planned"] == done.json["created"] == dry.json["created"] == again.json["existing"]


def test_past_times_of_today_are_left_out_and_counted(booking, bulk):
    set_zone_where_it_is_noon(booking)
    before = dt.datetime.now(dt.UTC)
    done = bulk("--from", "today", "--start", "00:00", "--end", "24:00", "--minutes", 60)
    after = dt.datetime.now(dt.UTC)
    created = done.json["created"]
    assert counts(done) == (24, created, 0, 0, 24 - created)
    first = dt.datetime.fromisoformat(done.json["slots"][0]["starts_at"])
    assert before < first <= after + dt.timedelta(hours=1)


def test_a_dry_run_has_the_counts_of_the_real_run_and_writes_nothing(booking, bulk):
    # On one weekday in three weeks: eight slots are past, one exists, two are in conflict, one can be created.
    add_slot(booking, "09:00")
    add_slot(booking, "10:10")
    weeks = ("--from", DAY - dt.timedelta(days=14), "--to", DAY, *MORNING[2:], "--days", f"{DAY:%a}")
    summary = booking("slots", "bulk", 1, *weeks, "--dry-run").stdout
    parts = ("Would create 1 of 12 slots for ana", "1 existing", "2 in conflict", "8 in the past")
    assert [text for text in parts if text not in summary] == []
    dry = bulk(*weeks, "--dry-run")
    assert (counts(dry), dry.json["slots"]) == ((12, 1, 1, 2, 8), [])
    assert listed(booking, "--status", "all") == [1, 2]
    assert booking("slots", "bulk", 1, *weeks).stdout == summary.replace("Would create", "Created")
    assert len(listed(booking, "--status", "all")) == 3
