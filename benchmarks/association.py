"""A lean requestor of associations: what it costs must not be what is measured.

One operation at a time, TCP_NODELAY, whole objects handed to the kernel in one call.
"""

import socket
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.corpus import Instance
from benchmarks.encoding import EXPLICIT_VR_LITTLE_ENDIAN
from benchmarks.failures import BenchmarkFailed
from raykeep.domain.ae_title import AETitle
from raykeep.domain.uids import UID
from raykeep.wire.buffers import BytesLike
from raykeep.wire.dimse.codec import encode as encode_command
from raykeep.wire.dimse.commands import CEchoRQ, CFindRQ, CStoreRQ, Priority
from raykeep.wire.dimse.elements import ELEMENTS, read_elements
from raykeep.wire.dimse.exchange import fragment
from raykeep.wire.dimse.statuses import PENDING, PENDING_OPTIONAL_KEYS_UNSUPPORTED, SUCCESS
from raykeep.wire.upperlayer.decoding import decode
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.items import UserInformation
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.pdu import (
    AssociateAC,
    AssociateRQ,
    ContextResultCode,
    PDUType,
    ProposedContext,
    ReleaseRQ,
)

STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
VERIFICATION: Final = "1.2.840.10008.1.1"

_TIMEOUT: Final = 120.0  # seconds for any answer
_MAX_PDU_LENGTH: Final = 131_072  # bytes that we take
_MAX_PDU_LENGTH_SENT: Final = 1_048_576  # bytes, where a peer names no limit
_MAX_BUFFERS: Final = 512  # of one sendmsg(2); IOV_MAX is 1024
_HEADER = struct.Struct(">BxI")
_PDV = struct.Struct(">IBB")
_COMMAND, _LAST = 1, 2  # bits of the message control header, PS3.8 E.2
_STATUS: Final = ELEMENTS["status"].number
_LIMITS: Final = UpperLayerLimits()


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a device: its key, its certificate, and whom it trusts."""

    key: Path
    certificate: Path
    ca: Path

    def context(self) -> ssl.SSLContext:
        """A client's context, the same towards every server."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True, slots=True)
class Acceptor:
    """A DICOM server on loopback, and how it wants to be called."""

    port: int
    called: str
    calling: str
    tls: TlsFiles | None = None


