"""Import files: a request for each row that can be parsed, and the reason for each that cannot."""

import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_cli.domain.errors import InvalidInput
from booking_cli.importing.reader import LONGEST_BYTES, Unreadable, read
from booking_cli.importing.rows import ImportOptions
from booking_cli.repository.new_bookings import BookingRequest
from tests.unit.strategies import at_any_speed

HEADER = b"slot_id,name,email\n"
GOOD = b"1,Pat,pat@example.com\n"
PAT = {"slot_id": 1, "name": "Pat", "email": "pat@example.com"}
HOLD = Decimal("2.5")


def rows_of(content, confirm=False, allow_overlap=False):
    options = ImportOptions(HOLD, confirm, allow_overlap, "import")
    return list(read(io.BytesIO(content), options))


def summary(content):
    """The line of each row, with its slot or the reason why it could not be parsed."""
    return [(row.line, row.request.slot_id if row.request else row.problem) for row in rows_of(content)]


def ndjson(**changes):
    fields = {name: value for name, value in {**PAT, **changes}.items() if value is not None}
    return json.dumps(fields).encode()


def test_csv_columns_come_in_any_order():
    [row] = rows_of(b"email,request_id,phone,slot_id,name\npat@EXAMPLE.com,r-1, 112 ,7, Pat \n", allow_overlap=True)
    request = BookingRequest(7, None, "Pat", "pat@example.com", "112", HOLD, "r-1", allow_overlap=True)
    assert (row.line, row.request, row.problem) == (2, request, None)


def test_an_ndjson_row_gives_the_same_request_as_a_csv_row():
    [row] = rows_of(
        b'{"slot_id": "7", "name": " Pat ", "email": "pat@EXAMPLE.com", "phone": "112", "request_id": "r-1"}'
    )
    assert row.request == BookingRequest(7, None, "Pat", "pat@example.com", "112", HOLD, "r-1")


@pytest.mark.parametrize(
    ("content", "phone"),
    [
        *(
            (content, "112")
            for content in (b"slot_id,name,phone\n1,Pat,112\n", b"slot_id,name,email,phone\n1,Pat, ,112\n")
        ),
        (ndjson(email=None, phone="112"), "112"),
        *((content, None) for content in (b"slot_id,name\n1,Pat\n", b"slot_id,name,email,phone\n1,Pat,, \n")),
        *((content, None) for content in (ndjson(email=None), ndjson(email="", phone=" "))),
    ],
)
def test_a_row_without_email_needs_a_phone_number(content, phone):
    [row] = rows_of(content)
    if phone:
        assert (row.request.email, row.request.phone) == (None, phone)
    else:
        assert row.request is None
        assert "phone" in row.problem


@pytest.mark.parametrize(
    ("word", "confirm"), [("", True), ("no", False), ("0", False), ("FALSE", False), ("yes", True), ("1", True)]
)
def test_the_confirm_field_of_a_row_overrides_the_option(word, confirm):
    [row] = rows_of(f"slot_id,name,email,confirm\n1,Pat,pat@example.com,{word}\n".encode(), confirm=True)
    assert row.request.hold_minutes == (None if confirm else HOLD)
    if word:
        assert rows_of(ndjson(confirm=confirm))[0].request == rows_of(ndjson(confirm=word))[0].request


def test_a_row_without_a_request_id_gets_a_unique_one():
    first, second = (row.request for row in rows_of(HEADER + GOOD + GOOD))
    assert first.request_id != second.request_id
    assert not first.may_be_replay


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\n", b"\xef\xbb\xbf \n"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_byte_order_marks_blank_lines_and_windows_line_ends_are_accepted(before, end):
    content = before + (HEADER + b"\n" + GOOD).replace(b"\n", end)
    assert summary(content) == [(before.count(b"\n") + 3, 1)]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", HEADER])
def test_a_file_without_rows_is_no_error(content):
    assert rows_of(content) == []


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"name,email\n", "slot_id"), (b"slot_id,name,email,colour\n", "'colour'"), (b"slot_id;name;email\n", "comma"),
        (b"slot_id,name,email,name\n", "twice"), (b"1,Pat,pat@example.com\n", "'1'"), (b"[1]\n", "array"),
        ("slot_id,name,email\n".encode("utf-16"), "UTF-8"), (b'"slot_id,name,email\n', "header"),
        (b"\0" * 10**6, "Line 1"),
    ],
)  # fmt: skip
def test_a_header_that_does_not_fit_is_refused_at_once(header, words):
    with pytest.raises(InvalidInput, match=words):
        rows_of(header + GOOD)


