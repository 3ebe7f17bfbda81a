"""PgBouncer in transaction mode in front of the test's server: clients share its few connections."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from tests.support.server import as_owner, free_port
from tests.support.waiting import wait_until

# Few, so that clients share them.
CONNECTIONS = 4
PROGRAM = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
NOBODY = 65534


@dataclass(frozen=True)
class Pooler:
    """A pooler that listens on `port`."""

    port: int

    def through(self, url: str) -> str:
        """Return the address of a database behind the pooler."""
        return make_conninfo(
            url, host="127.0.0.1", hostaddr="", port=self.port, sslmode="disable", gssencmode="disable"
        )

    def transactions(self) -> int:
        """Return how many transactions it has forwarded."""
        return sum(row["total_xact_count"] for row in self.console("SHOW STATS") if row["database"] != "pgbouncer")

    def answers(self) -> bool:
        """Return whether it accepts connections."""
        with contextlib.suppress(psycopg.OperationalError):
            self.console("SHOW VERSION")
            return True
        return False

    def console(self, command: str) -> list[DictRow]:
        """Run a command of PgBouncer's administration console and return its rows."""
        address = f"host=127.0.0.1 port={self.port} user=pgbouncer dbname=pgbouncer sslmode=disable"
        with psycopg.connect(address, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def pgbouncer(server: str, *, connections: int = CONNECTIONS) -> Iterator[Pooler]:
    """Yield a pooler with so many connections to each database of `server`."""
    folder = Path(tempfile.mkdtemp(prefix="booking-test-"))
    pooler = Pooler(free_port())
    try:
        (folder / "pgbouncer.ini").write_text(_configuration(server, pooler.port, connections))
        if os.geteuid() == 0:
            # PgBouncer refuses to run as root, and the embedded server's socket is only open to its owner.
            socket_folder = Path(str(conninfo_to_dict(server).get("host", "")))
            user = socket_folder.stat().st_uid if socket_folder.is_absolute() else NOBODY
            os.chown(folder, user, user)
        with (folder / "log").open("w+") as log:
            process = subprocess.Popen(
                [str(PROGRAM), "pgbouncer.ini"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **as_owner(folder),
            )
            try:
                wait_until(lambda: process.poll() is not None or pooler.answers(), "the pooler answers")
                assert process.poll() is None, (folder / "log").read_text()
                yield pooler
            finally:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder)


def _configuration(server: str, port: int, connections: int) -> str:
    with psycopg.connect(server) as connection:
        target = {"host": connection.info.host, "port": connection.info.port, "user": connection.info.user}
    if password := conninfo_to_dict(server).get("password"):
        target["password"] = password
    quoted = " ".join("{}='{}'".format(name, str(value).replace("'", "''")) for name, value in target.items())
    return f"""\
[databases]
* = {quoted}

[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
admin_users = pgbouncer
"""
