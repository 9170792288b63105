"""Whole headers in the DICOM JSON model (PS3.18 annex F), as WADO-RS metadata needs them."""

from dataclasses import dataclass, field
from typing import Final

from raykeep.dicom import vrs
from raykeep.dicom.charsets import DEFAULT, CharacterSet, character_set, terms_of
from raykeep.dicom.dictionary import SIGNED_OR_UNSIGNED, VRS, shown_tag, vr_of
from raykeep.dicom.elements import ElementFront
from raykeep.dicom.encodings import (
    BEYOND_PIXELS,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    HEADER_LENGTH,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    SEQUENCE_DELIMITER,
    UNDEFINED,
    Encoding,
    encoding_of,
)
from raykeep.dicom.head import BulkValue
from raykeep.dicom.json_members import (
    NAMES,
    NotThatVR,
    Plain,
    binary_member,
    empty_member,
    plain_member,
    prefix_of,
)
from raykeep.dicom.json_values import quoted
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.dicom.malformed import malformed
from raykeep.dicom.stored_header import StoredHeader, reference_to, unpack_header
from raykeep.dicom.transfer_syntaxes import transfer_syntax
from raykeep.domain.errors import LimitExceeded

_SPECIFIC_CHARACTER_SET: Final = 0x00080005
_PIXEL_REPRESENTATION: Final = 0x00280103
_UTF_8: Final = '"00080005":{"vr":"CS","Value":["ISO_IR 192"]}'
_OPEN: Final = 1 << 62

# What is learnt once about a tag and VR, by the bytes in which they stand at the front of an
# element. Bounded, since a peer chooses them.
_MOST_LEARNT: Final = 20_000
_learnt: Final[dict[Encoding, dict[bytes, Plain]]] = {
    EXPLICIT_LITTLE: {},
    EXPLICIT_BIG: {},
    IMPLICIT_LITTLE: {},
}
# Never plain: their values decide how others are read.
_TELLING: Final = frozenset({_SPECIFIC_CHARACTER_SET, _PIXEL_REPRESENTATION})


def header_to_json(
    packed: bytes, *, bulk_uri: str, limits: DataSetLimits = DEFAULT_LIMITS
) -> bytes:
    """One JSON object, UTF-8, of a header that `pack_header` made.

    Binary values stand inline, those that were left out of the header and Pixel Data by
    reference: `bulk_uri`, a slash, and what `StoredHeader.bulk_span` understands.

    Args:
        packed: The header.
        bulk_uri: What BulkDataURIs begin with, usually `…/instances/UID/bulkdata`.
        limits: Bounds on elements and depth.

    Raises:
        IntegrityError: these are not bytes of `pack_header`.
        MalformedDataSet: the header within is no data set.
    """
    return _Writer(unpack_header(packed), bulk_uri, limits).encode()


@dataclass(slots=True)
class _Level:
    """An object that is open (the data set, an item), or a sequence."""

    end: int  # byte of the stored data set
    encoding: Encoding
    characters: CharacterSet
    tag: int = 0  # of a sequence; 0 for an object
    parts: list[str] = field(default_factory=list)  # members, or items


