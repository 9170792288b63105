"""Whole small data sets in memory: identifiers, directories, kept headers.

The same rules as for instances that stream in (`dicom.structure`): no recursion,
every length held against what is around it, and nothing copied before it is known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from raykeep.dicom import vrs
from raykeep.dicom.dictionary import shown_tag, vr_of
from raykeep.dicom.encodings import (
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    SEQUENCE_DELIMITER,
    UNDEFINED,
    Encoding,
)
from raykeep.dicom.head import BulkValue
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.dicom.structure import malformed
from raykeep.domain.errors import LimitExceeded, MalformedDataSet

VALUE, BULK, SEQUENCE, ITEM_BEGIN, ITEM_END, SEQUENCE_END = range(6)

Event = tuple[int, int, str, int, int]
"""Kind, tag, VR, first byte and byte after the last of the value.

For `BULK`, which stands for a value that was left out, the place counts in the
data set that the header is of; for the other kinds it counts in the bytes given.
"""

_OPEN: Final = 1 << 62
_LATIN = "latin_1"


@dataclass(slots=True)
class _Level:
    end: int
    encoding: Encoding
    tag: int
    holds_items: bool
    last: int = -1


def events(
    data: bytes,
    encoding: Encoding,
    *,
    bulk: Sequence[BulkValue] = (),
    first_tag: int = 0,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> Iterator[Event]:
    """Read a data set element by element, in its order.

    Args:
        data: The data set, without the values of `bulk`.
        encoding: How it is encoded.
        bulk: Values that were left out, by offset; the lengths of what stands around them
            count them in.
        first_tag: Lower tags are refused.
        limits: Bounds on elements and depth.

    Raises:
        MalformedDataSet: this is no data set.
        LimitExceeded: it has more elements than allowed.
    """
    left_out = iter((*bulk, BulkValue((), "", -1, 0)))
    gap = next(left_out)
    shift = 0  # bytes left out before `position`
    position, size = 0, len(data)
    level = _Level(_OPEN, encoding, 0, holds_items=False, last=first_tag - 1)
    levels: list[_Level] = []
    for _ in range(2 * limits.elements):
        if position + shift == level.end:
            ended, level = level, levels.pop()
            yield (SEQUENCE_END if ended.holds_items else ITEM_END), ended.tag, "", position, 0
            continue
        if position == size and not levels and gap.offset < 0:
            return
        room = min(size, level.end - shift) - position
        if room < 8:
            raise malformed("it ends inside an element", position)
        group, element, length = level.encoding.item.unpack_from(data, position)
        tag = group << 16 | element
        if level.holds_items:
            if tag == SEQUENCE_DELIMITER and level.end == _OPEN:
                position += 8
                ended, level = level, levels.pop()
                yield SEQUENCE_END, ended.tag, "", position, 0
                continue
            if tag != ITEM:
                raise malformed(f"{shown_tag(level.tag)} holds no item", position)
            position += 8
            end = _end(length, position + shift, level)
            levels.append(level)
            level = _Level(end, level.encoding, level.tag, holds_items=False)
            yield ITEM_BEGIN, level.tag, "", position, 0
            continue
        if tag == ITEM_DELIMITER and level.end == _OPEN and levels:
            position += 8
            ended, level = level, levels.pop()
            yield ITEM_END, ended.tag, "", position, 0
            continue
        if tag <= level.last or group >= 0xFFFE:
            raise malformed(f"{shown_tag(tag)} is out of order", position)
        level.last = tag
        vr, value, length = element_header(data, position, tag, length, level.encoding, room)
        if gap.offset == value + shift:
            yield BULK, tag, gap.vr, gap.offset, gap.offset + gap.length
            shift += gap.length
            gap = next(left_out)
            position = value + (8 if length == UNDEFINED else 0)
        elif vr == "SQ" or length == UNDEFINED:
            if vr not in {"SQ", "UN"}:
                raise malformed(f"{shown_tag(tag)} is of undefined length", position)
            if sum(one.holds_items for one in levels) >= limits.depth:
                raise malformed(f"sequences stand more than {limits.depth} deep", position)
            end = _end(length, value + shift, level)
            levels.append(level)
            inner = IMPLICIT_LITTLE if vr == "UN" else level.encoding
            level = _Level(end, inner, tag, holds_items=True)
            position = value
            yield SEQUENCE, tag, vr, position, 0
        else:
            stop = value + length
            if length > position + room - value:
                raise malformed(f"{shown_tag(tag)} is longer than what is there", position)
            yield VALUE, tag, vr, value, stop
            position = stop
    raise LimitExceeded("number of elements", limits.elements + 1, limits.elements)


def _end(length: int, at: int, level: _Level) -> int:
    if length == UNDEFINED:
        return _OPEN
    if at + length > level.end:
        raise malformed(f"{shown_tag(level.tag)} is longer than what stands around it", at)
    return at + length


def element_header(
    data: bytes, position: int, tag: int, length: int, encoding: Encoding, room: int
) -> tuple[str, int, int]:
    """VR, first byte of the value, and its length."""
    if not encoding.explicit:
        return vr_of(tag), position + 8, length
    raw = data[position + 4 : position + 6]
    vr = raw.decode(_LATIN)
    if vr in vrs.SHORT_FORM:
        return vr, position + 8, int.from_bytes(data[position + 6 : position + 8], encoding.order)
    if raw in vrs.BLANK:
        short = int.from_bytes(data[position + 6 : position + 8], encoding.order)
        return vr_of(tag), position + 8, short
    if room < 12 or not (raw.isalpha() and raw.isupper()):
        raise malformed(f"{shown_tag(tag)} has no value representation", position)
    (long,) = encoding.long.unpack_from(data, position + 8)
    return vr if vr in vrs.LONG_FORM else "UN", position + 12, long


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a small data set: its encoded value, or its items."""

    vr: str
    value: bytes
    items: tuple["Elements", ...] = ()


