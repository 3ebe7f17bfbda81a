"""The same SQL with nothing around it: statements with literal parameters, run by psql, and inserts of whole bookings."""

import re
import subprocess
from collections.abc import Iterable, Mapping

from psycopg import sql

from booking_cli.db import queries
from booking_cli.db.embedded_server import program_folder
from booking_cli.db.runner import DEFAULT_SCHEMA


def with_literals(name: str, parameters: Mapping[str, object]) -> str:
    """Return a statement of `sql/queries` with its parameters as literals."""
    text = " ".join(re.sub(r"--.*", "", queries.statement(name)).replace("%%", "%").split())
    return re.sub(r"%\((\w+)\)s", lambda match: sql.Literal(parameters[match[1]]).as_string(None), text)


def insert_bookings(requests: str) -> str:
    """Return one statement that registers a patient, holds a slot and writes the history, for each row of `requests`.

    `requests` is a query of a slot's id, starts_at and ends_at, of a unique name, and of hold_expires_at.
    """
    return f"""
        WITH request AS MATERIALIZED ({requests}), registered AS (
            INSERT INTO patients (name, email, name_key, contact_key, registered_by)
            SELECT name, name || '@example.org', name, name || '@example.org', 'operator' FROM request
            RETURNING id, name
        ), booked AS (
            INSERT INTO bookings (reference, slot_id, patient_id, starts_at, ends_at, request_id, status, hold_expires_at)
            SELECT left(md5(r.name), 12), r.id, p.id, r.starts_at, r.ends_at, md5(r.name), 'PENDING', r.hold_expires_at
            FROM request r
            JOIN registered p ON p.name = r.name
            RETURNING id, status
        )
        INSERT INTO booking_history (booking_id, actor, to_status) SELECT id, 'operator', status FROM booked"""


def psql_ms(conninfo: str, statements: Iterable[str]) -> list[float]:
    """Run statements one after the other in one session of psql, and return how long each took, in milliseconds."""
    lines = [f'SET search_path = "{DEFAULT_SCHEMA}", pg_temp;', "\\o /dev/null", "\\timing on", *statements]
    command = [str(program_folder() / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", conninfo]
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    return [float(match) for match in re.findall(r"^Time: ([0-9.]+) ms", done.stdout, re.MULTILINE)]
