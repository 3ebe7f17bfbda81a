"""Races for one patient: overlapping bookings, registrations and merges at the same moment."""

import itertools
import json
import subprocess
import sys
from decimal import Decimal
from functools import partial

import pytest

from booking_cli.domain.validation import BookingKey, PatientKey
from booking_cli.repository import bookings, new_bookings, patients
from booking_cli.repository.new_bookings import Batch
from booking_cli.repository.patients import PatientUpdate
from tests.concurrency.booking_requests import request_for
from tests.support.threads import at_once, kinds

pytestmark = pytest.mark.usefixtures("sound_afterwards")

ROUNDS = 10
# One patient: case, the encoding of accents, width and spacing do not matter.
SPELLINGS = [
    {"name": "Zoë d'Été", "email": "zoe@example.org"},
    {"name": "ZOË D'ÉTÉ", "email": "Zoe@example.org"},
    {"name": "Zoe\u0308 d'E\u0301te\u0301", "email": "ZOE@EXAMPLE.ORG"},
    {"name": "\uff3aoë  d'Été", "email": "zoe@example.org"},
]
SMALL_CHUNKS = """
from booking_cli.__main__ import main
from booking_cli.commands import booking_import
booking_import.CHUNK = 50
main()"""
ORPHANS = "SELECT reference FROM bookings WHERE patient_id NOT IN (SELECT id FROM patients)"


@pytest.fixture
def register(opened):
    """Registers a patient whom requests for this name mean, and returns the number."""
    return lambda name: patients.add(opened, name=name, email=request_for(0, name).email, phone=None, note=None).id


def types(outcomes):
    """Return the type name of each outcome, in their order."""
    return [type(outcome).__name__ for outcome in outcomes]


@pytest.mark.parametrize(
    "given",
    [
        [{"hold_minutes": Decimal(60)}, {"hold_minutes": None}],
        SPELLINGS,
        [{"email": None, "phone": "030 1234"}, {"email": None, "phone": "(030) 12-34"}],
        [{"patient_id": 1}, {"patient_id": None}],
    ],
    ids=["held and confirmed", "spellings", "phone number", "patient number"],
)
def test_patient_booked_by_twenty_threads_at_overlapping_times_is_booked_once(
    race, book, register, overlapping_slots, sql, given
):
    if "patient_id" in given[0]:
        assert register("Pat") == given[0]["patient_id"]
    [slots] = overlapping_slots(1, doctors=20)
    calls = [book(slot, **changes) for slot, changes in zip(slots, itertools.cycle(given))]
    outcomes = race("bookings", *calls)
    assert kinds(outcomes) == ["Booked"] + ["PatientOverlap"] * 19
    [booked] = [outcome for outcome in outcomes if isinstance(outcome, new_bookings.Booked)]
    assert sql("SELECT reference FROM bookings") == [{"reference": booked.booking.reference}]
    assert sql("SELECT count(*) AS n FROM patients") == [{"n": 1}]


def test_patients_booked_by_pairs_of_processes_at_overlapping_times_are_booked_once(race, program, overlapping_slots):
    calls = []
    for number, (one, other) in enumerate(overlapping_slots(5, doctors=2)):
        for slot, name in ((one, f"Zoë {number}"), (other, f" ZOË {number}")):
            calls.append(partial(program, "book", slot, "--name", name, "--email", "zoe@example.org", "-o", "json"))
    ends = race("bookings", *calls)
    for pair in zip(ends[::2], ends[1::2], strict=True):
        assert sorted(end.status for end in pair) == [0, 4]
        assert [end.error["code"] for end in pair if end.status] == ["patient_overlap"]


@pytest.mark.parametrize(
    ("options", "files", "copies"),
    [((), 2, 1), (("--atomic",), 2, 1), (("--jobs", "4"), 1, 4)],
    ids=["two files", "two atomic files", "four jobs"],
)
def test_patients_imported_at_once_at_overlapping_times_are_booked_once(
    race, environment, overlapping_slots, tmp_path, options, files, copies
):
    """Each file has `copies` rows for each patient, in chunks of 50 rows."""
    hours, calls = overlapping_slots(100, doctors=files * copies), []
    for file in range(files):
        path, lines = tmp_path / f"{file}.csv", ["slot_id,name,email"]
        for copy in range(file * copies, (file + 1) * copies):
            name, email = SPELLINGS[copy].values()
            rows = [f"{slots[copy]},{name} {number},{email}" for number, slots in enumerate(hours)]
            lines += rows if copy % 2 else reversed(rows)
        path.write_text("\n".join(lines))
        command = [sys.executable, "-c", SMALL_CHUNKS, "book", "--from", path, *options, "-o", "json"]
        calls.append(partial(subprocess.run, command, env=environment, capture_output=True, text=True, check=False))
    ends = race("patients", *calls, waiting=files * copies)
    assert {end.returncode for end in ends} <= {0, 4}, ends
    code_of = {row["slot_id"]: row["code"] or "booked" for end in ends for row in json.loads(end.stdout)}
    for slots in hours:
        assert sorted(code_of[slot] for slot in slots) == ["booked"] + ["patient_overlap"] * (files * copies - 1)


