"""`booking db`: for the person who runs the database."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from booking_cli.cli.parameters import Command, checked
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import parse_text
from booking_cli.output import Many, One, Result

if TYPE_CHECKING:
    from booking_cli.db.embedded_server import EmbeddedServer

app = typer.Typer(help="The database: set up, start, stop, look into.", rich_markup_mode=None)


class Kind(StrEnum):
    """What somebody may do with the book."""

    OPERATOR = "operator"
    READER = "reader"


@checked
def _login(text: str) -> str:
    return parse_text(text, "The name of a login", 63)


@app.command("migrate", cls=Command)
def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would run; change nothing.")] = False,
) -> Result:
    """Set up the database, or bring its schema up to date."""
    from booking_cli import session as book
    from booking_cli.db import migrations
    from booking_cli.db import roles as grants
    from booking_cli.domain.models import Migration

    with book.database() as database, database.connection() as connection:
        if dry_run:
            pending = [m for m in migrations.listing(connection) if m.applied_at is None]
            return Many(Migration, pending, "pending migration")
        applied = migrations.migrate(connection)
        grants.refresh(connection)
        return Many(Migration, applied, "applied migration")


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


@app.command("grant", cls=Command)
def grant(
    kind: Annotated[
        Kind,
        typer.Argument(
            metavar="|".join(Kind),
            case_sensitive=False,
            help="An operator does everything but migrate; a reader changes nothing.",
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(metavar="LOGIN", parser=_login, help="A login of the server that gets these rights."),
    ] = None,
) -> Result:
    """Give the rights of an operator or a reader.

    They belong to a role of this database, which is made where it is missing; to run it again repairs its rights.
    """
    from booking_cli.db import roles as grants

    granted = grants.grant(kind.value, to)
    rights = "the rights of an operator" if kind is Kind.OPERATOR else "the rights of a reader"
    if granted.member is None:
        return One(granted, f"The role {granted.role} has {rights}; --to LOGIN gives them to a login.", details=False)
    return One(granted, f"{granted.member} has {rights}, through the role {granted.role}.", details=False)


def _embedded() -> "EmbeddedServer":
    from booking_cli import session as book
    from booking_cli.db.embedded_server import EmbeddedServer

    server = book.server()
    if not isinstance(server, EmbeddedServer):
        raise InvalidInput(
            "BOOKING_DATABASE_URL names a database of your own, which booking neither starts nor stops. "
            "Unset it to use the embedded one."
        )
    return server
