"""The named statements: each fits the schema, has a purpose line, is used, and names no schema."""

import re
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import ExecStatus

import booking_cli
from booking_cli.db import queries

FILES = sorted((queries.sql_folder() / "queries").glob("*.sql"))
NAMES = [f"{file.stem}.{name}" for file in FILES for name in queries.statements(file.stem)]
CODE = "\n".join(path.read_text() for path in Path(booking_cli.__file__).parent.rglob("*.py"))
NOUNS = "|".join(file.stem for file in FILES)
USED = {f"verify.{name}" for name in queries.statements("verify")} | set(re.findall(rf'"((?:{NOUNS})\.\w+)"', CODE))


def prepare(connection, name):
    """Prepare a statement on the server, its parameters as `$1` and so on, and return the error."""
    numbers = {}
    code = re.sub(
        r"%\((\w+)\)s",
        lambda match: f"${numbers.setdefault(match[1], len(numbers) + 1)}",
        re.sub(r"--.*", "", queries.statement(name)),
    )
    result = connection.pgconn.prepare(b"", code.replace("%%", "%").encode())
    return "" if result.status == ExecStatus.COMMAND_OK else result.error_message.decode()


def test_every_statement_fits_the_migrated_schema_whatever_its_name(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SCHEMA booking RENAME TO another_clinic")
    with psycopg.connect(url, options="-c search_path=another_clinic") as connection:
        assert {name: error for name in NAMES if (error := prepare(connection, name))} == {}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_names_no_schema_and_each_heading_has_its_statement(file):
    """A heading in another form would make its statement a part of the one before."""
    text = file.read_text()
    assert re.findall(r"\b(?:booking|public|pg_catalog)\s*\.\s*\w+", text) == []
    headings = [line for line in text.splitlines() if re.match(r"\s*--\s*name\b", line, re.IGNORECASE)]
    assert headings == [f"-- name: {name}" for name in queries.statements(file.stem)]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_has_one_statement_with_a_purpose_line_and_named_parameters(name):
    text = queries.statement(name)
    assert re.match(r"-- [A-Z](\S* ){3,}", text.splitlines()[0])
    code = re.sub(r"--.*", "", text).strip()
    assert code.endswith(";")
    assert code.count(";") == 1
    assert "%" not in re.sub(r"%\(\w+\)s|%%", "", text)


def test_every_statement_is_used_and_every_name_in_the_code_has_its_statement():
    assert set(NAMES) == USED
