"""Command lines: valid ones for every command there is, with one or two parts made hostile."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from typer.main import get_command

from booking_cli.cli.application import PROGRAM, app
from tests.fuzz.book import Known
from tests.fuzz.environment import FILE, any_file, any_settings, datafolders
from tests.fuzz.words import OPTION_LIKE, hostile
from tests.support.readme import leaves

FORM = "FORM"
# Each has every option that is hard to get right, or changes something: they are tried more often.
_WEIGHTS = {
    "book": 8,
    "cancel": 5,
    "confirm": 4,
    "slots bulk": 4,
    "slots add": 4,
    "doctors add": 3,
    "doctors update": 4,
}
_RARE = ("db grant", "db start", "db stop", "db migrate", "db url", "verify")


@dataclass(frozen=True)
class Typed:
    """A value on the command line: of which parameter, of which kind, and its text."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True)
class Input:
    """What is tried: a command line under some settings.

    `typed` and `form` say what was meant; they are None where the words are so odd that it cannot be told.
    """

    argv: tuple[str, ...]
    path: str
    typed: tuple[Typed, ...] | None = None
    form: str | None = None
    settings: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def called(self) -> str:
        """The command that the words call, whatever was meant; empty where they call none."""
        words = [word for word in self.argv if not word.startswith("-")]
        return next((path for path in (" ".join(words[:2]), *words[:1]) if path in LEAVES), "")

    def value(self, name: str) -> str | None:
        """Return the text of a parameter, if it was given."""
        return next((part.text for part in self.typed or () if part.name == name), None)

    def flag(self, word: str) -> bool:
        """Tell whether a flag was given."""
        return word in self.argv


def all_leaves() -> dict[str, Any]:
    """Return every command by the words that call it: `slots add`."""
    return {path.removeprefix(f"{PROGRAM} "): command for path, command in leaves(get_command(app), PROGRAM)}


LEAVES = all_leaves()
_PATHS = [path for path in LEAVES for _ in range(10 * _WEIGHTS.get(path, 1) if path not in _RARE else 3)]


def any_input(rng: Random, known: Known) -> Input:
    """Return what to try next: mostly valid, hostile in one part or two."""
    if rng.random() < 0.01:
        return datafolder_input(rng)
    path = rng.choice(_PATHS)
    parts = _parts(path, rng, known)
    # A wrong form of output hides whatever else is wrong.
    places = [n for n, part in enumerate(parts) if part.kind != "FLAG" and (part.kind != FORM or rng.random() < 0.25)]
    spoiled = rng.choices((0, 1, 2, 3), weights=(15, 55, 20, 10))[0]
    for place in rng.sample(places, min(spoiled, len(places))):
        part = parts[place]
        parts[place] = Typed(part.name, part.kind, hostile(part.kind, part.text, rng))
    settings = any_settings(rng) if rng.random() < 0.12 else {}
    tried = as_typed(path, parts, rng)
    if rng.random() < 0.08:
        return Input(tuple(_odd(list(tried.argv), rng)), path, settings=settings)
    return replace(tried, settings=settings)


def friendly_input(path: str, rng: Random, known: Known) -> Input:
    """Return a valid command line for a command."""
    return as_typed(path, _parts(path, rng, known), rng)


def as_typed(path: str, parts: list[Typed], rng: Random) -> Input:
    """Return the command line that gives a command these values."""
    form = next((part.text for part in parts if part.kind == FORM), "table")
    return Input((*path.split(), *_words(path, parts, rng)), path, tuple(parts), form)


def datafolder_input(rng: Random) -> Input:
    """Return the one command that looks for the embedded database and never starts it, with a hostile data folder."""
    form = rng.choice(("table", "json", "ndjson", "csv"))
    hostile_part = (FILE, any_file(rng)) if rng.random() < 0.3 else ("BOOKING_DATA_DIR", rng.choice(datafolders()))
    settings = {"BOOKING_DATABASE_URL": None, **dict((hostile_part,))}
    return Input(("db", "status", "-o", form), "db status", (Typed("output", FORM, form),), form, settings)


def kind_of(parameter: Any) -> str:
    """Return what kind of text a parameter takes: its metavar, or FORM, CHOICE or FLAG."""
    if parameter.name == "output":
        return FORM
    if getattr(parameter, "is_flag", False):
        return "FLAG"
    return "CHOICE" if getattr(parameter.type, "choices", None) else str(parameter.metavar)


def _parts(path: str, rng: Random, known: Known) -> list[Typed]:
    """Return valid values for what a command must be given, and for some of what it may be given."""
    parameters = LEAVES[path].params
    chosen = [p for p in parameters if p.required or rng.random() < (0.65 if p.name == "output" else 0.25)]
    if path == "book":
        chosen = _one_or_many(parameters, chosen, rng)
    options = [p for p in parameters if p.name not in ("output", "verbose") and p.param_type_name == "option"]
    if options and not any(p in chosen for p in options) and rng.random() < 0.7:
        chosen.append(rng.choice(options))
    names = {p.name for p in chosen}
    for one, others in (("date", {"first", "last"}), ("hold", {"confirm"})):
        if one in names and names & others and rng.random() < 0.8:
            chosen = [p for p in chosen if p.name not in others]
    return [Typed(p.name, kind_of(p), _valid(p, path, rng, known)) for p in chosen]


