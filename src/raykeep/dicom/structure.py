"""Following the structure of a data set piece by piece (PS3.5 section 7).

One pass, no recursion: what is open stands on a list, every length is held
against the length around it before anything is taken from it, and only the
header and the few values that the index wants are kept.
"""

from array import array
from typing import Final

from raykeep.dicom import vrs
from raykeep.dicom.dictionary import VRS, shown_tag, vr_of
from raykeep.dicom.encodings import (
    BEYOND_PIXELS,
    FIRST_TAG,
    HEADER_LENGTH,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    LONG_HEADER_LENGTH,
    PIXEL_DATA,
    PIXELS,
    RESERVED,
    SEQUENCE_DELIMITER,
    UNDEFINED,
    Encoding,
)
from raykeep.dicom.head import BulkValue, PixelData
from raykeep.dicom.index_values import WANTED, WANTED_IN_ITEMS
from raykeep.dicom.kept_header import KeptHeader
from raykeep.dicom.limits import DataSetLimits
from raykeep.dicom.malformed import malformed
from raykeep.dicom.structure_level import ELEMENTS, FRAGMENTS, ITEMS, NOTHING, OPEN, Level
from raykeep.domain.errors import LimitExceeded

NATIVE_IN_ENCAPSULATED: Final = "Pixel Data is native in an encapsulated transfer syntax"
ENCAPSULATED_IN_NATIVE: Final = "Pixel Data is encapsulated in a native transfer syntax"

_LAST_IDENTIFIER: Final = 0x0020000E  # Series Instance UID
_SEQUENCES: Final = frozenset(tag for tag, vr in VRS.items() if vr == "SQ")
_FRAGMENT_VRS: Final = frozenset({"OB", "OW"})
_NATIVE_VRS: Final = frozenset({"OB", "OD", "OF", "OW", "UN"})
_OFFSET_LENGTH: Final = 4  # bytes of one entry of a Basic Offset Table


