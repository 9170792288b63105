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
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    PIXEL_DATA,
    PIXELS,
    SEQUENCE_DELIMITER,
    UNDEFINED,
    Encoding,
)
from raykeep.dicom.head import BulkValue, PixelData
from raykeep.dicom.index_values import WANTED, WANTED_IN_ITEMS
from raykeep.dicom.limits import DataSetLimits
from raykeep.domain.errors import LimitExceeded, MalformedDataSet

_OPEN: Final = 1 << 62  # an end that is not known yet
_NOTHING: Final[frozenset[int]] = frozenset()
_SEQUENCES: Final = frozenset(tag for tag, vr in VRS.items() if vr == "SQ")
_PIXEL_GROUP: Final = min(PIXELS)

_ELEMENTS, _ITEMS, _FRAGMENTS = range(3)


class _Level:
    """What is open: the data set or an item, a sequence, or a row of fragments."""

    __slots__ = (
        "ceiling",
        "encoding",
        "end",
        "found",
        "items",
        "kind",
        "last",
        "number",
        "tag",
        "wanted",
    )

    def __init__(self, kind: int, end: int, encoding: Encoding, tag: int = 0) -> None:
        self.kind = kind
        self.end = end  # byte of the data set after its last one, `_OPEN` when undefined
        self.encoding = encoding
        self.tag = tag  # of the sequence
        self.number = -1  # of the item that is open, or of the last fragment
        self.last = FIRST_TAG - 1  # tag before; they ascend
        self.ceiling = BEYOND_PIXELS  # tags from here on need a closer look
        self.wanted = _NOTHING
        self.found: dict[int, bytes] = {}
        self.items: list[dict[int, bytes]] | None = None  # of an indexed sequence


