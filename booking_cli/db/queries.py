"""Reads the statements of `sql/queries`. `slots.find` is the statement `find` in `slots.sql`.

Each statement in a file begins with a line `-- name: find` and a comment with its purpose.
"""

import functools
import re
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def sql_folder() -> Path:
    """Return the folder of the SQL files: inside the package once installed, beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "sql"
    return installed if installed.is_dir() else package.parent / "sql"


@functools.cache
def statements(noun: str) -> dict[str, str]:
    """Return the statements of `sql/queries/<noun>.sql` by name."""
    text = (sql_folder() / "queries" / f"{noun}.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def statement(full_name: str) -> str:
    """Return one statement by its full name, such as `slots.find`; raises KeyError where there is none."""
    noun, _, name = full_name.partition(".")
    return statements(noun)[name]
