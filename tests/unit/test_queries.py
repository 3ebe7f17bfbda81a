"""The named statements: each fits the schema, says what it is for, is called, and belongs to whichever clinic asks."""

import re
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import ExecStatus

import booking_cli
from booking_cli.db import queries
from booking_cli.repository.verify import CHECKS

FILES = sorted((queries.sql_folder() / "queries").glob("*.sql"))
NAMES = [f"{file.stem}.{name}" for file in FILES for name in queries.statements(file.stem)]
CODE = "\n".join(path.read_text() for path in Path(booking_cli.__file__).parent.rglob("*.py"))
# The checks of `verify` are called one after the other from their list.
CALLED = {f"verify.{name}" for name in CHECKS} | set(
    re.findall(r'"((?:batches|bookings|clinic|db|doctors|slots|stats|verify)\.\w+)"', CODE)
)


def prepare(connection, name):
    """Have the server prepare a statement as psycopg sends it, and return its complaint."""
    from psycopg._queries import PostgresQuery
    from psycopg.adapt import Transformer

    statement = queries.statement(name)
    query = PostgresQuery(Transformer(connection))
    query.convert(statement.encode(), dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    result = connection.pgconn.prepare(b"", query.query)
    return "" if result.status == ExecStatus.COMMAND_OK else result.error_message.decode()


def test_there_are_statements_for_every_noun():
    assert {"bookings", "clinic", "doctors", "slots", "stats", "verify"} <= {file.stem for file in FILES}


@pytest.fixture(scope="module")
def migrated(server, template):
    # Not a copy for each statement: preparing changes nothing.
    name = f"{template}_for_queries"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        with psycopg.connect(server, dbname=name, options="-c search_path=booking", autocommit=True) as connection:
            yield connection
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_fits_the_migrated_schema(migrated, name):
    assert prepare(migrated, name) == ""


def test_a_statement_that_does_not_fit_is_noticed(url):
    with psycopg.connect(url, options="-c search_path=pg_catalog") as connection:
        assert 'relation "slots" does not exist' in prepare(connection, "slots.find")


def test_no_statement_depends_on_the_name_of_the_schema(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SCHEMA booking RENAME TO another_clinic")
    with psycopg.connect(url, options="-c search_path=another_clinic") as connection:
        assert {name: complaint for name in NAMES if (complaint := prepare(connection, name))} == {}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_statement_names_a_schema(file):
    assert re.findall(r"\b(?:booking|public|pg_catalog)\s*\.\s*\w+", file.read_text()) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_name_is_given_once(file):
    counts = Counter(re.findall(r"^-- name: (\w+)$", file.read_text(), re.MULTILINE))
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_line_that_names_a_statement_is_understood(file):
    """A name that is written otherwise would make its statement a part of the one before."""
    headings = [line for line in file.read_text().splitlines() if re.match(r"\s*--\s*name\b", line, re.IGNORECASE)]
    assert headings == [f"-- name: {name}" for name in queries.statements(file.stem)]


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_says_what_it_is_for(name):
    first_line = queries.statement(name).splitlines()[0]
    assert re.match(r"-- [A-Z](\S* ){3,}", first_line)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_for_one_statement(name):
    code = re.sub(r"--.*", "", queries.statement(name)).strip()
    assert code.endswith(";")
    assert code.count(";") == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_has_a_name_and_no_percent_sign_is_left_over(name):
    rest = re.sub(r"%\(\w+\)s|%%", "", queries.statement(name))
    assert "%" not in rest


def test_every_statement_is_named_in_the_code_and_every_name_there_has_its_statement():
    assert set(NAMES) == CALLED
