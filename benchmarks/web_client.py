"""A lean HTTP/1.1 client on one connection: what it costs must not be what is measured."""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.failures import BenchmarkFailed

MULTIPART_DICOM: Final = 'multipart/related; type="application/dicom"'
MULTIPART_FRAMES: Final = 'multipart/related; type="application/octet-stream"'
DICOM_JSON: Final = "application/dicom+json"

_TIMEOUT: Final = 120.0  # seconds for any answer
_RECEIVE: Final = 262_144  # bytes


@dataclass(frozen=True, slots=True)
class WebService:
    """A DICOMweb service on loopback.

    Attributes:
        port: Of its listener.
        root: Path that the service stands under.
        ca: Whom to trust; None for plain HTTP.
        headers: Sent with each request.
    """

    port: int
    root: str
    ca: Path | None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "http" if self.ca is None else "https"

    def address(self, path: str) -> str:
        """The whole address of a resource."""
        return f"{self.scheme}://127.0.0.1:{self.port}{self.root}{path}"


class WebConnection:
    """One connection, kept open."""

    def __init__(self, service: WebService) -> None:
        self._service = service
        plain = socket.create_connection(("127.0.0.1", service.port), timeout=_TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.cipher = "none"
        self._socket = plain
        if service.ca is not None:
            context = ssl.create_default_context(cafile=service.ca)
            secured = context.wrap_socket(plain, server_hostname="127.0.0.1")
            self.cipher = " ".join(map(str, (secured.cipher() or ("?",))[:2]))
            self._socket = secured
        self._received = bytearray()

    def get(self, path: str, accept: str) -> bytes:
        """The body of a resource below the service's root.

        Raises:
            BenchmarkFailed: another status than 200.
        """
        return self._exchange("GET", path, {"Accept": accept}, b"")

    def post(self, path: str, content_type: str, body: bytes) -> bytes:
        """Send a body; returns that of the answer.

        Raises:
            BenchmarkFailed: another status than 200.
        """
        headers = {"Accept": DICOM_JSON, "Content-Type": content_type}
        return self._exchange("POST", path, headers, body)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        service = self._service
        lines = [
            f"{method} {service.root}{path} HTTP/1.1",
            f"Host: 127.0.0.1:{service.port}",
            *(f"{name}: {value}" for name, value in {**service.headers, **headers}.items()),
        ]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        if body:
            self._socket.sendall(body)
        status, answered = self._head()
        content = self._body(answered)
        if status != "200":
            said = content[:500].decode(errors="replace")
            msg = f"{method} {path} was answered with status {status}: {said}"
            raise BenchmarkFailed(msg)
        return content

    def _head(self) -> tuple[str, dict[str, str]]:
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._receive()
        first, *rest = self._received[:end].decode("latin-1").split("\r\n")
        del self._received[: end + 4]
        headers = {}
        for line in rest:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return first.split()[1], headers

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return self._take(int(headers.get("content-length", "0")))
        pieces: list[bytes] = []
        while True:
            while (end := self._received.find(b"\r\n")) < 0:
                self._receive()
            length = int(self._received[:end].split(b";")[0], 16)
            del self._received[: end + 2]
            piece = self._take(length + 2)[:-2]
            if not length:
                return b"".join(pieces)
            pieces.append(piece)

    def _take(self, length: int) -> bytes:
        while len(self._received) < length:
            self._receive()
        taken = bytes(self._received[:length])
        del self._received[:length]
        return taken

    def _receive(self) -> None:
        piece = self._socket.recv(_RECEIVE)
        if not piece:
            msg = "the server closed the connection in the middle of an answer"
            raise BenchmarkFailed(msg)
        self._received += piece
