"""`book --from`: many bookings from a file, an answer for each line, and the rules of `book`."""

import itertools
import json
import os
import threading

import pytest

from booking_cli import session as books
from booking_cli.db.runner import Database
from booking_cli.repository import batches, bookings
from tests.commands.test_slots import DAY, sundays_of_change

pytestmark = pytest.mark.usefixtures("sound_afterwards")

HEADER = "slot_id,name,email"


@pytest.fixture
def batch(booking, tmp_path):
    """Books the lines of a file, `batch("1,Pat,pat@example.com", header="slot_id,name,email")`."""

    def run(*lines, header=HEADER, options=(), **settings):
        path = tmp_path / "wishes"
        path.write_text("".join(f"{line}\n" for line in ([header] if header else []) + list(lines)))
        return booking("book", "--from", path, "-o", "ndjson", *options, **settings)

    return run


@pytest.fixture
def two_doctors(slots, sql):
    """A second doctor with slots 5 to 8, at the times of the first one's slots 1 to 4."""
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Bo', 'x', 'bo@x.de')")
    sql("INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT 2, starts_at, ends_at FROM slots ORDER BY id")


def answers(ran):
    return [json.loads(line) for line in ran.stdout.splitlines()]


def codes(ran):
    return [answer["code"] or answer["status"] for answer in answers(ran)]


def test_each_line_is_booked_and_answered(batch, slots, sql):
    ran = batch(f"{slots[0]},Pat,pat@example.com", f"{slots[1]},Tom,tom@example.com")
    assert (ran.status, ran.stderr) == (0, "")
    assert [(answer["line"], answer["slot_id"], answer["reference"]) for answer in answers(ran)] == [
        (number + 2, row["slot_id"], row["reference"])
        for number, row in enumerate(sql("SELECT slot_id, reference FROM bookings ORDER BY slot_id"))
    ]


def test_a_refused_line_has_its_reason_and_the_others_stand(batch, slots, sql):
    ran = batch(f"{slots[0]},Pat,pat@example.com", f"{slots[0]},Tom,tom@example.com", "99,Ida,ida@example.com")
    assert (ran.status, ran.error) == (4, {"code": "refused", "message": "2 of 3 lines were not booked."})
    assert codes(ran) == ["PENDING", "slot_taken", "not_found"]
    assert sql("SELECT patient_name FROM bookings") == [{"patient_name": "Pat"}]


@pytest.mark.parametrize("options", [(), ("--atomic",)], ids=["each", "atomic"])
def test_a_bad_line_has_its_number_and_its_reason(batch, slots, options):
    ran = batch(f"{slots[0]},Pat,pat@example.com", f"{slots[1]},Tom,nobody", options=options)
    assert ran.status == 4
    assert [(answer["line"], answer["code"]) for answer in answers(ran)][1:] == [(3, "invalid_input")]
    assert "'nobody' is not an email address" in answers(ran)[1]["message"]


def test_with_atomic_one_refused_line_means_that_nothing_is_booked(batch, slots, contents):
    before = contents()
    ran = batch(f"{slots[0]},Pat,pat@example.com", "99,Ida,ida@example.com", options=["--atomic"])
    assert (ran.status, codes(ran)) == (4, ["not_made", "not_found"])
    assert ran.error == {"code": "refused", "message": "Nothing was booked: 1 of 2 lines were refused."}
    assert contents() == before


def test_with_atomic_all_lines_are_booked_in_one_transaction(batch, slots, sql):
    ran = batch(*(f"{slot},Pat {slot},pat@example.com" for slot in slots), options=["--atomic"])
    assert (ran.status, codes(ran)) == (0, ["PENDING"] * 4)
    assert sql("SELECT count(DISTINCT xmin::text) AS n, count(*) AS all FROM bookings") == [{"n": 1, "all": 4}]