class Structure:
    """The state of one data set between two pieces of it.

    Attributes:
        need: Bytes that must be at hand, from where `walk` stopped, before it can go on.
        kept: The header so far, without what is in `bulk`.
        bulk: What was left out of `kept`.
        found: Values that the index wants, by tag, as encoded.
        found_items: The same within the items of indexed sequences.
        pixel_data: Where it begins, once it is reached.
        offset_table: The Basic Offset Table's value.
        offset_table_at: Byte of the data set where that value begins.
        fragment_lengths: Bytes of each fragment's value, in order, without the table.
        findings: What is odd.
    """

    def __init__(self, encoding: Encoding, limits: DataSetLimits, *, encapsulated: bool) -> None:
        self.need = 8
        self.kept = bytearray()
        self.bulk: list[BulkValue] = []
        self.found: dict[int, bytes] = {}
        self.found_items: dict[int, list[dict[int, bytes]]] = {}
        self.pixel_data: PixelData | None = None
        self.offset_table = b""
        self.fragment_lengths = array("I")
        self.findings: dict[str, None] = {}
        self._limits = limits
        self._encapsulated = encapsulated
        self._left = limits.elements
        self._depth = 0
        self._mark = 0  # byte of the data set from where on nothing is kept yet
        self._dropping: int | None = None  # where a value within a row of fragments began
        self._paused = False
        top = _Level(_ELEMENTS, _OPEN, encoding)
        top.ceiling = _PIXEL_GROUP
        top.wanted = WANTED
        top.found = self.found
        self._level = top
        self._levels: list[_Level] = []

    @property
    def closed(self) -> bool:
        """Whether nothing is open but the data set itself."""
        return not self._levels

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
        position = 0
        self._paused = False
        while not self._paused:
            level = self._level
            if level.kind == _ELEMENTS:
                if level.encoding.explicit:
                    position = self._explicit(window, position, base, level)
                else:
                    position = self._implicit(window, position, base, level)
                position = self._element(window, position, base, level)
            elif level.kind == _ITEMS:
                position = self._item(window, position, base, level)
            else:
                position = self._fragment(window, position, base, level)
        if self.pixel_data is None:
            self._keep(window, base, min(position, len(window)))
        return position

    # --- elements

    def _explicit(self, window: bytes, position: int, base: int, level: _Level) -> int:
        """Pass over the plain elements that are wholly in the window: the hot loop."""
        stop = min(len(window), level.end - base)
        ceiling, last = level.ceiling, level.last
        wanted, found = level.wanted, level.found
        unpack, short_vrs = level.encoding.header.unpack_from, level.encoding.short_vrs
        room = stop - 8
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

    def _implicit(self, window: bytes, position: int, base: int, level: _Level) -> int:
        """The same for implicit VR."""
        stop = min(len(window), level.end - base)
        ceiling, last = level.ceiling, level.last
        wanted, found = level.wanted, level.found
        unpack, long = level.encoding.header.unpack_from, self._limits.bulk_bytes
        room = stop - 8
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

    def _element(self, window: bytes, position: int, base: int, level: _Level) -> int:
        """Take one step that the loops leave to a closer look."""
        end = level.end - base
        if position == end:
            return self._close(position)
        if end - position < 8:
            raise malformed("an item ends inside an element", base + position)
        available = len(window) - position
        if available < 8:
            return self._pause(position, 8)
        group, element, length = level.encoding.item.unpack_from(window, position)
        tag = group << 16 | element
        if group == 0xFFFE:
            if tag == ITEM_DELIMITER and level.end == _OPEN and self._levels and length == 0:
                return self._close(position + 8)
            raise malformed(f"{shown_tag(tag)} stands where no item ends", base + position)
        self._check_order(tag, level, base + position)
        if level.encoding.explicit:
            raw_vr = window[position + 4 : position + 6]
            vr, is_long = self._vr(raw_vr, tag, base + position)
            if is_long:
                if available < 12:
                    return self._pause(position, 12)
                value = position + 12
                (length,) = level.encoding.long.unpack_from(window, position + 8)
            else:
                value = position + 8
                length = int.from_bytes(window[position + 6 : value], level.encoding.order)
        else:
            vr, value = vr_of(tag), position + 8
        if not self._left:
            raise LimitExceeded(
                "number of elements", self._limits.elements + 1, self._limits.elements
            )
        if tag in PIXELS and not self._levels and self.pixel_data is None:
            self._end_head(window, position, base)
            self._begin_pixels(tag, vr, value + base, length)
        if vr == "SQ" or (vr == "UN" and length == UNDEFINED):
            self._count(tag, level)
            return self._open_sequence(tag, vr, length, value, base, level)
        if length == UNDEFINED:
            self._count(tag, level)
            return self._open_fragments(tag, vr, window, value, base, level)
        if length & 1:
            raise malformed(f"{shown_tag(tag)} has the odd length {length}", base + position)
        after = value + length
        if after > end:
            raise malformed(f"{shown_tag(tag)} is longer than the item around it", base + position)
        if self.pixel_data is None:
            if length > self._limits.bulk_bytes and vr in vrs.BULK:
                self._leave_out(tag, vr, window, value, base, length)
            elif after > len(window):
                self._check_header(len(self.kept) + length)
                return self._pause(position, after - position)
            elif tag in level.wanted:
                level.found[tag] = window[value:after]
        self._count(tag, level)
        return after

    def _check_order(self, tag: int, level: _Level, at: int) -> None:
        if level.last < tag < level.ceiling:
            return
        if tag == level.last:
            raise malformed(f"{shown_tag(tag)} stands there twice", at)
        if tag < FIRST_TAG:
            raise malformed(f"{shown_tag(tag)} does not belong into a data set", at)
        if tag < level.last:
            raise malformed(f"{shown_tag(tag)} stands after {shown_tag(level.last)}", at)
        if tag >= 0xFFFF0000:
            raise malformed(f"{shown_tag(tag)} is of a group that may not be used", at)

    def _vr(self, raw: bytes, tag: int, at: int) -> tuple[str, bool]:
        """VR of an explicit element, and whether its length has 32 bits."""
        vr = raw.decode("latin_1")
        if vr in vrs.SHORT_FORM:
            return vr, False
        if vr in vrs.LONG_FORM:
            return vr, True
        if raw in vrs.BLANK:
            self.note("an element without VR")
            return vr_of(tag), False
        if raw.isalpha() and raw.isupper():
            # Whatever the standard adds later has the long form (PS3.5 section 7.1.2).
            self.note("an element with an unknown VR")
            return "UN", True
        raise malformed(f"{shown_tag(tag)} has no value representation", at)

    def _count(self, tag: int, level: _Level) -> None:
        level.last = tag
        self._left -= 1

    def _close(self, position: int) -> int:
        """The item, sequence or row that is open ends here."""
        if self._level.kind == _ITEMS:
            self._depth -= 1
        self._level = self._levels.pop()
        return position

    def _pause(self, position: int, need: int) -> int:
        self.need = need
        self._paused = True
        return position

    # --- sequences

    def _open_sequence(
        self, tag: int, vr: str, length: int, value: int, base: int, level: _Level
    ) -> int:
        self._depth += 1
        if self._depth > self._limits.depth:
            raise malformed(
                f"sequences stand more than {self._limits.depth} deep within one another",
                base + value,
            )
        end = self._end_of(tag, length, value, base, level)
        # A sequence of unknown VR is always implicit VR little endian (PS3.5 section 6.2.2).
        encoding = IMPLICIT_LITTLE if vr == "UN" else level.encoding
        opened = _Level(_ITEMS, end, encoding, tag)
        if not self._levels and tag in WANTED_IN_ITEMS and self.pixel_data is None:
            opened.items = self.found_items[tag] = []
            opened.wanted = WANTED_IN_ITEMS[tag]
        self._levels.append(level)
        self._level = opened
        return value

    def _item(self, window: bytes, position: int, base: int, level: _Level) -> int:
        if position == level.end - base:
            return self._close(position)
        if level.end - base - position < 8:
            raise malformed(f"{shown_tag(level.tag)} ends inside an item", base + position)
        if len(window) - position < 8:
            return self._pause(position, 8)
        group, element, length = level.encoding.item.unpack_from(window, position)
        tag = group << 16 | element
        if tag == SEQUENCE_DELIMITER and level.end == _OPEN and length == 0:
            return self._close(position + 8)
        if tag != ITEM:
            raise malformed(f"{shown_tag(level.tag)} holds no item", base + position)
        position += 8
        opened = _Level(
            _ELEMENTS, self._end_of(level.tag, length, position, base, level), level.encoding
        )
        level.number += 1
        if level.items is not None and len(level.items) < self._limits.indexed_items:
            opened.wanted = level.wanted
            level.items.append(opened.found)
        self._levels.append(level)
        self._level = opened
        return position

    def _end_of(self, tag: int, length: int, value: int, base: int, level: _Level) -> int:
        if length == UNDEFINED:
            return _OPEN
        end = base + value + length
        if end > level.end:
            raise malformed(f"{shown_tag(tag)} is longer than what stands around it", base + value)
        return end

    # --- binary values that are not kept

    def _leave_out(
        self, tag: int, vr: str, window: bytes, value: int, base: int, length: int
    ) -> None:
        self._keep(window, base, value)
        self._mark = base + value + length
        self.bulk.append(BulkValue(self._path(tag), vr, base + value, length))

    def _path(self, tag: int) -> tuple[int, ...]:
        path: list[int] = []
        for level in self._levels:
            if level.kind == _ITEMS:
                path += (level.tag, level.number)
        return (*path, tag)

    def _keep(self, window: bytes, base: int, stop: int) -> None:
        start = max(self._mark - base, 0)
        if self._dropping is None and start < stop:
            self.kept += window[start:stop]
            self._mark = base + stop
            self._check_header(len(self.kept))

    def _check_header(self, length: int) -> None:
        if length > self._limits.header_bytes:
            raise LimitExceeded("header", length, self._limits.header_bytes, "bytes")

    # --- pixel data and other encapsulated values

    def _end_head(self, window: bytes, position: int, base: int) -> None:
        self._keep(window, base, position)
        self._level.ceiling = BEYOND_PIXELS
        self._level.wanted = _NOTHING

    def _begin_pixels(self, tag: int, vr: str, offset: int, length: int) -> None:
        native = length != UNDEFINED
        if native == self._encapsulated:
            self.note(NATIVE_IN_ENCAPSULATED if native else ENCAPSULATED_IN_NATIVE)
        self.pixel_data = PixelData(tag, vr, offset, length if native else None)

    def _open_fragments(
        self, tag: int, vr: str, window: bytes, value: int, base: int, level: _Level
    ) -> int:
        if vr not in {"OB", "OW"}:
            raise malformed(f"{shown_tag(tag)} is of undefined length", base + value)
        opened = _Level(_FRAGMENTS, _OPEN, level.encoding, tag)
        if self.pixel_data is None:
            # An icon, say: it never goes into the header, so no piece of it must be kept.
            self._keep(window, base, value)
            self._dropping = base + value
            self.bulk.append(BulkValue(self._path(tag), vr, base + value, 0))
        self._levels.append(level)
        self._level = opened
        return value

    def _fragment(self, window: bytes, position: int, base: int, level: _Level) -> int:
        """Pass over the fragments whose headers are in the window."""
        unpack = level.encoding.item.unpack_from
        room = len(window) - 8
        is_top = self._dropping is None and len(self._levels) == 1 and level.tag == PIXEL_DATA
        lengths, number = self.fragment_lengths, level.number
        while position <= room:
            group, element, length = unpack(window, position)
            tag = group << 16 | element
            if tag != ITEM or length == UNDEFINED or length & 1:
                return self._end_fragments(tag, length, position, base, level)
            if number < 0 and is_top:
                if length > 4 * self._limits.fragments:
                    raise LimitExceeded(
                        "Basic Offset Table", length, 4 * self._limits.fragments, "bytes"
                    )
                if position + 8 + length > len(window):
                    return self._pause(position, 8 + length)
                self.offset_table = window[position + 8 : position + 8 + length]
            elif is_top:
                lengths.append(length)
            number += 1
            if number > self._limits.fragments:
                raise LimitExceeded("number of fragments", number, self._limits.fragments)
            level.number = number
            position += 8 + length
        return self._pause(position, 8)

    def _end_fragments(self, tag: int, length: int, position: int, base: int, level: _Level) -> int:
        if tag != SEQUENCE_DELIMITER or length:
            what = "holds no fragment" if tag != ITEM else f"holds a fragment of length {length}"
            raise malformed(f"{shown_tag(level.tag)} {what}", base + position)
        if self._dropping is not None:
            last = self.bulk[-1]
            self.bulk[-1] = BulkValue(
                last.path, last.vr, last.offset, base + position - last.offset
            )
            self._mark = base + position
            self._dropping = None
        return self._close(position + 8)

    # --- remarks

    def note(self, finding: str) -> None:
        """Remember what is odd, once each and not without end."""
        if len(self.findings) < self._limits.findings:
            self.findings[finding] = None


NATIVE_IN_ENCAPSULATED: Final = "Pixel Data is native in an encapsulated transfer syntax"
ENCAPSULATED_IN_NATIVE: Final = "Pixel Data is encapsulated in a native transfer syntax"


def malformed(what: str, at: int) -> MalformedDataSet:
    """The error that says where the data set cannot be read."""
    return MalformedDataSet(
        f"the data set cannot be read at byte {at}: {what}. Correct it at its source"
    )
