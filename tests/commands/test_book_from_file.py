"""`booking book --from`: a result for each row of a file, under the rules of a single booking."""

import json
import os
import threading

import pytest

pytestmark = pytest.mark.usefixtures("sound_afterwards")

HEADER = "slot_id,name,email"
CHUNK = "booking_cli.commands.booking_import.CHUNK"
PAT = "1,Pat,pat@example.com"
EACH_OR_ATOMIC = pytest.mark.parametrize("options", [(), ("--atomic",)], ids=["each", "atomic"])
MODES = pytest.mark.parametrize("options", [(), ("--atomic",), ("--jobs", "3")], ids=["each", "atomic", "jobs"])


@pytest.fixture
def book_rows(booking, tmp_path):
    """Books the rows of a file, `book_rows("1,Pat,pat@example.com,r", more="request_id", options=["--atomic"])`."""

    def run(*rows, more="", options=(), form="ndjson"):
        path = tmp_path / "bookings.csv"
        path.write_text("\n".join([f"{HEADER},{more}".rstrip(","), *rows]))
        return booking("book", "--from", path, "-o", form, *options)

    return run


def results(ran):
    return [json.loads(line) for line in ran.stdout.splitlines()]


def codes(ran):
    return [result["code"] or result["status"] for result in results(ran)]


def bookable(options):
    """Return the code of a row that could be booked, in a file in which another row is rejected."""
    return "not_made" if "--atomic" in options else "PENDING"


def test_each_row_is_booked_with_a_result(book_rows, slots, sql):
    ran = book_rows(f"{PAT},", "2,Tom,,+1-555-0100", more="phone")
    assert (ran.status, ran.stderr) == (0, "")
    made = sql("SELECT slot_id, reference, patient_id FROM bookings ORDER BY slot_id")
    fields = ("line", "slot_id", "reference", "patient_id", "patient_email", "patient_phone", "code", "message")
    assert [[result[field] for field in fields] for result in results(ran)] == [
        [2, *made[0].values(), "pat@example.com", None, None, None],
        [3, *made[1].values(), None, "+1-555-0100", None, None],
    ]


def test_rejected_row_has_its_reason_and_registers_no_patient_and_the_others_are_booked(book_rows, slots, sql):
    ran = book_rows(PAT, "1,Tom,tom@example.com", "99,Ida,ida@example.com", "2,Pat,pat@example.com")
    assert (ran.status, ran.error["code"]) == (4, "refused")
    assert "2 of 4" in ran.error["message"]
    assert codes(ran) == ["PENDING", "slot_taken", "not_found", "PENDING"]
    assert sql("SELECT name FROM patients") == [{"name": "Pat"}]


@EACH_OR_ATOMIC
def test_row_that_is_not_valid_has_its_line_and_its_reason(book_rows, slots, options):
    ran = book_rows(PAT, "2,Tom,nobody", "3,Ida,", options=options)
    assert (ran.status, codes(ran)) == (4, [bookable(options), "invalid_input", "invalid_input"])
    assert [result["line"] for result in results(ran)] == [2, 3, 4]
    assert "'nobody' is not an email address" in results(ran)[1]["message"]


def test_atomic_file_with_a_rejected_row_books_and_registers_nothing(book_rows, slots, contents):
    ran = book_rows(f"{PAT},r", f"{PAT},r", "99,Ida,ida@example.com,x", more="request_id", options=["--atomic"])
    assert (ran.status, codes(ran)) == (4, ["not_made", "not_made", "not_found"])
    assert "Nothing was booked" in ran.error["message"]
    assert "1 of 3" in ran.error["message"]
    assert {(result["reference"], result["patient_id"]) for result in results(ran)} == {(None, None)}
    assert contents() == [[], [], []]


def test_atomic_file_is_booked_in_one_transaction(book_rows, slots, sql, monkeypatch):
    monkeypatch.setattr(CHUNK, 2)
    ran = book_rows(*(f"{slot},Pat {slot},pat@example.com" for slot in slots), options=["--atomic"])
    assert (ran.status, codes(ran)) == (0, ["PENDING"] * 4)
    assert sql("SELECT count(DISTINCT xmin::text) AS n, count(*) AS all FROM bookings") == [{"n": 1, "all": 4}]


