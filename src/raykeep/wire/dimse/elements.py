"""Elements of a command set: group 0000, Implicit VR Little Endian (PS3.7 section 6.3, annex E)."""

import struct
from collections.abc import Iterable
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import ProtocolError
from raykeep.domain.uids import UID

_HEADER = struct.Struct("<HHI")  # group, element, length
_US = struct.Struct("<H")
_UL = struct.Struct("<I")
_AT = struct.Struct("<HH")
_MAX_US: Final = 0xFFFF
_GROUP_LENGTH: Final = 0x0000
_MAX_COMMENT: Final = 64  # characters of an LO, PS3.5 section 6.2

Value: TypeAlias = int | str | UID | AETitle | tuple[int, ...]


class VR(Enum):
    """The value representations that command sets use (PS3.5 section 6.2)."""

    AE = "AE"
    AT = "AT"
    LO = "LO"
    UI = "UI"
    US = "US"


class Element(NamedTuple):
    """A command element: its number in group 0000 and its VR."""

    number: int
    vr: VR

    def __str__(self) -> str:
        return f"(0000,{self.number:04X})"


COMMAND_FIELD: Final = Element(0x0100, VR.US)
COMMAND_DATA_SET_TYPE: Final = Element(0x0800, VR.US)
US_LENGTH: Final = _US.size  # bytes
NO_DATA_SET: Final = 0x0101  # Command Data Set Type; every other value means present
DATA_SET: Final = 0x0001

# By the snake case of their DICOM keywords (PS3.7 table E.1-1).
ELEMENTS: Final = MappingProxyType(
    {
        "affected_sop_class_uid": Element(0x0002, VR.UI),
        "requested_sop_class_uid": Element(0x0003, VR.UI),
        "message_id": Element(0x0110, VR.US),
        "message_id_being_responded_to": Element(0x0120, VR.US),
        "move_destination": Element(0x0600, VR.AE),
        "priority": Element(0x0700, VR.US),
        "status": Element(0x0900, VR.US),
        "offending_element": Element(0x0901, VR.AT),
        "error_comment": Element(0x0902, VR.LO),
        "error_id": Element(0x0903, VR.US),
        "affected_sop_instance_uid": Element(0x1000, VR.UI),
        "requested_sop_instance_uid": Element(0x1001, VR.UI),
        "event_type_id": Element(0x1002, VR.US),
        "attribute_identifier_list": Element(0x1005, VR.AT),
        "action_type_id": Element(0x1008, VR.US),
        "number_of_remaining_suboperations": Element(0x1020, VR.US),
        "number_of_completed_suboperations": Element(0x1021, VR.US),
        "number_of_failed_suboperations": Element(0x1022, VR.US),
        "number_of_warning_suboperations": Element(0x1023, VR.US),
        "move_originator_application_entity_title": Element(0x1030, VR.AE),
        "move_originator_message_id": Element(0x1031, VR.US),
    }
)


def read_elements(raw: bytes) -> dict[int, bytes]:
    """Take a command set apart, strictly.

    Returns:
        Values by element number, Command Group Length left out.

    Raises:
        ProtocolError: a length does not fit, elements are not in strictly
            increasing order, one is not of group 0000, or the group length is
            missing or wrong.
    """
    values: dict[int, bytes] = {}
    at, end, last = 0, len(raw), -1
    while at < end:
        if end - at < _HEADER.size:
            raise ProtocolError("a command set ends within an element's header")
        group, number, length = _HEADER.unpack_from(raw, at)
        at += _HEADER.size
        if group or number <= last:
            raise ProtocolError(
                f"({group:04X},{number:04X}) does not follow (0000,{max(last, 0):04X}) "
                "in a command set"
            )
        if length > end - at or length % 2:
            raise ProtocolError(
                f"(0000,{number:04X}) claims {length} bytes where {end - at} are left"
            )
        values[number] = raw[at : at + length]
        at += length
        last = number
    _check_group_length(values.pop(_GROUP_LENGTH, b""), end)
    return values


def _check_group_length(value: bytes, total: int) -> None:
    # The element itself, header and value, is not counted (PS3.7 table E.1-1).
    expected = total - _HEADER.size - _UL.size
    if len(value) != _UL.size or _UL.unpack(value)[0] != expected:
        raise ProtocolError("Command Group Length (0000,0000) is missing or wrong")


def write_elements(values: Iterable[tuple[int, bytes]]) -> bytes:
    """Join elements, given in increasing order, behind their Command Group Length."""
    body = b"".join(_HEADER.pack(0, number, len(value)) + value for number, value in values)
    return _HEADER.pack(0, _GROUP_LENGTH, _UL.size) + _UL.pack(len(body)) + body


def read_value(element: Element, raw: bytes) -> Value:
    """Read one value as its VR says.

    Raises:
        InvalidUID: a UID is none.
        InvalidAETitle: an AE title is none.
        ProtocolError: a number has a wrong length.
    """
    match element.vr:
        case VR.US:
            return read_number(element, raw)
        case VR.UI:
            return UID.parse(raw)
        case VR.AE:
            return AETitle.parse(raw)
        case VR.AT:
            if len(raw) % _AT.size:
                raise ProtocolError(f"{element} has {len(raw)} bytes, not a multiple of 4")
            return tuple(group << 16 | number for group, number in _AT.iter_unpack(raw))
        case _:
            return plain(raw.decode("ascii", "replace").strip(" \0"))


def read_number(element: Element, raw: bytes) -> int:
    """Read an US; raises `ProtocolError` when it has not two bytes."""
    if len(raw) != _US.size:
        raise ProtocolError(f"{element} has {len(raw)} bytes instead of 2")
    number: int = _US.unpack(raw)[0]
    return number


def write_value(vr: VR, value: Value) -> bytes:
    """Write one value, padded to an even length.

    Raises:
        ProtocolError: a number does not fit its two bytes.
    """
    match value:
        case int():
            if not 0 <= value <= _MAX_US:
                raise ProtocolError(f"{value} does not fit an element of two bytes")
            return _US.pack(value)
        case tuple():
            return b"".join(_AT.pack(tag >> 16, tag & 0xFFFF) for tag in value)
        case AETitle():
            return _even(value.value, b" ")
        case _:
            return _even(plain(value), b" ") if vr is VR.LO else _even(value, b"\0")


def _even(text: str, padding: bytes) -> bytes:
    raw = text.encode("ascii")
    return raw + padding if len(raw) % 2 else raw


def plain(text: str) -> str:
    """A text as Error Comment (0000,0902) takes it: printable ASCII, at most 64 characters."""
    kept = (char if " " <= char <= "~" and char != "\\" else "?" for char in text[:_MAX_COMMENT])
    return "".join(kept).rstrip(" ")