@pytest.mark.parametrize("options", [(), ("--atomic",), ("--jobs", "2")], ids=["each", "atomic", "jobs"])
def test_a_repeated_file_with_request_ids_gets_its_first_answers(batch, slots, options, contents):
    lines = [f"{slot},Pat {slot},pat@example.com,r-{slot}" for slot in slots]
    first = batch(*lines, header=f"{HEADER},request_id", options=options)
    before = contents()
    again = batch(*lines, header=f"{HEADER},request_id", options=options)
    assert (again.status, again.stdout) == (0, first.stdout)
    assert contents() == before


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("options", [(), ("--atomic",)], ids=["each", "atomic"])
def test_a_lapsed_hold_is_taken_over(batch, sql, options):
    ran = batch("2,Ida,ida@example.com", "3,Tom,tom@example.com", options=options)
    assert codes(ran) == ["PENDING", "PENDING"]
    assert sql("SELECT status FROM bookings WHERE slot_id = 2 ORDER BY id") == [
        {"status": "FAILED"},
        {"status": "PENDING"},
    ]


@pytest.mark.parametrize("options", [(), ("--atomic",)], ids=["each", "atomic"])
def test_a_patient_is_not_booked_at_two_places_at_once_by_two_lines(batch, slots, sql, options):
    sql("INSERT INTO doctors (name, specialization, email) VALUES ('Bo', 'x', 'bo@x.de')")
    sql("INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT 2, starts_at, ends_at FROM slots WHERE id = 1")
    lines = ["1,Pat,pat@example.com", "5,PAT,pat@example.com"]
    assert codes(batch(*lines, options=options)) == (
        ["not_made", "patient_overlap"] if options else ["PENDING", "patient_overlap"]
    )


@pytest.mark.parametrize("options", [(), ("--atomic",)], ids=["each", "atomic"])
def test_a_request_id_on_two_lines_stands_for_one_booking(batch, slots, options):
    lines = [f"{slots[0]},Pat,pat@example.com,r", f"{slots[0]},Pat,pat@example.com,r"]
    ran = batch(*lines, header=f"{HEADER},request_id", options=options)
    assert ran.status == 0
    first, second = answers(ran)
    assert {**second, "line": 2} == first


@pytest.mark.parametrize("options", [(), ("--atomic",)], ids=["each", "atomic"])
def test_a_request_id_on_two_lines_for_two_slots_is_refused_the_second_time(batch, slots, options):
    lines = [f"{slots[0]},Pat,pat@example.com,r", f"{slots[1]},Pat,pat@example.com,r"]
    ran = batch(*lines, header=f"{HEADER},request_id", options=options)
    assert codes(ran)[1] == "request_id_reused"


def test_ndjson_is_read_as_well(batch, slots, sql):
    line = json.dumps({"slot_id": slots[0], "name": "Pat", "email": "pat@example.com", "confirm": True})
    assert codes(batch(line, header=None)) == ["CONFIRMED"]


def test_for_people_a_table_shows_what_was_refused_and_counts_the_rest(batch, slots):
    ran = batch(f"{slots[0]},Pat,pat@example.com", "99,Ida,ida@example.com", options=["-o", "table"])
    assert ran.stdout.startswith("1 of 2 lines booked, 1 refused.\n")
    assert "There is no slot 99." in ran.stdout
    assert "pat@example.com" not in ran.stdout


def test_where_nothing_of_a_file_was_booked_no_line_is_answered_as_booked(batch, slots, contents):
    before = contents()
    lines = [f"{slots[0]},Pat,pat@example.com,r"] * 2 + ["99,Ida,ida@example.com,x"]
    ran = batch(*lines, header=f"{HEADER},request_id", options=["--atomic"])
    assert (ran.status, codes(ran)) == (4, ["not_made", "not_made", "not_found"])
    assert {answer["reference"] for answer in answers(ran)} == {None}
    assert contents() == before


