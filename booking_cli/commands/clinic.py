"""`booking clinic`: what holds for the whole clinic."""

from decimal import Decimal
from typing import Annotated

import typer

from booking_cli.cli.parameters import Command, checked, open_book
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import parse_hold_minutes, parse_name
from booking_cli.output import One, Result

app = typer.Typer(help="What holds for the whole clinic.", rich_markup_mode=None)


@app.command("show", cls=Command)
def show(ctx: typer.Context) -> Result:
    """Show the clinic's name, time zone and hold time."""
    return One(open_book(ctx).clinic)


@app.command("set", cls=Command)
def set_(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", parser=checked(parse_name), help="The clinic's name.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="The clinic's time zone, such as Europe/Berlin.")
    ] = None,
    hold: Annotated[
        Decimal | None,
        typer.Option(
            metavar="MINUTES",
            parser=checked(parse_hold_minutes),
            help="How long a slot is held, above 0 and up to 1440.",
        ),
    ] = None,
) -> Result:
    """Change what is given of the clinic.

    Slots stay at the instants they were made for, whatever the time zone.
    """
    if name is None and timezone is None and hold is None:
        raise InvalidInput("There is nothing to change; give at least one of --name, --timezone and --hold.")
    book = open_book(ctx)
    from booking_cli.repository import clinic

    return One(clinic.update(book, name=name, timezone=timezone, hold_minutes=hold), "Changed the clinic.")
