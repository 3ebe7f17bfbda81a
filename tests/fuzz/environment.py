r"""Hostile settings: every `BOOKING_` variable that there is, what libpq reads, and what stands for the user's home."""

import os
from random import Random

from booking_cli.settings import Settings
from tests.fuzz.words import NUMBERS, TEXTS, hostile

PASSWORD = "s3cret-Pa55"
ADDRESS = "BOOKING_DATABASE_URL"
# None of these reaches a server: an address without a host would find whatever listens here.
_ADDRESSES = (
    f"postgresql://u:{PASSWORD}@127.0.0.1:1/x",
    f"postgresql://u:{PASSWORD}@127.0.0.1:99999/x",
    f"postgresql://u:{PASSWORD}@127.0.0.1:port/x",
    f"postgresql://u:{PASSWORD}@[::1/x",
    f"postgresql://u:{PASSWORD}%@127.0.0.1:1/x",
    f"postgresql://u:{PASSWORD}%00@127.0.0.1:1/x",
    f"postgresql://u:{PASSWORD}@x@127.0.0.1:1/x",
    f"postgresql://u:{PASSWORD}@127.0.0.1:1/x?sslmode=sometimes",
    f"postgresql://u:{PASSWORD}@127.0.0.1:1/x?connect_timeout=soon",
    f"postgresql://u:{PASSWORD}@127.0.0.1:1/x?no_such_thing=1",
    f"postgresql://u:{PASSWORD}@127.0.0.1:1/%1b%5b31m%e2%80%ae",
    f"postgresql://u\udcff:{PASSWORD}@127.0.0.1:1/x",
    f"host=127.0.0.1 port=1 password='{PASSWORD}",
    f"host=127.0.0.1 port=1 password={PASSWORD} user='\x1b[31m' dbname='a\nb'",
    f"host=/nonexistent/\u202e password={PASSWORD}",
    f"host=/{'x' * 500} password={PASSWORD}",
    f"mysql://u:{PASSWORD}@127.0.0.1:1/x",
    "\x1b[31m",
    "sqlite:///x",
    "\udcff",
)
# Added to the address that works.
_ADDITIONS = (
    "application_name=\x1b[31m\u202e",
    "options=-csearch_path=pg_catalog",
    "options=-cdefault_transaction_read_only=on",
    "options=-cstatement_timeout=1",
    "options=-cdatestyle=german",
    "options=-cdatestyle=sql,dmy",
    "options=-cintervalstyle=iso_8601",
    "options=-cbytea_output=escape",
    "options=-cextra_float_digits=-5",
    "options=-cstandard_conforming_strings=off",
    "options=-ctimezone=Asia/Kathmandu",
    "options=-clc_messages=C",
    "options=-cenable_indexscan=off",
    "options=-cclient_min_messages=debug1",
    "options=-cnonsense=1",
    "options=-crole=nobody",
    "client_encoding=LATIN1",
    "connect_timeout=0",
    "sslmode=require",
    "target_session_attrs=read-only",
    "keepalives=x",
)
_LIBPQ = {
    "PGDATESTYLE": ("German", "SQL, DMY", "Postgres, MDY", "ISO", "nonsense"),
    "PGTZ": ("Asia/Kathmandu", "nonsense", "<+05>-5", "EST5EDT"),
    "PGCLIENTENCODING": ("LATIN1", "SQL_ASCII", "nonsense", "UTF8"),
    "PGOPTIONS": (
        "-c datestyle=german",
        "-c default_transaction_isolation=serializable",
        "-c timezone=PST8PDT",
        "--x",
        "\x1b",
    ),
    "PGAPPNAME": ("\x1b[31m", "\udcff", "x" * 1000),
    "PGCONNECT_TIMEOUT": ("0", "-1", "soon", "9" * 30),
    "PGSERVICE": ("nothing", "\x1b"),
    "PGSSLMODE": ("sometimes", "disable"),
    "PGHOST": ("/nonexistent",),
    "PGPORT": ("x",),
    "PGDATABASE": ("nobody's",),
    "PGGEQO": ("off", "nonsense"),
}
_SURROUNDINGS = {
    "HOME": ("", "/nonexistent", "\udcff", "x" * 5000, "~", "a\nb"),
    "XDG_CONFIG_HOME": ("/nonexistent", "\udcff", "x" * 5000, "~", "/dev/null"),
    "LOGNAME": ("\x1b[31m", "\udcff", "x" * 300, "\u202e", " "),
    "USER": ("\x1b[31m",),
    "TZ": ("nonsense", "Asia/Kathmandu", "../../etc/passwd", ":", "\udcff"),
    "COLUMNS": ("0", "-1", "1", "x", "9" * 20, "\u0665"),
    "LINES": ("0", "x"),
    "TERM": ("dumb", "", "\x1b", "unknown"),
    "NO_COLOR": ("", "1"),
    "LANGUAGE": ("de:\x1b",),
    "PYTHONIOENCODING": ("utf-8",),
}
FILE = ".env"  # in the current folder; its text stands where a variable's value would
_FILES = (
    "\0",
    "\udcff",
    "BOOKING_ACTOR=\udcff\n",
    "BOOKING_ACTOR=a\0b\n",
    "BOOKING_ACTOR='unterminated\n",
    'BOOKING_ACTOR="\\x1b[31m"\n',
    "BOOKING_ACTOR=\x1b[31m\n",
    "BOOKING_ACTOR=${HOME}${NOTHING}\n",
    "BOOKING_ACTOR\n",
    "=\n",
    "\ufeffBOOKING_POOL_SIZE=many\n",
    "BOOKING_POOL_SIZE=\u0665\n",
    "BOOKING_TIMEOUT_MINUTES=0.5\nBOOKING_TIMEOUT_MINUTES=nan\n",
    "BOOKING_DATA_DIR=a\0b\n",
    "BOOKING_STATEMENT_TIMEOUT=1e-300\n",
    "export BOOKING_NO_SUCH=1\n",
    f"BOOKING_DATABASE_URL=postgresql://u:{PASSWORD}@127.0.0.1:1/x\n",
    "\x1b[31m not a line at all\n",
    "A=1\n" * 10_000,
)
_TIMEOUTS = (
    "0.0000000001",
    "1e-9",
    "0.001",
    "3600",
    "3600.0001",
    "1_0",
    "30s",
    " 30 ",
    "\u0663",
    "True",
    "30\n",
    "1e2",
)
_FOLDERS = (
    "/nonexistent", "/dev/null", "/dev/null/x", "~nobody-has-this-name", "~", "", ".", "relative/\x1b[31m\u202e", "\udcff", "a\nb",
    "x" * 300, "x/" * 3000, "/proc/1/root/x", "/etc/passwd", "\U0001f469\u200d\u2695", "%s{}[red]", "//", "/tmp/../nonexistent/\x07",
)  # fmt: skip