@MODES
def test_repeated_file_with_request_ids_gets_its_first_results(book_rows, slots, options, contents):
    rows = [f"{slot},Pat {slot},pat@example.com,r-{slot}" for slot in slots]
    first = book_rows(*rows, more="request_id", options=options)
    before = contents()
    again = book_rows(*rows, more="request_id", options=options)
    assert (again.status, again.stdout) == (0, first.stdout)
    assert contents() == before


@MODES
def test_repeated_file_after_a_change_of_a_patient_registers_nobody(book_rows, booking, slots, options, contents):
    first = book_rows(f"{PAT},r", more="request_id", options=options)
    booking("patients", "update", 1, "--name", "Patricia")
    before = contents()
    again = book_rows(f"{PAT},r", more="request_id", options=options)
    assert (again.status, results(again)[0]["reference"]) == (0, results(first)[0]["reference"])
    assert contents() == before


@pytest.mark.parametrize("numbers", [(2, 3), (6, 7)], ids=["same slots", "overlapping slots"])
@EACH_OR_ATOMIC
def test_rows_are_not_blocked_by_own_lapsed_holds(book_rows, held, overlapping_slots, sql, numbers, options):
    rows = (f"{numbers[0]},Pat 2,pat@example.com", f"{numbers[1]},Pat 3,pat@example.com")
    assert codes(book_rows(*rows, options=options)) == ["PENDING", "PENDING"]
    assert sql("SELECT status FROM bookings WHERE id IN (2, 3)") == [{"status": "FAILED"}] * 2


@MODES
def test_slot_with_a_lapsed_hold_goes_to_the_earlier_of_two_rows(book_rows, held, overlapping_slots, options):
    ran = book_rows("2,Ida,ida@example.com", "6,Ida,ida@example.com", options=options)
    assert codes(ran) == [bookable(options), "patient_overlap"]


@pytest.mark.parametrize("row", ["4,Ida,ida@example.com,r", "2,Ida,ida@example.com,u"], ids=["replay", "lapsed hold"])
@EACH_OR_ATOMIC
def test_patient_of_an_earlier_chunk_stays_registered(book_rows, held, sql, options, row, monkeypatch):
    """The row is in the second chunk: a replay, or for a slot whose hold lapsed after the import had released all others."""
    monkeypatch.setattr(CHUNK, 2)
    monkeypatch.setattr("booking_cli.repository.bookings.expire", lambda _: None)
    sql("INSERT INTO slots (doctor_id, starts_at, ends_at) SELECT 2, starts_at, ends_at FROM slots WHERE id IN (1, 3)")
    rows = ["4,Ida,ida@example.com,r", "5,Tom,tom@example.com,s", row, "6,Tom,tom@example.com,t"]
    assert codes(book_rows(*rows, more="request_id", options=options)) == ["PENDING"] * 4
    assert sql("SELECT name FROM patients WHERE id > 3 ORDER BY name") == [{"name": "Ida"}, {"name": "Tom"}]


@pytest.mark.parametrize("chunk", [1, 2000], ids=["in different chunks", "in one chunk"])
@MODES
def test_row_that_overlaps_an_earlier_row_is_rejected(book_rows, overlapping_slots, options, chunk, monkeypatch):
    monkeypatch.setattr(CHUNK, chunk)
    options = ("--jobs", "1") if "--jobs" in options else options
    ran = book_rows(PAT, "2,Ida,ida@example.com", "5,PAT,pat@example.com", options=options)
    assert codes(ran) == [bookable(options), bookable(options), "patient_overlap"]


@MODES
def test_row_after_a_rejected_one_is_booked_in_the_order_of_the_rows(book_rows, overlapping_slots, options):
    """Slot 1 is taken, so Pat gets slot 5 at the same time, and not Tom, who comes later in the file."""
    book_rows("1,Zoe,zoe@example.com")
    ran = book_rows(PAT, "5,Pat,pat@example.com", "5,Tom,tom@example.com", options=options)
    assert codes(ran) == ["slot_taken", bookable(options), "slot_taken"]


