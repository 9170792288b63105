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
    HEADER_LENGTH,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    LONG_HEADER_LENGTH,
    SEQUENCE_DELIMITER,
    UNDEFINED,
    Encoding,
)
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.dicom.malformed import malformed
from raykeep.domain.errors import LimitExceeded, MalformedDataSet

VALUE, SEQUENCE, ITEM_BEGIN, ITEM_END, SEQUENCE_END = range(5)

Event = tuple[int, int, str, int, int]
"""Kind, tag, VR, first byte and byte after the last of the value; VR and bytes count for `VALUE`
and `SEQUENCE` alone."""

_OPEN: Final = 1 << 62  # an end that only a delimiter tells
_LONGEST_SHORT: Final = 0xFFFE  # bytes of a value whose length has 16 bits


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
    reader = _Reader(data, encoding, most_elements, first_tag, limits)
    while reader.goes_on:
        yield reader.step()


class _Reader:
    """Where a data set is being read."""

    def __init__(
        self,
        data: bytes,
        encoding: Encoding,
        most_elements: int,
        first_tag: int,
        limits: DataSetLimits,
    ) -> None:
        self._data = data
        self._most = self._left = most_elements
        self._depth = limits.depth
        self._position = 0
        self._level = _Level(_OPEN, encoding, 0, holds_items=False, last=first_tag - 1)
        self._levels: list[_Level] = []  # around `_level`; items and sequences in turns

    @property
    def goes_on(self) -> bool:
        """Whether anything is left to read or to close."""
        return self._position < len(self._data) or bool(self._levels)

    def step(self) -> Event:
        """The next event."""
        level, position = self._level, self._position
        if position == level.end:
            return self._close()
        room = min(len(self._data), level.end) - position
        if room < HEADER_LENGTH:
            raise malformed("it ends inside an element", position)
        group, element, length = level.encoding.item.unpack_from(self._data, position)
        tag = group << 16 | element
        closing = SEQUENCE_DELIMITER if level.holds_items else ITEM_DELIMITER
        if tag == closing and level.end == _OPEN and self._levels:
            self._position += HEADER_LENGTH
            return self._close()
        if not self._left:
            raise LimitExceeded("number of elements", self._most + 1, self._most)
        self._left -= 1
        if level.holds_items:
            return self._item(tag, length)
        if tag <= level.last or tag >= BEYOND_PIXELS:
            raise malformed(f"{shown_tag(tag)} is out of order", position)
        level.last = tag
        return self._element(tag, length, room)

    def _close(self) -> Event:
        ended, self._level = self._level, self._levels.pop()
        kind = SEQUENCE_END if ended.holds_items else ITEM_END
        return kind, ended.tag, "", self._position, 0

    def _open(self, tag: int, value: int, opened: _Level, length: int) -> None:
        if length != UNDEFINED:
            opened.end = value + length
            if opened.end > self._level.end:
                raise malformed(f"{shown_tag(tag)} is longer than what stands around it", value)
        self._levels.append(self._level)
        self._level = opened
        self._position = value

    def _item(self, tag: int, length: int) -> Event:
        level, value = self._level, self._position + HEADER_LENGTH
        if tag != ITEM:
            raise malformed(f"{shown_tag(level.tag)} holds no item", self._position)
        opened = _Level(_OPEN, level.encoding, level.tag, holds_items=False)
        self._open(level.tag, value, opened, length)
        return ITEM_BEGIN, level.tag, "", value, 0

    def _element(self, tag: int, length: int, room: int) -> Event:
        level, position = self._level, self._position
        front = ElementFront(self._data, position, tag, length)
        vr, value, length = front.read(level.encoding, room)
        if vr == "SQ" or (vr == "UN" and length == UNDEFINED):
            if len(self._levels) >= 2 * self._depth:
                raise malformed(f"sequences stand more than {self._depth} deep", position)
            inner = IMPLICIT_LITTLE if vr == "UN" else level.encoding
            self._open(tag, value, _Level(_OPEN, inner, tag, holds_items=True), length)
            return SEQUENCE, tag, vr, value, 0
        if length > position + room - value:
            raise malformed(f"{shown_tag(tag)} is longer than what is there", position)
        self._position = value + length
        return VALUE, tag, vr, value, value + length


@dataclass(frozen=True, slots=True)
class ElementFront:
    """The first eight bytes of an element that are there, and what they say in implicit VR."""

    data: bytes
    position: int
    tag: int
    length: int

    def read(self, encoding: Encoding, room: int) -> tuple[str, int, int]:
        """VR, first byte of the value, and its length.

        Args:
            encoding: Of the element.
            room: Bytes that are there from `position` on.

        Raises:
            MalformedDataSet: there is no value representation, or no room for the length.
        """
        data, position = self.data, self.position
        value = position + HEADER_LENGTH
        if not encoding.explicit:
            return vr_of(self.tag), value, self.length
        raw = data[position + 4 : position + 6]
        vr = raw.decode("latin_1")
        if vr in vrs.SHORT_FORM or raw in vrs.BLANK:
            (short,) = encoding.length.unpack_from(data, value - 2)
            return vr if vr in vrs.SHORT_FORM else vr_of(self.tag), value, short
        if room < LONG_HEADER_LENGTH or not (raw.isalpha() and raw.isupper()):
            raise malformed(f"{shown_tag(self.tag)} has no value representation", position)
        (long,) = encoding.long.unpack_from(data, value)
        return vr if vr in vrs.LONG_FORM else "UN", position + LONG_HEADER_LENGTH, long


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
        if length > _LONGEST_SHORT:
            msg = f"{shown_tag(tag)} is longer than its VR {vr} allows. Shorten it"
            raise MalformedDataSet(msg)
        short = int.from_bytes(vr.encode(), encoding.order)
        return encoding.header.pack(group, number, short, length) + value
    tag_bytes = encoding.item.pack(group, number, 0)[:4]
    return tag_bytes + vr.encode() + b"\0\0" + encoding.long.pack(length) + value


def item(elements: bytes, encoding: Encoding) -> bytes:
    """Wrap encoded elements into an item of defined length."""
    return encoding.item.pack(ITEM >> 16, ITEM & 0xFFFF, len(elements)) + elements
