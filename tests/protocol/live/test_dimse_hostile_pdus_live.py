"""Bytes that break PS3.7 and PS3.8: an abort within a second, and no memory (X7)."""

import resource
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path

import pytest

from raykeep.domain.uids import UID
from raykeep.wire.dimse.codec import encode as encode_command
from raykeep.wire.dimse.commands import CEchoRQ, CEchoRSP
from raykeep.wire.dimse.exchange import fragment
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.pdu import PDUType, ProposedContext
from tests.builders import ct_instance
from tests.fakes.dimse_server import RunningServer, StartServer
from tests.fakes.scu import CT, EXPLICIT, VERIFICATION, Scu, associate_rq
from tests.fakes.waiting import until

ECHO = CEchoRQ(message_id=1, affected_sop_class_uid=VERIFICATION)


@pytest.fixture
def plain(start_server: StartServer) -> RunningServer:
    running = start_server()
    running.archive.enroll_plain("OLD01")
    return running


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def answer_to(server: RunningServer, raw: bytes, *, seconds: float = 3.0) -> bytes:
    """All that comes back on a connection of its own."""
    with socket.create_connection(server.plain_address, 5) as client:
        client.settimeout(seconds)
        received = b""
        try:
            client.sendall(raw)
            while data := client.recv(4096):
                received += data
                if received[0] == PDUType.ABORT:
                    break
        except (ConnectionError, TimeoutError):
            pass
    return received


def header(pdu_type: int, length: int) -> bytes:
    return struct.pack(">BxI", pdu_type, length)


@pytest.mark.parametrize(
    "raw",
    [
        header(1, 0xFFFFFFFF) + bytes(1_000_000),
        header(1, 0),
        header(4, 0xFFFFFFFF) + bytes(1_000_000),
        header(5, 4) + bytes(4),
        header(9, 10) + bytes(10),
        b"GET / HTTP/1.1\r\nHost: archive\r\n\r\n",
    ],
    ids=["endless request", "empty request", "endless data", "release", "unknown", "http"],
)
def test_a_stranger_that_breaks_the_protocol_is_aborted_at_once(plain: RunningServer, raw: bytes):
    begun, before = time.monotonic(), resident()

    answer = answer_to(plain, raw)

    assert answer[:1] in {b"", bytes([PDUType.ABORT])}
    assert time.monotonic() - begun < 1
    assert resident() - before < 16_000_000


def test_65_thousand_contexts_are_not_taken_apart(plain: RunningServer):
    context = bytes([0x20, 0, 0, 4, 1, 0, 0, 0])
    body = struct.pack(">H2x16s16s32x", 1, b"RAYKEEP".ljust(16), b"OLD01".ljust(16))
    body += context * 65_000
    begun, before = time.monotonic(), resident()

    answer = answer_to(plain, header(1, len(body)) + body)

    assert answer[:1] == bytes([PDUType.ABORT])
    assert time.monotonic() - begun < 1
    assert resident() - before < 16_000_000


def test_a_request_in_another_protocol_version_is_rejected_and_recorded(plain: RunningServer):
    raw = bytearray(encode(associate_rq("OLD01")))
    raw[6:8] = b"\0\2"

    answer = answer_to(plain, bytes(raw), seconds=1.0)

    assert answer[:1] == bytes([PDUType.ASSOCIATE_RJ])
    assert answer[7:10] == bytes([1, 2, 2])  # permanent, ACSE, protocol version not supported
    assert until(lambda: "protocol version" in plain.archive.records()[-1].reason)


def test_the_most_contexts_that_fit_are_answered(plain: RunningServer):
    asked = associate_rq("OLD01", abstract_syntaxes=[CT] * 128)

    scu = Scu(plain.plain_address, asked)

    assert scu.is_accepted
    assert len(scu.association.contexts) == 128
    scu.release()


def test_a_request_that_dribbles_in_is_not_waited_for(start_server: StartServer):
    server = start_server(artim_timeout=0.6, pdu_timeout=0.6)
    server.archive.enroll_plain("OLD01")
    raw = encode(associate_rq("OLD01"))
    begun = time.monotonic()

    def dribble(client: socket.socket) -> None:
        for byte in raw:
            client.sendall(bytes([byte]))
            time.sleep(0.02)

    with (
        socket.create_connection(server.plain_address, 5) as client,
        pytest.raises(ConnectionError),
    ):
        dribble(client)

    assert time.monotonic() - begun < 3


