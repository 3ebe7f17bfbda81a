"""Servers for tests: a PostgreSQL container where a Docker engine answers, or else the embedded one."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from booking_cli.db.embedded_server import EmbeddedServer

CONTAINER_IMAGE = "postgres:18"


@contextlib.contextmanager
def postgres_container() -> Iterator[str | None]:
    """Yield the address of a container's server, or None where no Docker engine answers."""
    if not _docker_answers():
        yield None
        return
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(CONTAINER_IMAGE, driver=None) as container:
        yield container.get_connection_url()


@contextlib.contextmanager
def embedded_server() -> Iterator[str]:
    """Yield the connection string of an embedded server with its data in a new folder."""
    # Not pytest's folder: each new run of pytest removes other users' access to it, and with it that of root's servers.
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="booking-server-"))
    server = EmbeddedServer(folder / "data", creates=True)
    try:
        server.start()
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            # Each test creates and drops a database; no test depends on data that survives a power cut.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                admin.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            admin.execute("SELECT pg_reload_conf()")
        yield server.conninfo("postgres")
    finally:
        server.stop()
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a TCP port on which no server listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def as_owner(folder: Path) -> dict[str, Any]:
    """Return the arguments with which `subprocess` runs a program as the owner of a folder; only root needs them."""
    owner = folder.stat()
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}


def _docker_answers() -> bool:
    # In a separate process: where nothing answers, the client leaves its socket open, which is a warning.
    ask = "import docker; docker.from_env(timeout=5).ping()"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, check=False).returncode == 0
