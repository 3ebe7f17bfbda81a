"""A PgBouncer before the test's server: each transaction may get another connection, which it shares with strangers."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from booking_cli.db.embedded_server import _system_user
from tests.support.waiting import wait_until

# Few, so that clients share them.
CONNECTIONS = 4
CLIENTS = 200
PROGRAM = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))


@dataclass(frozen=True)
class Pooler:
    """A pooler that listens on `port`."""

    port: int

    def through(self, url: str) -> str:
        """Return the address of a database by way of the pooler."""
        return make_conninfo(
            url, host="127.0.0.1", hostaddr="", port=self.port, sslmode="disable", gssencmode="disable"
        )

    def transactions(self) -> int:
        """Return how many transactions have gone through."""
        return sum(row["total_xact_count"] for row in self._ask("SHOW STATS") if row["database"] != "pgbouncer")

    def forget_statements(self) -> None:
        """Pass prepared statements on as they come; a later PgBouncer can keep book of them."""
        if any(row["key"] == "max_prepared_statements" for row in self._ask("SHOW CONFIG")):
            self._ask("SET max_prepared_statements = 0")

    def answers(self) -> bool:
        """Tell whether it is there."""
        with contextlib.suppress(psycopg.OperationalError):
            self._ask("SHOW VERSION")
            return True
        return False

    def _ask(self, command: str) -> list[DictRow]:
        console = f"host=127.0.0.1 port={self.port} user=pgbouncer dbname=pgbouncer sslmode=disable"
        with psycopg.connect(console, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def pgbouncer(server: str, *, connections: int = CONNECTIONS, clients: int = CLIENTS) -> Iterator[Pooler]:
    """Lend a pooler that lets so many clients share so many connections to each database of `server`."""
    folder = Path(tempfile.mkdtemp(prefix="booking-test-"))
    pooler = Pooler(_free_port())
    try:
        (folder / "pgbouncer.ini").write_text(_configuration(server, pooler.port, connections, clients))
        with (folder / "log").open("w+") as log:
            process = _start(folder, log.fileno())
            try:
                wait_until(lambda: process.poll() is not None or pooler.answers(), "the pooler answers")
                assert process.poll() is None, (folder / "log").read_text()
                pooler.forget_statements()
                yield pooler
            finally:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder)


def _configuration(server: str, port: int, connections: int, clients: int) -> str:
    with psycopg.connect(server) as connection:
        place = {"host": connection.info.host, "port": connection.info.port, "user": connection.info.user}
    if password := conninfo_to_dict(server).get("password"):
        place["password"] = password
    quoted = " ".join("{}='{}'".format(name, str(value).replace("'", "''")) for name, value in place.items())
    return f"""\
[databases]
* = {quoted}

[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = {clients}
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
"""


def _start(folder: Path, log: int) -> "subprocess.Popen[bytes]":
    """Run it as the owner of the embedded server's socket, because as root it refuses to run."""
    assert PROGRAM is not None
    owner = _system_user() if os.geteuid() == 0 else None
    if owner:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    return subprocess.Popen(
        [PROGRAM, "pgbouncer.ini"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        user=owner.pw_uid if owner else None,
        group=owner.pw_gid if owner else None,
        extra_groups=[] if owner else None,
    )


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
