"""Servers of a test's own that listen on TCP: one with settings that it chooses, or a primary and its synchronous standby."""

import contextlib
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from booking_cli.db.connections import connect
from booking_cli.db.embedded_server import EmbeddedServer, _run, program_folder
from booking_cli.db.migrations import migrate
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
        """Connect as a program that knows nothing of booking; each statement is a transaction of its own."""
        return psycopg.connect(self.url, autocommit=True, options="-c search_path=booking")

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        with self.open() as admin:
            pids = [row[0] for row in admin.execute("SELECT pid FROM pg_stat_activity").fetchall()]
        postmaster = int((self.server.cluster / "postmaster.pid").read_text().splitlines()[0])
        for pid in (postmaster, *pids):
            with contextlib.suppress(ProcessLookupError):  # whoever loses the postmaster ends by itself
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self._listens(), "the killed server no longer listens")

    def promote(self) -> None:
        """Let a standby take over, and return when it has."""
        with self.open() as admin:
            assert admin.execute("SELECT pg_promote()").fetchone() == (True,)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass(frozen=True)
class Pair:
    """A primary, and the standby that each COMMIT on it waits for; `url` leads to the one that can be written to."""

    primary: Node
    standby: Node

    @property
    def url(self) -> str:
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://booking@{hosts}/booking?target_session_attrs=read-write"


@contextlib.contextmanager
def migrated_node(**settings: object) -> Iterator[Node]:
    """Lend a server with these settings and a migrated database."""
    with _folder() as folder, _running(_initialized(folder), settings) as node:
        with connect(node.url) as connection:
            migrate(connection)
        yield node


@contextlib.contextmanager
def primary_and_standby() -> Iterator[Pair]:
    """Lend a primary with a migrated database, and a standby that follows it synchronously."""
    with migrated_node() as primary, _folder() as folder, _running(_copied(primary, folder), {}) as standby:
        with primary.open() as admin:
            # Only now: the standby must not wait for one of its own once it has taken over.
            admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            admin.execute("SELECT pg_reload_conf()")
            following = "SELECT FROM pg_stat_replication WHERE sync_state = 'sync'"
            wait_until(lambda: admin.execute(following).fetchone() is not None, "the standby follows synchronously")
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
    port = _free_port()
    with (server.cluster / "postgresql.auto.conf").open("a") as file:
        for name, value in {"listen_addresses": "127.0.0.1", "port": port, "fsync": "off", **settings}.items():
            file.write(f"{name} = '{value}'\n")
    server.start()
    try:
        yield Node(server, port)
    finally:
        server.stop()


def _initialized(folder: Path) -> EmbeddedServer:
    server = EmbeddedServer(folder)
    server.start()
    server.stop()
    return server


def _copied(primary: Node, folder: Path) -> EmbeddedServer:
    server = EmbeddedServer(folder)
    owner = primary.server._owner()
    folder.chmod(0o711)  # the owner of the data must get there
    server.cluster.mkdir(mode=0o700)
    os.chown(server.cluster, owner.pw_uid, owner.pw_gid)
    arguments = ("--dbname", primary.url, "--write-recovery-conf", "--checkpoint=fast")
    done = _run(program_folder() / "pg_basebackup", *arguments, cluster=server.cluster, owner=owner)
    assert done.returncode == 0, done.stdout
    return server


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
