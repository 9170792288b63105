"""X7: PDUs that are endless, cut or crowded end their own association, and cost nothing."""

import socket
import ssl
import struct
import time
from contextlib import suppress
from typing import Any

import pytest

from raykeep.wire.dimse.codec import encode as encode_command
from raykeep.wire.dimse.commands import CEchoRQ
from raykeep.wire.dimse.exchange import fragment
from raykeep.wire.upperlayer.encoding import encode
from tests.fakes.scu import VERIFICATION, Scu, associate_rq
from tests.running import RunningArchive
from tests.security.callers import PeakMemory, calling, dimse_address, tls_context

ABORT, REJECT = 7, 3
SOON = 5.0  # seconds until the archive has had enough
MOST_MEMORY = 16 * 1_048_576  # bytes


def header(pdu_type: int, length: int) -> bytes:
    return struct.pack(">BxI", pdu_type, length)


def request(body_items: bytes) -> bytes:
    """An A-ASSOCIATE-RQ with any items."""
    body = struct.pack(">H2x16s16s32x", 1, b"RAYKEEP".ljust(16), b"ATTACKER".ljust(16))
    return header(1, len(body) + len(body_items)) + body + body_items


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


APPLICATION = item(0x10, b"1.2.840.10008.3.1.1.1")


def context(number: int, syntaxes: int) -> bytes:
    abstract = item(0x30, b"1.2.840.10008.1.1")
    transfers = item(0x40, b"1.2.840.10008.1.2") * syntaxes
    return item(0x20, struct.pack(">B3x", number) + abstract + transfers)


ENDLESS = bytes(8_000_000)
BEFORE_ASSOCIATION = {
    "a request of 4 GiB": header(1, 0xFFFFFFFF) + ENDLESS,
    "a request of nothing": header(1, 0),
    "data of 4 GiB before the request": header(4, 0xFFFFFFFF) + ENDLESS,
    "an unknown PDU": header(99, 8) + bytes(8),
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: archive\r\n\r\n",
    "noise": bytes((n * 89 + 7) % 256 for n in range(4096)),
    "65,000 contexts": request(APPLICATION + item(0x20, bytes([1, 0, 0, 0])) * 65_000),
    "128 contexts of 100 syntaxes": request(
        APPLICATION + b"".join(context(2 * n + 1, 100) for n in range(128))
    ),
    "user information of 64 kB": request(
        APPLICATION + context(1, 1) + item(0x50, item(0x51, bytes(4)) + item(0x55, b"x" * 65_000))
    ),
    "10,000 items of user information": request(
        APPLICATION + context(1, 1) + item(0x50, item(0x51, bytes(4)) + item(0x58, b"") * 10_000)
    ),
    "an item longer than the request": request(struct.pack(">BxH", 0x10, 60_000) + b"1.2"),
}


@pytest.mark.parametrize("what", BEFORE_ASSOCIATION)
def test_a_requestor_that_floods_is_turned_away(
    archive: RunningArchive, device: dict[str, Any], what: str
) -> None:
    memory, begun = PeakMemory(archive, "dimse"), time.monotonic()
    context = tls_context(archive.ca, device)
    received = b""
    with (
        socket.create_connection(dimse_address(archive), 10) as raw,
        context.wrap_socket(raw) as tls,
    ):
        tls.settimeout(SOON)
        # The archive may have gone before all is sent.
        with suppress(ConnectionError, ssl.SSLError, TimeoutError):
            tls.sendall(BEFORE_ASSOCIATION[what])
        with suppress(ConnectionError, ssl.SSLError):
            received = tls.recv(4096)

    assert received[:1] in {b"", bytes([ABORT]), bytes([REJECT])}
    assert time.monotonic() - begun < SOON
    assert memory.growth < MOST_MEMORY
    _serves_others(archive, device)


def pdv(context_id: int, control: int, value: bytes) -> bytes:
    return struct.pack(">IBB", len(value) + 2, context_id, control) + value


ESTABLISHED = {
    "data of 4 GiB": header(4, 0xFFFFFFFF) + ENDLESS,
    "data of 2 MiB in one PDU": header(4, 2_097_152) + bytes(2_097_152),
    "a value longer than its PDU": header(4, 10) + struct.pack(">IBB", 1000, 1, 3) + bytes(4),
    "a value of nothing": header(4, 4) + struct.pack(">I", 0),
    "values without end in one PDU": header(4, 6 * 100_000) + pdv(1, 1, b"") * 100_000,
    "an endless command": (header(4, 60_006) + pdv(1, 1, bytes(60_000))) * 10,
    "a command that is none": header(4, 106) + pdv(1, 3, bytes(100)),
    "data without a command": header(4, 106) + pdv(1, 2, bytes(100)),
    "an unknown context": header(4, 6) + pdv(99, 3, b""),
    "a second request": encode(associate_rq("ATTACKER")),
    "a release response": header(6, 4) + bytes(4),
}


@pytest.mark.parametrize("what", ESTABLISHED)
def test_a_device_that_floods_is_aborted(
    archive: RunningArchive, device: dict[str, Any], what: str
) -> None:
    memory, begun = PeakMemory(archive, "dimse"), time.monotonic()
    with calling(archive, device) as scu:
        with suppress(OSError, TimeoutError):
            scu.stream.send([ESTABLISHED[what]], SOON)
        answer = _answer(scu)

    assert answer[:1] in {b"", bytes([ABORT])}
    assert time.monotonic() - begun < SOON
    assert memory.growth < MOST_MEMORY
    _serves_others(archive, device)


def _answer(scu: Scu) -> bytes:
    with suppress(OSError, TimeoutError):
        return bytes(scu.stream.receive(SOON))
    return b""


def test_a_dribble_of_single_bytes_is_served(
    archive: RunningArchive, device: dict[str, Any]
) -> None:
    echo = encode_command(CEchoRQ(message_id=1, affected_sop_class_uid=VERIFICATION))
    with calling(archive, device) as scu:
        (pdu,) = fragment(scu.context_of(VERIFICATION), echo, None, 16_384)
        for byte in b"".join(bytes(buffer) for buffer in pdu):
            scu.stream.send([bytes([byte])], 5)

        assert scu.response().status == 0


def test_a_hundred_aborts_leave_nothing_behind(
    archive: RunningArchive, device: dict[str, Any]
) -> None:
    memory = PeakMemory(archive, "dimse")
    for _ in range(100):
        with calling(archive, device) as scu:
            scu.abort()

    assert memory.growth < MOST_MEMORY
    _serves_others(archive, device)


def _serves_others(archive: RunningArchive, device: dict[str, Any]) -> None:
    with calling(archive, device) as scu:
        assert scu.echo().status == 0
        scu.release()