def _one_or_many(parameters: list[Any], chosen: list[Any], rng: Random) -> list[Any]:
    """Return what makes one booking, or now and then many from a file."""
    if rng.random() < 0.1:
        of_one = ("slot", "name", "email", "phone", "request_id")
        return [p for p in parameters if p.name == "path" or (p in chosen and p.name not in of_one)]
    of_many = ("path", "jobs", "atomic")
    return [p for p in parameters if p.name in ("slot", "name", "email") or (p in chosen and p.name not in of_many)]


def _words(path: str, parts: list[Typed], rng: Random) -> list[str]:
    """Write the parts as words: options in any order and either way, and what looks like an option after `--`."""
    parameters = {p.name: p for p in LEAVES[path].params}
    options, arguments = [], []
    for part in parts:
        parameter = parameters[part.name]
        if parameter.param_type_name == "argument":
            arguments.append(part.text)
        elif part.kind == "FLAG":
            options.append([part.text])
        else:
            name = rng.choice(parameter.opts)
            long = name.startswith("--")
            if part.text.startswith("-") or rng.random() < 0.3:
                options.append([f"{name}={part.text}" if long else f"{name}{part.text}"] if part.text else [name, ""])
            else:
                options.append([name, part.text])
    rng.shuffle(options)
    words = [word for option in options for word in option]
    if any(text.startswith("-") for text in arguments):
        return [*words, "--", *arguments]
    return [*arguments, *words] if rng.random() < 0.6 else [*words, *arguments]


def _odd(words: list[str], rng: Random) -> list[str]:
    """Return words of which it cannot be told any more what was meant."""
    place = rng.randint(0, len(words))
    match rng.randrange(8):
        case 0:
            return [*words[:place], rng.choice(OPTION_LIKE), *words[place:]]
        case 1:
            return words[:place] + words[place + 1 :]
        case 2:
            return words[:place]
        case 3:
            return words + rng.sample(words, rng.randint(1, len(words)))
        case 4:
            return [*words, hostile("TEXT", "", rng)]
        case 5:
            return rng.sample(words, len(words))
        case 6:
            return [rng.choice(("-v", "--verbose", "--version", "--", "-o", "-ojson", "\udcff")), *words]
        case _:
            return [word.upper() if rng.random() < 0.3 else word for word in words] + [
                "-o",
                rng.choice(("json", "csv")),
            ]


def _valid(parameter: Any, path: str, rng: Random, known: Known) -> str:
    """Return a text that the parameter takes, and that mostly fits what is in the book."""
    kind = kind_of(parameter)
    match kind:
        case "FLAG":
            return str(rng.choice([*parameter.opts, *parameter.secondary_opts]))
        case "CHOICE":
            return str(rng.choice(list(parameter.type.choices)))
        case "FORM":
            return rng.choice(("table", "json", "ndjson", "csv"))
        case "DOCTOR":
            likely = {"doctors delete": known.idle_doctors, "slots list": known.doctors}.get(path)
            likely = likely or (known.active_doctors if path.startswith("slots") else known.doctors)
            return str(rng.choice(likely if rng.random() < 0.85 else known.doctors))
        case "SLOT":
            likely = {"book": known.free_slots, "slots delete": known.unused_slots}.get(path, known.slots)
            return str(rng.choice(likely if likely and rng.random() < 0.85 else [*known.slots, 10**9]))
        case "BOOKING":
            likely = {"confirm": known.held, "cancel": known.active}.get(path, known.bookings)
            return str(rng.choice(likely if likely and rng.random() < 0.85 else [*known.bookings, 10**9]))
        case "DATE":
            near = 0 if parameter.name in ("first", "date") else 12
            return rng.choice(
                (f"+{near + rng.randint(1, 12)}d", f"+{near + rng.randint(1, 12)}d", "tomorrow", "friday")
            )
        case "TIME":
            hour = rng.randint(*{"start": (6, 10), "end": (11, 13)}.get(parameter.name, (6, 20)))
            return f"{hour:02}:{rng.choice((0, 15, 30)):02}"
        case "N":
            return (
                rng.choice(("1", "2", "3"))
                if parameter.name in ("if_version", "jobs")
                else rng.choice(("30", "45", "200"))
            )
        case "MINUTES":
            return rng.choice(("2", "0.5", "30", "1440"))
        case "EMAIL":
            return rng.choice((f"p{rng.randrange(10**6)}@clinic.example", *known.emails))
        case "PHONE":
            return rng.choice(("+1-555-0100", "112", "(030) 123.456"))
        case "DAYS":
            return rng.choice(("mon-fri", "mon,wed", "sat", "mon-sun"))
        case "FROM-TO":
            return rng.choice(("12:00-12:30", "09:00-09:05"))
        case "FILE":
            return rng.choice(("-", "/dev/null"))
        case "LOGIN":
            return known.login
        case "ZONE":
            return rng.choice(("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"))
        case _:
            return rng.choice(("Ana Lima", "Cardiology", "called in", f"request-{rng.randrange(10**9)}"))
