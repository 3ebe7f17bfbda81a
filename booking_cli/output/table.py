"""Tables and details for people. rich is only loaded to draw a table of several things."""

import sys
from collections.abc import Sequence
from typing import Any

from booking_cli.output import Many, One, views
from booking_cli.output.text import visible

_WIDE_ENOUGH_FOR_ANYTHING = 10_000
_NARROWEST = 80


def show_one(one: One) -> None:
    """Write one thing: its headline, then its details or the table that stands for them."""
    if one.headline:
        sys.stdout.write(visible(one.headline) + "\n")
    if one.many is not None:
        show_many(one.many, list(one.many.rows))
    elif one.details:
        lines = views.details(one.thing)
        width = max(len(label) for label, _ in lines)
        for label, text in lines:
            sys.stdout.write(f"  {label:<{width}}  {visible(text)}\n")


def show_many(many: Many, things: Sequence[Any]) -> None:
    """Write a table of things, and below it how many there are and in which time zone the times are."""
    if things:
        _draw(many.kind, things)
    count = f"{len(things) or 'No'} {many.noun}{'' if len(things) == 1 else 's'}"
    zone = f"; times are in {many.zone}" if many.zone and things else ""
    sys.stdout.write(f"{count}{zone}.\n")


def _draw(kind: type, things: Sequence[Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    class OurConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # handled in one place, where rich would end the program

    console = OurConsole(file=sys.stdout, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:  # a file or another program has room for everything
        console.width = _WIDE_ENOUGH_FOR_ANYTHING
    # A narrower terminal breaks the lines by itself; rich would leave columns out.
    console.width = max(console.width, _NARROWEST)
    columns = views.columns(kind)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.heading,
            justify="right" if column.right else "left",
            no_wrap=not column.breaks,
            overflow="fold",
        )
    for thing in things:
        # As Text and not as a string: then no markup in a name takes effect.
        table.add_row(*(Text(visible(column.text(thing)), style=_style(column, thing)) for column in columns))
    console.print(table)


def _style(column: views.Column, thing: Any) -> str:
    return views.STATE_COLORS.get(column.text(thing).partition(",")[0], "") if column.is_state else ""
