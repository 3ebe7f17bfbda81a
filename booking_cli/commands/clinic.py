"""`booking clinic`: clinic-wide settings."""

from decimal import Decimal
from typing import Annotated

import typer

from booking_cli import repository
from booking_cli.cli.parameters import Command, Context, CreatingCommand, option
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import parse_hold_minutes, parse_name
from booking_cli.output.results import One, Result

app = typer.Typer(help="Manage clinic-wide settings.", rich_markup_mode=None)


@app.command("show", cls=Command)
def show(ctx: Context) -> Result:
    """Show the clinic's name, time zone and hold time."""
    return One(ctx.session.clinic)


@app.command("set", cls=CreatingCommand)
def set_(
    ctx: Context,
    name: Annotated[str | None, option("TEXT", parse_name, "The clinic's name.")] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="The clinic's time zone, such as Europe/Berlin.")
    ] = None,
    hold: Annotated[
        Decimal | None, option("MINUTES", parse_hold_minutes, "How long a slot is held, above 0 and up to 1440.")
    ] = None,
) -> Result:
    """Change clinic-wide settings; options not given stay as they are.

    A new time zone does not move slots: it changes the clock times at which they are shown.
    """
    if name is None and timezone is None and hold is None:
        raise InvalidInput("Nothing to change; give at least one of --name, --timezone and --hold.")
    changed = repository.clinic.update(ctx.session, name=name, timezone=timezone, hold_minutes=hold)
    return One(changed, "Changed the clinic.")
