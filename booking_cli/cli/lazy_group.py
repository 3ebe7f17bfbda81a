"""The root group: it lists every command by name and help, and imports only the module of the one that runs.

Importing all modules takes longer than help, completion or any one command.
"""

import importlib
from typing import Any

from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

# By name: the module in `commands`, and the first sentence of the help. A module's app has the command, or is the group.
COMMANDS = {
    "book": ("bookings", "Hold a slot for a patient."),
    "confirm": ("bookings", "Confirm a hold."),
    "cancel": ("bookings", "Cancel a hold or a confirmed booking."),
    "show": ("bookings", "Show a booking."),
    "list": ("bookings", "List bookings by the start of their slot."),
    "history": ("bookings", "Show the changes of a booking."),
    "expire": ("bookings", "Release every hold that has lapsed."),
    "stats": ("reports", "Count bookings by state."),
    "verify": ("reports", "Check the appointment book for violated promises."),
    "doctors": ("doctors", "Manage doctors."),
    "slots": ("slots", "Manage the times that can be booked."),
    "patients": ("patients", "Manage patients."),
    "clinic": ("clinic", "Manage clinic-wide settings."),
    "db": ("db", "Manage the database."),
}


class LazyGroup(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=sentence) for name, (_, sentence) in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the imported command, and the remaining arguments."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, load(name) if name is not None and listed is not None else None, rest


def load(name: str) -> Any:
    """Return a command or a group by its name."""
    module = COMMANDS[name][0]
    group = get_group(importlib.import_module(f"booking_cli.commands.{module}").app)
    if name in group.commands and name != module:
        return group.commands[name]
    group.name = name
    return group
