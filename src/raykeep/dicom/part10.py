"""PS3.10 files: the file meta information, read as it streams in and written anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from raykeep.dicom.elements import Element, element, read_elements
from raykeep.dicom.encodings import EXPLICIT_LITTLE
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.domain.errors import LimitExceeded, MalformedDataSet
from raykeep.domain.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

Buffer = bytes | bytearray | memoryview

_PREAMBLE: Final = 128  # bytes
_PREFIX: Final = b"DICM"
_BEGIN: Final = _PREAMBLE + len(_PREFIX)
_GROUP: Final = b"\x02\x00"
_MOST_ELEMENTS: Final = 1_000  # of group 0002
_LONG_FORM: Final = {b"OB", b"OW", b"UN", b"UT", b"UC", b"UR", b"SQ", b"OF", b"OD", b"OL", b"OV"}

_SOP_CLASS_UID: Final = 0x00020002
_SOP_INSTANCE_UID: Final = 0x00020003
_TRANSFER_SYNTAX_UID: Final = 0x00020010
_IMPLEMENTATION_CLASS_UID: Final = 0x00020012
_IMPLEMENTATION_VERSION_NAME: Final = 0x00020013
_SOURCE_AE_TITLE: Final = 0x00020016


@dataclass(frozen=True, slots=True)
class FileMeta:
    """Group 0002, as far as the archive uses it; texts without padding, empty when absent."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    source_ae_title: str
    implementation_class_uid: str
    implementation_version_name: str


class FileMetaReader:
    """Part a PS3.10 file into its meta information and its data set, as the bytes come.

    The preamble is passed over unseen: nothing of it is kept or given on.
    """

    def __init__(self, limits: DataSetLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._held = bytearray()
        self._position = _BEGIN  # of the first element that is not passed yet
        self._meta: FileMeta | None = None

    def feed(self, buffer: Buffer) -> Buffer:
        """The bytes of `buffer` and those before it that belong to the data set.

        Empty while the meta information is incomplete. Once `meta` is there, `buffer` itself
        comes back and the reader is no longer needed.

        Raises:
            MalformedDataSet: not a PS3.10 file, or its meta information cannot be read.
            LimitExceeded: the meta information is longer than allowed.
        """
        if self._meta is not None:
            return buffer
        # No more than the limit is ever held, however large the buffer.
        most = _BEGIN + self._limits.file_meta_bytes
        room = most - len(self._held)
        self._held += memoryview(buffer)[:room]
        held = self._held
        if held[_PREAMBLE:_BEGIN] != _PREFIX[: max(len(held) - _PREAMBLE, 0)]:
            raise _not_dicom()
        if not self._pass_group():
            if len(held) == most:
                raise LimitExceeded(
                    "file meta information", len(held), self._limits.file_meta_bytes, "bytes"
                )
            return b""
        self._meta = _meta(bytes(held[_BEGIN : self._position]), self._limits)
        rest = bytes(held[self._position :])
        held.clear()
        tail = memoryview(buffer)[room:] if room < len(buffer) else b""
        return rest + tail if tail else rest

    @property
    def complete(self) -> bool:
        """Whether `meta` may be asked for."""
        return self._meta is not None

    @property
    def meta(self) -> FileMeta:
        """The meta information.

        Raises:
            MalformedDataSet: the file ended before it was complete.
        """
        if self._meta is None:
            raise _not_dicom()
        return self._meta

    @property
    def data_set_offset(self) -> int:
        """First byte of the data set in the file, once `meta` is there."""
        return self._position

    def _pass_group(self) -> bool:
        """Pass over elements of group 0002; whether its end is in sight.

        Element by element, because the group's own length is not always there or true.
        """
        held = self._held
        while len(held) >= self._position + 8:
            at = self._position
            if held[at : at + 2] != _GROUP:
                return True
            if bytes(held[at + 4 : at + 6]) in _LONG_FORM:
                if len(held) < at + 12:
                    return False
                after = at + 12 + int.from_bytes(held[at + 8 : at + 12], "little")
            else:
                after = at + 8 + int.from_bytes(held[at + 6 : at + 8], "little")
            if after - _BEGIN > self._limits.file_meta_bytes:
                raise LimitExceeded(
                    "file meta information", after - _BEGIN, self._limits.file_meta_bytes, "bytes"
                )
            if after > len(held):
                return False
            self._position = after
        return False


def _meta(group: bytes, limits: DataSetLimits) -> FileMeta:
    elements = read_elements(group, EXPLICIT_LITTLE, most_elements=_MOST_ELEMENTS, limits=limits)
    meta = FileMeta(
        sop_class_uid=_text(elements, _SOP_CLASS_UID),
        sop_instance_uid=_text(elements, _SOP_INSTANCE_UID),
        transfer_syntax_uid=_text(elements, _TRANSFER_SYNTAX_UID),
        source_ae_title=_text(elements, _SOURCE_AE_TITLE),
        implementation_class_uid=_text(elements, _IMPLEMENTATION_CLASS_UID),
        implementation_version_name=_text(elements, _IMPLEMENTATION_VERSION_NAME),
    )
    if not meta.transfer_syntax_uid:
        msg = (
            "the file meta information has no Transfer Syntax UID (0002,0010). "
            "Correct the file at its source"
        )
        raise MalformedDataSet(msg)
    return meta


def _text(elements: Mapping[int, Element], tag: int) -> str:
    found = elements.get(tag)
    return found.value.decode("ascii", "replace").strip(" \0") if found else ""


def _not_dicom() -> MalformedDataSet:
    return MalformedDataSet(
        "not a DICOM file: no 'DICM' after a preamble of 128 bytes, or it ends there "
        "(PS3.10 section 7.1). Send PS3.10 files"
    )


def encode_file_meta(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    source_ae_title: str = "",
) -> bytes:
    """128 zero bytes, `DICM` and group 0002: what goes before a data set to make it a file."""
    group = b"".join(
        (
            _VERSION,
            _encoded(_SOP_CLASS_UID, "UI", sop_class_uid),
            _encoded(_SOP_INSTANCE_UID, "UI", sop_instance_uid),
            _encoded(_TRANSFER_SYNTAX_UID, "UI", transfer_syntax_uid),
            _IMPLEMENTATION,
            _encoded(_SOURCE_AE_TITLE, "AE", source_ae_title) if source_ae_title else b"",
        )
    )
    return _HEAD + len(group).to_bytes(4, "little") + group


def _encoded(tag: int, vr: str, text: str) -> bytes:
    return element(tag, vr, text.encode("ascii"), EXPLICIT_LITTLE)


_HEAD: Final = bytes(_PREAMBLE) + _PREFIX + element(0x00020000, "UL", bytes(4), EXPLICIT_LITTLE)[:8]
_VERSION: Final = element(0x00020001, "OB", b"\0\1", EXPLICIT_LITTLE)
_IMPLEMENTATION: Final = _encoded(
    _IMPLEMENTATION_CLASS_UID, "UI", IMPLEMENTATION_CLASS_UID
) + _encoded(_IMPLEMENTATION_VERSION_NAME, "SH", IMPLEMENTATION_VERSION_NAME)
