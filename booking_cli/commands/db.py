"""`booking db`: for the person who runs the database."""

from typing import TYPE_CHECKING, Annotated

import typer

from booking_cli.commands.base import Command
from booking_cli.errors import InvalidInput
from booking_cli.models import Migration
from booking_cli.output import Many, One, Result

if TYPE_CHECKING:
    from booking_cli.embedded import EmbeddedServer

app = typer.Typer(help="The database: set up, start, stop, look into.", rich_markup_mode=None)


@app.command("migrate", cls=Command)
def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would run; change nothing.")] = False,
) -> Result:
    """Set up the database, or bring its schema up to date."""
    from booking_cli import book, migrations

    with book.database() as database, database.connection() as connection:
        if dry_run:
            pending = [m for m in migrations.listing(connection) if m.applied_at is None]
            return Many(Migration, pending, "pending migration")
        return Many(Migration, migrations.migrate(connection), "applied migration")


@app.command("status", cls=Command)
def status() -> Result:
    """Show version, address, sizes and pending migrations."""
    from booking_cli.repository import db

    return One(db.status())


@app.command("start", cls=Command)
def start() -> Result:
    """Start the embedded database; other commands do so by themselves."""
    from booking_cli.repository import db

    _embedded().start()
    return One(db.status(), "The embedded database runs.")


@app.command("stop", cls=Command)
def stop() -> Result:
    """Stop the embedded database; the next command starts it again."""
    from booking_cli.repository import db

    ran = _embedded().stop()
    return One(db.status(), "Stopped the embedded database." if ran else "The embedded database was not running.")


@app.command("url", cls=Command)
def url() -> Result:
    """Print the address of the database, without its password.

    The embedded database is started for that.
    """
    from booking_cli.repository import db

    address = db.address()
    return One(address, address.url, details=False)


def _embedded() -> "EmbeddedServer":
    from booking_cli import book
    from booking_cli.embedded import EmbeddedServer

    server = book.server()
    if not isinstance(server, EmbeddedServer):
        raise InvalidInput(
            "BOOKING_DATABASE_URL names a database of your own, which booking neither starts nor stops. "
            "Unset it to use the embedded one."
        )
    return server
