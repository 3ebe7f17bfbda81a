"""Inputs: command lines for every command, with import files and settings; valid ones, and ones with hostile parts."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from typer.main import get_command

from booking_cli.cli.application import PROGRAM, app
from booking_cli.importing.rows import OPTIONAL, REQUIRED
from tests.fuzz.corpus import OPTION_LIKE, hostile
from tests.fuzz.environment import any_settings
from tests.support.reference import leaves

Known = Mapping[str, Sequence[str]]
IMPORT_FILE = "rows"  # in the current folder; stdin has the same content
COMMANDS: dict[str, Any] = {path.partition(" ")[2]: command for path, command in leaves(get_command(app), PROGRAM)}
# How often a command is tried, relative to the others: 10 unless it is here.
_WEIGHTS = {
    "book": 120, "cancel": 40, "confirm": 40, "slots bulk": 40, "slots add": 40, "doctors add": 30, "doctors update": 40,
    "patients add": 40, "patients update": 50, "patients merge": 30, "db start": 3, "db stop": 3, "db migrate": 3,
}  # fmt: skip
_ROW_KINDS = dict(zip(REQUIRED + OPTIONAL, ("SLOT", "NAME", "EMAIL", "PHONE", "CHOICE", "KEY"), strict=True))
_VALID = {
    "FORMAT": ("table", "json", "ndjson", "csv"), "MINUTES": ("2", "0.5", "30", "1440"), "FILE": (IMPORT_FILE, "-"),
    "PHONE": ("+1-555-0100", "112", "(030) 123.456", "0555 0101"), "DAYS": ("mon-fri", "mon,wed", "sat", "mon-sun"),
    "FROM-TO": ("12:00-12:30", "09:00-09:05"), "ZONE": ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"),
    "limit": ("30", "200"), "minutes": ("30", "45"), "if_version": ("1", "2"), "jobs": ("1", "2", "3"),
    "start": ("08:00", "09:30"), "end": ("11:15", "12:00"), "time": ("06:15", "13:00", "20:30"),
    "first": ("tomorrow", "+2d", "+7d"), "date": ("tomorrow", "+9d", "friday"), "last": ("+14d", "+20d"),
}  # fmt: skip


@dataclass(frozen=True)
class Argument:
    """The text given for a parameter, and the parameter's kind."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True)
class Input:
    """A command line, with the content of the import file, under some settings.

    `arguments` and `format_` say how the command line must be parsed; they are None where that is unclear. `rows` are the rows
    of the import file, None where it was mutated.
    """

    argv: tuple[str, ...]
    path: str
    arguments: tuple[Argument, ...] | None = None
    format_: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    rows: tuple[dict[str, str], ...] | None = None

    @property
    def called(self) -> str:
        """The command that `argv` calls; empty where it calls none."""
        words = [word for word in self.argv if not word.startswith("-")]
        return next((path for path in (" ".join(words[:2]), *words[:1]) if path in COMMANDS), "")

    @property
    def is_import(self) -> bool:
        return self.called == "book" and any(word.startswith("--f") for word in self.argv)

    def value(self, name: str) -> str | None:
        """Return the text of a parameter, None where it was not given."""
        return next((argument.text for argument in self.arguments or () if argument.name == name), None)

    def requests(self) -> list[dict[str, str]] | None:
        """Return the bookings that a `book` command requests, None where that is unclear."""
        if self.arguments is None or self.value("path") not in (None, IMPORT_FILE, "-"):
            return None
        if self.is_import:
            return None if self.rows is None else list(self.rows)
        return [{"slot_id" if a.name == "slot" else a.name: a.text for a in self.arguments}]


def any_input(rng: Random, known: Known) -> Input:
    """Return the next input: mostly valid, with up to three hostile parts."""
    path = rng.choices(list(COMMANDS), [_WEIGHTS.get(path, 10) for path in COMMANDS])[0]
    arguments = _arguments(path, rng, known)
    # A wrong format hides whatever else is wrong.
    places = [n for n, a in enumerate(arguments) if a.kind != "FLAG" and (a.kind != "FORMAT" or rng.random() < 0.25)]
    is_import = any(argument.name == "path" for argument in arguments)  # its file has hostile parts
    count = rng.choices((0, 1, 2, 3), weights=(80, 15, 4, 1) if is_import else (25, 50, 17, 8))[0]
    for place in rng.sample(places, min(count, len(places))):
        argument = arguments[place]
        arguments[place] = replace(argument, text=hostile(argument.kind, argument.text, rng))
    made = as_input(path, arguments, rng)
    if made.is_import:
        content, rows = _import_file(rng, known)
        made = replace(made, content=content, rows=rows)
    if rng.random() < 0.08:
        made = replace(made, argv=tuple(_mutated(list(made.argv), rng)), arguments=None, format_=None, rows=None)
    return replace(made, settings=any_settings(rng) if rng.random() < 0.12 else {})


def valid_input(path: str, rng: Random, known: Known) -> Input:
    """Return a valid input for a command."""
    made, row = as_input(path, _arguments(path, rng, known), rng), _valid_row(rng, known)
    return replace(made, content=_as_ndjson([row]), rows=(row,)) if made.is_import else made


def as_input(path: str, arguments: Sequence[Argument], rng: Random) -> Input:
    """Return the input that calls a command with these arguments."""
    format_ = next((argument.text for argument in arguments if argument.kind == "FORMAT"), "table")
    return Input((*path.split(), *_words(path, arguments, rng)), path, tuple(arguments), format_)


