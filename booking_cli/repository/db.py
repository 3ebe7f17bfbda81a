"""The database itself: its address, and what its keeper wants to know."""

from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict

from booking_cli import session as book
from booking_cli.db import migrations
from booking_cli.db.embedded_server import EmbeddedServer
from booking_cli.domain.models import Address, DatabaseStatus

_SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
LONG_SECONDS = 300


def address() -> Address:
    """Return the address of the database without its password, starting the embedded one."""
    server = book.server()
    with book.database() as database, database.connection():
        return Address(_url(server.conninfo()))


def status() -> DatabaseStatus:
    """Return what the keeper wants to know; does not start the embedded database."""
    server = book.server()
    embedded = isinstance(server, EmbeddedServer)
    kind = "embedded" if embedded else "own"
    data_dir = str(server.data_dir) if isinstance(server, EmbeddedServer) else None
    if isinstance(server, EmbeddedServer) and not server.runs():
        return DatabaseStatus(kind, False, None, None, None, None, None, None, None, None, data_dir)
    with book.database() as database, database.connection() as connection:
        listing = migrations.listing(connection)
        applied = [migration.version for migration in listing if migration.applied_at]
        sizes = database.read(lambda tx: tx.one("db.sizes"), timeout_seconds=LONG_SECONDS) if applied else None
        sizes = sizes or {}
        return DatabaseStatus(
            kind=kind,
            running=True,
            url=_url(server.conninfo()),
            server_version=connection.info.parameter_status("server_version"),
            schema_version=max(applied, default=0),
            pending_migrations=len(listing) - len(applied),
            database_bytes=sizes.get("database_bytes"),
            doctors=sizes.get("doctors"),
            slots=sizes.get("slots"),
            bookings=sizes.get("bookings"),
            data_dir=data_dir,
        )


def _url(conninfo: str) -> str:
    """Return a connection string as a URL without secrets."""
    parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if name not in _SECRETS}
    user, name = parts.pop("user", ""), parts.pop("dbname", "")
    hosts, ports = parts.pop("host", "").split(","), parts.pop("port", "").split(",")
    if any("/" in host for host in hosts):  # sockets cannot stand before the path
        parts = {"host": ",".join(hosts), **({"port": ",".join(ports)} if any(ports) else {}), **parts}
        place = ""
    else:
        if len(ports) == 1:
            ports *= len(hosts)
        hosts = [f"[{host}]" if ":" in host else host for host in hosts]
        place = ",".join(f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False))
    login = f"{quote(user, safe='')}@" if user else ""
    query = f"?{urlencode(parts, safe='/,:', quote_via=quote)}" if parts else ""
    return f"postgresql://{login}{place}/{quote(name, safe='')}{query}"
