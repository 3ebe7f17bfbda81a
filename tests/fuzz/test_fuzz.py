"""Hostile input breaks no promise, whichever command gets it; and the fuzzer that says so would notice."""

from random import Random

import pytest
from rich.markup import render

from booking_cli.cli import application as cli
from booking_cli.db import queries
from booking_cli.domain import validation as inputs
from booking_cli.domain.errors import NotFound
from booking_cli.output import csv, json, table, text
from tests.fuzz.lines import LEAVES, Input, Typed, as_typed, friendly_input, kind_of
from tests.fuzz.promises import broken
from tests.fuzz.run import Fuzz, as_python

SEED, INPUTS = 1, 800
LEAST_UNDERSTOOD = 0.25
# These are for the embedded database, and the fuzzed one is not.
REFUSED = ("db start", "db stop")


@pytest.fixture
def fuzz(url, tmp_path):
    """A book full of hostile text, and what tries inputs on it."""
    fuzz = Fuzz(url, tmp_path)
    yield fuzz
    fuzz.book.close()


@pytest.fixture
def complaints(fuzz):
    """Tries a command with values for its parameters, and returns what the fuzzer has to say about it."""

    def try_one(path, **values):
        kinds = {parameter.name: kind_of(parameter) for parameter in LEAVES[path].params}
        tried = as_typed(path, [Typed(name, kinds[name], text) for name, text in values.items()], Random(SEED))
        before = fuzz.book.rows()
        return list(broken(tried, fuzz.here(tried), before, fuzz.book.rows()))

    return try_one


def test_no_hostile_input_breaks_a_promise(fuzz):
    tally = fuzz.run(SEED, INPUTS)
    if tally.findings:
        pytest.fail("\n\n".join(map(str, tally.first_of_each_kind())), pytrace=False)
    assert tally.share_understood >= LEAST_UNDERSTOOD
    assert tally.in_a_process


def test_the_fuzzer_knows_what_every_command_takes(fuzz):
    rng = Random(SEED)
    fuzz.book.tend()
    for path in sorted(LEAVES.keys() - REFUSED):
        tries = (fuzz.here(friendly_input(path, rng, fuzz.book.known())) for _ in range(100))
        assert any(ran.status == 0 for ran in tries), path


def test_the_hostile_text_that_is_stored_breaks_no_promise_in_any_form(complaints):
    for path in ("doctors list", "slots list", "list", "stats", "clinic show", "verify"):
        for form in ("table", "json", "ndjson", "csv"):
            assert complaints(path, output=form) == []


@pytest.mark.parametrize(("module", "form"), [(table, "table"), (csv, "csv")])
def test_a_character_that_acts_is_noticed(complaints, monkeypatch, module, form):
    monkeypatch.setattr(module, "visible", lambda text: text)
    for path in ("doctors list", "slots list", "list", "clinic show"):
        assert any(complaint.startswith("stdout has ['") for complaint in complaints(path, output=form)), path


def test_a_mark_of_direction_is_noticed(complaints, monkeypatch):
    monkeypatch.setattr(text, "_acts", lambda character: not character.isprintable() and character < "\u0100")
    assert any("\\u202e" in complaint for complaint in complaints("doctors list"))


def test_a_character_that_acts_in_an_error_is_noticed(complaints, monkeypatch):
    monkeypatch.setattr("booking_cli.output.visible", lambda text: text)
    assert complaints("slots show", slot="\x1b[31m") == ["stderr has ['\\x1b']"]


def test_a_formula_is_noticed(complaints, monkeypatch):
    monkeypatch.setattr(csv, "_FORMULA_STARTS", ("+", "-", "'"))
    assert any("would run" in complaint for complaint in complaints("doctors list", output="csv"))


def test_json_that_is_none_is_noticed(complaints, monkeypatch):
    monkeypatch.setattr(json, "dumps", repr)
    assert any("not JSON" in complaint for complaint in complaints("doctors list", output="json"))


def test_a_text_that_is_not_shown_whole_is_noticed(complaints, monkeypatch):
    monkeypatch.setattr(csv, "visible", lambda text: text.encode("ascii", "replace").decode())
    assert any("shows" in complaint for complaint in complaints("doctors list", output="csv"))


def test_markup_that_takes_effect_is_noticed(complaints, monkeypatch):
    monkeypatch.setattr(table, "visible", lambda shown: render(text.visible(shown).replace("[/]", "")).plain)
    assert any("does not show" in complaint for complaint in complaints("list"))


@pytest.mark.parametrize("digits", ["\u0663", "\uff13", "1_0", "+3"])
def test_a_number_that_is_reinterpreted_is_noticed(complaints, monkeypatch, digits):
    assert complaints("slots show", slot=digits) == []
    monkeypatch.setattr(inputs, "_whole_number", int)
    assert any("is no SLOT" in complaint for complaint in complaints("slots show", slot=digits))


def test_an_error_in_another_form_than_the_one_asked_for_is_noticed(complaints, monkeypatch):
    monkeypatch.setattr("booking_cli.cli.application._wants_json", lambda _: False)
    assert complaints("slots show", slot="x", output="json") == ["the error is not JSON, and -o json was given"]