def any_settings(rng: Random) -> dict[str, str | None]:
    """Return one or two variables to set, or to leave unset where the value is None."""
    chosen: dict[str, str | None] = {}
    for _ in range(rng.choice((1, 1, 2))):
        kind = rng.random()
        if kind < 0.6:
            field = rng.choice(list(Settings.model_fields))
            chosen[f"BOOKING_{field.upper()}"] = _value(field, rng)
        elif kind < 0.65:
            chosen[FILE] = any_file(rng)
        elif kind < 0.85:
            name = rng.choice(list(_LIBPQ))
            chosen[name] = rng.choice(_LIBPQ[name])
        else:
            name = rng.choice(list(_SURROUNDINGS))
            chosen[name] = rng.choice(_SURROUNDINGS[name])
            if name in ("LOGNAME", "USER"):
                chosen["BOOKING_ACTOR"] = None
    return {name: value if value is None or name == FILE else _possible(value) for name, value in chosen.items()}


def any_file(rng: Random) -> str:
    """Return the text of a settings file."""
    return rng.choice(_FILES)


def datafolders() -> tuple[str, ...]:
    """Return hostile folders for the embedded database; only for what never starts it."""
    return _FOLDERS


def address_with(url: str, addition: str) -> str:
    """Return a connection string with one more parameter, given as `name=value`."""
    name, _, value = addition.partition("=")
    return f"{url} {name}='{value}'"


def complete(settings: dict[str, str], url: str) -> dict[str, str]:
    """Return the settings with a whole address where they only hold an addition to it."""
    address = settings.get(ADDRESS, "")
    return {**settings, ADDRESS: address_with(url, address.removeprefix("+"))} if address.startswith("+") else settings


def _value(field: str, rng: Random) -> str:
    match field:
        case "database_url":
            return rng.choice((*_ADDRESSES, *(f"+{addition}" for addition in _ADDITIONS)))
        case "data_dir":
            return rng.choice(_FOLDERS)
        case "timeout_minutes":
            return rng.choice((*NUMBERS, "0.05", "2", "1440"))
        case "actor":
            return hostile("TEXT", "front desk", rng)
        case "pool_size" | "statement_timeout":
            return rng.choice((*NUMBERS, *_TIMEOUTS))
        case _:
            return rng.choice((*TEXTS, *NUMBERS))


def _possible(value: str) -> str:
    """Return what an environment can hold: no NUL, no half of a character that stands for no byte."""
    value = value.replace("\0", "")[:100_000]
    return os.fsdecode(value.encode("utf-8", "surrogateescape" if _only_bytes(value) else "replace"))


def _only_bytes(value: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in value)
