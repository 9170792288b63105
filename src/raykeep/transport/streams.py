"""A connected socket, plain or under TLS, that another thread can interrupt.

TLS goes through memory buffers and not through `ssl.SSLSocket`: one read of the socket then
brings many records, which costs half the processor time where many associations run, and the
socket stays a plain one that may be shut from another thread.
"""

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol, cast

from raykeep.domain.errors import ProtocolError
from raykeep.transport.tls import fingerprint
from raykeep.wire.buffers import BytesLike

# An association that only echoes needs little; one that fills its buffer gets the large one.
SMALL_BUFFER: Final = 16_384  # bytes
LARGE_BUFFER: Final = 524_288  # bytes
_RECORD: Final = 16_384  # bytes, the largest TLS record (RFC 8446 section 5.1)
_VECTORS_AT_ONCE: Final = 512  # buffers in one sendmsg; the kernel takes 1,024
_ENCRYPTED_AT_ONCE: Final = 262_144  # bytes
_LINGER: Final = 1.0  # seconds that a refused peer gets to read why


class Stream(Protocol):
    """What moves the bytes of one connection."""

    def receive(self, timeout: float | None) -> memoryview:
        """Wait for bytes; the view is valid until the next call, empty at the end.

        Args:
            timeout: Seconds; 0 takes what is there, None waits for ever.

        Raises:
            TimeoutError: none came in time.
            OSError: the connection is broken.
        """
        ...

    def send(self, buffers: Sequence[BytesLike], timeout: float) -> None:
        """Write all of `buffers`.

        Raises:
            TimeoutError: the peer did not take all of it within `timeout` seconds.
            OSError: the connection is broken.
        """
        ...

    def interrupt(self) -> None:
        """End a `receive` that waits in another thread, as if the peer had closed."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class SharedSocket:
    """A connected socket that one thread uses and any thread may shut.

    Shutting and closing exclude one another: a descriptor that was closed may belong to
    somebody else the moment after.
    """

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self._lock = threading.Lock()

    def shut(self, how: int) -> None:
        """End one direction or both (`socket.SHUT_RD`, `socket.SHUT_RDWR`), if it is open."""
        with self._lock, suppress(OSError):  # the peer may have gone already
            self.raw.shutdown(how)

    def close(self) -> None:
        """Close it; again does nothing."""
        with self._lock:
            self.raw.close()


class PlainStream:
    """A socket without TLS."""

    def __init__(self, connection: SharedSocket) -> None:
        self._shared = connection
        self._socket = connection.raw
        _prepare(self._socket)
        self._buffer = memoryview(bytearray(SMALL_BUFFER))

    def receive(self, timeout: float | None) -> memoryview:
        """See `Stream`."""
        count = _receive_into(self._socket, self._buffer, timeout)
        received = self._buffer[:count]
        if count == SMALL_BUFFER == len(self._buffer):
            self._buffer = memoryview(bytearray(LARGE_BUFFER))
        return received

    def send(self, buffers: Sequence[BytesLike], timeout: float) -> None:
        """See `Stream`."""
        deadline = time.monotonic() + timeout
        waiting = [memoryview(one).cast("B") for one in buffers]
        at = 0
        while at < len(waiting):
            self._socket.settimeout(_left(deadline))
            sent = self._socket.sendmsg(waiting[at : at + _VECTORS_AT_ONCE])
            while at < len(waiting) and sent >= len(waiting[at]):
                sent -= len(waiting[at])
                at += 1
            if sent:
                waiting[at] = waiting[at][sent:]

    def interrupt(self) -> None:
        """See `Stream`."""
        self._shared.shut(socket.SHUT_RD)

    def close(self) -> None:
        """See `Stream`."""
        self._shared.close()


class TLSStream:
    """A socket under TLS; nothing is read or sent before `handshake`."""

    def __init__(
        self,
        connection: SharedSocket,
        context: ssl.SSLContext,
        *,
        server_hostname: str | None = None,
    ) -> None:
        self._shared = connection
        self._socket = connection.raw
        _prepare(self._socket)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_hostname is None,
            server_hostname=server_hostname,
        )
        self._raw = memoryview(bytearray(SMALL_BUFFER))
        # With room for one record more than was read: what the raw buffer holds fits in.
        self._buffer = memoryview(bytearray(SMALL_BUFFER + _RECORD))

    def handshake(self, timeout: float) -> None:
        """Shake hands within `timeout` seconds, all told.

        Raises:
            ProtocolError: no agreement, or a certificate does not hold; the peer was told.
            TimeoutError: the peer let the time run out.
            OSError: the peer went away.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._send_encrypted(deadline)
                if not self._receive_raw(_left(deadline)):
                    raise ConnectionResetError("the peer left during the handshake") from None
            except ssl.SSLError as error:
                with suppress(OSError):
                    self._send_encrypted(deadline)
                    self._linger()
                raise ProtocolError(f"the TLS handshake failed: {_reason(error)}") from error
            else:
                self._send_encrypted(deadline)
                return

    @property
    def peer_certificate_sha256(self) -> str | None:
        """Fingerprint of the peer's certificate, if it showed one."""
        der = self._tls.getpeercert(binary_form=True)
        return None if der is None else fingerprint(der)

    @property
    def version(self) -> str:
        """`TLSv1.3` or `TLSv1.2`."""
        return self._tls.version() or ""

    def receive(self, timeout: float | None) -> memoryview:
        """See `Stream`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            count = self._decrypt()
            if count is None:
                return self._buffer[:0]
            if count:
                received = self._buffer[:count]
                if len(self._raw) == SMALL_BUFFER and count >= _RECORD:
                    self._raw = memoryview(bytearray(LARGE_BUFFER))
                    self._buffer = memoryview(bytearray(LARGE_BUFFER + _RECORD))
                return received
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            if not self._receive_raw(left):
                return self._buffer[:0]

    def send(self, buffers: Sequence[BytesLike], timeout: float) -> None:
        """See `Stream`."""
        deadline = time.monotonic() + timeout
        together: list[BytesLike] = []
        length = 0
        for buffer in buffers:
            # Joined, since each write makes a record of its own.
            together.append(buffer)
            length += len(buffer)
            if length >= _ENCRYPTED_AT_ONCE:
                self._encrypt(together, deadline)
                together, length = [], 0
        if together:
            self._encrypt(together, deadline)

    def interrupt(self) -> None:
        """See `Stream`."""
        self._shared.shut(socket.SHUT_RD)

    def close(self) -> None:
        """See `Stream`. Says that it closes, without waiting for anything."""
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        with suppress(OSError):
            self._socket.settimeout(0.0)
            self._socket.send(self._outgoing.read())
        self._shared.close()

    def _decrypt(self) -> int | None:
        """Decrypt what has come into the buffer; None at the end of the stream."""
        at = 0
        try:
            while at + _RECORD <= len(self._buffer):
                count = cast("int", self._tls.read(_RECORD, self._buffer[at:]))
                if not count:
                    return at or None
                at += count
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            # Said to the peer where it can still be said; what came before is not believed.
            with suppress(OSError):
                self._send_encrypted(time.monotonic() + _LINGER)
            raise ConnectionAbortedError(f"TLS was broken off: {_reason(error)}") from error
        if self._outgoing.pending:  # answers to key updates
            self._send_encrypted(time.monotonic() + _LINGER)
        return at

    def _encrypt(self, buffers: list[BytesLike], deadline: float) -> None:
        self._tls.write(buffers[0] if len(buffers) == 1 else b"".join(buffers))
        self._send_encrypted(deadline)

    def _receive_raw(self, timeout: float | None) -> int:
        count = _receive_into(self._socket, self._raw, timeout)
        if count:
            self._incoming.write(self._raw[:count])
        return count

    def _send_encrypted(self, deadline: float) -> None:
        if self._outgoing.pending:
            self._socket.settimeout(_left(deadline))
            self._socket.sendall(self._outgoing.read())

    def _linger(self) -> None:
        """Let the peer read why it was refused: closing over unread bytes would reset."""
        deadline = time.monotonic() + _LINGER
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while _receive_into(self._socket, self._raw, _left(deadline)):
                pass


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's reason in words, without its source lines."""
    return (error.reason or type(error).__name__).replace("_", " ").lower()


def _prepare(connection: socket.socket) -> None:
    # Small answers must not wait for Nagle's algorithm.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _receive_into(connection: socket.socket, buffer: memoryview, timeout: float | None) -> int:
    connection.settimeout(timeout)
    try:
        count = connection.recv_into(buffer)
    except BlockingIOError:  # what `TimeoutError` is called where the timeout is 0
        raise TimeoutError("nothing is there") from None
    # A peer with Nagle's algorithm on waits for our ACK before it sends the rest of a message;
    # the kernel clears this after a while, hence again each time.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    return count


def _left(deadline: float) -> float:
    """Seconds until `deadline`.

    Raises:
        TimeoutError: it has passed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is out")
    return left