def test_a_pdu_that_dribbles_in_is_not_waited_for(start_server: StartServer):
    server = start_server(pdu_timeout=0.6)
    server.archive.enroll_plain("OLD01")
    scu = server.call_plain("OLD01")
    scu.stream.send([header(4, 1000)], 5)
    begun = time.monotonic()

    answer = b""
    while not answer and time.monotonic() - begun < 5:
        scu.stream.send([b"\0"], 5)
        with suppress(TimeoutError):
            answer = bytes(scu.stream.receive(0.02))

    assert answer[:1] == bytes([PDUType.ABORT])
    assert time.monotonic() - begun < 3
    scu.close()


def test_a_dribble_of_whole_messages_is_served(plain: RunningServer):
    scu = plain.call_plain("OLD01")
    (pdu,) = fragment(scu.context_of(VERIFICATION), encode_command(ECHO), None, 16_384)

    for byte in b"".join(bytes(buffer) for buffer in pdu):
        scu.stream.send([bytes([byte])], 5)

    assert scu.response().status == 0
    scu.release()


def breach(scu: Scu, *buffers: bytes) -> bytes:
    """What comes back when an established association sends this."""
    begun = time.monotonic()
    scu.stream.send(buffers, 5)
    answer = bytes(scu.stream.receive(5))
    assert time.monotonic() - begun < 1
    scu.close()
    return answer


@pytest.mark.parametrize(
    "raw",
    [
        header(4, 0xFFFFFFFF) + bytes(100),
        header(4, 10) + struct.pack(">IBB", 1000, 1, 3) + bytes(4),
        header(4, 6) + struct.pack(">IBB", 2, 99, 3),
        header(4, 106) + struct.pack(">IBB", 102, 1, 2) + bytes(100),
        header(4, 106) + struct.pack(">IBB", 102, 1, 3) + bytes(100),
        header(1, 100) + bytes(100),
        header(6, 4) + bytes(4),
    ],
    ids=[
        "endless", "value longer than its pdu", "unknown context", "data without command",
        "command that is none", "second request", "release response",
    ],
)  # fmt: skip
def test_a_device_that_breaks_the_protocol_is_aborted(plain: RunningServer, raw: bytes):
    scu = plain.call_plain("OLD01")

    assert breach(scu, raw)[:1] == bytes([PDUType.ABORT])


def test_a_response_that_answers_nothing_ends_the_association(plain: RunningServer):
    scu = plain.call_plain("OLD01")
    response = CEchoRSP(message_id_being_responded_to=1, status=0)
    (pdu,) = fragment(scu.context_of(VERIFICATION), encode_command(response), None, 16_384)

    assert breach(scu, *map(bytes, pdu))[:1] == bytes([PDUType.ABORT])


def test_an_endless_command_set_ends_the_association(plain: RunningServer):
    scu = plain.call_plain("OLD01")
    piece = struct.pack(">BxIIBB", 4, 10_006, 10_002, 1, 1) + bytes(10_000)

    assert breach(scu, piece, piece)[:1] == bytes([PDUType.ABORT])


def test_data_beyond_the_announced_length_is_borne_within_a_limit(plain: RunningServer):
    scu = plain.call_plain("OLD01")
    built = ct_instance(rows=400, columns=600)
    # PDUs of half a mebibyte, where 128 KiB were announced: some modalities do that.
    pdus = fragment(
        scu.context_of(CT), encode_command(scu.store_rq(built)), [built.data_set], 524_288
    )

    for pdu in pdus:
        scu.stream.send(pdu, 5)

    assert scu.response().status == 0
    scu.release()


def test_a_proposal_of_nonsense_leaves_the_rest_of_the_association(plain: RunningServer):
    asked = associate_rq("OLD01")
    nonsense = ProposedContext(99, UID("1.2.3.4.5.6"), (EXPLICIT,))
    asked = type(asked)(
        called_ae_title=asked.called_ae_title,
        calling_ae_title=asked.calling_ae_title,
        contexts=(*asked.contexts, nonsense),
        user_information=asked.user_information,
    )

    scu = Scu(plain.plain_address, asked)

    assert scu.result_of(UID("1.2.3.4.5.6")) == 3
    assert scu.echo().status == 0
    scu.release()
