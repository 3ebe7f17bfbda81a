"""Hostile settings: variables of booking, of libpq, and others that programs read."""

import os
from random import Random

from tests.fuzz.corpus import NUMBERS, TEXTS

_VARIABLES = {
    "BOOKING_ACTOR": TEXTS, "BOOKING_DATA_DIR": ("", "~nobody-has-this-name", "/dev/null/x", "x/" * 3000, *TEXTS),
    "BOOKING_POOL_SIZE": NUMBERS, "BOOKING_TIMEOUT_MINUTES": (*NUMBERS, "0.05", "2"),
    "BOOKING_STATEMENT_TIMEOUT": (*NUMBERS, "1e-9", "0.001", "3600", "3600.0001", "30s", " 30 ", "True", "30\n"),
    "PGDATESTYLE": ("German", "SQL, DMY", "nonsense"), "PGTZ": ("Asia/Kathmandu", "nonsense", "<+05>-5"),
    "PGCLIENTENCODING": ("LATIN1", "SQL_ASCII", "nonsense"), "PGAPPNAME": ("\x1b[31m", "\udcff", "x" * 1000),
    "PGOPTIONS": (
        "-c datestyle=german", "-c default_transaction_isolation=serializable", "-c search_path=pg_catalog",
        "-c default_transaction_read_only=on", "-c statement_timeout=1", "-c extra_float_digits=-5",
        "-c standard_conforming_strings=off", "-c role=nobody", "--x", "\x1b",
    ),
    "PGCONNECT_TIMEOUT": ("0", "-1", "soon", "9" * 30), "PGSERVICE": ("nothing", "\x1b"), "PGHOST": ("/nonexistent",),
    "HOME": ("", "/nonexistent", "\udcff", "x" * 5000, "~", "a\nb"),
    "XDG_CONFIG_HOME": ("/nonexistent", "\udcff", "x" * 5000, "/dev/null"),
    "LOGNAME": ("\x1b[31m", "\udcff", "x" * 300, "\u202e", " "), "COLUMNS": ("0", "-1", "1", "x", "9" * 20, "\u0665"),
    "TZ": ("nonsense", "Asia/Kathmandu", "../../etc/passwd", ":", "\udcff"), "TERM": ("dumb", "", "\x1b", "unknown"),
}  # fmt: skip


def any_settings(rng: Random) -> dict[str, str]:
    """Return one or two variables."""
    names = rng.sample([*_VARIABLES], rng.choice((1, 1, 2)))
    return {name: _possible(rng.choice(_VARIABLES[name])) for name in names}


def _possible(text: str) -> str:
    """Return a text that an environment variable can have: without NUL and unpaired surrogates."""
    text = "".join(c for c in text if c != "\0" and not "\ud800" <= c < "\udc80" and not "\udcff" < c <= "\udfff")
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))
