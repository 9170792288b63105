"""The user information item to bytes and back (PS3.7 section D.3.3, PS3.8 section D)."""

import struct
from collections.abc import Callable

from raykeep.domain.errors import LimitExceeded, ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.items import (
    MAX_LENGTH,
    AsynchronousOperations,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    ItemType,
    RoleSelection,
    UserIdentity,
    UserInformation,
    item,
    items,
    uid_or_none,
)
from raykeep.wire.upperlayer.limits import UpperLayerLimits

_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_WINDOW = struct.Struct(">HH")


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
    if len(raw) > MAX_LENGTH:
        raise LimitExceeded("length of an association field", len(raw), MAX_LENGTH, "bytes")
    return _U16.pack(len(raw)) + raw


def encode_user_information(info: UserInformation) -> bytes:
    """Encode the value of the user information item, sub-items in the order of their types."""
    parts = [item(ItemType.MAXIMUM_LENGTH, _U32.pack(info.max_pdu_length))]
    if info.implementation_class_uid is not None:
        parts.append(
            item(ItemType.IMPLEMENTATION_CLASS_UID, info.implementation_class_uid.encode("ascii"))
        )
    if (window := info.asynchronous_operations) is not None:
        parts.append(
            item(
                ItemType.ASYNCHRONOUS_OPERATIONS,
                _WINDOW.pack(window.max_invoked, window.max_performed),
            )
        )
    parts += [
        item(ItemType.ROLE_SELECTION, _sized(role.sop_class_uid) + bytes((role.scu, role.scp)))
        for role in info.roles
    ]
    if info.implementation_version_name:
        parts.append(
            item(
                ItemType.IMPLEMENTATION_VERSION_NAME,
                info.implementation_version_name.encode("ascii"),
            )
        )
    parts += [
        item(ItemType.EXTENDED_NEGOTIATION, _sized(one.sop_class_uid) + one.application_information)
        for one in info.extended
    ]
    for common in info.common_extended:
        related = b"".join(map(_sized, common.related_general_sop_class_uids))
        value = _sized(common.sop_class_uid) + _sized(common.service_class_uid) + _sized(related)
        parts.append(item(ItemType.COMMON_EXTENDED_NEGOTIATION, value))
    if (who := info.user_identity) is not None:
        head = bytes((who.type, who.positive_response_requested))
        parts.append(
            item(
                ItemType.USER_IDENTITY,
                head + _sized(who.primary_field) + _sized(who.secondary_field),
            )
        )
    if info.user_identity_response is not None:
        parts.append(item(ItemType.USER_IDENTITY_RESPONSE, _sized(info.user_identity_response)))
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


_READERS: dict[int, Callable[[_Found, _Fields], None]] = {
    ItemType.MAXIMUM_LENGTH: _Found.maximum_length,
    ItemType.IMPLEMENTATION_CLASS_UID: _Found.implementation_class,
    ItemType.ASYNCHRONOUS_OPERATIONS: _Found.window,
    ItemType.ROLE_SELECTION: _Found.role,
    ItemType.IMPLEMENTATION_VERSION_NAME: _Found.implementation_version,
    ItemType.EXTENDED_NEGOTIATION: _Found.extended,
    ItemType.COMMON_EXTENDED_NEGOTIATION: _Found.common_extended,
    ItemType.USER_IDENTITY: _Found.identity,
    ItemType.USER_IDENTITY_RESPONSE: _Found.identity_response,
}
