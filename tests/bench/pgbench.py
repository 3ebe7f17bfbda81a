"""pgbench, running the very statements that the repository sends."""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from booking_cli.db import connections
from booking_cli.db.embedded_server import program_folder

CLIENTS = 16
Sent = list[tuple[str, Mapping[str, object]]]


@contextmanager
def recorded() -> Iterator[Sent]:
    """Collect the statements, with their parameters, of every connection that is opened meanwhile."""
    sent: Sent = []

    class Recorder(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            sent.append((query.decode() if isinstance(query, bytes) else query, params or {}))
            return super().execute(query, params, **options)

    connections.OPTIONS["cursor_factory"] = Recorder
    try:
        yield sent
    finally:
        del connections.OPTIONS["cursor_factory"]


def script(sent: Sent, varying: Mapping[str, str], set_up: str) -> str:
    """Return a pgbench script; a parameter that differs each time is one of the script's variables, the others are constants.

    Statements that go out together make a pipeline.
    """
    lines = [set_up]
    for query, parameters in sent:
        values = {
            name: f":{varying[name]}" if name in varying else _literal(value) for name, value in parameters.items()
        }
        text = re.sub(r"--.*", "", query)
        text = text % values if parameters else text
        statements = [" ".join(part.split()) for part in text.split(";") if part.strip()]
        together = len(statements) > 1
        lines += [*["\\startpipeline"] * together, *(f"{one};" for one in statements), *["\\endpipeline"] * together]
    return "\n".join(lines) + "\n"


def per_second(conninfo: str, text: str, transactions: int, **variables: int) -> float:
    """Run a script `transactions` times in all, and return how many were done in a second; none may fail."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.sql")
        path.write_text(text)
        done = subprocess.run(
            [
                str(program_folder() / "pgbench"),
                *("--no-vacuum", "--protocol=prepared", "--max-tries=1000"),
                *(f"--client={CLIENTS}", "--jobs=2", f"--transactions={transactions // CLIENTS}", f"--file={path}"),
                *(f"--define={name}={value}" for name, value in variables.items()),
                conninfo,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0 or not re.search(r"number of failed transactions: 0 ", done.stdout):
        raise RuntimeError(f"pgbench failed:\n{done.stdout}\n{done.stderr}")
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found
    return float(found[1])


def _literal(value: object) -> str:
    return sql.Literal(value).as_string(None)
