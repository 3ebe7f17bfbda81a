"""A TCP proxy before the test's server that sees the COMMIT of a write pass, and can cut the connection there."""

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
    """Passes everything on, until it is told what to do at a COMMIT; `url` leads through it."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            self._server = (connection.info.host, connection.info.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        # The proxy must be able to read what passes.
        open_to_read = {"hostaddr": "", "sslmode": "disable", "gssencmode": "disable"}
        self.url = make_conninfo(url, host="127.0.0.1", port=self._listener.getsockname()[1], **open_to_read)
        self.commits = 0
        self.asked = threading.Event()  # set as soon as somebody asks what became of a transaction
        self._plan: list[tuple[str, Then]] = []
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
        """Let the next COMMIT of a write not reach the server."""
        self._plan.append(("before", then))

    def cut_after_commit(self, then: Then = lambda: None) -> None:
        """Let the next COMMIT of a write reach the server, call `then`, and cut the connection instead of answering."""
        self._plan.append(("after", then))

    def delay_commit(self, until: Then) -> None:
        """Cut the connection at the next COMMIT of a write, which only reaches the server when `until` has returned."""
        self._plan.append(("late", until))

    def answer_commit(self, then: Then) -> None:
        """Let the next COMMIT of a write reach the server, call `then`, and only then pass the answer on."""
        self._plan.append(("answer", then))

    def refuse(self) -> None:
        """Let nobody connect any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Let nobody connect meanwhile; who is connected stays."""
        port = self._listener.getsockname()[1]
        self.refuse()
        self._threads[0].join()
        yield
        self._listener = socket.create_server(("127.0.0.1", port))
        self._threads[0] = threading.Thread(target=self._accept)
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=[client])
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        # Whoever is cut off may close while we still write.
        with client, self._connect() as server, contextlib.suppress(OSError):
            self._open |= {client, server}
            self._pass_on(client, server)
        self._open -= {client, server}

    def _connect(self) -> socket.socket:
        host, port = self._server
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
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
                begins = b"BEGIN" in data
                if begins:  # a COMMIT before it, in the same message, is that of a read
                    writes = b"READ WRITE" in data
                if begins or not (writes and b"COMMIT" in data):
                    server.sendall(data)
                    continue
                self.commits += 1
                what, then = self._plan.pop(0) if self._plan else ("answer", lambda: None)
                if not _commit(what, then, data, client, server):
                    return


def _commit(what: str, then: Then, data: bytes, client: socket.socket, server: socket.socket) -> bool:
    """Do what is planned for a COMMIT, and tell whether the connection stays."""
    if what == "late":
        client.shutdown(socket.SHUT_RDWR)
    if what in ("before", "late"):
        then()
    if what == "before":
        return False
    server.sendall(data)
    answer = server.recv(65536)
    if what in ("after", "answer"):
        then()
    if what == "answer":
        client.sendall(answer)
    return what == "answer"