def test_a_refusal_that_repeats_a_very_long_text_is_noticed(complaints, monkeypatch):
    monkeypatch.setattr(inputs, "_QUOTED_LENGTH", 10**9)
    monkeypatch.setattr(cli, "_LONGEST_QUOTE", 10**9)
    assert any("characters" in complaint for complaint in complaints("slots show", slot="x" * 100_000))


def test_a_bug_is_noticed(complaints, monkeypatch):
    monkeypatch.setattr("booking_cli.repository.slots.find", lambda *_: 1 / 0)
    assert "it ended with 1" in complaints("slots show", slot="1")


def test_what_escapes_from_the_program_is_noticed(complaints, monkeypatch):
    def leave(_):
        raise SystemExit("oh")

    monkeypatch.setattr("booking_cli.cli.application._execute", leave)
    assert "it ended with 1" in complaints("slots show", slot="1")


@pytest.mark.parametrize(
    ("statement", "what", "instead"),
    [
        ("bookings.cancel", "id = %(id)s::bigint", "id = 1 + %(id)s::bigint"),
        ("bookings.cancel", "id = %(id)s::bigint", "true"),
        ("bookings.cancel", "reason = %(reason)s::text", "reason = upper(%(reason)s::text)"),
        ("bookings.cancel", "SELECT id, %(actor)s", "SELECT id + 1, %(actor)s"),
        ("bookings.confirm", "hold_expires_at > now()", "true"),
        ("bookings.confirm", "confirmed_at = now()", "confirmed_at = now(), patient_name = ''"),
        ("bookings.confirm", "version = version + 1", "version = version + 2"),
    ],
)
def test_a_change_to_anothers_data_is_noticed(complaints, fuzz, monkeypatch, statement, what, instead):
    original = queries.statement
    spoiled = original(statement).replace(what, instead)
    assert spoiled != original(statement)
    monkeypatch.setattr(queries, "statement", lambda name: spoiled if name == statement else original(name))
    path = statement.removeprefix("bookings.")
    given = {"reason": "called in"} if path == "cancel" else {}
    held = [str(row["id"]) for row in fuzz.book.rows()["bookings"].values() if row["status"] == "PENDING"]
    assert any(complaints(path, booking=booking, **given) for booking in held)


@pytest.mark.parametrize(
    ("path", "values", "statement", "what", "instead"),
    [
        ("doctors show", {"doctor": "d_@clinic.example"}, "doctors.find", "lower(email) =", "lower(email) LIKE"),
        ("slots show", {"slot": "1"}, "slots.find", "s.id = %(id)s", "s.id <> %(id)s"),
        ("show", {"booking": "1"}, "bookings.find", "b.id = %(id)s", "b.id <> %(id)s"),
        (
            "list",
            {"email": "p_@example.org"},
            "bookings.list",
            "lower(b.patient_email) =",
            "lower(b.patient_email) LIKE",
        ),
        ("list", {"status": "pending"}, "bookings.list", "b.status = %(status)s", "b.status <> %(status)s"),
        ("doctors list", {"search": "_"}, "doctors.list", "strpos(lower(name), lower(%(search)s::text)) > 0", "true"),
    ],
)
def test_a_record_that_was_not_asked_for_is_noticed(complaints, monkeypatch, path, values, statement, what, instead):
    original = queries.statement
    spoiled = original(statement).replace(what, instead)
    assert spoiled != original(statement)
    monkeypatch.setattr(queries, "statement", lambda name: spoiled if name == statement else original(name))
    assert complaints(path, output="json", **values)


def test_more_than_the_limit_is_noticed(complaints, monkeypatch):
    monkeypatch.setattr("booking_cli.output._Limited.__iter__", lambda rows: iter(rows._many.rows))
    assert complaints("doctors list", output="json", limit="2") == ["3 were shown, and --limit was 2"]


def test_a_read_that_writes_is_noticed(complaints, sql, monkeypatch):
    monkeypatch.setattr("booking_cli.repository.doctors.listing", lambda *_, **__: sql("UPDATE clinic SET name = 'x'"))
    assert "doctors list changed 1 rows of clinic, not 0 to 0" in complaints("doctors list")


def test_a_refusal_that_leaves_something_behind_is_noticed(complaints, sql, monkeypatch):
    def refuse(_, slot):
        sql("DELETE FROM slots WHERE id = %s", slot)
        raise NotFound("slot", slot, "")

    monkeypatch.setattr("booking_cli.repository.slots.find", refuse)
    assert complaints("slots show", slot="1") == ["it ended with 3 and changed 1 of slots (removed)"]


def test_an_input_is_printed_so_that_it_can_be_repeated():
    for word in ("", "a\0b", "\udcff", "x" * 1000, "ab" * 500, "\u202e'\""):
        assert eval(as_python(word)) == word


def test_what_words_call_is_told_from_the_words_alone():
    assert Input(("-v", "slots", "add", "1"), "list").called == "slots add"
    assert Input(("cancel", "1"), "list").called == "cancel"
    assert Input(("slots", "wreck"), "list").called == ""
