"""Tables and details for people. rich is imported only for tables."""

import sys
from collections.abc import Sequence
from typing import Any

from booking_cli.output import views
from booking_cli.output.results import Many, One
from booking_cli.output.text import visible

_UNLIMITED_WIDTH = 10_000
_NARROWEST = 80


def show_one(one: One) -> None:
    """Write one record: its headline, then its details or a table."""
    if one.headline:
        sys.stdout.write(visible(one.headline) + "\n")
    if one.many is not None:
        show_many(one.many, list(one.many.rows))
    elif one.details:
        lines = views.details(one.record)
        width = max(len(label) for label, _ in lines)
        for label, text in lines:
            sys.stdout.write(f"  {label:<{width}}  {visible(text)}\n")


def show_many(many: Many, records: Sequence[Any]) -> None:
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
    if not console.is_terminal:  # a file or a pipe has no width
        console.width = _UNLIMITED_WIDTH
    # A narrower terminal wraps the lines; rich would omit columns.
    console.width = max(console.width, _NARROWEST)
    columns = views.columns(model)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.heading,
            justify="right" if column.right else "left",
            no_wrap=not column.breaks,
            overflow="fold",
        )
    for record in records:
        # Text, and not a string, so that markup in a name has no effect.
        table.add_row(*(Text(visible(column.text(record)), style=_style(column, record)) for column in columns))
    console.print(table)


def _style(column: views.Column, record: Any) -> str:
    return views.STATE_COLORS.get(column.text(record).partition(",")[0], "") if column.is_state else ""