def test_row_between_two_that_overlap_it_is_booked_only_where_the_first_is_not(book_rows, overlapping_slots, sql):
    sql("DELETE FROM slots WHERE id IN (6, 8)")
    sql("UPDATE slots SET starts_at = starts_at + '15 min'::interval, ends_at = ends_at + '15 min' WHERE doctor_id = 2")
    ran = book_rows(*(f"{slot},Pat,pat@example.com" for slot in (1, 5, 2, 3, 7, 4)))
    assert codes(ran) == ["PENDING", "patient_overlap", "PENDING"] * 2


@pytest.mark.parametrize(("slot", "code"), [(1, "PENDING"), (2, "request_id_reused")], ids=["same slot", "other slot"])
@EACH_OR_ATOMIC
def test_request_id_on_two_rows_makes_one_booking(book_rows, slots, options, slot, code):
    ran = book_rows(f"{PAT},r", f"{slot},Pat,pat@example.com,r", more="request_id", options=options)
    assert codes(ran) == ["PENDING" if slot == 1 else bookable(options), code]
    first, second = results(ran)
    assert slot != 1 or {**second, "line": 2} == first


@MODES
def test_rows_of_ndjson_from_a_pipe_are_booked(booking, slots, tmp_path, options):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    row = json.dumps({"slot_id": 1, "name": "Pat", "email": "pat@example.com", "confirm": True})
    writer = threading.Thread(target=lambda: pipe.write_text(row))
    writer.start()
    ran = booking("book", "--from", pipe, "-o", "ndjson", *options)
    writer.join()
    assert codes(ran) == ["CONFIRMED"]


def test_row_with_another_phone_is_booked_with_a_command_that_changes_it(book_rows, booking, slots):
    booking("patients", "add", "Pat", "--email", "pat@example.com", "--phone", "+1-555-0100")
    ran = book_rows(f"{PAT},+1-555-0199", more="phone", form="csv")
    assert (ran.status, ran.suggestions) == (0, [["patients", "update", "1", "--phone", "+1-555-0199"]])


@EACH_OR_ATOMIC
def test_table_shows_references_and_when_the_holds_lapse(book_rows, slots, sql, options):
    ran = book_rows(f"{PAT},no", "2,Tom,tom@example.com,yes", more="confirm", form="table", options=options)
    headline, *table = ran.stdout.splitlines()
    lapse = "to_char(hold_expires_at AT TIME ZONE 'UTC', 'HH24:MI:SS') AS lapse"
    held, confirmed = sql(f"SELECT reference, {lapse} FROM bookings ORDER BY slot_id")
    assert [words in headline for words in ("2 rows", "1 held", "1 confirmed", held["lapse"])] == [True] * 4
    assert [any(made["reference"] in line for line in table) for made in (held, confirmed)] == [True] * 2


@EACH_OR_ATOMIC
def test_table_shows_why_rows_are_rejected(book_rows, slots, options):
    ran = book_rows(PAT, "99,Ida,ida@example.com", options=options, form="table")
    headline = ran.stdout.splitlines()[0]
    assert ("1 rejected" in headline, "1 held" in headline) == (True, not options)
    assert "There is no slot 99." in ran.stdout
    assert ran.stderr.count("\n") == 1


def test_table_of_a_long_file_shows_the_rejected_rows_only_and_says_so(book_rows, slots):
    ran = book_rows(PAT, *(f"{number},Tom,tom@example.com" for number in range(900, 1150)), form="table")
    headline, *table = ran.stdout.splitlines()
    assert [words in headline for words in ("251 rows", "1 held", "250 rejected", "rejected rows")] == [True] * 4
    assert not any("Pat" in line.split() for line in table)


def test_atomic_file_whose_holds_lapse_before_its_end_is_not_booked(book_rows, slots, contents):
    ran = book_rows(f"{PAT},yes", "2,Tom,tom@example.com,", more="confirm", options=["--atomic", "--hold", "0.00001"])
    assert (ran.status, codes(ran)) == (4, ["not_made"] * 2)
    assert "--hold" in ran.error["message"]
    assert contents() == [[], [], []]


@MODES
def test_results_of_many_chunks_come_in_the_order_of_the_rows(book_rows, slots, options):
    ran = book_rows(*(f"{number},Pat,pat@example.com" for number in range(1000, 4500)), options=options)
    assert [result["slot_id"] for result in results(ran)] == list(range(1000, 4500))
