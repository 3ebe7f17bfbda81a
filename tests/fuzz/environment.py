"""Hostile settings: every `BOOKING_` variable, the variables of libpq, and others that programs read."""

import os
from random import Random

from booking_cli.settings import Settings
from tests.fuzz.corpus import NUMBERS, TEXTS, hostile

PASSWORD = "s3cret-Pa55"
ADDRESS = "BOOKING_DATABASE_URL"
SETTINGS_FILE = ".env"  # in the current folder; among the settings its value is its content
# None of these reaches a server.
_ADDRESSES = (
    *(
        f"postgresql://u:{PASSWORD}{rest}"
        for rest in ("@127.0.0.1:1/x", "@127.0.0.1:port/x", "@[::1/x", "%00@127.0.0.1:1/x", "@127.0.0.1:1/%1b%5b31m%e2%80%ae")
    ),
    f"postgresql://u:{PASSWORD}@127.0.0.1:1/x?sslmode=sometimes", f"host=127.0.0.1 port=1 password='{PASSWORD}",
    f"host=127.0.0.1 port=1 password={PASSWORD} user='\x1b[31m' dbname='a\nb'",
    f"host=/{'x' * 500} password={PASSWORD}", f"mysql://u:{PASSWORD}@127.0.0.1:1/x", "\x1b[31m", "\udcff",
)  # fmt: skip
# Added to the address of the database.
_ADDITIONS = (
    "application_name=\x1b[31m\u202e", "client_encoding=LATIN1", "connect_timeout=0", "sslmode=require", "keepalives=x",
    "options=-csearch_path=pg_catalog", "options=-cdefault_transaction_read_only=on", "options=-cstatement_timeout=1",
    "options=-cdatestyle=german", "options=-cintervalstyle=iso_8601", "options=-cextra_float_digits=-5",
    "options=-cstandard_conforming_strings=off", "options=-ctimezone=Asia/Kathmandu", "options=-crole=nobody",
)  # fmt: skip
_VARIABLES = {
    "PGDATESTYLE": ("German", "SQL, DMY", "nonsense"), "PGTZ": ("Asia/Kathmandu", "nonsense", "<+05>-5"),
    "PGCLIENTENCODING": ("LATIN1", "SQL_ASCII", "nonsense"), "PGAPPNAME": ("\x1b[31m", "\udcff", "x" * 1000),
    "PGOPTIONS": ("-c datestyle=german", "-c default_transaction_isolation=serializable", "--x", "\x1b"),
    "PGCONNECT_TIMEOUT": ("0", "-1", "soon", "9" * 30), "PGSERVICE": ("nothing", "\x1b"), "PGHOST": ("/nonexistent",),
    "HOME": ("", "/nonexistent", "\udcff", "x" * 5000, "~", "a\nb"),
    "XDG_CONFIG_HOME": ("/nonexistent", "\udcff", "x" * 5000, "/dev/null"),
    "LOGNAME": ("\x1b[31m", "\udcff", "x" * 300, "\u202e", " "), "COLUMNS": ("0", "-1", "1", "x", "9" * 20, "\u0665"),
    "TZ": ("nonsense", "Asia/Kathmandu", "../../etc/passwd", ":", "\udcff"), "TERM": ("dumb", "", "\x1b", "unknown"),
}  # fmt: skip
_FILES = (
    "\0", "BOOKING_ACTOR=\udcff\n", "BOOKING_ACTOR=a\0b\n", "BOOKING_ACTOR='unterminated\n", "=\n", "BOOKING_ACTOR\n",
    "BOOKING_ACTOR=\x1b[31m\n", "BOOKING_ACTOR=${HOME}${NOTHING}\n", "\ufeffBOOKING_POOL_SIZE=many\n", "A=1\n" * 10_000,
    f"BOOKING_DATABASE_URL=postgresql://u:{PASSWORD}@127.0.0.1:1/x\n", "\x1b[31m not an assignment\n",
)  # fmt: skip
# For commands that never start the embedded database.
_FOLDERS = (
    "/nonexistent", "/dev/null/x", "~nobody-has-this-name", "~", "", "relative/\x1b[31m\u202e", "\udcff", "a\nb",
    "x" * 300, "x/" * 3000, "/etc/passwd", "/tmp/../nonexistent/\x07",
)  # fmt: skip


def any_settings(rng: Random) -> dict[str, str | None]:
    """Return one or two variables to set, or to remove where the value is None."""
    chosen: dict[str, str | None] = {}
    for _ in range(rng.choice((1, 1, 2))):
        kind = rng.random()
        if kind < 0.6:
            field = rng.choice(list(Settings.model_fields))
            chosen[f"BOOKING_{field.upper()}"] = _setting(field, rng)
        elif kind < 0.65:
            chosen[SETTINGS_FILE] = rng.choice(_FILES)
        else:
            name = rng.choice(list(_VARIABLES))
            chosen[name] = rng.choice(_VARIABLES[name])
            if name == "LOGNAME":
                chosen["BOOKING_ACTOR"] = None
    return {name: text if text is None or name == SETTINGS_FILE else _possible(text) for name, text in chosen.items()}


def embedded_settings(rng: Random) -> dict[str, str | None]:
    """Return settings that select the embedded database, with a hostile data folder."""
    if rng.random() < 0.3:
        return {ADDRESS: None, SETTINGS_FILE: rng.choice(_FILES)}
    return {ADDRESS: None, "BOOKING_DATA_DIR": _possible(rng.choice(_FOLDERS))}


def complete(variables: dict[str, str], url: str) -> dict[str, str]:
    """Return the variables with a whole address where they have only an addition to it."""
    address = variables.get(ADDRESS, "")
    name, _, value = address.removeprefix("+").partition("=")
    return {**variables, ADDRESS: f"{url} {name}='{value}'"} if address.startswith("+") else variables


def _setting(field: str, rng: Random) -> str:
    if field == "actor":
        return hostile("TEXT", "front desk", rng)
    choices = {
        "database_url": (*_ADDRESSES, *(f"+{addition}" for addition in _ADDITIONS)),
        "data_dir": _FOLDERS,
        "timeout_minutes": (*NUMBERS, "0.05", "2"),
        "statement_timeout": (*NUMBERS, "1e-9", "0.001", "3600", "3600.0001", "30s", " 30 ", "True", "30\n"),
    }
    return rng.choice(choices.get(field, (*TEXTS, *NUMBERS)))


def _possible(text: str) -> str:
    """Return a text that an environment variable can have: without NUL and unpaired surrogates."""
    text = "".join(
        c for c in text[:100_000] if c != "\0" and not "\ud800" <= c < "\udc80" and not "\udcff" < c <= "\udfff"
    )
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))