def test_for_people_a_table_shows_why_nothing_of_a_file_was_booked(batch, slots):
    ran = batch(f"{slots[0]},Pat,pat@example.com", "99,Ida,ida@example.com", options=["--atomic", "-o", "table"])
    assert ran.stdout.startswith("0 of 2 lines booked, 1 refused.\n")
    assert "There is no slot 99." in ran.stdout
    assert "not_made" not in ran.stdout
    assert "Nothing was booked: 1 of 2 lines were refused." in ran.stderr


@pytest.mark.parametrize("options", [(), ("--atomic",), ("--jobs", "3")], ids=["each", "atomic", "jobs"])
def test_who_is_behind_a_refused_line_gets_the_slot_in_the_order_of_the_lines(batch, two_doctors, options):
    """Pat cannot have slot 1, so that slot 5, at the same time, is Pat's and not Tom's who comes after."""
    batch("1,Zoe,zoe@example.com")
    ran = batch("1,Pat,pat@example.com", "5,Pat,pat@example.com", "5,Tom,tom@example.com", options=options)
    assert codes(ran) == ["slot_taken", "not_made" if "--atomic" in options else "PENDING", "slot_taken"]
    assert answers(ran)[2]["message"] == "Slot 5 is taken: line 3 has it. Choose another one."


@pytest.mark.usefixtures("two_doctors")
@pytest.mark.parametrize("options", [(), ("--jobs", "3"), ("--atomic",)], ids=["usual", "3 jobs", "atomic"])
def test_a_patient_on_lines_that_are_far_apart_is_at_one_place_at_a_time(batch, slots, options, monkeypatch):
    monkeypatch.setattr("booking_cli.commands.booking_import.CHUNK", 1)
    ran = batch("1,Pat,pat@example.com", "2,Ida,ida@example.com", "5,PAT,pat@example.com", options=options)
    assert codes(ran)[:2] == ["not_made" if "--atomic" in options else "PENDING"] * 2
    assert codes(ran)[2] == "patient_overlap"


@pytest.mark.usefixtures("two_doctors")
def test_a_chain_of_lines_that_each_overlap_the_one_before_is_booked_in_their_order(batch, sql):
    """The slots of doctor 2 begin in the middle of those of doctor 1."""
    sql("DELETE FROM slots WHERE id > 4")
    sql(
        "INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT 2, starts_at + interval '15 min', ends_at + interval '15 min'"
        " FROM slots ORDER BY id"
    )
    ran = batch(*(f"{slot},Pat,pat@example.com" for slot in (1, 9, 2, 10, 3, 11)))
    assert codes(ran) == ["PENDING", "patient_overlap"] * 3


@pytest.mark.usefixtures("two_doctors")
def test_on_a_line_for_a_taken_slot_it_is_said_first_that_the_patient_is_busy(batch):
    ran = batch("1,Pat,pat@example.com", "5,Ida,ida@example.com", "5,Pat,pat@example.com")
    assert codes(ran) == ["PENDING", "PENDING", "patient_overlap"]


@pytest.mark.usefixtures("two_doctors")
def test_a_patient_whom_somebody_else_books_between_two_turns_is_not_at_two_places(batch, sql, monkeypatch):
    """Another run of the same file gets slot 1 for Pat after this one has looked; Pat's second line must see that."""
    insert = batches._insert

    def rival_first(*arguments):
        if not sql("SELECT 1 FROM bookings"):
            sql(
                "WITH made AS (INSERT INTO bookings (reference, slot_id, patient_name, patient_email, status, confirmed_at, "
                "request_id) VALUES ('RIVAL', 1, 'Pat', 'pat@example.com', 'CONFIRMED', now(), 'rival') RETURNING id) "
                "INSERT INTO booking_history (booking_id, actor, to_status) SELECT id, 'rival', 'CONFIRMED' FROM made"
            )
        return insert(*arguments)

    monkeypatch.setattr(batches, "_insert", rival_first)
    ran = batch("1,Pat,pat@example.com", "5,Pat,pat@example.com")
    assert codes(ran) == ["slot_taken", "patient_overlap"]


