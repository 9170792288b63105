"""Words between the key agent and the archive's processes, and their frames on the socket.

A frame is a length of four bytes, big-endian, and that many bytes of MessagePack.
"""

import socket
import struct
from datetime import datetime

import msgspec

MAX_REQUEST = 131_072  # bytes
MAX_REPLY = 4_194_304  # bytes

_LENGTH = struct.Struct(">I")


class GetSecret(msgspec.Struct, tag=True, frozen=True):
    """Ask for a secret by name."""

    name: str


class GetFacilityKey(msgspec.Struct, tag=True, frozen=True):
    """Ask for a facility's key: one version, or the current one."""

    facility: str
    version: int | None


class ListFacilityKeys(msgspec.Struct, tag=True, frozen=True):
    """Ask which facility keys there are."""


class CreateFacilityKey(msgspec.Struct, tag=True, frozen=True):
    """Have a facility's first key made."""

    facility: str


class IssueCertificate(msgspec.Struct, tag=True, frozen=True):
    """Have a device's certificate issued."""

    ae_title: str
    days: int
    csr_pem: str | None


class GetTrust(msgspec.Struct, tag=True, frozen=True):
    """Ask for the certificates to trust: what others need, or what our listeners need."""

    for_clients: bool


class GetProvider(msgspec.Struct, tag=True, frozen=True):
    """Ask for the name of the root key's provider."""


Request = (
    GetSecret
    | GetFacilityKey
    | ListFacilityKeys
    | CreateFacilityKey
    | IssueCertificate
    | GetTrust
    | GetProvider
)


class Secret(msgspec.Struct, tag=True, frozen=True):
    """A secret, or a facility key with its version."""

    value: bytes
    version: int = 0


class KeyInfo(msgspec.Struct, tag=True, frozen=True):
    """What may be told of a facility key."""

    facility: str
    version: int
    created_at: datetime
    is_current: bool


class KeyInfos(msgspec.Struct, tag=True, frozen=True):
    """All of them."""

    keys: list[KeyInfo]


class Certificate(msgspec.Struct, tag=True, frozen=True):
    """A certificate that was issued."""

    certificate_pem: str
    private_key_pem: str | None
    sha256: str
    not_after: datetime


class Text(msgspec.Struct, tag=True, frozen=True):
    """A text."""

    value: str


class Refused(msgspec.Struct, tag=True, frozen=True):
    """Not done; `is_input` when what was asked with was wrong, not the key."""

    message: str
    is_input: bool


Reply = Secret | KeyInfo | KeyInfos | Certificate | Text | Refused


def _plain(value: object) -> str:
    """Facility names are texts of a type of their own."""
    if isinstance(value, str):
        return str(value)
    msg = f"{type(value).__name__} goes over no key agent's socket"
    raise TypeError(msg)


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class FrameError(Exception):
    """The other side sent what is no frame, or too long a one, or ended in the middle."""


def send(peer: socket.socket, message: Request | Reply) -> None:
    """Send one message.

    Raises:
        OSError: the other side is gone.
    """
    body = _encoder.encode(message)
    peer.sendall(_LENGTH.pack(len(body)) + body)


def receive_request(peer: socket.socket) -> Request | None:
    """The next request, None when the other side has closed.

    Raises:
        FrameError: what came is not a request.
        OSError: the socket is broken.
    """
    body = _receive(peer, MAX_REQUEST)
    try:
        return None if body is None else _requests.decode(body)
    except msgspec.DecodeError as error:
        raise FrameError from error


def receive_reply(peer: socket.socket) -> Reply:
    """The reply to a request.

    Raises:
        FrameError: what came is not a reply, or the other side has closed.
        OSError: the socket is broken.
    """
    body = _receive(peer, MAX_REPLY)
    if body is None:
        raise FrameError
    try:
        return _replies.decode(body)
    except msgspec.DecodeError as error:
        raise FrameError from error


def _receive(peer: socket.socket, limit: int) -> bytes | None:
    head = _exactly(peer, _LENGTH.size)
    if not head:
        return None
    if len(head) < _LENGTH.size:
        raise FrameError
    (length,) = _LENGTH.unpack(head)
    if length > limit:
        raise FrameError
    body = _exactly(peer, length)
    if len(body) < length:
        raise FrameError
    return bytes(body)


def _exactly(peer: socket.socket, count: int) -> bytearray:
    """So many bytes, fewer when the other side has closed."""
    received = bytearray()
    while len(received) < count:
        part = peer.recv(min(count - len(received), 65_536))
        if not part:
            break
        received += part
    return received
