"""The clinic's appointment book, opened: the database, and what every command needs to know first."""

import datetime as dt
import os
from dataclasses import dataclass
from decimal import Decimal
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from booking_cli import settings
from booking_cli.db import migrations
from booking_cli.db.connections import Row, Server
from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.db.runner import SCHEMA, Database
from booking_cli.db.transaction import Transaction
from booking_cli.domain.errors import DatabaseUnavailable, NotSetUp
from booking_cli.domain.models import Clinic


class OwnServer:
    """A database of the clinic's own; booking neither starts it nor sets it up unasked."""

    def __init__(self, url: str) -> None:
        self._url = url

    def conninfo(self) -> str:
        """Return the address as it was set."""
        return self._url

    def start(self) -> bool:
        """Do nothing: it is not ours to start."""
        return False


@dataclass(frozen=True)
class Book:
    """The open book; `now` is the database's, in UTC, `today` is the clinic's, `actor` is recorded in the history."""

    database: Database
    clinic: Clinic
    zone: ZoneInfo
    now: dt.datetime
    today: dt.date
    actor: str
    hold_minutes: Decimal

    def moment(self, instant: dt.datetime) -> str:
        """Return an instant on the clinic's clock for use in a sentence, with its date unless that is today."""
        local = instant.astimezone(self.zone)
        return f"{local:%H:%M:%S}" if local.date() == self.today else f"{local:%Y-%m-%d %H:%M:%S}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()


def server() -> Server:
    """Return where the database is, by the settings."""
    chosen = settings.load()
    if chosen.database_url is None:
        # These are for a database of one's own; the embedded one must not be led astray by them.
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]
        return EmbeddedServer(chosen.data_folder())
    return OwnServer(chosen.database_url.get_secret_value())


def database(pool_size: int = 0) -> Database:
    """Return the database of the settings, with connections for so many threads; nothing is connected yet."""
    return Database(server(), statement_timeout=settings.load().statement_timeout, pool_size=pool_size)


def open_book(chosen: Database | None = None) -> Book:
    """Open the book; sets up or upgrades an embedded database, and raises NotSetUp where that is for its keeper to do."""
    opened = chosen or database()
    try:
        return _book(opened, _read_or_set_up(opened))
    except BaseException:
        if chosen is None:
            opened.close()
        raise


def _read_or_set_up(opened: Database) -> Row:
    try:
        return _read(opened)
    except NotSetUp:
        if not isinstance(opened.server, EmbeddedServer):
            raise
    from booking_cli.db import roles as grants

    with opened.connection() as connection:
        migrations.migrate(connection)
        grants.refresh(connection)
    return _read(opened)


def _read(opened: Database) -> Row:
    def work(tx: Transaction) -> Row | None:
        return tx.one("clinic.open")

    try:
        row = opened.read(work)
    except NotSetUp:
        if hidden := opened.read(lambda tx: tx.one("db.hidden_from", {"schema": SCHEMA})):
            raise DatabaseUnavailable(
                f"The login {hidden['login']} has no rights in this appointment book. Whoever runs the database can give "
                f"them: booking db grant operator --to {hidden['login']} (or reader, who changes nothing)."
            ) from None
        raise
    latest = migrations.latest_version()
    if row is None or row["schema_version"] is None or row["schema_version"] < latest:
        raise NotSetUp("The database is not set up for this version of booking. Run 'booking db migrate' once.")
    if row["schema_version"] > latest:
        raise migrations.too_new(row["schema_version"])
    return row


def _book(opened: Database, row: Row) -> Book:
    try:
        zone = ZoneInfo(row["timezone"])
    except (ZoneInfoNotFoundError, ValueError):
        raise NotSetUp(
            f"This machine does not know the clinic's time zone {row['timezone']}. Update its time zone data."
        ) from None
    opened.clock = zone.key
    chosen = settings.load()
    return Book(
        database=opened,
        clinic=Clinic(row["name"], row["timezone"], row["hold_minutes"], row["updated_at"].astimezone(zone)),
        zone=zone,
        now=row["now"],
        today=row["now"].astimezone(zone).date(),
        actor=chosen.who(),
        hold_minutes=chosen.timeout_minutes or row["hold_minutes"],
    )
