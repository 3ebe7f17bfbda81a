"""The root of the command line: which commands there are, each in a room of its own that is only entered when it is wanted.

To load them all takes longer than anything else that help, completion, or any one command has to do.
"""

import importlib
from typing import Any

from typer import Typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from booking_cli.cli.parameters import Command

# By name: the module in `commands`, and the first sentence of its help.
COMMANDS = {
    "book": ("bookings", "Hold a slot for a patient."),
    "confirm": ("bookings", "Confirm a hold."),
    "cancel": ("bookings", "Cancel a hold or a confirmed booking."),
    "show": ("bookings", "Show a booking."),
    "list": ("bookings", "List bookings by the start of their slot."),
    "history": ("bookings", "Show what happened to a booking."),
    "expire": ("bookings", "Release every hold that has lapsed."),
    "stats": ("reports", "Count bookings by state."),
    "verify": ("reports", "Check that the book keeps its promises."),
    "doctors": ("doctors", "The people who have slots."),
    "slots": ("slots", "The times that can be booked."),
    "clinic": ("clinic", "What holds for the whole clinic."),
    "db": ("db", "The database: set up, start, stop, look into."),
}


class Root(TyperGroup):
    """The group of all commands; those that it lists only know their help, and the one that is wanted is loaded."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=sentence) for name, (_, sentence) in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the command itself, and the arguments that are left for it."""
        name, known, rest = super().resolve_command(ctx, args)
        return name, load(name) if name is not None and known is not None else None, rest


def load(name: str) -> Any:
    """Return a command, or a noun's group of commands, by its name."""
    module = importlib.import_module(f"booking_cli.commands.{COMMANDS[name][0]}")
    if isinstance(module.app, Typer):
        group = get_group(module.app)
        group.name = name
        return group
    alone = Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, cls=Command)(module.app[name])
    return get_command(alone)