class _Writer:
    """One header on its way to JSON."""

    def __init__(self, header: StoredHeader, bulk_uri: str, limits: DataSetLimits) -> None:
        self._header = header
        self._raw = header.raw
        # Most values are ASCII: cut from this text, they need no decoding of their own.
        self._text = header.raw.decode("latin_1")
        self._escapes = b"\x1b" in header.raw
        self._bulk_uri = bulk_uri
        self._limits = limits
        self._left = limits.elements
        syntax = transfer_syntax(header.transfer_syntax_uid)
        self._encoding = encoding_of(explicit=syntax.explicit, little_endian=syntax.little_endian)
        self._signed = False
        self._gaps = iter((*header.bulk, BulkValue((), "", -1, 0)))
        self._gap = next(self._gaps)
        self._shift = 0  # bytes of the stored data set that were left out before this place
        self._level = _Level(_OPEN, self._encoding, DEFAULT)
        self._levels: list[_Level] = []

    def encode(self) -> bytes:
        position = 0
        while True:
            if not self._level.tag:
                position = self._plain(position, self._level)
            if position == len(self._raw) and not self._levels and self._gap.offset < 0:
                break
            position = self._step(position, self._level)
        pixels = self._header.pixel_data
        if pixels is not None:
            vr = pixels.vr if self._encoding.explicit else VRS[pixels.tag]
            self._level.parts.append(self._reference(pixels.tag, vr, (pixels.tag,)))
        return ("{" + ",".join(self._level.parts) + "}").encode()

    def _plain(self, position: int, level: _Level) -> int:
        """Write the elements whose kind is known by their first bytes: the hot loop."""
        raw, text, escapes = self._raw, self._text, self._escapes
        parts, encoding = level.parts, level.encoding
        learnt = _learnt[encoding]
        unpack, front = encoding.length.unpack_from, encoding.front
        stop = min(len(raw), level.end - self._shift)
        room = stop - HEADER_LENGTH
        left = self._left
        try:
            while position <= room and left:
                known = learnt.get(raw[position : position + front])
                if known is None:
                    break
                start = position + 8
                after = start + unpack(raw, position + front)[0]
                if after > stop:
                    break
                prefix, empty, function, kind = known
                if kind:  # text
                    value = text[start:after]
                    if escapes or not value.isascii():
                        value = level.characters.decode(raw[start:after], name=kind == NAMES)
                    inside = function(value)
                else:
                    inside = function(raw[start:after])
                parts.append(f"{prefix}{inside}]}}" if inside else empty)
                position = after
                left -= 1
        except NotThatVR:
            pass  # `_step` has another way
        self._left = left
        return position

    def _step(self, position: int, level: _Level) -> int:
        """Take one step that the loop leaves to a closer look."""
        if position + self._shift == level.end:
            return self._close(position)
        room = min(len(self._raw), level.end - self._shift) - position
        if room < HEADER_LENGTH:
            raise malformed("the header ends inside an element", position)
        group, element, length = level.encoding.item.unpack_from(self._raw, position)
        tag = group << 16 | element
        closing = SEQUENCE_DELIMITER if level.tag else ITEM_DELIMITER
        if tag == closing and level.end == _OPEN and self._levels:
            return self._close(position + HEADER_LENGTH)
        if level.tag:
            return self._item(position, tag, length, level)
        if tag >= BEYOND_PIXELS:
            raise malformed(f"{shown_tag(tag)} stands where no item begins or ends", position)
        if not self._left:
            raise LimitExceeded(
                "number of elements", self._limits.elements + 1, self._limits.elements
            )
        self._left -= 1
        return self._element(ElementFront(self._raw, position, tag, length), room, level)

    def _element(self, front: ElementFront, room: int, level: _Level) -> int:
        tag = front.tag
        vr, value, length = front.read(level.encoding, room)
        if self._gap.offset == value + self._shift:
            return self._left_out(tag, value, length, level)
        if vr == "SQ" or (vr == "UN" and length == UNDEFINED):
            inner = IMPLICIT_LITTLE if vr == "UN" else level.encoding
            return self._open(value, length, level, _Level(0, inner, level.characters, tag))
        after = value + length
        if after > front.position + room:
            raise malformed(f"{shown_tag(tag)} is longer than what is there", front.position)
        if tag & 0xFFFF:  # group lengths have no place in JSON (F.2.2)
            level.parts.append(self._member(front, vr, self._raw[value:after], level))
        return after

    def _item(self, position: int, tag: int, length: int, level: _Level) -> int:
        if tag != ITEM:
            raise malformed(f"{shown_tag(level.tag)} holds no item", position)
        return self._open(
            position + HEADER_LENGTH, length, level, _Level(0, level.encoding, level.characters)
        )

    def _open(self, value: int, length: int, level: _Level, opened: _Level) -> int:
        opened.end = _OPEN if length == UNDEFINED else value + self._shift + length
        if opened.end > level.end or len(self._levels) > 2 * self._limits.depth:
            raise malformed(f"{shown_tag(level.tag)} holds more than it can", value)
        self._levels.append(level)
        self._level = opened
        return value

    def _close(self, position: int) -> int:
        ended = self._level
        self._level = self._levels.pop()
        inside = ",".join(ended.parts)
        if not ended.tag:
            self._level.parts.append("{" + inside + "}")
        elif inside:
            self._level.parts.append(f"{prefix_of(ended.tag, 'SQ')}{inside}]}}")
        else:
            self._level.parts.append(empty_member(ended.tag, "SQ"))
        return position

    def _left_out(self, tag: int, value: int, length: int, level: _Level) -> int:
        gap = self._gap
        level.parts.append(self._reference(tag, gap.vr, gap.path))
        self._shift += gap.length
        self._gap = next(self._gaps)
        return value + (
            HEADER_LENGTH if length == UNDEFINED else 0
        )  # its sequence delimiter was kept

    def _reference(self, tag: int, vr: str, path: tuple[int, ...]) -> str:
        uri = quoted(f"{self._bulk_uri}/{reference_to(path)}")
        return f'"{tag:08X}":{{"vr":"{vr}","BulkDataURI":{uri}}}'

    def _member(self, front: ElementFront, vr: str, raw: bytes, level: _Level) -> str:
        """One member of an object; what is plain about it is learnt for the next time."""
        tag, encoding = front.tag, level.encoding
        if tag == _SPECIFIC_CHARACTER_SET:
            level.characters = character_set(terms_of(raw))
            # JSON is UTF-8, whatever the instance is encoded in.
            return _UTF_8 if raw.strip(b" \0") else empty_member(tag, "CS")
        is_short = encoding.explicit is False or vr in vrs.SHORT_FORM
        if vr == "UN" and (known := vr_of(tag)) != "SQ":
            vr, encoding = known, EXPLICIT_LITTLE  # UN is little endian (PS3.5 section 6.2.2)
        if tag == _PIXEL_REPRESENTATION:
            self._signed = raw in {b"\1\0", b"\0\1"}
        if vr == "US" and self._signed and tag in SIGNED_OR_UNSIGNED:
            vr = "SS"
        if vr in vrs.BULK:
            return binary_member(tag, vr, raw, encoding)
        plain = plain_member(tag, vr, encoding)
        if is_short and tag not in _TELLING and tag not in SIGNED_OR_UNSIGNED:
            self._learn(front.position, level.encoding, plain)
        prefix, empty, function, kind = plain
        try:
            inside = function(level.characters.decode(raw, name=kind == NAMES) if kind else raw)
        except NotThatVR:
            return binary_member(tag, "UN", raw, EXPLICIT_LITTLE)
        return f"{prefix}{inside}]}}" if inside else empty

    def _learn(self, position: int, encoding: Encoding, plain: Plain) -> None:
        learnt = _learnt[encoding]
        if len(learnt) < _MOST_LEARNT:
            learnt[self._raw[position : position + encoding.front]] = plain
