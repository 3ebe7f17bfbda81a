"""The same SQL with nothing around it: statements with their parameters written in, run by psql."""

import re
import subprocess
from collections.abc import Iterable, Mapping

from psycopg import sql

from booking_cli.db import queries
from booking_cli.db.embedded_server import program_folder
from booking_cli.db.runner import SEARCH_PATH


def written_out(name: str, parameters: Mapping[str, object]) -> str:
    """Return a statement of `sql/queries` in one line, its parameters written in."""
    text = re.sub(r"--.*", "", queries.statement(name))
    text = re.sub(r"%\((\w+)\)s", lambda match: sql.Literal(parameters[match[1]]).as_string(None), text)
    return " ".join(text.replace("%%", "%").split())


def psql_ms(conninfo: str, statements: Iterable[str]) -> list[float]:
    """Run statements one after the other in one session of psql, and return how long each took, in milliseconds."""
    lines = [f"SET search_path = {SEARCH_PATH};", "\\o /dev/null", "\\timing on", *statements]
    done = subprocess.run(
        [str(program_folder() / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", conninfo],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(match) for match in re.findall(r"^Time: ([0-9.]+) ms", done.stdout, re.MULTILINE)]
