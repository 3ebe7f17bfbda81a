"""Tables and details for people. rich is imported only for tables."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from booking_cli.output import views
from booking_cli.output.results import Many, Result
from booking_cli.output.text import visible

_UNLIMITED_WIDTH = 10_000
_NARROWEST = 80


def write(result: Result, records: Iterable[Any]) -> None:
    """Write a table of `records`; of one record, its headline, then its details or the table of `many`."""
    if isinstance(result, Many):
        _write_many(result, list(records))
        return
    if result.headline:
        sys.stdout.write(visible(result.headline) + "\n")
    if result.many is not None:
        _write_many(result.many, list(result.many.rows))
    elif result.details:
        lines = views.details(result.record)
        width = max(len(label) for label, _ in lines)
        for label, text in lines:
            sys.stdout.write(f"  {label:<{width}}  {visible(text)}\n")


def _write_many(many: Many, records: Sequence[Any]) -> None:
    """Write a table of records, their number, and the time zone of the times."""
    if records:
        _draw(many.model, records)
    count = f"{len(records) or 'No'} {many.noun}{'' if len(records) == 1 else 's'}"
    zone = f"; times are in {many.zone}" if many.zone and records else ""
    sys.stdout.write(f"{count}{zone}.\n")


def _draw(model: type, records: Sequence[Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    class PipedConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit the program

    console = PipedConsole(file=sys.stdout, highlight=False, markup=False, emoji=False)
    # A file or a pipe has no width. A terminal that is too narrow wraps the lines; rich would omit columns.
    console.width = max(console.width, _NARROWEST) if console.is_terminal else _UNLIMITED_WIDTH
    columns = views.COLUMNS[model]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for heading, source in columns.items():
        is_number = isinstance(source, str) and model.__annotations__[source] in (int, int | None)
        no_wrap = is_number or heading in views.UNBROKEN
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=no_wrap, overflow="fold")
    for record in records:
        texts = {heading: views.text(record, source) for heading, source in columns.items()}
        # Text, and not a string, so that markup in a name has no effect.
        table.add_row(*(Text(visible(text), style=views.color(heading, text)) for heading, text in texts.items()))
    console.print(table)
