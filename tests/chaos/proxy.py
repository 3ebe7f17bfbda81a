"""A TCP proxy between clients and server that cuts, stalls, delays and half-closes connections, also exactly at a COMMIT."""

import contextlib
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

ANSWER_SECONDS = 30
# The client's name in its first message; the server accepts any setting with a dot in its name.
_CLIENT = re.compile(rb"chaos\.client=([^\0]+)")
# The server's BackendKeyData message, with the number of the backend's process.
_BACKEND = re.compile(rb"K\0\0\0\x0c(.{4})", re.DOTALL)


class Link:
    """One connection through the proxy, with a thread for each direction."""

    def __init__(self, proxy: "Proxy", client: socket.socket, server: socket.socket) -> None:
        self.client_name = ""
        self.backend: int | None = None
        self._proxy, self._client, self._server = proxy, client, server
        self._stalled_until = 0.0
        self._answered, self._passes_answers = threading.Event(), threading.Event()
        self._passes_answers.set()
        self._writes = False

    def cut(self, *, reset: bool = False) -> None:
        """Close the connection, towards the client with a TCP reset or without."""
        self._passes_answers.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            if reset:  # sent when the socket is closed, unless it was shut down before
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._client.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)

    def half_close(self, *, towards_server: bool) -> None:
        """Close one direction of the connection, at its end."""
        with contextlib.suppress(OSError):
            (self._server if towards_server else self._client).shutdown(socket.SHUT_WR)

    def stall(self, seconds: float) -> None:
        """Pass nothing on for a while; messages that arrive meanwhile wait."""
        self._stalled_until = time.monotonic() + seconds

    def to_server(self, data: bytes, *, hold_answer: bool = False) -> None:
        """Pass a message on; with `hold_answer`, return when its answer waits for `pass_answers`."""
        if hold_answer:
            self._answered.clear()
            self._passes_answers.clear()
        self._server.sendall(data)
        if hold_answer:
            self._answered.wait(ANSWER_SECONDS)

    def pass_answers(self) -> None:
        self._passes_answers.set()

    def run(self) -> None:
        """Pass messages on until one side closes the connection, or it is cut."""
        self._proxy.links.append(self)
        with self._client, self._server:
            answers = threading.Thread(target=self._pump, args=[self._server, self._on_answer], daemon=True)
            answers.start()
            self._pump(self._client, self._on_request)
            answers.join()
        self._proxy.links.remove(self)

    def _pump(self, source: socket.socket, handle: Callable[[bytes], object]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                ready_at = max(self._stalled_until, time.monotonic() + random.uniform(0, self._proxy.delay))
                time.sleep(max(0, ready_at - time.monotonic()))
                handle(data)
        self._answered.set()
        self.cut()

    def _on_request(self, data: bytes) -> None:
        if not self.client_name and (found := _CLIENT.search(data)):
            self.client_name = found[1].decode()
        if b"BEGIN" in data:  # a COMMIT before it, in the same message, is that of a read
            self._writes = b"READ WRITE" in data
        elif self._writes and b"COMMIT" in data:
            self._writes = False
            if action := self._proxy.take_action(self):
                action(self, data)
                return
        self.to_server(data)

    def _on_answer(self, data: bytes) -> None:
        if self.backend is None and (found := _BACKEND.search(data)):
            self.backend = int.from_bytes(found[1], "big")
        self._answered.set()
        self._passes_answers.wait()
        self._client.sendall(data)


AtCommit = Callable[[Link, bytes], object]
Predicate = Callable[[Link], bool]


class Proxy:
    """Passes all messages on, until faults are injected."""

    def __init__(self, conninfo: str) -> None:
        with psycopg.connect(conninfo) as connection:
            self._socket = f"{connection.info.host}/.s.PGSQL.{connection.info.port}"
        self._conninfo = conninfo
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._actions: list[tuple[AtCommit, Predicate]] = []
        self.links: list[Link] = []  # the open connections
        self.delay = 0.0
        self.refusing = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in [*self.links]:
            link.cut()

    def url(self, client_name: str) -> str:
        """Return the address of the proxy for a client, whose name its connections carry; without encryption."""
        readable = {"sslmode": "disable", "gssencmode": "disable", "options": f"-c chaos.client={client_name}"}
        return make_conninfo(self._conninfo, host="127.0.0.1", port=self._listener.getsockname()[1], **readable)

    @contextlib.contextmanager
    def at_next_commits(self, action: AtCommit, predicate: Predicate, count: int) -> Iterator[None]:
        """Run an action instead of passing on each of the next COMMITs of writes on connections for which a predicate holds."""
        with self._lock:
            self._actions += [(action, predicate)] * count
        yield
        with self._lock:
            self._actions = [planned for planned in self._actions if planned[0] is not action]

    def take_action(self, link: Link) -> AtCommit | None:
        """Return, once, an action for a COMMIT of this connection."""
        with self._lock:
            for planned in self._actions:
                if planned[1](link):
                    self._actions.remove(planned)
                    return planned[0]
        return None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            if self.refusing or server.connect_ex(self._socket) != 0:
                server.close()
                client.close()
                continue
            threading.Thread(target=Link(self, client, server).run, daemon=True).start()
