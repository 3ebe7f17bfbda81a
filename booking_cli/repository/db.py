"""The database: migrations, rights, address and state."""

from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict

from booking_cli import session
from booking_cli.db import migrations, roles
from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.models import Address, DatabaseStatus, Grant, Migration

_SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
LONG_SECONDS = 300


def migrate() -> list[Migration]:
    """Apply pending migrations and return them; raises as `migrations.migrate` does."""
    with session.configured_database(creates=True) as database, database.connection() as connection:
        return migrations.migrate(connection, database.schema)


def pending_migrations() -> list[Migration]:
    """Return the migrations that `migrate` would apply."""
    with session.configured_database() as database, database.connection() as connection:
        return [m for m in migrations.list_migrations(connection, database.schema) if m.applied_at is None]


def grant(kind: str, login: str | None) -> Grant:
    """Grant the rights of `kind` to its role, and the role to `login`; raises as `roles.grant` does."""
    with session.configured_database() as database:
        session.open_session(database)
        with database.connection() as connection:
            return roles.grant(connection, database.schema, kind, login)


def start() -> None:
    """Start the embedded server, and create an appointment book where there is none; raises as `embedded_server` does."""
    embedded_server()
    with session.configured_database(creates=True) as database:
        session.open_session(database)


def embedded_server() -> EmbeddedServer:
    """Return the embedded server; raises InvalidInput where the settings select an external one."""
    server = session.configured_server()
    if not isinstance(server, EmbeddedServer):
        raise InvalidInput(
            "BOOKING_DATABASE_URL selects an external server, which booking neither starts nor stops. "
            "Unset it to use the embedded one."
        )
    return server


def address() -> Address:
    """Return the address of the database without its password; starts the embedded server."""
    with session.configured_database() as database, database.connection():
        return Address(_url(database.server.conninfo()))


def status() -> DatabaseStatus:
    """Return the state of the database; does not start the embedded server."""
    server = session.configured_server()
    stopped = DatabaseStatus("external", False, *[None] * 9)
    if isinstance(server, EmbeddedServer):
        stopped = stopped._replace(kind="embedded", data_dir=str(server.data_dir))
        if not server.runs():
            return stopped if server.is_set_up() else stopped._replace(schema_version=0)
    with session.configured_database() as database:
        with database.connection() as connection:
            found = migrations.list_migrations(connection, database.schema)
            server_version = connection.info.parameter_status("server_version")
        applied = [migration.version for migration in found if migration.applied_at]
        sizes = database.read(lambda tx: tx.one("db.sizes"), timeout_seconds=LONG_SECONDS) if applied else None
    return stopped._replace(
        running=True,
        url=_url(server.conninfo()),
        server_version=server_version,
        schema_version=max(applied, default=0),
        pending_migrations=len(found) - len(applied),
        **(sizes or {}),
    )


def _url(conninfo: str) -> str:
    """Return a connection string as a URL without secrets."""
    parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if name not in _SECRETS}
    user, name = parts.pop("user", ""), parts.pop("dbname", "")
    place = ""
    if "/" not in parts.get("host", ""):  # a URL has no place for a socket's path before the database
        hosts, ports = parts.pop("host", "").split(","), parts.pop("port", "").split(",")
        if len(ports) == 1:
            ports *= len(hosts)
        hosts = [f"[{host}]" if ":" in host else host for host in hosts]
        place = ",".join(f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False))
    login = f"{quote(user, safe='')}@" if user else ""
    query = f"?{urlencode(parts, safe='/,:', quote_via=quote)}" if parts else ""
    return f"postgresql://{login}{place}/{quote(name, safe='')}{query}"