def kind_of(parameter: Any) -> str:
    """Return the kind of a parameter: its metavar, or FORMAT, CHOICE or FLAG."""
    if parameter.name == "output":
        return "FORMAT"
    if getattr(parameter, "is_flag", False):
        return "FLAG"
    return "CHOICE" if getattr(parameter.type, "choices", None) else str(parameter.metavar)


def _arguments(path: str, rng: Random, known: Known) -> list[Argument]:
    """Return valid texts for the required parameters of a command, and for some of the optional ones."""
    parameters = COMMANDS[path].params
    names = {p.name for p in parameters if p.required or rng.random() < (0.65 if p.name == "output" else 0.25)}
    if path == "book":
        for_one = rng.choice(
            ({"name", "email"}, {"name", "phone"}, {"name", "email", "phone"}, {"patient"}, None, None)
        )
        names -= {"slot", "patient", "name", "email", "phone", "path"}
        names -= {"request_id"} if for_one is None else {"jobs", "atomic"}
        names |= {"path"} if for_one is None else {"slot", *for_one}
    elif path == "patients add":
        names.add(rng.choice(("email", "phone")))
    elif path.endswith(("update", "set")):
        names.add(rng.choice(("name", "phone", "email", "note", "hold", "timezone")))
    for name, others in (("date", {"first", "last"}), ("hold", {"confirm"}), ("atomic", {"jobs"})):
        names -= others if name in names and rng.random() < 0.8 else set()
    return [Argument(p.name, kind_of(p), _valid(p, path, rng, known)) for p in parameters if p.name in names]


def _valid(parameter: Any, path: str, rng: Random, known: Known) -> str:
    """Return a valid text for a parameter; a record is mostly one with which the command can succeed."""
    kind = kind_of(parameter)
    if kind == "FLAG":
        return str(rng.choice([*parameter.opts, *parameter.secondary_opts]))
    if kind == "CHOICE":
        return str(rng.choice(list(parameter.type.choices)))
    if kind in known:
        return rng.choice((known.get(f"{path} {kind}") if rng.random() < 0.85 else None) or known[kind])
    texts = ("Ana Lima", "ANA  LIMA", "Cardiology", "called in", f"request-{rng.randrange(10**9)}")
    return rng.choice(_VALID.get(kind) or _VALID.get(parameter.name) or texts)


def _words(path: str, arguments: Sequence[Argument], rng: Random) -> list[str]:
    """Return the words of a command line: options in any order and form, and arguments like options after `--`."""
    parameters = {p.name: p for p in COMMANDS[path].params}
    options, positional = [], []
    for argument in arguments:
        parameter, text = parameters[argument.name], argument.text
        name = rng.choice(parameter.opts)
        if parameter.param_type_name == "argument":
            positional.append(text)
        elif argument.kind == "FLAG":
            options.append([text])
        elif text and (text.startswith("-") or rng.random() < 0.3):
            options.append([f"{name}={text}" if name.startswith("--") else f"{name}{text}"])
        else:
            options.append([name, text])
    rng.shuffle(options)
    words = [word for option in options for word in option]
    if any(text.startswith("-") for text in positional):
        return [*words, "--", *positional]
    return [*positional, *words] if rng.random() < 0.6 else [*words, *positional]


def _mutated(words: list[str], rng: Random) -> list[str]:
    place = rng.randint(0, len(words))
    match rng.randrange(4):
        case 0:
            extra = rng.choice((*OPTION_LIKE, "-v", "--verbose", "--version", hostile("TEXT", "", rng)))
            return [*words[:place], extra, *words[place:]]
        case 1:
            return words[:place] + words[place + 1 :]
        case 2:
            return words + rng.sample(words, rng.randint(1, len(words)))
        case _:
            return rng.sample(words, len(words))


def _import_file(rng: Random, known: Known) -> tuple[bytes, tuple[dict[str, str], ...] | None]:
    """Return an import file with some hostile fields, and its rows, None where the file itself was mutated."""
    rows = tuple(_valid_row(rng, known) for _ in range(rng.randint(0, 6)))
    for row in rows:
        if rng.random() < 0.3:
            name = rng.choice(list(_ROW_KINDS))
            row[name] = hostile(_ROW_KINDS[name], row[name], rng)
    content = _as_ndjson(rows) if rng.random() < 0.5 else _as_csv(rows)
    if rng.random() < 0.8:
        return content, rows
    place = rng.randint(0, len(content))
    odd = rng.choice((b"", b'"', b"\n", b"\r", b"\0", b"\xff", b",", b"{", b"\xef\xbb\xbf", b"x" * 70_000))
    return content[:place] + odd + content[rng.choice((place, place + 1)) :], None


def _valid_row(rng: Random, known: Known) -> dict[str, str]:
    has_phone = rng.random() < 0.6
    return {
        "slot_id": rng.choice(known["book SLOT"] or known["SLOT"]),
        "name": rng.choice(("Ana Lima", "ANA LIMA", "Bo", f"Patient {rng.randrange(10**6)}")),
        "email": "" if has_phone and rng.random() < 0.7 else rng.choice(known["EMAIL"]),
        "phone": rng.choice(("+1-555-0100", f"0555 {rng.randrange(10**6)}")) if has_phone else "",
        "confirm": rng.choice(("", "yes", "no")),
        "request_id": rng.choice(("", "", f"r-{rng.randrange(10**9)}")),
    }


def _as_ndjson(rows: Sequence[dict[str, str]]) -> bytes:
    return b"".join(json.dumps({name: text for name, text in row.items() if text}).encode() + b"\n" for row in rows)


def _as_csv(rows: Sequence[dict[str, str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([list(_ROW_KINDS), *(list(row.values()) for row in rows)])
    return file.getvalue().encode("utf-8", "surrogatepass")