@pytest.mark.usefixtures("two_doctors")
@pytest.mark.parametrize("options", [(), ("--atomic",), ("--jobs", 1)])
def test_a_patient_is_not_at_two_places_in_the_hour_that_comes_twice(batch, booking, sql, options):
    """By the clock on the wall, a slot from the first 02:00 to the second one is over when it begins."""
    booking("clinic", "set", "--timezone", "Europe/Berlin")
    _, autumn = sundays_of_change(DAY.year + 1)
    sql(
        "UPDATE slots SET starts_at = %s::timestamptz, ends_at = %s::timestamptz WHERE id IN (4, 8)",
        f"{autumn} 00:00Z",
        f"{autumn} 01:00Z",
    )
    ran = batch("4,Pat,pat@example.com", "8,Pat,pat@example.com", options=options)
    assert codes(ran)[1] == "patient_overlap"


def test_lines_behind_one_that_is_refused_are_refused_with_it(batch, sql, monkeypatch):
    turns = []
    insert = batches._insert
    monkeypatch.setattr(batches, "_insert", lambda *given: turns.append(given[2]) or insert(*given))
    ran = batch(*(f"99,Pat {number},pat@example.com" for number in range(50)))
    assert codes(ran) == ["not_found"] * 50
    assert len(turns) == 1


@pytest.mark.usefixtures("two_doctors")
def test_lines_behind_one_whose_patient_is_busy_are_refused_with_it(batch, monkeypatch):
    batch("5,Pat,pat@example.com", options=["--confirm"])
    asked = []
    busy = batches.busy
    monkeypatch.setattr(batches, "busy", lambda *given: asked.append(given[1]) or busy(*given))
    ran = batch(*["1,Pat,pat@example.com"] * 50)
    assert codes(ran) == ["patient_overlap"] * 50
    assert [len(wishes) for wishes in asked] == [1, 49]


@pytest.mark.usefixtures("two_doctors")
def test_atomic_looks_for_other_bookings_of_the_patients_once_the_file_has_been_read(booking, tmp_path):
    """Pat gets slot 1 while the file is still being read."""
    fifo = tmp_path / "wishes"
    os.mkfifo(fifo)

    def write():
        with fifo.open("w") as file:
            file.write("slot_id,name,email\n5,Pat,pat@example.com\n")
            file.flush()
            server = books.OwnServer(os.environ["BOOKING_DATABASE_URL"])
            with books.open_book(Database(server, statement_timeout=30)) as book:
                bookings.book(book, bookings.BookingRequest(1, "Pat", "pat@example.com", None, None, "earlier"))

    thread = threading.Thread(target=write)
    thread.start()
    ran = booking("book", "--from", fifo, "-o", "ndjson", "--atomic")
    thread.join()
    assert codes(ran) == ["patient_overlap"]


def test_holds_that_would_have_lapsed_when_they_are_reported_are_refused(batch, slots, sql, monkeypatch):
    moments = itertools.count(step=60)
    monkeypatch.setattr("booking_cli.repository.atomic_batches.time.monotonic", lambda: next(moments))
    ran = batch(f"{slots[0]},Pat,pat@example.com", options=["--atomic", "--hold", "1"])
    assert (ran.status, codes(ran)) == (4, ["not_made"])
    assert "the holds would have lapsed. Use a longer --hold." in ran.error["message"]
    assert sql("SELECT 1 FROM bookings") == []


@pytest.mark.parametrize("options", [(), ("--atomic",), ("--jobs", "3")], ids=["each", "atomic", "jobs"])
def test_the_answers_of_many_chunks_come_in_the_order_of_the_lines(batch, slots, options):
    ran = batch(*(f"{number},Pat,pat@example.com" for number in range(1000, 4500)), options=options)
    assert [answer["slot_id"] for answer in answers(ran)] == list(range(1000, 4500))
