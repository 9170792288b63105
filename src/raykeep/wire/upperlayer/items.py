"""Items inside association PDUs: their framing, and what user information says (PS3.7 D.3.3)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from raykeep.domain.errors import InvalidUID, LimitExceeded, ProtocolError
from raykeep.domain.uids import UID

_HEADER = struct.Struct(">BBH")
MAX_LENGTH = 0xFFFF  # what a length field of two bytes can say


class ItemType(IntEnum):
    """Types of the items of association PDUs (PS3.8 9.3.2 and 9.3.3; PS3.7 D.3.3)."""

    APPLICATION_CONTEXT = 0x10
    PROPOSED_CONTEXT = 0x20
    CONTEXT_RESULT = 0x21
    ABSTRACT_SYNTAX = 0x30
    TRANSFER_SYNTAX = 0x40
    USER_INFORMATION = 0x50
    MAXIMUM_LENGTH = 0x51
    IMPLEMENTATION_CLASS_UID = 0x52
    ASYNCHRONOUS_OPERATIONS = 0x53
    ROLE_SELECTION = 0x54
    IMPLEMENTATION_VERSION_NAME = 0x55
    EXTENDED_NEGOTIATION = 0x56
    COMMON_EXTENDED_NEGOTIATION = 0x57
    USER_IDENTITY = 0x58
    USER_IDENTITY_RESPONSE = 0x59


class UserIdentityType(IntEnum):
    """How a requestor says who its user is (PS3.7 table D.3-14)."""

    USERNAME = 1
    USERNAME_AND_PASSCODE = 2
    KERBEROS = 3
    SAML = 4
    JWT = 5


@dataclass(frozen=True, slots=True)
class RoleSelection:
    """SCP/SCU role selection of one SOP class, seen from the requestor (PS3.7 D.3.3.4)."""

    sop_class_uid: UID
    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True)
class ExtendedNegotiation:
    """SOP class extended negotiation; the service class defines the bytes (PS3.7 D.3.3.5)."""

    sop_class_uid: UID
    application_information: bytes


@dataclass(frozen=True, slots=True)
class CommonExtendedNegotiation:
    """SOP class common extended negotiation (PS3.7 D.3.3.6)."""

    sop_class_uid: UID
    service_class_uid: UID
    related_general_sop_class_uids: tuple[UID, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class UserIdentity:
    """The user for whom the requestor speaks (PS3.7 D.3.3.7).

    `type` is a `UserIdentityType`, or another number that a newer edition knows.
    The fields hold credentials, so that they stay out of `repr`.
    """

    type: int
    positive_response_requested: bool
    primary_field: bytes
    secondary_field: bytes = b""

    def __repr__(self) -> str:
        return f"UserIdentity(type={self.type})"


@dataclass(frozen=True, slots=True)
class AsynchronousOperations:
    """How many operations may be outstanding; 0 means any number (PS3.7 D.3.3.3)."""

    max_invoked: int = 1
    max_performed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInformation:
    """The user information item of an A-ASSOCIATE-RQ or -AC.

    `max_pdu_length` is what the sender of the item takes, in bytes after the
    PDU header; 0 means no limit (PS3.8 D.1).
    """

    max_pdu_length: int = 0
    implementation_class_uid: UID | None = None
    implementation_version_name: str = ""
    asynchronous_operations: AsynchronousOperations | None = None
    roles: tuple[RoleSelection, ...] = ()
    extended: tuple[ExtendedNegotiation, ...] = ()
    common_extended: tuple[CommonExtendedNegotiation, ...] = ()
    user_identity: UserIdentity | None = None  # in a request
    user_identity_response: bytes | None = None  # in an answer


# --- framing -----------------------------------------------------------------------------------


def item(item_type: int, value: bytes, second_byte: int = 0) -> bytes:
    """Frame one item: type, reserved byte, length, value."""
    if len(value) > MAX_LENGTH:
        raise LimitExceeded("length of an association item", len(value), MAX_LENGTH, "bytes")
    return _HEADER.pack(item_type, second_byte, len(value)) + value


def items(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk over items, yielding type and value.

    Raises:
        ProtocolError: an item does not end where its parent ends.
    """
    at, end = 0, len(raw)
    while at < end:
        if end - at < _HEADER.size:
            raise ProtocolError("an association item ends within its header")
        item_type, _, length = _HEADER.unpack_from(raw, at)
        at += _HEADER.size
        if length > end - at:
            raise ProtocolError(
                f"association item {item_type:02X}H claims {length} bytes where {end - at} are left"
            )
        yield item_type, raw[at : at + length]
        at += length


def uid_or_none(raw: bytes) -> UID | None:
    """Read a UID as it stands in an item; None when it is not one.

    One odd private SOP class must not cost a modality its association: who
    gets None treats the context as unknown.
    """
    try:
        return UID.parse(raw)
    except InvalidUID:
        return None
