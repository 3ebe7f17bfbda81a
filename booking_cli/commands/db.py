"""`booking db`: for the database administrator."""

from typing import Annotated, Literal

import typer

from booking_cli import repository
from booking_cli.cli.parameters import Command, option
from booking_cli.domain.models import Migration
from booking_cli.domain.validation import parse_login
from booking_cli.output.results import Many, One, Result

app = typer.Typer(help="Manage the database.", rich_markup_mode=None)


@app.command("migrate", cls=Command)
def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would run; change nothing.")] = False,
) -> Result:
    """Set up the database, or bring its schema up to date."""
    if dry_run:
        return Many(Migration, repository.db.pending_migrations(), "pending migration")
    return Many(Migration, repository.db.migrate(), "applied migration")


@app.command("status", cls=Command)
def status() -> Result:
    """Show version, address, sizes and pending migrations."""
    return One(repository.db.status())


@app.command("start", cls=Command)
def start() -> Result:
    """Start the embedded database, and create it where there is none.

    Other commands start it when they need it.
    """
    repository.db.start()
    return One(repository.db.status(), "The embedded database is running.")


@app.command("stop", cls=Command)
def stop() -> Result:
    """Stop the embedded database.

    The next command starts it again.
    """
    ran = repository.db.embedded_server().stop()
    headline = "Stopped the embedded database." if ran else "The embedded database was not running."
    return One(repository.db.status(), headline)


@app.command("url", cls=Command)
def url() -> Result:
    """Print the address of the database, without its password.

    Starts the embedded database.
    """
    address = repository.db.address()
    return One(address, address.url, details=False)


@app.command("grant", cls=Command)
def grant(
    kind: Annotated[
        Literal["operator", "reader"],
        typer.Argument(
            metavar="operator|reader",
            case_sensitive=False,
            help="An operator can run every command but db migrate and db grant; a reader, those that change nothing.",
        ),
    ],
    to: Annotated[str | None, option("LOGIN", parse_login, "The login that is granted these rights.")] = None,
) -> Result:
    """Grant the rights of an operator or a reader.

    They belong to a role of this clinic, which is created where it is missing; running it again restores its rights.
    """
    granted = repository.db.grant(kind, to)
    rights = f"the rights of {'an operator' if kind == 'operator' else 'a reader'}"
    if granted.member is None:
        return One(granted, f"The role {granted.role} has {rights}; --to LOGIN grants them to a login.", details=False)
    return One(granted, f"{granted.member} has {rights}, through the role {granted.role}.", details=False)
