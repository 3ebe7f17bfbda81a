"""A TCP proxy between clients and server that cuts, delays, swallows and half-closes, and can strike at a COMMIT.

Each connection is served by one thread, which alone touches its sockets; others tell it what to do.
"""

import contextlib
import random
import re
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

ANSWER_SECONDS = 30
_BUFFER = 65536
# Who the client is, in its first message; the server takes any setting with a dot in its name.
_CLIENT_SETTING = "chaos.client"


class _Over(Exception):
    """The connection is to be given up."""


class Link:
    """One connection through the proxy: the client's half and the server's half."""

    def __init__(self, proxy: "Proxy", client: socket.socket, server: socket.socket) -> None:
        self.proxy = proxy
        self.client_name = ""
        self.backend: int | None = None
        self._client = client
        self._server = server
        self._orders: deque[Callable[[Link], object]] = deque()
        self._wake, self._bell = socket.socketpair()
        self._sources = [client, server, self._wake]
        self._greeting = b""
        self._writes = False

    def order(self, what: Callable[["Link"], object]) -> None:
        """Let the connection's own thread call `what`; for other threads."""
        self._orders.append(what)
        with contextlib.suppress(OSError):
            self._bell.send(b"!")

    # What follows is for the connection's own thread.

    def cut(self, *, reset: bool) -> None:
        """Give the connection up: with a reset, as from a machine that has forgotten it, or with a plain end."""
        self.leave_client(reset=reset)
        raise _Over

    def leave_client(self, *, reset: bool) -> None:
        """Close the client's half only."""
        if reset:
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client.close()

    def half_close(self, *, towards_server: bool) -> None:
        """Say to one side that nothing more will come, while the other way stays open for a while."""
        silent, told = (self._client, self._server) if towards_server else (self._server, self._client)
        with contextlib.suppress(OSError):
            told.shutdown(socket.SHUT_WR)
        if silent in self._sources:
            self._sources.remove(silent)

    def stall(self, seconds: float) -> None:
        """Pass nothing on for a while; what arrives meanwhile waits."""
        self.proxy.closing.wait(seconds)

    def swallow(self, seconds: float) -> None:
        """Let everything vanish for a while, as a broken network does, and then give the connection up."""
        self.stall(seconds)
        self.cut(reset=True)

    def to_server(self, data: bytes) -> None:
        """Pass something on to the server."""
        self._server.sendall(data)

    def await_answer(self) -> bytes:
        """Return what the server says next; nothing where it closed."""
        if not select.select([self._server], [], [], ANSWER_SECONDS)[0]:
            return b""
        with contextlib.suppress(OSError):
            return self._server.recv(_BUFFER)
        return b""

    def run(self) -> None:
        """Pass on what comes, until one side has closed or the connection is given up."""
        with self._client, self._server, self._wake, self._bell, contextlib.suppress(_Over, OSError):
            while len(self._sources) > 1:
                # Half of a connection that nobody uses is closed in the end.
                ready = select.select(self._sources, [], [], None if len(self._sources) == 3 else 2)[0]
                if not ready:
                    return
                for source in ready:
                    self._serve(source)

    def _serve(self, source: socket.socket) -> None:
        if source is self._wake:
            self._wake.recv(1)
            self._orders.popleft()(self)
            return
        data = source.recv(_BUFFER)
        if not data:
            raise _Over
        if self.proxy.delay:
            self.proxy.closing.wait(random.uniform(0, self.proxy.delay))
        if source is self._server:
            self._learn_backend(data)
            self._client.sendall(data)
            return
        if not self.client_name and (found := re.search(rf"{_CLIENT_SETTING}=([^\0]+)".encode(), data)):
            self.client_name = found[1].decode()
        if b"BEGIN" in data:  # a COMMIT before it, in the same message, is that of a read
            self._writes = b"READ WRITE" in data
        elif self._writes and b"COMMIT" in data:
            self._writes = False
            if strike := self.proxy.next_strike(self):
                strike(self, data)
                return
        self.to_server(data)

    def _learn_backend(self, data: bytes) -> None:
        """Read the server's first messages up to BackendKeyData, which names the process that serves this connection."""
        if self.backend is not None:
            return
        self._greeting += data
        at = 0
        while at + 5 <= len(self._greeting):
            kind, length = self._greeting[at : at + 1], int.from_bytes(self._greeting[at + 1 : at + 5], "big")
            if kind == b"K" and at + 9 <= len(self._greeting):
                self.backend = int.from_bytes(self._greeting[at + 5 : at + 9], "big")
                return
            at += 1 + length


Strike = Callable[[Link, bytes], object]


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to happen at a COMMIT, on a connection that is wanted."""

    strike: Strike
    wanted: Callable[[Link], bool]


class Proxy:
    """Passes everything on until it is told otherwise."""

    def __init__(self, conninfo: str) -> None:
        with psycopg.connect(conninfo) as connection:
            self._server = (connection.info.host, connection.info.port)
        self._conninfo = conninfo
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._links: dict[Link, threading.Thread] = {}
        self._plans: list[Plan] = []
        self._acceptor = threading.Thread(target=self._accept, name="proxy")
        self.closing = threading.Event()
        self.delay = 0.0
        self.refusing = False

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        while links := self.links():
            for link in links:
                link.order(lambda link: link.cut(reset=False))
            time.sleep(0.01)

    def url(self, client_name: str) -> str:
        """Return the address under which a client comes through here, known by its name."""
        # The proxy must be able to read what passes.
        return make_conninfo(
            self._conninfo,
            host="127.0.0.1",
            port=self._listener.getsockname()[1],
            sslmode="disable",
            gssencmode="disable",
            options=f"-c {_CLIENT_SETTING}={client_name}",
        )

    def links(self) -> list[Link]:
        """Return the connections that are open now."""
        with self._lock:
            return list(self._links)

    def at_next_commit(self, strike: Strike, wanted: Callable[[Link], bool]) -> Plan:
        """Call `strike` instead of passing the next COMMIT of a write on, on a connection that is `wanted`."""
        plan = Plan(strike, wanted)
        with self._lock:
            self._plans.append(plan)
        return plan

    def forget(self, plans: list[Plan]) -> None:
        """Let COMMITs pass that were to be struck and did not come."""
        with self._lock:
            self._plans = [plan for plan in self._plans if plan not in plans]

    def next_strike(self, link: Link) -> Strike | None:
        """Return what is to happen at a COMMIT of this connection, once."""
        with self._lock:
            for plan in self._plans:
                if plan.wanted(link):
                    self._plans.remove(plan)
                    return plan.strike
        return None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = None if self.refusing else self._connect()
            if server is None:
                client.close()
                continue
            link = Link(self, client, server)
            thread = threading.Thread(target=self._run, args=[link], name="link", daemon=True)
            with self._lock:
                self._links[link] = thread
            thread.start()

    def _run(self, link: Link) -> None:
        try:
            link.run()
        finally:
            with self._lock:
                del self._links[link]

    def _connect(self) -> socket.socket | None:
        host, port = self._server
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(f"{host}/.s.PGSQL.{port}")
        except OSError:
            server.close()
            return None
        return server
