"""Parameters in, named SQL, named tuple out: one module for each noun. No printing, no command line.

A module is imported at its first use, so that help and completion do not import psycopg.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from booking_cli.repository import bookings, clinic, db, doctors, new_bookings, patients, slots, stats, verify

__all__ = ["bookings", "clinic", "db", "doctors", "new_bookings", "patients", "slots", "stats", "verify"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    return importlib.import_module(f"{__name__}.{name}")
