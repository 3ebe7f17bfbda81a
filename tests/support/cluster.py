"""Servers of a test's own that listen on TCP: one with chosen settings, or a primary and its synchronous standby."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from booking_cli.db.connections import connect
from booking_cli.db.embedded_server import EmbeddedServer, program_folder
from booking_cli.db.migrations import migrate
from booking_cli.db.runner import DEFAULT_SCHEMA
from tests.support.server import as_owner, free_port
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Node:
    """A server that can be killed and promoted; its database is `booking`."""

    server: EmbeddedServer
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://booking@127.0.0.1:{self.port}/booking"

    def open(self) -> psycopg.Connection[TupleRow]:
        """Connect without booking, in autocommit mode."""
        return psycopg.connect(self.url, autocommit=True, options="-c search_path=booking")

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        with self.open() as admin:
            pids = [row[0] for row in admin.execute("SELECT pid FROM pg_stat_activity").fetchall()]
        postmaster = int((self.server.cluster / "postmaster.pid").read_text().splitlines()[0])
        for pid in (postmaster, *pids):
            with contextlib.suppress(ProcessLookupError):  # a process without its postmaster ends by itself
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self._listens(), "the killed server no longer listens")

    def promote(self) -> None:
        """Promote a standby, and return when it accepts writes."""
        with self.open() as admin:
            assert admin.execute("SELECT pg_promote()").fetchone() == (True,)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass(frozen=True)
class Pair:
    """A primary and its synchronous standby; `url` connects to the one that accepts writes."""

    primary: Node
    standby: Node

    @property
    def url(self) -> str:
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://booking@{hosts}/booking?target_session_attrs=read-write"


@contextlib.contextmanager
def migrated_node(**settings: object) -> Iterator[Node]:
    """Yield a server with these settings and a migrated database."""
    with _folder() as folder:
        server = EmbeddedServer(folder, creates=True)
        server.start()
        server.stop()
        with _running(server, settings) as node:
            with connect(node.url) as connection:
                migrate(connection, DEFAULT_SCHEMA)
            yield node


@contextlib.contextmanager
def primary_and_standby() -> Iterator[Pair]:
    """Yield a primary with a migrated database, and a standby that replicates it synchronously."""
    with migrated_node() as primary, _folder() as folder, _running(_base_backup(primary, folder), {}) as standby:
        with primary.open() as admin:
            # Only now: the promoted standby must not wait for a standby of its own.
            admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            admin.execute("SELECT pg_reload_conf()")
            following = "SELECT FROM pg_stat_replication WHERE sync_state = 'sync'"
            wait_until(lambda: admin.execute(following).fetchone() is not None, "the standby replicates synchronously")
        yield Pair(primary, standby)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    # Not pytest's folder: its path is too long for a socket.
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="booking-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _running(server: EmbeddedServer, settings: dict[str, object]) -> Iterator[Node]:
    port = free_port()
    with (server.cluster / "postgresql.auto.conf").open("a") as file:
        for name, value in {"listen_addresses": "127.0.0.1", "port": port, "fsync": "off", **settings}.items():
            file.write(f"{name} = '{value}'\n")
    server.start()
    try:
        yield Node(server, port)
    finally:
        server.stop()


def _base_backup(primary: Node, folder: Path) -> EmbeddedServer:
    """Return a standby that is a copy of the primary, with the same owner."""
    server = EmbeddedServer(folder, creates=True)
    owner = primary.server.cluster.stat()
    folder.chmod(0o711)  # the owner of the data must be able to enter it
    server.cluster.mkdir(mode=0o700)
    os.chown(server.cluster, owner.st_uid, owner.st_gid)
    program = [str(program_folder() / "pg_basebackup"), "-D", ".", "--dbname", primary.url]
    subprocess.run(
        [*program, "--write-recovery-conf", "--checkpoint=fast"],
        cwd=server.cluster,
        check=True,
        **as_owner(server.cluster),
    )
    return server