def test_overlap_allowed_for_some_of_a_patients_bookings_at_once_books_these_and_one_more(
    race, book, overlapping_slots
):
    [slots] = overlapping_slots(1, doctors=16)
    calls = [book(slot, allow_overlap=number % 2 == 0) for number, slot in enumerate(slots)]
    outcomes = race("bookings", *calls)
    assert kinds(outcomes[::2]) == ["Booked"] * 8
    assert kinds(outcomes[1::2]) == ["Booked"] + ["PatientOverlap"] * 7


def test_patient_with_a_lapsed_hold_booked_by_many_at_once_is_booked_once(race, opened, book, overlapping_slots, sql):
    [slots] = overlapping_slots(1, doctors=13)
    held = BookingKey(id=book(slots[0])().booking.id)
    sql("UPDATE bookings SET hold_expires_at = now() - interval '1 second'")
    outcomes = race(
        "bookings",
        partial(bookings.confirm, opened, held, "c"),
        partial(bookings.expire, opened),
        book(slots[0], "Tom"),
        *[book(slot) for slot in slots[1:]],
    )
    assert types(outcomes[:3]) == ["HoldLapsed", "Expiry", "Booked"]
    assert kinds(outcomes[3:]) == ["Booked"] + ["PatientOverlap"] * 11


def test_new_patient_added_and_booked_by_many_at_once_is_registered_once(race, opened, book, make_slots, sql):
    adds = [partial(patients.add, opened, **spelling, phone=None, note=None) for spelling in SPELLINGS * 2]
    books = [book(slot, **spelling) for slot, spelling in zip(make_slots(8), SPELLINGS * 2, strict=True)]
    outcomes = race("patients", *adds, *books)
    assert kinds(outcomes[:8]) in (["PatientExists"] * 8, ["Patient"] + ["PatientExists"] * 7)
    assert kinds(outcomes[8:]) == ["Booked"] * 8
    assert sql("SELECT count(*) AS n FROM patients") == [{"n": 1}]


def test_new_patient_of_a_rejected_row_booked_at_the_same_moment_stays_registered(race, opened, book, make_slots, sql):
    slots = iter(make_slots(3 * ROUNDS))
    for number, (free, taken, slot) in enumerate(zip(slots, slots, slots, strict=True)):
        book(taken, f"Ida {number}")()
        rows = Batch.of({1: request_for(free, f"Tom {number}"), 2: request_for(taken, f"Pat {number}")})
        results, booked = race("bookings", partial(new_bookings.book_all, opened, rows), book(slot, f"Pat {number}"))
        assert types([results[1], results[2], booked]) == ["Booked", "SlotTaken", "Booked"]
    assert sql("SELECT count(*) AS n FROM patients") == [{"n": 3 * ROUNDS}]


@pytest.mark.parametrize(
    ("names", "if_version", "refusal"), [(["Ana", "Bo"], None, "PatientExists"), (["Ana"] * 2, 1, "VersionConflict")]
)
def test_patients_updated_to_the_same_at_once_are_updated_once(race, opened, register, names, if_version, refusal):
    keys = {name: PatientKey(id=register(name)) for name in set(names)}
    update = partial(patients.update, opened, change=PatientUpdate(name="Cleo", email="c@x.de"), if_version=if_version)
    assert kinds(race("patients", *[partial(update, keys[name]) for name in names])) == ["Patient", refusal]


@pytest.mark.parametrize("merges", [("AB", "BA"), ("AB", "CA"), ("AB", "AC")], ids=" ".join)
def test_patients_in_two_merges_at_once_keep_their_bookings(race, opened, book, register, make_slots, sql, merges):
    slots = iter(make_slots(9))
    for number in range(3):
        keys = {name: PatientKey(id=register(f"{name} {number}")) for name in "ABC"}
        for name in keys:
            book(next(slots), f"{name} {number}")()
        outcomes = race("bookings", *[partial(patients.merge, opened, keys[one], keys[into]) for one, into in merges])
        assert "Patient" in kinds(outcomes)
        assert set(kinds(outcomes)) <= {"Patient", "NotFound", "InvalidInput"}
        assert sql(ORPHANS) == []


@pytest.mark.parametrize("by_number", [True, False], ids=["by number", "by name"])
def test_patients_merged_while_both_are_booked_at_overlapping_times_keep_at_most_one_booking(
    race, opened, book, register, overlapping_slots, sql, by_number
):
    for number, slots in enumerate(overlapping_slots(ROUNDS, doctors=2)):
        names = [f"Ana {number}", f"Bo {number}"]
        numbers = [register(name) for name in names]
        calls = [partial(patients.merge, opened, *[PatientKey(id=patient_id) for patient_id in numbers])]
        for slot, name, patient_id in zip(slots, names, numbers, strict=True):
            calls.append(book(slot, name, patient_id=patient_id if by_number else None))
        # At the table the merge mostly comes first, and without the lock the bookings.
        merged, *booked = race("bookings", *calls) if number % 2 else at_once(*calls)
        assert type(merged).__name__ in ("Patient", "PatientOverlap")
        assert "Booked" in types(booked)
        assert set(types(booked)) <= {"Booked", "PatientOverlap", *(["NotFound"] if by_number else [])}
        twice = "SELECT 1 FROM bookings GROUP BY patient_id, date_trunc('hour', starts_at) HAVING count(*) > 1"
        assert sql(twice) == []
        assert sql(ORPHANS) == []