Elements = dict[int, Element]
"""Tag → element, in the order of the data set."""


def read_elements(
    data: bytes,
    encoding: Encoding,
    *,
    first_tag: int = 0,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> Elements:
    """A small data set as a tree.

    Raises:
        MalformedDataSet: this is no data set.
        LimitExceeded: it has more elements than allowed.
    """
    top: Elements = {}
    stack: list[Elements] = [top]
    rows: list[list[Elements]] = []
    for kind, tag, vr, start, stop in events(data, encoding, first_tag=first_tag, limits=limits):
        if kind == VALUE:
            stack[-1][tag] = Element(vr, data[start:stop])
        elif kind == SEQUENCE:
            rows.append([])
        elif kind == ITEM_BEGIN:
            stack.append({})
        elif kind == ITEM_END:
            rows[-1].append(stack.pop())
        else:
            stack[-1][tag] = Element("SQ", b"", tuple(rows.pop()))
    return top


def element(tag: int, vr: str, value: bytes, encoding: Encoding) -> bytes:
    """Encode one element; a value of odd length is padded as its VR asks (PS3.5 section 6.2).

    Raises:
        MalformedDataSet: the value is too long for its VR.
    """
    length = len(value)
    if length & 1:
        value += b"\0" if vr in {"UI", "OB", "UN"} else b" "
        length += 1
    group, number = tag >> 16, tag & 0xFFFF
    if not encoding.explicit:
        return encoding.item.pack(group, number, length) + value
    if vr in vrs.SHORT_FORM:
        if length > 0xFFFF:
            msg = f"{shown_tag(tag)} is longer than its VR {vr} allows. Shorten it"
            raise MalformedDataSet(msg)
        short = int.from_bytes(vr.encode(), encoding.order)
        return encoding.header.pack(group, number, short, length) + value
    tag_bytes = encoding.item.pack(group, number, 0)[:4]
    return tag_bytes + vr.encode() + b"\0\0" + encoding.long.pack(length) + value


def item(elements: bytes, encoding: Encoding) -> bytes:
    """Wrap encoded elements into an item of defined length."""
    return encoding.item.pack(ITEM >> 16, ITEM & 0xFFFF, len(elements)) + elements
