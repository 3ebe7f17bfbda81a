"""pgbench, running the statements that the repository sends."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from booking_cli.db import connections
from booking_cli.db.embedded_server import program_folder

CLIENTS = 16
Sent = list[tuple[str, Mapping[str, object]]]


class Run(NamedTuple):
    """The transactions per second of a run, and the percentage of attempts that were retried."""

    per_second: float
    retried_percent: float


@contextmanager
def recorded() -> Iterator[Sent]:
    """Collect the statements, with their parameters, of every connection that is opened in the block."""
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


def script(sent: Sent, varying: Mapping[str, str]) -> list[str]:
    """Return the lines of a pgbench script that runs recorded statements.

    `varying` has the texts within parameters that differ in each transaction, and the pgbench variables for them. A statement
    with `RETURNING id AS name` sets the variable for the later parameters of that name. Statements that were sent in one
    message make a pipeline.
    """
    texts = re.compile(rf"(?<![0-9])(?:{'|'.join(varying)})(?![0-9])")
    lines, returned = [], set()

    def expression(name: str, value: object) -> str:
        if name in returned:
            return f":{name}"
        if isinstance(value, list):
            return f"ARRAY[{', '.join(expression(name, one) for one in value)}]"
        if not isinstance(value, str | int):
            return sql.Literal(value).as_string(None)
        text = texts.sub(lambda match: f":{varying[match[0]]}", str(value))
        parts = [part for part in re.split(r"(:[a-z]+)", text) if part] or [""]
        return f"({' || '.join(part if part[:1] == ':' else sql.Literal(part).as_string(None) for part in parts)})"

    for query, parameters in sent:
        text = re.sub(r"--.*", "", query)
        if parameters:
            text %= {name: expression(name, value) for name, value in parameters.items()}
        statements = [" ".join(part.split()) for part in text.split(";") if part.strip()]
        if len(statements) > 1:
            lines += ["\\startpipeline", *(f"{one};" for one in statements), "\\endpipeline"]
        elif name := re.search(r"RETURNING id AS (\w+)$", statements[0]):
            returned.add(name[1])
            lines.append(f"{statements[0]} \\gset")
        else:
            lines.append(f"{statements[0]};")
    return lines


def run(conninfo: str, lines: Sequence[str], transactions: int, variables: Mapping[str, int]) -> Run:
    """Run a script `transactions` times in all, by 16 clients; none may fail. Statements are planned once, as in the pool."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.sql")
        path.write_text("\n".join(lines) + "\n")
        command = [
            *(str(program_folder() / "pgbench"), "--no-vacuum", "--protocol=prepared", "--max-tries=1000", "--jobs=2"),
            *(f"--client={CLIENTS}", f"--transactions={transactions // CLIENTS}", f"--file={path}"),
            *(f"--define={name}={value}" for name, value in variables.items()),
        ]
        environment = {**os.environ, "PGOPTIONS": "-c plan_cache_mode=force_generic_plan"}
        done = subprocess.run([*command, conninfo], env=environment, capture_output=True, text=True)
    if done.returncode != 0 or "number of failed transactions: 0 " not in done.stdout:
        raise RuntimeError(f"pgbench failed:\n{done.stdout}\n{done.stderr}")
    rate, retries = (
        float(re.search(rf"{label} ([0-9.]+)", done.stdout)[1]) for label in ("tps =", "total number of retries:")
    )
    return Run(rate, 100 * retries / (transactions + retries))
