"""Writes the generated parts of the README: `python -m tests.support.readme --write`; a test holds that they are not stale."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from booking_cli.cli.application import PROGRAM, app
from booking_cli.cli.lazy_commands import Root, load
from booking_cli.domain import errors, models
from booking_cli.settings import Settings

README = Path(__file__).parents[2] / "README.md"
EVERYWHERE = ("output", "verbose", "help")
KINDS = {
    "doctor": models.Doctor,
    "slot": models.Slot,
    "booking": models.Booking,
    "change (`history`)": models.HistoryEntry,
    "`book --from`": models.LineAnswer,
    "`slots bulk`": models.BulkResult,
    "`expire`": models.Expiry,
    "`stats`": models.Stats,
    "`stats --by status`": models.StatusStats,
    "`stats --by doctor`": models.DoctorStats,
    "`stats --by day`": models.DayStats,
    "`verify`": models.Violation,
    "`clinic show`, `clinic set`": models.Clinic,
    "`db migrate`": models.Migration,
    "`db status`, `db start`, `db stop`": models.DatabaseStatus,
    "`db url`": models.Address,
    "`db grant`": models.Grant,
}


def updated(text: str) -> str:
    """Return the README with its generated parts as they should be."""
    for name, lines in {
        "commands": commands(),
        "settings": settings(),
        "exit statuses": exit_statuses(),
        "fields": json_fields(),
    }.items():
        before, start, rest = text.partition(f"<!-- generated: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not start or not end:
            raise ValueError(f"the README has no generated part '{name}'")
        text = f"{before}{start}\n{chr(10).join(lines)}\n\n{end}{after}"
    return text


def commands() -> Iterator[str]:
    for path, command in leaves(get_command(app), PROGRAM):
        context = command.make_context(path, [], resilient_parsing=True)
        arguments = [param for param in command.params if param.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name not in EVERYWHERE]
        usage = " ".join([path, *(param.make_metavar(context).strip("{}") for param in arguments)])
        yield f"**`{usage}{' [OPTIONS]' if options else ''}`** {(command.help or '').replace(chr(10) * 2, ' ').strip()}"
        yield ""
        for option in options:
            written, help_text = option.get_help_record(context)
            yield f"- `{written}`: {' '.join(help_text.split())}"
        if options:
            yield ""


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The commands below a group, with the words that call them."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from leaves(load(name) if isinstance(command, Root) else below, f"{path} {name}")


def settings() -> Iterator[str]:
    yield "| setting | what it is | unless set |"
    yield "| --- | --- | --- |"
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory or field.default is None else field.default
        yield f"| `BOOKING_{name.upper()}` | {field.description} | {default} |"


def exit_statuses() -> Iterator[str]:
    meanings = {
        0: "done",
        1: "a bug in booking",
        2: "usage or invalid input",
        3: "not found",
        4: "refused by a rule",
        5: "database not reachable or not set up",
        6: "too busy, or the outcome is unknown: try again",
        130: "interrupted",
    }
    codes: dict[int, list[str]] = {}
    for error in _subclasses(errors.BookingError):
        if error.__module__ == errors.__name__:
            codes.setdefault(error.exit_status, []).append(f"`{error.code}`")
    codes.setdefault(1, []).append(f"`{errors.BookingError.code}`")
    yield "| exit status | meaning | `code` of the error |"
    yield "| --- | --- | --- |"
    for status, meaning in meanings.items():
        yield f"| {status} | {meaning} | {' '.join(dict.fromkeys(codes.get(status, [])))} |"


def json_fields() -> Iterator[str]:
    yield "| what | fields |"
    yield "| --- | --- |"
    for what, kind in KINDS.items():
        yield f"| {what} | {' '.join(f'`{name}`' for name in kind._fields)} |"


def _subclasses(kind: type) -> Iterator[Any]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
