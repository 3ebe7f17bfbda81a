"""What is in the tables of the appointment book, read at once when everything has settled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import psycopg
from psycopg.rows import dict_row

from booking_cli.db.runner import SCHEMA

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """The rows of bookings, of their history, of slots, of doctors and of the clinic, as the database gives them."""

    bookings: Sequence[Row] = ()
    history: Sequence[Row] = ()
    slots: Sequence[Row] = ()
    doctors: Sequence[Row] = ()
    clinic: Sequence[Row] = ()

    @classmethod
    def read(cls, conninfo: str) -> Self:
        """Return what the database at `conninfo` holds, all tables on one snapshot."""
        with psycopg.connect(conninfo, row_factory=dict_row, options=f"-c search_path={SCHEMA}") as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            return cls(
                bookings=connection.execute("SELECT * FROM bookings ORDER BY id").fetchall(),
                history=connection.execute("SELECT * FROM booking_history ORDER BY id").fetchall(),
                slots=connection.execute("SELECT * FROM slots ORDER BY id").fetchall(),
                doctors=connection.execute("SELECT * FROM doctors ORDER BY id").fetchall(),
                clinic=connection.execute("SELECT * FROM clinic").fetchall(),
            )
