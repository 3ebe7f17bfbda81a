"""Files of bookings: what is read of each line, and what is said of a bad one. Nothing here needs a database."""

import io
import json

import pytest

from booking_cli.domain.errors import InvalidInput
from booking_cli.importing.reader import LONGEST_BYTES, read
from booking_cli.importing.rows import BadLine, Wish

HEADER = b"slot_id,name,email\n"
GOOD = b"1,Pat,pat@example.com\n"


def lines_of(content, confirms=False):
    return list(read(io.BytesIO(content), confirms=confirms))


def told(content):
    """What each line became: the slot that is wished for, or a bad line's sentence."""
    return [(line.line, line.slot_id if isinstance(line, Wish) else str(line.why)) for line in lines_of(content)]


def test_the_columns_of_csv_come_in_any_order():
    [line] = lines_of(b"email,request_id,slot_id,name\npat@EXAMPLE.com,r-1,7, Pat \n")
    assert line == Wish(2, 7, "Pat", "pat@example.com", None, False, "r-1", True)


def test_a_line_of_ndjson_says_the_same():
    [line] = lines_of(b'{"slot_id": "7", "name": "Pat", "email": "pat@example.com", "phone": "112", "confirm": true}')
    assert (line.slot_id, line.patient_phone, line.confirm, line.may_be_repeated) == (7, "112", True, False)


@pytest.mark.parametrize(
    ("word", "confirm"), [("", True), ("no", False), ("0", False), ("FALSE", False), ("yes", True), ("1", True)]
)
def test_a_line_that_says_whether_to_confirm_wins_over_the_command(word, confirm):
    [line] = lines_of(f"slot_id,name,email,confirm\n1,Pat,pat@example.com,{word}\n".encode(), confirms=True)
    assert line.confirm is confirm


def test_lines_without_a_request_id_get_ones_of_their_own():
    ids = {line.request_id for _ in range(2) for line in lines_of(HEADER + GOOD + GOOD)}
    assert len(ids) == 4


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\n", b"\xef\xbb\xbf \n"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_byte_order_marks_blank_lines_and_line_ends_of_windows_are_accepted(before, end):
    content = before + (HEADER + b"\n" + GOOD).replace(b"\n", end)
    assert told(content) == [(before.count(b"\n") + 3, 1)]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", HEADER])
def test_a_file_without_lines_is_no_error(content):
    assert lines_of(content) == []


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"slot_id,name\n", "column email"),
        (b"slot_id,name,email,colour\n", "'colour'"),
        (b"slot_id;name;email\n", "between commas"),
        (b"slot_id,name,email,name\n", "twice"),
        (b"1,Pat,pat@example.com\n", "'1'"),
        ("slot_id,name,email\n".encode("utf-16"), "not UTF-8"),
        (b'"slot_id,name,email\n', "no header"),
        (b"x" * 10**6, "no header"),
        (b"\0" * 10**6, "no header"),
    ],
)
def test_a_header_that_does_not_fit_is_one_sentence_at_once(header, words):
    with pytest.raises(InvalidInput, match=words):
        read(io.BytesIO(header + GOOD), confirms=False)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"0,Pat,pat@example.com", "not a number"),
        (b"1,,pat@example.com", "must not be empty"),
        (b"1,Pat,nobody", "not an email address"),
        (b"1,Pat", "2 fields"),
        (b"1,Pat,pat@example.com,", "4 fields"),
        (b"1,P\0t,pat@example.com", "control characters"),
        (b"1,P\xfft,pat@example.com", "not valid UTF-8"),
        (b"1,Pat,p\xfft@example.com", "not an email address"),
        (b'1,"Pat"x,pat@example.com', "no CSV"),
        (b"1,Pat\r,pat@example.com", "no CSV"),
        (b"1," + b"x" * 10**6 + b",pat@example.com", f"{LONGEST_BYTES} bytes"),
        (b'1,"P\nat",pat@example.com', "control characters"),
    ],
)
def test_a_bad_line_of_csv_has_a_reason_and_the_others_are_read(bad, words):
    first, second, third = lines_of(HEADER + GOOD + bad + b"\n" + GOOD)
    assert isinstance(second, BadLine)
    assert words in second.why
    assert (first.line, second.line, third.line) == (2, 3, 4 + bad.count(b"\n"))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"nonsense", "no JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"slot_id": 1, "slot_id": 2, "name": "Pat", "email": "pat@example.com"}', "twice"),
        (b'{"slot_id": 1.0, "name": "Pat", "email": "pat@example.com"}', "slot_id"),
        (b'{"slot_id": true, "name": "Pat", "email": "pat@example.com"}', "slot_id"),
        (b'{"slot_id": NaN, "name": "Pat", "email": "pat@example.com"}', "NaN"),
        (b'{"slot_id": {"a": 1}, "name": "Pat", "email": "pat@example.com"}', "slot_id"),
        (b'{"slot_id": 1, "name": ["Pat"], "email": "pat@example.com"}', "name must be a text"),
        (b'{"slot_id": 1, "name": "Pat", "email": "pat@example.com", "x": 1}', "'x'"),
        (b'{"slot_id": 1, "name": "Pat"}', "email is missing"),
        (b'{"slot_id": 1, "name": "\\ud800", "email": "pat@example.com"}', "not valid UTF-8"),
        (b'{"slot_id": 1, "name": "\xff", "email": "pat@example.com"}', "not UTF-8"),
        (b'{"slot_id": ' + b"9" * 5000 + b', "name": "Pat", "email": "pat@example.com"}', "makes sense"),
        (b'{"name": ' + b"[" * 60_000, "makes sense"),
        (b'{"name": "' + b"x" * 10**6 + b'"}', f"{LONGEST_BYTES} bytes"),
    ],
)
def test_a_bad_line_of_ndjson_has_a_reason_and_the_others_are_read(bad, words):
    good = json.dumps({"slot_id": 1, "name": "Pat", "email": "pat@example.com"}).encode() + b"\n"
    first, second, third = lines_of(good + bad + b"\n" + good)
    assert isinstance(second, BadLine)
    assert words in second.why
    assert (first.line, second.line, third.line) == (1, 2, 3)


def test_a_quote_that_is_never_closed_is_one_bad_line_and_what_follows_books_nothing():
    [(number, reason)] = told(HEADER + b'1,"Pat,pat@example.com\n' + GOOD * 3)
    assert number == 2
    assert "never closed" in reason
    assert "reaches to line 5" in reason


def test_a_quote_that_swallows_more_than_a_record_may_hold_is_one_bad_line_up_to_where_it_is_closed():
    swallowed = GOOD * 5000
    content = HEADER + b'1,"Pat\n' + swallowed + b'",pat@example.com\n' + GOOD
    (number, reason), good = told(content)
    assert (number, good) == (2, (5004, 1))
    assert "reaches to line 5003" in reason


def test_a_name_over_several_lines_never_becomes_a_booking():
    assert [line for line in told(HEADER + b'1,"x\n7,Eve,eve@example.com\n",pat@example.com\n') if line[1] == 7] == []
