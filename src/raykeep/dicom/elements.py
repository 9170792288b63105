"""Whole small data sets in memory: identifiers, directories, meta information.

The same rules as for instances that stream in (`dicom.structure`): no recursion,
every length held against what is around it, and nothing copied before it is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from raykeep.dicom import vrs
from raykeep.dicom.dictionary import shown_tag, vr_of
from raykeep.dicom.encodings import (
    BEYOND_PIXELS,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    SEQUENCE_DELIMITER,
    UNDEFINED,
    Encoding,
)
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.dicom.structure import malformed
from raykeep.domain.errors import LimitExceeded, MalformedDataSet

VALUE, SEQUENCE, ITEM_BEGIN, ITEM_END, SEQUENCE_END = range(5)

Event = tuple[int, int, str, int, int]
"""Kind, tag, VR, first byte and byte after the last of the value; VR and bytes count for `VALUE`
and `SEQUENCE` alone."""

_OPEN: Final = 1 << 62  # an end that only a delimiter tells
_HEADER: Final = 8  # bytes of the shortest header


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
    most_elements: int,
    first_tag: int = 0,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> Iterator[Event]:
    """Read a data set element by element, in its order.

    Args:
        data: The data set.
        encoding: How it is encoded.
        most_elements: More elements and items are refused.
        first_tag: Lower tags are refused.
        limits: Bound on depth.

    Raises:
        MalformedDataSet: this is no data set.
        LimitExceeded: it has more elements than allowed.
    """
    position, size, count = 0, len(data), 0
    level = _Level(_OPEN, encoding, 0, holds_items=False, last=first_tag - 1)
    levels: list[_Level] = []
    while position < size or levels:
        if position == level.end:
            yield (SEQUENCE_END if level.holds_items else ITEM_END), level.tag, "", position, 0
            level = levels.pop()
            continue
        room = min(size, level.end) - position
        if room < _HEADER:
            raise malformed("it ends inside an element", position)
        group, element, length = level.encoding.item.unpack_from(data, position)
        tag = group << 16 | element
        closing = SEQUENCE_DELIMITER if level.holds_items else ITEM_DELIMITER
        if tag == closing and level.end == _OPEN and levels:
            position += _HEADER
            yield (SEQUENCE_END if level.holds_items else ITEM_END), level.tag, "", position, 0
            level = levels.pop()
            continue
        count += 1
        if count > most_elements:
            raise LimitExceeded("number of elements", count, most_elements)
        if level.holds_items:
            if tag != ITEM:
                raise malformed(f"{shown_tag(level.tag)} holds no item", position)
            position += _HEADER
            opened = _Level(
                _end(length, position, level), level.encoding, level.tag, holds_items=False
            )
            yield ITEM_BEGIN, level.tag, "", position, 0
            levels.append(level)
            level = opened
            continue
        if tag <= level.last or group >= BEYOND_PIXELS >> 16:
            raise malformed(f"{shown_tag(tag)} is out of order", position)
        level.last = tag
        vr, value, length = element_header(data, position, tag, length, level.encoding, room)
        if vr == "SQ" or (vr == "UN" and length == UNDEFINED):
            # Items and sequences stand on the list in turns.
            if len(levels) >= 2 * limits.depth:
                raise malformed(f"sequences stand more than {limits.depth} deep", position)
            inner = IMPLICIT_LITTLE if vr == "UN" else level.encoding
            opened = _Level(_end(length, value, level), inner, tag, holds_items=True)
            yield SEQUENCE, tag, vr, value, 0
            levels.append(level)
            level = opened
            position = value
        else:
            if length > position + room - value:
                raise malformed(f"{shown_tag(tag)} is longer than what is there", position)
            yield VALUE, tag, vr, value, value + length
            position = value + length


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
    vr = raw.decode("latin_1")
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
    most_elements: int,
    first_tag: int = 0,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> Elements:
    """A small data set as a tree; the arguments are those of `events`.

    Raises:
        MalformedDataSet: this is no data set.
        LimitExceeded: it has more elements than allowed.
    """
    top: Elements = {}
    stack: list[Elements] = [top]
    rows: list[list[Elements]] = []
    walk = events(data, encoding, most_elements=most_elements, first_tag=first_tag, limits=limits)
    for kind, tag, vr, start, stop in walk:
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
