"""`--request-id`: a request that is repeated happens once, and gets its first answer every time."""

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

PATIENT = ("--name", "Maria Silva", "--email", "maria@example.org")
SOMEBODY_ELSE = ("--name", "Tom Berg", "--email", "tom@example.org")
KEY = ("--request-id", "call-17", "-o", "json")


@pytest.mark.parametrize("options", [(), ("--confirm",)], ids=["held", "confirmed at once"])
def test_a_repeated_request_gets_its_first_answer_and_books_nothing_more(program, slots, contents, options):
    first = program("book", slots[0], *PATIENT, *options, *KEY)
    after_the_first = contents()

    again = program("book", slots[0], *PATIENT, *options, *KEY)

    assert (first.status, first.stderr) == (0, "")
    assert (again.status, again.stdout) == (0, first.stdout)
    assert f"booked once: {first.json['reference']}" in again.stderr
    assert contents() == after_the_first


@pytest.mark.parametrize(
    ("options", "changes", "state"),
    [
        ((), ["confirm"], "CONFIRMED"),
        ((), ["cancel"], "CANCELLED"),
        ((), ["confirm", "cancel"], "CANCELLED"),
        (("--hold", "0.0005"), ["expire"], "FAILED"),
        (("--hold", "0.0005"), ["taken over"], "FAILED"),
        (("--confirm",), ["cancel"], "CANCELLED"),
    ],
    ids=["confirmed", "cancelled", "confirmed and cancelled", "failed", "taken over", "confirmed at once, cancelled"],
)
def test_the_answer_stays_the_first_one_whatever_became_of_the_booking(booking, sql, slots, options, changes, state):
    first = booking("book", slots[0], *PATIENT, *options, *KEY)
    reference = first.json["reference"]
    for change in changes:
        if change in ("confirm", "cancel"):
            booking(change, reference)
        else:
            sql("SELECT pg_sleep_until(hold_expires_at) FROM bookings")
            booking("expire") if change == "expire" else booking("book", slots[0], *SOMEBODY_ELSE)

    again = booking("book", slots[0], *PATIENT, *options, *KEY)

    assert (again.status, again.stdout) == (0, first.stdout)
    assert f"booking {reference} has become {state}" in again.stderr
    assert booking("show", reference, "-o", "json").json["status"] == state


def test_a_lapsed_hold_that_nobody_released_is_not_answered_as_if_it_still_held(booking, sql, slots):
    first = booking("book", slots[0], *PATIENT, *KEY)
    sql("UPDATE bookings SET hold_expires_at = now()")

    again = booking("book", slots[0], *PATIENT, *KEY)

    assert again.status == 0
    assert again.json["reference"] == first.json["reference"]
    assert "lapsed" in again.stderr


def test_the_answer_is_told_to_people_too(booking, slots):
    first = booking("book", slots[0], *PATIENT, "--request-id", "call-17")
    reference = first.stdout.partition(": ")[2][:9]
    booking("cancel", reference)

    again = booking("book", slots[0], *PATIENT, "--request-id", "call-17")

    assert again.stdout == first.stdout
    assert again.stderr == (
        f"This request was made before, and booked once: {reference}.\n"
        f"Since then booking {reference} has become CANCELLED.\n"
    )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE doctors SET active = false",
        "UPDATE slots SET starts_at = starts_at - interval '30 days', ends_at = ends_at - interval '30 days'",
    ],
    ids=["inactive doctor", "past slot"],
)
def test_a_request_is_answered_though_the_slot_could_no_longer_be_booked(booking, sql, slots, change):
    first = booking("book", slots[0], *PATIENT, *KEY)
    sql(change)

    again = booking("book", slots[0], *PATIENT, *KEY)

    assert again.status == 0
    assert again.json["reference"] == first.json["reference"]


def test_a_request_is_answered_though_the_patient_has_another_booking_by_now(booking, sql, slots):
    first = booking("book", slots[0], *PATIENT, *KEY)
    booking("cancel", first.json["reference"])
    booking("book", slots[0], *PATIENT, "--confirm")
    sql("UPDATE slots SET starts_at = starts_at + interval '10 minutes' WHERE id = %s", slots[0])

    again = booking("book", slots[0], *PATIENT, *KEY)

    assert again.status == 0
    assert again.json["reference"] == first.json["reference"]


def test_the_same_patient_in_other_letters_repeats_the_request(booking, slots):
    first = booking("book", slots[0], *PATIENT, *KEY)

    again = booking("book", slots[0], "--name", "MARIA silva", "--email", "Maria@EXAMPLE.org", *KEY)

    assert (again.status, again.stdout) == (0, first.stdout)


@pytest.mark.parametrize(
    ("slot", "patient"),
    [
        (1, PATIENT),
        (0, SOMEBODY_ELSE),
        (0, ("--name", "Pedro Silva", "--email", "maria@example.org")),
        (0, ("--name", "Maria Silva", "--email", "other@example.org")),
    ],
    ids=["another slot", "another patient", "another name", "another email"],
)
@pytest.mark.parametrize("options", [(), ("--allow-overlap",)])
def test_a_request_id_stands_for_one_patient_and_one_slot(booking, slots, contents, slot, patient, options):
    made = booking("book", slots[0], *PATIENT, *KEY).json
    before = contents()

    ran = booking("book", slots[slot], *patient, *options, *KEY)

    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "request_id_reused")
    assert made["reference"] in ran.error["message"]
    assert contents() == before


