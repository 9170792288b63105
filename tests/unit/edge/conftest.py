"""A listener on a Unix socket, with real TLS where wanted: no port, no network."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from raykeep.edge.gate import Gate
from raykeep.edge.hosts import HostNames
from raykeep.edge.limits import EdgeLimits
from raykeep.edge.security_headers import security_headers
from raykeep.edge.server import WebServer

CA = trustme.CA()
LEAF = CA.issue_cert("localhost")


class StillClock:
    """Always the same time of day."""

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


class CountingEntropy:
    """The same bytes in every run, no two alike."""

    def __init__(self) -> None:
        self._given = 0

    def bytes(self, count: int) -> bytes:
        self._given += 1
        return self._given.to_bytes(count, "big")


@dataclass
class Listening:
    """A server that runs, and a way to it."""

    server: WebServer
    path: str
    thread: threading.Thread
    tls: ssl.SSLContext | None
    open: list[socket.socket] = field(default_factory=list)

    def connect(self, *, shake_hands: bool = True) -> socket.socket:
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(10)
        plain.connect(self.path)
        if self.tls is None or not shake_hands:
            self.open.append(plain)
            return plain
        wrapped = self.tls.wrap_socket(plain, server_hostname="localhost")
        self.open.append(wrapped)
        return wrapped

    def ask(self, raw: bytes) -> bytes:
        """Send `raw` and read until the server closes or a whole answer is there."""
        connection = self.connect()
        connection.sendall(raw)
        return read_answer(connection)

    def end(self) -> None:
        for one in self.open:
            one.close()
        self.server.shutdown()
        self.thread.join(15)


def read_answer(connection: socket.socket) -> bytes:
    """One answer with a Content-Length, or what came until the other side closed."""
    got = b""
    while True:
        head, blank, body = got.partition(b"\r\n\r\n")
        if blank:
            length = next(
                (
                    int(line.partition(b":")[2])
                    for line in head.split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                None,
            )
            if length is not None and len(body) >= length:
                return got
        try:
            piece = connection.recv(65_536)
        except OSError:
            return got
        if not piece:
            return got
        got += piece


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


Serve = Callable[..., Listening]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start listeners that end with the test."""
    running: list[Listening] = []

    def start(app, *, limits: EdgeLimits | None = None, tls: bool = False, **more) -> Listening:
        path = str(tmp_path / f"web{len(running)}")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(256)
        server_tls = client_tls = None
        if tls:
            server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            LEAF.configure_cert(server_tls)
            client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            CA.configure_trust(client_tls)
        gate = Gate(
            {"t": app},
            hosts=HostNames(["localhost"]),
            always=security_headers(),
            entropy=CountingEntropy(),
        )
        server = WebServer(
            gate, server_tls, [listener], clock=StillClock(), limits=limits or EdgeLimits(), **more
        )
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append(Listening(server, path, thread, client_tls))
        return running[-1]

    yield start
    for one in running:
        one.end()


def wait_for(condition: Callable[[], bool], seconds: float = 8.0) -> bool:
    """Whether `condition` comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()
