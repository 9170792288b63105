"""Items inside association PDUs: framing and user information (PS3.7 D.3.3, PS3.8 9.3 and D)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from raykeep.domain.errors import InvalidUID, LimitExceeded, ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.limits import UpperLayerLimits

_HEADER = struct.Struct(">BBH")
_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_WINDOW = struct.Struct(">HH")


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
    if len(value) > 0xFFFF:  # noqa: PLR2004 - the length field has two bytes
        raise LimitExceeded("length of an association item", len(value), 0xFFFF, "bytes")
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


class _Fields:
    """Reads the fields of one sub-item, strict about where it ends."""

    def __init__(self, raw: bytes, name: str) -> None:
        self._raw, self._at, self._name = raw, 0, name

    def take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._raw):
            raise ProtocolError(f"{self._name} sub-item is cut short")
        taken = self._raw[self._at : end]
        self._at = end
        return taken

    def sized(self) -> bytes:
        """A two-byte length and as many bytes."""
        return self.take(_U16.unpack(self.take(2))[0])

    def rest(self) -> bytes:
        return self.take(len(self._raw) - self._at)

    def at_end(self) -> bool:
        return self._at == len(self._raw)

    def end(self) -> None:
        if not self.at_end():
            raise ProtocolError(f"{self._name} sub-item is longer than its fields")


def _sized(value: bytes | str) -> bytes:
    raw = value.encode("ascii") if isinstance(value, str) else value
    if len(raw) > 0xFFFF:  # noqa: PLR2004 - the length field has two bytes
        raise LimitExceeded("length of an association field", len(raw), 0xFFFF, "bytes")
    return _U16.pack(len(raw)) + raw


# --- user information --------------------------------------------------------------------------


def encode_user_information(info: UserInformation) -> bytes:
    """Encode the value of the user information item, sub-items in the order of their types."""
    parts = [item(0x51, _U32.pack(info.max_pdu_length))]
    if info.implementation_class_uid is not None:
        parts.append(item(0x52, info.implementation_class_uid.encode("ascii")))
    if (window := info.asynchronous_operations) is not None:
        parts.append(item(0x53, _WINDOW.pack(window.max_invoked, window.max_performed)))
    parts += [
        item(0x54, _sized(role.sop_class_uid) + bytes((role.scu, role.scp))) for role in info.roles
    ]
    if info.implementation_version_name:
        parts.append(item(0x55, info.implementation_version_name.encode("ascii")))
    parts += [
        item(0x56, _sized(one.sop_class_uid) + one.application_information) for one in info.extended
    ]
    for common in info.common_extended:
        related = b"".join(map(_sized, common.related_general_sop_class_uids))
        value = _sized(common.sop_class_uid) + _sized(common.service_class_uid) + _sized(related)
        parts.append(item(0x57, value))
    if (who := info.user_identity) is not None:
        head = bytes((who.type, who.positive_response_requested))
        parts.append(item(0x58, head + _sized(who.primary_field) + _sized(who.secondary_field)))
    if info.user_identity_response is not None:
        parts.append(item(0x59, _sized(info.user_identity_response)))
    return b"".join(parts)


def decode_user_information(raw: bytes, limits: UpperLayerLimits) -> UserInformation:
    """Decode the value of the user information item; unknown sub-items are passed over.

    Raises:
        ProtocolError: lengths do not fit, or a sub-item that stands once is there twice.
        LimitExceeded: more bytes or sub-items than `limits` allow.
    """
    if len(raw) > limits.max_user_information_length:
        allowed = limits.max_user_information_length
        raise LimitExceeded("length of user information", len(raw), allowed, "bytes")
    found = _Found()
    for count, (item_type, value) in enumerate(items(raw), start=1):
        if count > limits.max_user_information_items:
            allowed = limits.max_user_information_items
            raise LimitExceeded("number of user information sub-items", count, allowed)
        reader = _READERS.get(item_type)
        if reader is not None:
            reader(found, _Fields(value, f"user information {item_type:02X}H"))
    return found.collected()


class _Found:
    """Gathers sub-items; `_READERS` says which method reads which type."""

    def __init__(self) -> None:
        self._max_pdu_length = 0
        self._class_uid: UID | None = None
        self._version_name = ""
        self._window: AsynchronousOperations | None = None
        self._roles: list[RoleSelection] = []
        self._extended: list[ExtendedNegotiation] = []
        self._common: list[CommonExtendedNegotiation] = []
        self._identity: UserIdentity | None = None
        self._response: bytes | None = None
        self._seen: set[str] = set()

    def _only_once(self, name: str) -> None:
        if name in self._seen:
            raise ProtocolError(f"the {name} sub-item stands twice in one association PDU")
        self._seen.add(name)

    def maximum_length(self, fields: _Fields) -> None:
        self._only_once("maximum length")
        self._max_pdu_length = _U32.unpack(fields.take(4))[0]
        fields.end()

    def implementation_class(self, fields: _Fields) -> None:
        self._only_once("implementation class UID")
        self._class_uid = uid_or_none(fields.rest())

    def implementation_version(self, fields: _Fields) -> None:
        self._only_once("implementation version name")
        text = fields.rest().decode("ascii", "replace").strip(" \0")
        # Sixteen characters are allowed; the name serves logs alone, so a longer one is cut.
        self._version_name = ascii(text)[1:-1][:16] if not _is_plain(text) else text[:16]

    def window(self, fields: _Fields) -> None:
        self._only_once("asynchronous operations window")
        self._window = AsynchronousOperations(*_WINDOW.unpack(fields.take(4)))
        fields.end()

    def role(self, fields: _Fields) -> None:
        uid = uid_or_none(fields.sized())
        scu, scp = fields.take(2)
        fields.end()
        if uid is not None:
            self._roles.append(RoleSelection(uid, scu=scu == 1, scp=scp == 1))

    def extended(self, fields: _Fields) -> None:
        uid = uid_or_none(fields.sized())
        information = fields.rest()
        if uid is not None:
            self._extended.append(ExtendedNegotiation(uid, information))

    def common_extended(self, fields: _Fields) -> None:
        uid, service = uid_or_none(fields.sized()), uid_or_none(fields.sized())
        inner = _Fields(fields.sized(), "related general SOP class")
        related = []
        while not inner.at_end():
            related.append(uid_or_none(inner.sized()))
        # What follows is reserved for later editions (PS3.7 table D.3-12).
        if uid is not None and service is not None:
            known = tuple(one for one in related if one is not None)
            self._common.append(CommonExtendedNegotiation(uid, service, known))

    def identity(self, fields: _Fields) -> None:
        self._only_once("user identity")
        kind, wants_response = fields.take(2)
        primary, secondary = fields.sized(), fields.sized()
        fields.end()
        self._identity = UserIdentity(kind, wants_response == 1, primary, secondary)

    def identity_response(self, fields: _Fields) -> None:
        self._only_once("user identity response")
        self._response = fields.sized()
        fields.end()

    def collected(self) -> UserInformation:
        return UserInformation(
            max_pdu_length=self._max_pdu_length,
            implementation_class_uid=self._class_uid,
            implementation_version_name=self._version_name,
            asynchronous_operations=self._window,
            roles=tuple(self._roles),
            extended=tuple(self._extended),
            common_extended=tuple(self._common),
            user_identity=self._identity,
            user_identity_response=self._response,
        )


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


_READERS = {
    0x51: _Found.maximum_length,
    0x52: _Found.implementation_class,
    0x53: _Found.window,
    0x54: _Found.role,
    0x55: _Found.implementation_version,
    0x56: _Found.extended,
    0x57: _Found.common_extended,
    0x58: _Found.identity,
    0x59: _Found.identity_response,
}
