"""The layers of booking_cli: which package imports which, without cycles."""

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "booking_cli"
SQL = re.compile(r"\b(SELECT\s|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX))")


class Layer(NamedTuple):
    """What the modules of a package may import: packages of booking_cli, also those only when they run, and others."""

    own: str = ""
    deferred: str = ""
    others: str = ""


# `cli.lazy_group` imports the commands by name, which is no import statement.
LAYERS = {
    "booking_cli": Layer(),
    "domain": Layer("domain", others="email_validator"),
    "signals": Layer(),
    "clock": Layer(),
    "settings": Layer("domain", others="dotenv platformdirs pydantic pydantic_settings"),
    "db": Layer("domain signals db", others="psycopg psycopg_pool tzlocal"),
    "session": Layer("clock db domain settings"),
    "repository": Layer("session db domain repository", others="psycopg"),
    "importing": Layer("repository session db domain signals importing"),
    "output": Layer("clock domain output", others="rich"),
    "cli": Layer("booking_cli output domain signals cli", deferred="session settings", others="typer"),
    "commands": Layer(
        "cli output domain importing repository signals settings commands", deferred="session", others="typer"
    ),
    "__main__": Layer("cli"),
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


TREES = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
every_module = pytest.mark.parametrize("module", TREES)


def layer_of(module: str) -> str:
    return module.split(".")[1] if module.startswith("booking_cli.") else module.split(".")[0]


def imports(node: ast.AST, *, loads: bool = True) -> Iterator[tuple[str, bool]]:
    """Yield the imported modules, and whether they are imported as soon as the module with the import is."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, loads) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "a relative import"
        names = {f"{node.module}.{alias.name}" for alias in node.names}
        yield from ((name if name in TREES else node.module, loads) for name in names)
    for child in ast.iter_child_nodes(node):
        only_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and child in node.body
        yield from imports(child, loads=loads and not only_for_types and not isinstance(node, ast.FunctionDef))


IMPORTS = {module: set(imports(tree)) for module, tree in TREES.items()}


@every_module
def test_a_module_imports_only_what_its_layer_may_import(module):
    layer = LAYERS[layer_of(module)]
    allowed = {*layer.own.split(), *layer.others.split(), *sys.stdlib_module_names}
    foreign = {(layer_of(name), loads) for name, loads in IMPORTS[module] if layer_of(name) not in allowed}
    assert {name for name, loads in foreign if loads or name not in layer.deferred.split()} == set()


def test_modules_have_no_import_cycle():
    TopologicalSorter({module: [name for name, _ in found] for module, found in IMPORTS.items()}).prepare()


@every_module
def test_a_module_has_a_docstring_and_sql_is_only_in_db(module):
    nodes = list(ast.walk(TREES[module]))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [str(node.value) for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings]
    assert ast.get_docstring(TREES[module])
    assert layer_of(module) == "db" or list(filter(SQL.search, texts)) == []