def test_a_reused_request_id_is_refused_by_the_program(program, slots):
    program("book", slots[0], *PATIENT, *KEY)

    ran = program("book", slots[1], *PATIENT, *KEY)

    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "request_id_reused")


def test_that_a_slot_was_taken_is_not_remembered(booking, slots):
    other = booking("book", slots[0], *SOMEBODY_ELSE, "-o", "json").json
    assert booking("book", slots[0], *PATIENT, *KEY).error["code"] == "slot_taken"
    booking("cancel", other["reference"])

    ran = booking("book", slots[0], *PATIENT, *KEY)

    assert (ran.status, ran.stderr, ran.json["status"]) == (0, "", "PENDING")


def test_a_refused_request_id_can_be_used_for_another_slot(booking, slots):
    booking("book", slots[0], *SOMEBODY_ELSE)
    assert booking("book", slots[0], *PATIENT, *KEY).status == 4

    assert booking("book", slots[1], *PATIENT, *KEY).json["slot_id"] == slots[1]


def test_without_a_request_id_every_command_is_a_request_of_its_own(booking, slots):
    first = booking("book", slots[0], *PATIENT, "-o", "json").json
    second = booking("book", slots[1], *PATIENT, "-o", "json").json

    assert first["id"] != second["id"]


@pytest.mark.parametrize("key", ["", "   ", "a\nb", "x" * 201], ids=["empty", "blank", "two lines", "too long"])
def test_a_request_id_that_cannot_be_one_is_a_usage_error(booking, slots, contents, key):
    assert booking("book", slots[0], *PATIENT, "--request-id", key).status == 2
    assert contents() == [[], []]


@pytest.mark.parametrize("lapsed_before", [False, True], ids=["a free slot", "a slot to take over"])
def test_ten_processes_with_one_request_id_make_one_booking_and_all_get_it(program, booking, sql, slots, lapsed_before):
    if lapsed_before:
        booking("book", slots[0], *SOMEBODY_ELSE)
        sql("UPDATE bookings SET hold_expires_at = now()")

    with ThreadPoolExecutor(10) as pool:
        runs = list(pool.map(lambda _: program("book", slots[0], *PATIENT, *KEY), range(10)))

    assert [(run.status, run.stdout) for run in runs] == [(0, runs[0].stdout)] * 10, runs
    made = sql("SELECT id, reference FROM bookings WHERE request_id = 'call-17'")
    assert [row["reference"] for row in made] == [json.loads(runs[0].stdout)["reference"]]
    assert sql("SELECT count(*) AS n FROM booking_history WHERE booking_id = %s", made[0]["id"]) == [{"n": 1}]
    assert sum(run.stderr == "" for run in runs) == 1


def test_the_answer_keeps_the_deadline_that_was_given(booking, slots):
    first = booking("book", slots[0], *PATIENT, *KEY, "--hold", "10").json

    again = booking("book", slots[0], *PATIENT, *KEY, "--hold", "90").json

    assert again["hold_expires_at"] == first["hold_expires_at"]
    deadline = dt.datetime.fromisoformat(again["hold_expires_at"]) - dt.datetime.fromisoformat(again["booked_at"])
    assert deadline == dt.timedelta(minutes=10)


@pytest.fixture
def held(booking, slots):
    return booking("book", slots[0], *PATIENT, "-o", "json").json["reference"]


@pytest.mark.parametrize("command", [("confirm",), ("cancel", "--reason", "is ill")], ids=["confirm", "cancel"])
def test_a_repeated_change_gets_its_first_answer_and_changes_nothing_more(program, booking, held, contents, command):
    first = booking(*command, held, *KEY)
    after_the_first = contents()

    again = program(*command, held, *KEY)

    assert (first.status, first.stderr) == (0, "")
    assert (again.status, again.stdout) == (0, first.stdout)
    assert "This request was made before" in again.stderr
    assert contents() == after_the_first


def test_a_confirmation_is_answered_though_the_booking_was_cancelled_since(booking, held):
    first = booking("confirm", held, *KEY)
    booking("cancel", held, "--reason", "is ill")

    again = booking("confirm", held, *KEY)

    assert (again.status, again.stdout) == (0, first.stdout)
    assert f"booking {held} has become CANCELLED" in again.stderr


@pytest.mark.parametrize("command", ["confirm", "cancel"])
@pytest.mark.parametrize("key", [(), ("--request-id", "call-18")], ids=["without", "with another request id"])
def test_somebody_elses_change_is_refused_and_not_answered(booking, held, contents, command, key):
    booking(command, held, *KEY)
    before = contents()

    ran = booking(command, held, *key, "-o", "json")

    assert (ran.status, ran.stdout, ran.error["code"]) == (4, "", "wrong_state")
    assert contents() == before


def test_one_request_id_books_confirms_and_cancels(booking, slots):
    reference = booking("book", slots[0], *PATIENT, *KEY).json["reference"]
    assert booking("confirm", reference, *KEY).json["status"] == "CONFIRMED"
    assert booking("cancel", reference, *KEY).json["status"] == "CANCELLED"
