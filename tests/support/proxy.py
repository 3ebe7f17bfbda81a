"""A TCP proxy in front of the test's server that can cut the connection at the COMMIT of a write."""

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

Then = Callable[[], object]


class Proxy:
    """Forwards everything, except where a COMMIT has a plan; `url` is the address of the database behind it."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            self._server = (connection.info.host, connection.info.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        # The proxy must be able to read the protocol.
        readable = {"hostaddr": "", "sslmode": "disable", "gssencmode": "disable"}
        self.url = make_conninfo(url, host="127.0.0.1", port=self._listener.getsockname()[1], **readable)
        self.asked = threading.Event()  # set when a client asks for the status of a transaction
        self._plans: list[tuple[list[str], Then]] = []  # the steps at each of the next COMMITs
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def cut_before_commit(self, then: Then = lambda: None) -> None:
        """At the next COMMIT of a write, call `then` and cut the connection; the COMMIT does not reach the server."""
        self._plans.append((["call"], then))

    def cut_after_commit(self, then: Then = lambda: None) -> None:
        """Forward the next COMMIT of a write, call `then`, and cut the connection instead of answering."""
        self._plans.append((["forward", "call"], then))

    def delay_commit(self, until: Then) -> None:
        """Cut the connection at the next COMMIT of a write, and forward the COMMIT when `until` has returned."""
        self._plans.append((["cut", "call", "forward"], until))

    def answer_commit(self, then: Then) -> None:
        """Forward the next COMMIT of a write, call `then`, and then forward the answer."""
        self._plans.append((["forward", "call", "answer"], then))

    def refuse(self) -> None:
        """Refuse new connections from now on; open ones stay."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Refuse new connections inside the `with` block; open ones stay."""
        port = self._listener.getsockname()[1]
        self.refuse()
        self._threads[0].join()
        yield
        self._listener = socket.create_server(("127.0.0.1", port))
        self._threads[0] = threading.Thread(target=self._accept)
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=[client])
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        # A client that was cut off may close its side while the proxy still writes.
        with client, self._connect() as server, contextlib.suppress(OSError):
            self._open |= {client, server}
            self._forward(client, server)
        self._open -= {client, server}

    def _connect(self) -> socket.socket:
        host, port = self._server
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        writes = False
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                if source is server:
                    client.sendall(data)
                    continue
                if b"pg_xact_status" in data:
                    self.asked.set()
                if b"BEGIN" in data:  # a COMMIT before it in the same message ends a read
                    writes = b"READ WRITE" in data
                elif writes and b"COMMIT" in data:
                    if not self._commit(data, client, server):
                        return
                    continue
                server.sendall(data)

    def _commit(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        """Carry out the plan for a COMMIT, and return whether the connection stays open."""
        steps, call = self._plans.pop(0) if self._plans else (["forward", "answer"], lambda: None)
        answer = b""
        for step in steps:
            match step:
                case "cut":
                    client.shutdown(socket.SHUT_RDWR)
                case "call":
                    call()
                case "forward":
                    server.sendall(data)
                    answer = server.recv(65536)
                case "answer":
                    client.sendall(answer)
        return "answer" in steps
