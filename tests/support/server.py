"""Servers for tests: a PostgreSQL container where a Docker engine answers, or else the embedded one."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from booking_cli.db.embedded_server import EmbeddedServer

CONTAINER_IMAGE = "postgres:18"


@contextlib.contextmanager
def postgres_container() -> Iterator[str | None]:
    """Lend the address of a container's server, or None where no Docker engine answers."""
    if not _docker_answers():
        yield None
        return
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(CONTAINER_IMAGE, driver=None) as container:
        yield container.get_connection_url()


@contextlib.contextmanager
def embedded_server() -> Iterator[str]:
    """Lend the connection string of an embedded server whose data is in a new folder."""
    # Not pytest's folder: each run that begins closes it to other users, and so to the servers that root's other runs have there.
    place = Path(tempfile.mkdtemp(dir="/tmp", prefix="booking-server-"))
    server = EmbeddedServer(place / "data")
    try:
        server.start()
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            # Tests make and drop a database each; what they learn does not depend on a disk that survives a power cut.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                admin.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            admin.execute("SELECT pg_reload_conf()")
        yield server.conninfo("postgres")
    finally:
        server.stop()
        shutil.rmtree(place)


def _docker_answers() -> bool:
    # In a process of its own: where nothing answers, the client leaves its socket open, and that is a warning.
    ask = "import docker; docker.from_env(timeout=5).ping()"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, check=False).returncode == 0