class Structure:
    """The state of one data set between two pieces of it.

    Attributes:
        need: Bytes that must be at hand, from where `walk` stopped, before it can go on.
        header: What is kept of it.
        found: Values that the index wants, by tag, as encoded.
        found_items: The same within the items of indexed sequences.
        pixel_data: Where it begins, once it is reached.
        offset_table: The Basic Offset Table's value.
        fragment_lengths: Bytes of each fragment's value, in order, without the table.
        findings: What is odd, in order.
    """

    def __init__(self, encoding: Encoding, limits: DataSetLimits, *, encapsulated: bool) -> None:
        self.need = HEADER_LENGTH
        self.header = KeptHeader(limits)
        self.found_items: dict[int, list[dict[int, bytes]]] = {}
        self.pixel_data: PixelData | None = None
        self.offset_table = b""
        self.fragment_lengths = array("I")
        self.findings: dict[str, None] = {}
        self._limits = limits
        self._encapsulated = encapsulated
        self._left = limits.elements
        self._depth = 0
        self._window = b""
        self._base = 0  # byte of the data set where the window begins
        self._paused = False
        self._level = Level(ELEMENTS, OPEN, encoding)
        self._level.ceiling = min(PIXELS)
        self._level.wanted = WANTED
        self.found = self._level.found
        self._levels: list[Level] = []  # around `_level`, from the outside in

    @property
    def closed(self) -> bool:
        """Whether nothing is open but the data set itself."""
        return not self._levels

    @property
    def identified(self) -> bool:
        """Whether all elements are passed that say which instance of whom this is.

        Tags ascend, so none of them can come any more.
        """
        outermost = self._levels[0] if self._levels else self._level
        return outermost.last > _LAST_IDENTIFIER

    def walk(self, window: bytes, base: int) -> int:
        """Follow the bytes of `window`, which begins at byte `base` of the data set.

        Returns:
            How far this came, counted from the window's first byte: less than its length when
            an element is incomplete (`need` says how much of it must be there), more when
            bytes that follow can be passed over unseen.

        Raises:
            MalformedDataSet: this is no data set.
            LimitExceeded: it is a larger one than allowed.
        """
        self._window, self._base, self._paused = window, base, False
        position = 0
        while not self._paused:
            level = self._level
            if level.kind == ELEMENTS:
                if level.encoding.explicit:
                    position = self._explicit(position, level)
                else:
                    position = self._implicit(position, level)
                if base + position == level.end:
                    position = self._close(position)
                else:
                    position = self._element(position, level)
            elif level.kind == ITEMS:
                position = self._item(position, level)
            else:
                position = self._fragments(position, level)
        if self.pixel_data is None:
            self.header.keep(window, base, min(position, len(window)))
        return position

    # --- elements

    def _explicit(self, position: int, level: Level) -> int:
        """Pass over the plain elements that are wholly in the window: the hot loop."""
        window = self._window
        stop = min(len(window), level.end - self._base)
        room = stop - HEADER_LENGTH
        ceiling, last = level.ceiling, level.last
        wanted, found = level.wanted, level.found
        unpack, short_vrs = level.encoding.header.unpack_from, level.encoding.short_vrs
        left = self._left
        while position <= room and left:
            group, element, vr, length = unpack(window, position)
            tag = group << 16 | element
            if vr not in short_vrs or not last < tag < ceiling or length & 1:
                break
            after = position + 8 + length
            if after > stop:
                break
            if tag in wanted:
                found[tag] = window[position + 8 : after]
            last = tag
            position = after
            left -= 1
        level.last = last
        self._left = left
        return position

    def _implicit(self, position: int, level: Level) -> int:
        """The same for implicit VR."""
        window = self._window
        stop = min(len(window), level.end - self._base)
        room = stop - HEADER_LENGTH
        ceiling, last = level.ceiling, level.last
        wanted, found = level.wanted, level.found
        unpack, long = level.encoding.header.unpack_from, self._limits.bulk_bytes
        left = self._left
        while position <= room and left:
            group, element, length = unpack(window, position)
            tag = group << 16 | element
            if length > long or not last < tag < ceiling or length & 1 or tag in _SEQUENCES:
                break
            after = position + 8 + length
            if after > stop:
                break
            if tag in wanted:
                found[tag] = window[position + 8 : after]
            last = tag
            position = after
            left -= 1
        level.last = last
        self._left = left
        return position

    def _element(self, position: int, level: Level) -> int:
        """Take one step that the loops leave to a closer look."""
        at = self._base + position
        if level.end - at < HEADER_LENGTH:
            raise malformed("an item ends inside an element", at)
        available = len(self._window) - position
        if available < HEADER_LENGTH:
            return self._pause(position, HEADER_LENGTH)
        group, element, length = level.encoding.item.unpack_from(self._window, position)
        tag = group << 16 | element
        if tag == ITEM_DELIMITER and level.end == OPEN and self._levels and length == 0:
            return self._close(position + HEADER_LENGTH)
        self._check_order(tag, level, at)
        value = position + HEADER_LENGTH
        if level.encoding.explicit:
            vr, is_long = self._vr(position, tag)
            if is_long:
                value = position + LONG_HEADER_LENGTH
                if available < LONG_HEADER_LENGTH:
                    return self._pause(position, LONG_HEADER_LENGTH)
                (length,) = level.encoding.long.unpack_from(self._window, value - 4)
            else:
                (length,) = level.encoding.length.unpack_from(self._window, value - 2)
        else:
            vr = vr_of(tag)
        return self._take(tag, vr, position, value, length)

    def _take(self, tag: int, vr: str, position: int, value: int, length: int) -> int:
        """Take an element whose header is read."""
        level, limits = self._level, self._limits
        at = self._base + position
        if not self._left:
            raise LimitExceeded("number of elements", limits.elements + 1, limits.elements)
        if tag in PIXELS and not self._levels and self.pixel_data is None:
            self._end_head(tag, vr, position, value, length)
        after = value + length
        if vr == "SQ" or length == UNDEFINED:
            self._open(tag, vr, length, value)
            after = value
        elif length & 1:
            raise malformed(f"{shown_tag(tag)} has the odd length {length}", at)
        elif self._base + after > level.end:
            raise malformed(f"{shown_tag(tag)} is longer than the item around it", at)
        elif self.pixel_data is None:
            if length > limits.bulk_bytes and vr in vrs.BULK:
                self.header.keep(self._window, self._base, value)
                self.header.leave_out(BulkValue(self._path(tag), vr, self._base + value, length))
            elif after > len(self._window):
                self.header.check(length)
                return self._pause(position, after - position)
            elif tag in level.wanted:
                level.found[tag] = self._window[value:after]
        level.last = tag
        self._left -= 1
        return after

    def _check_order(self, tag: int, level: Level, at: int) -> None:
        if level.last < tag < level.ceiling:
            return
        if tag == level.last:
            raise malformed(f"{shown_tag(tag)} stands there twice", at)
        if tag < FIRST_TAG:
            raise malformed(f"{shown_tag(tag)} does not belong into a data set", at)
        if tag < level.last:
            raise malformed(f"{shown_tag(tag)} stands after {shown_tag(level.last)}", at)
        if BEYOND_PIXELS <= tag < RESERVED:
            raise malformed(f"{shown_tag(tag)} stands where no item begins or ends", at)
        if tag >= RESERVED:
            raise malformed(f"{shown_tag(tag)} is of a group that may not be used", at)

    def _vr(self, position: int, tag: int) -> tuple[str, bool]:
        """VR of an explicit element, and whether its length has 32 bits."""
        raw = self._window[position + 4 : position + 6]
        vr = raw.decode("latin_1")
        if vr in vrs.SHORT_FORM:
            return vr, False
        if vr in vrs.LONG_FORM:
            return vr, True
        if raw in vrs.BLANK:
            self._note("an element without VR")
            return vr_of(tag), False
        if raw.isalpha() and raw.isupper():
            # Whatever the standard adds later has the long form (PS3.5 section 7.1.2).
            self._note("an element with an unknown VR")
            return "UN", True
        raise malformed(f"{shown_tag(tag)} has no value representation", self._base + position)

    def _close(self, position: int) -> int:
        """The item, sequence or row that is open ends here."""
        if self._level.kind == ITEMS:
            self._depth -= 1
        self._level = self._levels.pop()
        return position

    def _pause(self, position: int, need: int) -> int:
        self.need = need
        self._paused = True
        return position

    # --- sequences and rows of fragments

    def _open(self, tag: int, vr: str, length: int, value: int) -> None:
        """Something begins at `value` that holds items."""
        if vr in {"SQ", "UN"}:
            # A sequence of unknown VR is implicit VR little endian (PS3.5 section 6.2.2).
            encoding = IMPLICIT_LITTLE if vr == "UN" else self._level.encoding
            opened = Level(ITEMS, self._end_of(tag, length, value), encoding, tag)
            self._depth += 1
            if self._depth > self._limits.depth:
                deep = f"sequences stand more than {self._limits.depth} deep within one another"
                raise malformed(deep, self._base + value)
            if tag in WANTED_IN_ITEMS and not self._levels and self.pixel_data is None:
                opened.items = self.found_items[tag] = []
                opened.wanted = WANTED_IN_ITEMS[tag]
        elif vr in _FRAGMENT_VRS:
            opened = Level(FRAGMENTS, OPEN, self._level.encoding, tag)
            if self.pixel_data is None:
                # An icon, say: it never goes into the header, so no piece of it is kept.
                self.header.keep(self._window, self._base, value)
                self.header.begin_dropping(BulkValue(self._path(tag), vr, self._base + value, 0))
        else:
            raise malformed(f"{shown_tag(tag)} is of undefined length", self._base + value)
        self._levels.append(self._level)
        self._level = opened

    def _end_of(self, tag: int, length: int, value: int) -> int:
        if length == UNDEFINED:
            return OPEN
        end = self._base + value + length
        if end > self._level.end:
            what = f"{shown_tag(tag)} is longer than what stands around it"
            raise malformed(what, self._base + value)
        return end

    def _item(self, position: int, level: Level) -> int:
        at = self._base + position
        if at == level.end:
            return self._close(position)
        if level.end - at < HEADER_LENGTH:
            raise malformed(f"{shown_tag(level.tag)} ends inside an item", at)
        if len(self._window) - position < HEADER_LENGTH:
            return self._pause(position, HEADER_LENGTH)
        group, element, length = level.encoding.item.unpack_from(self._window, position)
        tag = group << 16 | element
        position += HEADER_LENGTH
        if tag == SEQUENCE_DELIMITER and level.end == OPEN and length == 0:
            return self._close(position)
        if tag != ITEM:
            raise malformed(f"{shown_tag(level.tag)} holds no item", at)
        opened = Level(ELEMENTS, self._end_of(level.tag, length, position), level.encoding)
        level.number += 1
        if level.items is not None and len(level.items) < self._limits.indexed_items:
            opened.wanted = level.wanted
            level.items.append(opened.found)
        self._levels.append(level)
        self._level = opened
        return position

    def _path(self, tag: int) -> tuple[int, ...]:
        path: list[int] = []
        for level in self._levels:
            if level.kind == ITEMS:
                path += (level.tag, level.number)
        return (*path, tag)

    def _fragments(self, position: int, level: Level) -> int:
        """Pass over the fragments whose headers are in the window."""
        window, most = self._window, self._limits.fragments
        room = len(window) - HEADER_LENGTH
        unpack = level.encoding.item.unpack_from
        is_pixel_data = len(self._levels) == 1 and level.tag == PIXEL_DATA
        number = level.number
        while position <= room:
            group, element, length = unpack(window, position)
            if group << 16 | element != ITEM or length == UNDEFINED or length & 1:
                return self._end_fragments(group << 16 | element, length, position)
            value = position + HEADER_LENGTH
            if is_pixel_data and number >= 0:
                self.fragment_lengths.append(length)
            elif is_pixel_data:
                if length > most * _OFFSET_LENGTH:
                    unit = "bytes"
                    raise LimitExceeded("Basic Offset Table", length, most * _OFFSET_LENGTH, unit)
                if value + length > len(window):
                    return self._pause(position, HEADER_LENGTH + length)
                self.offset_table = window[value : value + length]
            number += 1
            level.number = number
            if number > most:
                raise LimitExceeded("number of fragments", number, most)
            position = value + length
        return self._pause(position, HEADER_LENGTH)

    def _end_fragments(self, tag: int, length: int, position: int) -> int:
        at = self._base + position
        if tag != SEQUENCE_DELIMITER or length:
            what = "holds no fragment" if tag != ITEM else f"holds a fragment of length {length}"
            raise malformed(f"{shown_tag(self._level.tag)} {what}", at)
        if self.header.dropping:
            self.header.end_dropping(at)
        return self._close(position + HEADER_LENGTH)

    def _end_head(self, tag: int, vr: str, position: int, value: int, length: int) -> None:
        """Pixel Data begins: nothing more is kept."""
        self.header.keep(self._window, self._base, position)
        self._level.ceiling = BEYOND_PIXELS
        self._level.wanted = NOTHING
        native = length != UNDEFINED
        if vr not in (_NATIVE_VRS if native else _FRAGMENT_VRS):
            raise malformed(f"{shown_tag(tag)} has the VR {vr}", self._base + position)
        if native == self._encapsulated:
            self._note(NATIVE_IN_ENCAPSULATED if native else ENCAPSULATED_IN_NATIVE)
        self.pixel_data = PixelData(tag, vr, self._base + value, length if native else None)

    def _note(self, finding: str) -> None:
        self.findings[finding] = None
