"""Plain and TLS streams over real sockets."""

import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from raykeep.domain.errors import ProtocolError
from raykeep.transport.streams import (
    LARGE_BUFFER,
    PlainStream,
    SharedSocket,
    Stream,
    TLSStream,
)
from raykeep.transport.tls import client_context, server_context
from tests.fakes.pki import pair_of, pki, sha256_of

DEVICE = pki().device("CT01")


def sockets() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), 5)
        server, _ = listener.accept()
    return client, server


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def server_side(raw: socket.socket) -> TLSStream:
    context = server_context(pki().server_pairs, client_ca_pem=pki().client_ca_pem)
    return TLSStream(SharedSocket(raw), context)


def client_side(raw: socket.socket, **changes: object) -> TLSStream:
    context = client_context(pki().root_pem, pair_of(DEVICE))
    for name, value in changes.items():
        setattr(context, name, value)
    return TLSStream(SharedSocket(raw), context, server_hostname="localhost")


Pair = tuple[Stream, Stream]


@pytest.fixture(params=["plain", "TLSv1.2", "TLSv1.3"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two ends, client's first."""
    left, right = sockets()
    client: Stream
    server: Stream
    if request.param == "plain":
        client, server = PlainStream(SharedSocket(left)), PlainStream(SharedSocket(right))
    else:
        version = getattr(ssl.TLSVersion, request.param.replace(".", "_"))
        tls_client = client_side(left, maximum_version=version)
        tls_server = server_side(right)
        greeting = in_background(lambda: tls_client.handshake(5))
        tls_server.handshake(5)
        greeting.join()
        assert tls_server.version == request.param
        client, server = tls_client, tls_server
    yield client, server
    client.close()
    server.close()


def read_all(stream: Stream) -> tuple[str, int, int]:
    digest, length, reads = hashlib.sha256(), 0, 0
    while view := stream.receive(5):
        digest.update(view)
        length += len(view)
        reads += 1
    return digest.hexdigest(), length, reads


def test_bytes_arrive_as_they_were_sent(pair: Pair):
    client, server = pair
    pieces = [bytes([number % 256]) * (number * 37 % 5000) for number in range(2000)]

    def send() -> None:
        client.send(pieces, 10)
        client.close()

    sending = in_background(send)
    digest, _, _ = read_all(server)
    sending.join()

    assert digest == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_much_data_comes_in_few_reads(pair: Pair):
    client, server = pair
    total = 64 * LARGE_BUFFER

    def send() -> None:
        block = bytes(131_078)
        for _ in range(total // len(block)):
            client.send([block], 10)
        client.close()

    sending = in_background(send)
    _, length, reads = read_all(server)
    sending.join()

    # A loop over single TLS records would need 32 reads for each half mebibyte.
    assert length / reads > 2 * 16_384


def test_views_stay_as_they_are_until_the_next_read(pair: Pair):
    client, server = pair
    client.send([b"first"], 5)
    view = server.receive(5)
    client.send([b"second"], 5)

    assert bytes(view) == b"first"


def test_no_bytes_within_the_time_is_a_timeout(pair: Pair):
    _, server = pair
    begun = time.monotonic()

    with pytest.raises(TimeoutError):
        server.receive(0.2)

    assert 0.15 < time.monotonic() - begun < 1.0


def test_a_look_without_waiting_finds_nothing_or_what_is_there(pair: Pair):
    client, server = pair
    with pytest.raises(TimeoutError):
        server.receive(0.0)

    client.send([b"here"], 5)
    time.sleep(0.1)

    assert bytes(server.receive(0.0)) == b"here"


def test_the_end_of_the_stream_is_an_empty_view(pair: Pair):
    client, server = pair
    client.close()

    assert not server.receive(5)


def test_a_peer_that_does_not_read_is_not_waited_for_for_ever(pair: Pair):
    client, _ = pair
    begun = time.monotonic()

    with pytest.raises(TimeoutError):
        client.send([bytes(65_536)] * 1000, 0.5)

    assert time.monotonic() - begun < 3


def test_an_interruption_ends_a_read_and_leaves_the_way_out_open(pair: Pair):
    client, server = pair
    threading.Timer(0.1, server.interrupt).start()

    assert not server.receive(10)

    server.send([b"abort"], 5)
    assert bytes(client.receive(5)) == b"abort"


def test_cutting_ends_a_send(pair: Pair):
    client, _ = pair
    shared = client._shared
    threading.Timer(0.1, lambda: shared.shut(socket.SHUT_RDWR)).start()
    begun = time.monotonic()

    with pytest.raises(OSError, match=r"pipe|reset|Bad file"):
        client.send([bytes(65_536)] * 1000, 30)

    assert time.monotonic() - begun < 5


def test_closing_twice_and_shutting_after_is_harmless(pair: Pair):
    client, _ = pair
    client.close()
    client.close()
    client.interrupt()


def test_the_fingerprint_is_that_of_the_client():
    left, right = sockets()
    client, server = client_side(left), server_side(right)
    greeting = in_background(lambda: client.handshake(5))
    server.handshake(5)
    greeting.join()

    assert server.peer_certificate_sha256 == sha256_of(DEVICE)
    client.close()
    server.close()


def test_a_handshake_has_one_deadline_for_all_of_it():
    left, right = sockets()
    server = server_side(right)
    stop = threading.Event()

    def dribble() -> None:
        hello = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + bytes(500)
        with suppress(OSError):
            for byte in hello:
                left.sendall(bytes([byte]))
                if stop.wait(0.05):
                    return

    dribbling = in_background(dribble)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        server.handshake(0.5)

    assert time.monotonic() - begun < 1.5
    stop.set()
    dribbling.join()
    left.close()
    server.close()


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.0\r\n\r\n", bytes(100), b"\x01\x00" + bytes(80)]
)
def test_what_is_no_handshake_is_refused(garbage: bytes):
    left, right = sockets()
    server = server_side(right)
    left.sendall(garbage)
    left.shutdown(socket.SHUT_WR)

    with pytest.raises(ProtocolError, match="handshake failed"):
        server.handshake(2)
    # No banner: an alert record, or nothing.
    left.settimeout(2)
    answer = left.recv(100)
    assert not answer or answer[0] == 0x15
    left.close()
    server.close()


def test_a_client_without_a_certificate_is_told_so():
    left, right = sockets()
    server = server_side(right)
    context = client_context(pki().root_pem)
    client = TLSStream(SharedSocket(left), context, server_hostname="localhost")
    failures: list[BaseException] = []

    def greet() -> None:
        client.handshake(5)
        try:
            client.receive(5)  # TLS 1.3 tells it after the client's own handshake
        except OSError as error:
            failures.append(error)

    greeting = in_background(greet)
    with pytest.raises(ProtocolError, match="peer did not return a certificate"):
        server.handshake(5)
    server.close()
    greeting.join()

    assert "certificate required" in str(failures[0])
    client.close()


def test_a_peer_that_leaves_during_the_handshake_is_noticed_at_once():
    left, right = sockets()
    server = server_side(right)
    left.close()

    with pytest.raises(ConnectionResetError):
        server.handshake(5)
    server.close()


class Tamperer:
    """Flips a bit in what passes, once it is told to."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.tampers = False
        self.thread = in_background(lambda: self._carry(source, target))

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := bytearray(source.recv(65_536)):
                if self.tampers:
                    data[-1] ^= 1
                target.sendall(data)


def test_a_changed_record_ends_the_connection():
    left, between = sockets()
    beyond, right = sockets()
    client, server = client_side(left), server_side(right)
    there, back = Tamperer(between, beyond), Tamperer(beyond, between)
    greeting = in_background(lambda: client.handshake(5))
    server.handshake(5)
    greeting.join()

    there.tampers = True
    client.send([b"store this"], 5)
    with pytest.raises(ConnectionAbortedError, match="bad record mac"):
        server.receive(5)

    for one in (client, server):
        one.close()
    for raw in (between, beyond):
        SharedSocket(raw).shut(socket.SHUT_RDWR)
        raw.close()
    there.thread.join()
    back.thread.join()
