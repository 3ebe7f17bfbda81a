"""Writes docs/reference.md from the code: `python -m tests.support.reference --write`. A test checks that it is current."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from booking_cli.cli.application import PROGRAM, app
from booking_cli.cli.lazy_group import LazyGroup, load
from booking_cli.domain import errors, models
from booking_cli.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
# Options of every command.
COMMON = ("output", "verbose", "help")
STATUSES = {
    0: "Done.",
    1: "A bug in booking (`error`), or the output could not be written.",
    2: "Wrong usage or invalid input.",
    3: "Not found.",
    4: "Refused by a rule; nothing was changed. `book --from`: some rows were rejected, and the others are booked.",
    5: "The database is not reachable or not set up.",
    6: "Too busy, or the outcome is unknown; try again.",
    129: "Ended by SIGHUP.",
    130: "Ended by Ctrl-C; 143 by SIGTERM and 129 by SIGHUP.",
    143: "Ended by SIGTERM.",
}
MODELS = {
    "doctor": models.Doctor,
    "slot": models.Slot,
    "patient": models.Patient,
    "`patients show`": models.PatientDetails,
    "`patients history`": models.PatientChange,
    "booking": models.Booking,
    "`history`": models.HistoryEntry,
    "`book --from`": models.RowResult,
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


def page() -> str:
    """Return the text of docs/reference.md."""
    return "\n".join(
        [
            "# Reference",
            "",
            "`make docs` generates this page from the code.",
            "",
            "- [Commands](#commands)",
            "- [Settings](#settings)",
            "- [Exit statuses and error codes](#exit-statuses-and-error-codes)",
            "- [Fields](#fields)",
            "",
            "## Commands",
            "",
            "Every command also takes `-o`, `--output table|json|ndjson|csv` (see [scripting](scripting.md#output)),",
            "`-v`, `--verbose` and `--help`. `booking --install-completion` installs completion for your shell.",
            "",
            *_commands(),
            "## Settings",
            "",
            "Read from the environment, then from `.env` in the current folder, then from `.env` in the user's configuration",
            "folder (`~/.config/booking/.env` on Linux); the first that has a setting wins. Options override settings.",
            "",
            "A settings file is read if it is a regular file of up to 64 KiB that belongs to you or root, like its folder, and",
            "if other users can write neither of them. Otherwise a line on stderr says why it is ignored. Values are taken",
            "literally: `${NAME}` is not replaced.",
            "",
            *_settings(),
            "",
            "## Exit statuses and error codes",
            "",
            'With `-o json` or `-o ndjson`, an error is `{"error": {"code": "...", "message": "..."}}` on stderr.',
            "",
            *_exit_statuses(),
            "",
            "## Fields",
            "",
            "JSON and CSV have the fields in this order. Instants are ISO 8601 with an offset; `date` and `time` are on the",
            "clinic's clock.",
            "",
            *_fields(),
            "",
        ]
    )


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the commands below a group, each with the words that call it."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from leaves(load(name) if isinstance(command, LazyGroup) else below, f"{path} {name}")


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command, with the words that call it."""
    yield from leaves(get_command(app), PROGRAM)


def _commands() -> Iterator[str]:
    for path, command in commands():
        context = command.make_context(path, [], resilient_parsing=True)
        arguments = [param for param in command.params if param.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name not in COMMON]
        yield f"### {path}"
        yield ""
        usage = [
            path,
            *(param.make_metavar(context).strip("{}") for param in arguments),
            *["[OPTIONS]"] * bool(options),
        ]
        yield f"`{' '.join(usage)}`"
        yield ""
        for paragraph in command.help.split("\n\n"):
            yield " ".join(paragraph.split())
            yield ""
        for param in arguments + options:
            written, help_text = param.get_help_record(context)
            yield f"- `{written.strip('{}')}`: {' '.join(help_text.split())}"
        if arguments or options:
            yield ""


def _settings() -> Iterator[str]:
    yield "| setting | meaning | default |"
    yield "| --- | --- | --- |"
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        yield f"| `BOOKING_{name.upper()}` | {field.description} | {default} |"


def _exit_statuses() -> Iterator[str]:
    yield "| exit status | code | meaning |"
    yield "| --- | --- | --- |"
    for status, meaning in STATUSES.items():
        yield f"| **{status}** | | {meaning} |"
        # Two types can share a code.
        codes = {e.code: (e.__doc__ or "").splitlines()[0] for e in _error_types() if e.exit_status == status}
        yield from (f"| | `{code}` | {meaning} |" for code, meaning in codes.items())


def _error_types(base: Any = errors.BookingError) -> Iterator[Any]:
    for error in base.__subclasses__():
        if error.__module__ == errors.__name__:
            yield error
            yield from _error_types(error)


def _fields() -> Iterator[str]:
    yield "| of | fields |"
    yield "| --- | --- |"
    for name, model in MODELS.items():
        yield f"| {name} | {' '.join(f'`{field}`' for field in model._fields)} |"


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    PAGE.write_text(page(), encoding="utf-8")
