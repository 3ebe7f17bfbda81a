"""Opens the clinic that a command works on: its database, settings, time zone and clock."""

import datetime as dt
import os
import shlex
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from booking_cli import clock, settings
from booking_cli.db import migrations
from booking_cli.db.connections import Row
from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.db.external_server import ExternalServer
from booking_cli.db.pool import Server
from booking_cli.db.runner import Database
from booking_cli.domain.errors import DatabaseUnavailable, NotSetUp
from booking_cli.domain.models import Clinic


@dataclass(frozen=True)
class ClinicSession:
    """An opened clinic. `now` is the database's, in UTC, `today` is the clinic's, `actor` is recorded in the history."""

    database: Database
    clinic: Clinic
    zone: ZoneInfo
    now: dt.datetime
    today: dt.date
    actor: str
    hold_minutes: Decimal

    def clock_time(self, instant: dt.datetime) -> str:
        """Return an instant on the clinic's clock for use in a sentence, with its date unless that is today."""
        local = instant.astimezone(self.zone)
        return f"{local:%H:%M:%S}" if local.date() == self.today else f"{local:%Y-%m-%d %H:%M:%S}"


def configured_server(*, creates: bool = False) -> Server:
    """Return the server that the settings select; with `creates`, an embedded one that is set up where it is missing."""
    chosen = settings.load()
    if chosen.database_url is None:
        # PG* variables are for an external server and must not redirect connections to the embedded one.
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]
        return EmbeddedServer(chosen.data_folder(), creates=creates)
    return ExternalServer(chosen.database_url.get_secret_value())


def configured_database(pool_size: int = 0, *, creates: bool = False) -> Database:
    """Return the database that the settings select, with a pool for several threads; does not connect yet."""
    server = configured_server(creates=creates)
    return Database(server, statement_timeout=settings.load().statement_timeout, pool_size=pool_size)


def open_session(database: Database) -> ClinicSession:
    """Open a clinic, and upgrade an embedded database; raises NotSetUp where the database is not set up."""
    try:
        row = _read(database)
    except NotSetUp:
        if not isinstance(database.server, EmbeddedServer):
            raise
        with database.connection() as connection:
            found = migrations.list_migrations(connection, database.schema)
            if not database.server.creates and not any(migration.applied_at for migration in found):
                raise database.server.no_book() from None
            migrations.migrate(connection, database.schema)
        row = _read(database)
    try:
        zone = ZoneInfo(row["timezone"])
    except (ZoneInfoNotFoundError, ValueError):
        raise NotSetUp(f"This machine lacks the clinic's zone {row['timezone']}. Update its time zone data.") from None
    database.timezone = zone.key
    clock.synchronize(row["now"])
    chosen = settings.load()
    return ClinicSession(
        database=database,
        clinic=Clinic(row["name"], row["timezone"], row["hold_minutes"], row["updated_at"].astimezone(zone)),
        zone=zone,
        now=row["now"],
        today=row["now"].astimezone(zone).date(),
        actor=chosen.actor_name(),
        hold_minutes=chosen.timeout_minutes or row["hold_minutes"],
    )


def _read(database: Database) -> Row:
    try:
        row = database.read(lambda tx: tx.one("clinic.open"))
    except NotSetUp:
        if hidden := database.read(lambda tx: tx.one("db.login_without_usage", {"schema": database.schema})):
            raise DatabaseUnavailable(
                f"The login {hidden['login']} has no rights in this appointment book. The database administrator can grant "
                f"them: booking db grant operator --to {shlex.quote(hidden['login'])} (or reader, for reading only)."
            ) from None
        raise
    latest = migrations.latest_version()
    if row is None or row["schema_version"] is None or row["schema_version"] < latest:
        raise NotSetUp("The database is not set up for this version of booking. Run 'booking db migrate' once.")
    if row["schema_version"] > latest:
        raise migrations.too_new(row["schema_version"])
    return row
