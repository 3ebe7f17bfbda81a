"""Doctors are listed by name: the active ones unless all are wanted, searched literally, and up to a limit."""

from collections.abc import Callable

import pytest

from tests.conftest import Ran


@pytest.fixture
def names(booking: Callable[..., Ran]) -> Callable[..., list[str]]:
    """Returns the names that a list shows."""
    return lambda *options: [doctor["name"] for doctor in booking("doctors", "list", *options, "-o", "json").json]


def add(booking: Callable[..., Ran], name: str, email: str, specialization: str = "Skin") -> None:
    assert booking("doctors", "add", name, "--specialization", specialization, "--email", email).status == 0


def test_a_list_is_ordered_by_name_without_regard_to_case(booking, names):
    for number, name in enumerate(["carl", "Bea", "ana", "Ana", "Dan"]):
        add(booking, name, f"{number}@clinic.example")
    assert names() == ["ana", "Ana", "Bea", "carl", "Dan"]


def test_a_list_leaves_out_inactive_doctors_unless_all_are_wanted(booking, names):
    add(booking, "Ana", "ana@clinic.example")
    add(booking, "Bo", "bo@clinic.example")
    booking("doctors", "update", "ana@clinic.example", "--inactive")
    assert names() == ["Bo"]
    assert names("--all") == ["Ana", "Bo"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ruiz", ["Ana Ruiz"]),
        ("ÖRG", ["Jörg 100%"]),
        ("A", ["Ana Ruiz", "Bo_b", "C\\d", "Jörg 100%"]),
        ("b@CLINIC", ["Bo_b"]),
        ("%", ["Jörg 100%"]),
        ("_", ["Bo_b"]),
        ("\\", ["C\\d"]),
        ("' OR true --", []),
        ("A%", []),
    ],
)
def test_a_search_takes_its_text_literally_in_name_and_email(booking, names, text, found):
    for name, email in [("Ana Ruiz", "r"), ("Bo_b", "b"), ("C\\d", "c"), ("Jörg 100%", "j")]:
        add(booking, name, f"{email}@clinic.example")
    assert names("--search", text) == found


def test_a_list_can_be_of_one_specialization(booking, names):
    for name, specialization in [("Ana", "Skin"), ("Bo", "SKIN"), ("Cy", "Skin care")]:
        add(booking, name, f"{name}@clinic.example", specialization)
    assert names("--specialization", "skin") == ["Ana", "Bo"]
    assert names("--specialization", "skin", "--search", "bo") == ["Bo"]
    assert names("--specialization", "ski_") == []


@pytest.mark.parametrize(("options", "shown"), [([], 200), (["--limit", 3], 3)])
def test_a_list_says_when_there_are_more(booking, sql, options, shown):
    sql(
        "INSERT INTO doctors (name, specialization, email) "
        "SELECT to_char(n, 'FM000'), 'Skin', n || '@clinic.example' FROM generate_series(1, 201) n"
    )
    listed = booking("doctors", "list", *options, "-o", "json")
    assert [doctor["name"] for doctor in listed.json] == [f"{n:03}" for n in range(1, shown + 1)]
    assert f"more than {shown} doctors" in listed.stderr
    assert "--limit" in listed.stderr


def test_a_list_that_just_fits_the_limit_says_nothing_more(booking):
    add(booking, "Ana", "ana@clinic.example")
    assert booking("doctors", "list", "--limit", 1, "-o", "json").stderr == ""


def test_an_empty_list_is_an_empty_array(booking):
    assert booking("doctors", "list", "-o", "json") == Ran(0, "[]\n", "")