BAD_CSV = [
    (b"0,Pat,pat@example.com", "number"), (b"1,,pat@example.com", "empty"), (b"1,Pat,nobody", "email"),
    (b"1,Pat", "2 fields"), (b"1,Pat,pat@example.com,", "4 fields"), (b"1,P\0t,pat@example.com", "control"),
    (b"1,P\xfft,pat@example.com", "UTF-8"), (b"1,Pat,p\xfft@example.com", "email"),
    (b'1,"P\nat",pat@example.com', "control"),
]  # fmt: skip
BAD_NDJSON = [
    (b"nonsense", "JSON"), (b"[1]", "object"),
    (b'{"slot_id": 1, "slot_id": 2, "name": "Pat", "phone": "112"}', "twice"),
    (b'{"slot_id": NaN, "name": "Pat", "phone": "112"}', "slot_id"),
    (b'{"slot_id": 1, "name": "\xff", "phone": "112"}', "UTF-8"),
    (b'{"slot_id": ' + b"9" * 5000 + b', "name": "Pat", "phone": "112"}', "JSON"),
    (b'{"name": ' + b"[" * 60_000, "JSON"),
    *((ndjson(slot_id=slot_id), "slot_id") for slot_id in (1.0, True, {"a": 1}, [1])),
    (ndjson(name=["Pat"]), "name"), (ndjson(phone=112), "phone"), (ndjson(confirm=1), "confirm"), (ndjson(x=1), "'x'"),
    (ndjson(confirm="maybe"), "maybe"), (ndjson(name=None), "name"), (ndjson(name="\ud800"), "UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "good", "bad", "words"),
    [
        *((HEADER, GOOD, bad, words) for bad, words in BAD_CSV),
        *((b"", ndjson() + b"\n", bad, words) for bad, words in BAD_NDJSON),
    ],
)
def test_a_bad_row_has_its_reason_and_the_other_rows_are_parsed(before, good, bad, words):
    first, second, third = rows_of(before + good + bad + b"\n" + good)
    assert first.request
    assert third.request
    assert second.request is None
    assert words in second.problem
    start = before.count(b"\n") + 1
    assert (first.line, second.line, third.line) == (start, start + 1, start + 2 + bad.count(b"\n"))


@pytest.mark.parametrize(
    ("before", "good", "bad", "words"),
    [
        (HEADER, GOOD, b'1,"Pat"x,pat@example.com', "line 3 .* CSV"),
        (HEADER, GOOD, b"1,Pat\r,pat@example.com", "line 3 .* CSV"),
        (HEADER, GOOD, b'1,"Pat,pat@example.com', "line 3 .* quote"),
        (HEADER, GOOD, b'1,"Pat\n' + GOOD * 5000 + b'",pat@example.com', "line 3 .* quote"),
        (HEADER, GOOD, b"1," + b"x" * LONGEST_BYTES, f"Line 3 .* {LONGEST_BYTES} bytes"),
        (b"", ndjson() + b"\n", b'{"name": "' + b"x" * LONGEST_BYTES + b'"}', f"Line 2 .* {LONGEST_BYTES} bytes"),
    ],
)
def test_after_a_row_whose_end_is_unclear_nothing_is_read(before, good, bad, words):
    rows = read(io.BytesIO(before + good + bad + b"\n" + good), ImportOptions(HOLD, False, False, "import"))
    assert next(rows).request
    with pytest.raises(Unreadable, match=words):
        next(rows)
    assert list(rows) == []


@at_any_speed
@given(
    st.binary() | st.text('slot_id,name\n"{}:1\0\r').map(str.encode),
    st.sampled_from([b"", HEADER, HEADER + GOOD, b"{"]),
)
def test_any_bytes_are_parsed_or_refused(content, before):
    try:
        rows = rows_of(before + content)
    except InvalidInput:
        return
    assert all((row.request is None) != (row.problem is None) for row in rows)
    assert [row.line for row in rows] == sorted({row.line for row in rows})