class Association:
    """An open association that proposes each SOP class with explicit VR little endian.

    Raises:
        BenchmarkFailed: the association, or a presentation context, was refused.
    """

    def __init__(self, acceptor: Acceptor, sop_classes: Sequence[str]) -> None:
        plain = socket.create_connection(("127.0.0.1", acceptor.port), timeout=_TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._is_tls = acceptor.tls is not None
        self._socket: socket.socket = (
            plain
            if acceptor.tls is None
            else acceptor.tls.context().wrap_socket(plain, server_hostname="127.0.0.1")
        )
        self._received = bytearray()
        self._message_id = 0
        self._contexts = {uid: 2 * at + 1 for at, uid in enumerate(sop_classes)}
        self._max_pdu_length = self._associate(acceptor)

    def _associate(self, acceptor: Acceptor) -> int:
        request = AssociateRQ(
            called_ae_title=AETitle(acceptor.called),
            calling_ae_title=AETitle(acceptor.calling),
            contexts=tuple(
                ProposedContext(number, UID(uid), (UID(EXPLICIT_VR_LITTLE_ENDIAN),))
                for uid, number in self._contexts.items()
            ),
            user_information=UserInformation(
                max_pdu_length=_MAX_PDU_LENGTH, implementation_class_uid=UID("2.25.1")
            ),
        )
        self._socket.sendall(encode(request))
        pdu_type, body = self._pdu()
        answer = decode(pdu_type, body, _LIMITS)
        if not isinstance(answer, AssociateAC):
            msg = f"port {acceptor.port} refused the association: {answer}"
            raise BenchmarkFailed(msg)
        if any(one.result != ContextResultCode.ACCEPTANCE for one in answer.results):
            msg = f"port {acceptor.port} refused a presentation context: {answer.results}"
            raise BenchmarkFailed(msg)
        return answer.user_information.max_pdu_length or _MAX_PDU_LENGTH_SENT

    def echo(self) -> None:
        """C-ECHO."""
        request = CEchoRQ(message_id=self._next_id(), affected_sop_class_uid=UID(VERIFICATION))
        self._send(VERIFICATION, encode_command(request), None)
        self._expect_success()

    def store(self, instance: Instance) -> None:
        """C-STORE; raises `BenchmarkFailed` unless it was stored."""
        request = CStoreRQ(
            message_id=self._next_id(),
            affected_sop_class_uid=UID(instance.sop_class_uid),
            affected_sop_instance_uid=UID(instance.sop_instance_uid),
            priority=Priority.MEDIUM,
        )
        self._send(instance.sop_class_uid, encode_command(request), instance.pieces)
        self._expect_success()

    def find(self, identifier: bytes) -> int:
        """C-FIND in the study root; returns the number of matches."""
        request = CFindRQ(message_id=self._next_id(), affected_sop_class_uid=UID(STUDY_ROOT_FIND))
        self._send(STUDY_ROOT_FIND, encode_command(request), (identifier,))
        matches = 0
        while (status := self._status()) in {PENDING, PENDING_OPTIONAL_KEYS_UNSUPPORTED}:
            matches += 1
        if status != SUCCESS:
            msg = f"C-FIND ended with status {status:04X}H"
            raise BenchmarkFailed(msg)
        return matches

    def release(self) -> None:
        """A-RELEASE, and close."""
        self._socket.sendall(encode(ReleaseRQ()))
        pdu_type, _ = self._pdu()
        self._socket.close()
        if pdu_type != PDUType.RELEASE_RP:
            msg = f"a release was answered by a PDU of type {pdu_type:02X}H"
            raise BenchmarkFailed(msg)

    def _next_id(self) -> int:
        self._message_id = self._message_id % 65_535 + 1
        return self._message_id

    def _send(
        self, sop_class_uid: str, command: bytes, data_set: Sequence[BytesLike] | None
    ) -> None:
        context = self._contexts[sop_class_uid]
        pdus = fragment(context, command, data_set, self._max_pdu_length)
        if self._is_tls:
            for pdu in pdus:
                self._socket.sendall(b"".join(pdu))
            return
        buffers = [buffer for pdu in pdus for buffer in pdu]
        for at in range(0, len(buffers), _MAX_BUFFERS):
            some = buffers[at : at + _MAX_BUFFERS]
            sent = self._socket.sendmsg(some)
            if sent < sum(map(len, some)):
                self._socket.sendall(b"".join(some)[sent:])

    def _expect_success(self) -> None:
        if (status := self._status()) != SUCCESS:
            msg = f"the server answered with status {status:04X}H"
            raise BenchmarkFailed(msg)

    def _status(self) -> int:
        """The status of the next response; the data set that may follow it is passed over."""
        command = b""
        while True:
            pdu_type, body = self._pdu()
            if pdu_type != PDUType.DATA_TF:
                msg = f"the server sent a PDU of type {pdu_type:02X}H in the middle of its work"
                raise BenchmarkFailed(msg)
            at = 0
            while at < len(body):
                length, _, control = _PDV.unpack_from(body, at)
                if control & _COMMAND:
                    command += body[at + _PDV.size : at + 4 + length]
                    if control & _LAST:
                        return int.from_bytes(read_elements(command)[_STATUS], "little")
                at += 4 + length

    def _pdu(self) -> tuple[int, bytes]:
        self._receive(_HEADER.size)
        pdu_type, length = _HEADER.unpack_from(self._received)
        self._receive(_HEADER.size + length)
        body = bytes(self._received[_HEADER.size : _HEADER.size + length])
        del self._received[: _HEADER.size + length]
        return pdu_type, body

    def _receive(self, length: int) -> None:
        """Receive until `length` bytes are there."""
        while len(self._received) < length:
            piece = self._socket.recv(65_536)
            if not piece:
                msg = "the server closed the connection in the middle of its work"
                raise BenchmarkFailed(msg)
            self._received += piece
