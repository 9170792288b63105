"""Where the frames of an instance lie (PS3.5 sections 8.1, 8.2 and A.4)."""

import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import FrameNotFound, IntegrityError

_ITEM_HEADER: Final = 8  # bytes before each fragment's value
_PACKED = struct.Struct("<BQII")
_VERSION: Final = 1
_WORD: Final = 4  # bytes
_COLOUR, _SHARED = 3, 2  # samples of a pixel: of its own, and where two share their colour


def pack_fragments(offset: int, offset_table: bytes, lengths: Sequence[int]) -> bytes:
    """Pack the places of encapsulated Pixel Data for `Instance.fragments`.

    A Basic Offset Table is turned into numbers of fragments, and left out when it does not
    point at fragments: what a peer claims is checked here, once.

    Args:
        offset: First byte of the table's item tag in the stored data set.
        offset_table: Its value, empty when it has none.
        lengths: Bytes of each fragment that follows, in order.
    """
    starts = _frame_starts(offset_table, lengths)
    head = _PACKED.pack(_VERSION, offset, len(offset_table), len(starts))
    return head + _words(starts) + _words(lengths)


def _frame_starts(offset_table: bytes, lengths: Sequence[int]) -> list[int]:
    count, odd = divmod(len(offset_table), _WORD)
    # One fragment a frame needs no table; neither does a single frame.
    if odd or not 1 < count < len(lengths):
        return []
    places = [0, *accumulate(length + _ITEM_HEADER for length in lengths[:-1])]
    starts = []
    for place in struct.unpack(f"<{count}I", offset_table):
        number = bisect_left(places, place)
        if number == len(places) or places[number] != place:
            return []
        starts.append(number)
    ascending = all(a < b for a, b in pairwise(starts))
    return starts if ascending and starts[0] == 0 else []


def _words(numbers: Sequence[int]) -> bytes:
    words = array("I", numbers)
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


class FragmentTable:
    """Places of the fragments of one instance.

    A place is a sum of lengths, worked out for the fragments that are asked for: a slide may
    have hundreds of thousands, and one frame is wanted.

    Attributes:
        starts: Number of the first fragment of each frame, counted from 0; empty when no
            table said so.
    """

    __slots__ = ("_lengths", "_offset", "starts")

    def __init__(self, offset: int, lengths: "array[int]", starts: Sequence[int]) -> None:
        self._offset = offset  # of the first fragment's item tag in the stored data set
        self._lengths = lengths
        self.starts = tuple(starts)

    @classmethod
    def unpack(cls, packed: bytes) -> "FragmentTable":
        """Read what `pack_fragments` made.

        Raises:
            IntegrityError: these are other bytes.
        """
        words = array("I")
        try:
            version, offset, table_length, starts = _PACKED.unpack_from(packed)
            words.frombytes(packed[_PACKED.size :])
        except (struct.error, ValueError) as error:
            msg = "the fragments of an instance cannot be read. Check the index"
            raise IntegrityError(msg) from error
        if version != _VERSION or starts > len(words):
            msg = f"the fragments of an instance are of version {version}. Upgrade the archive"
            raise IntegrityError(msg)
        if sys.byteorder == "big":
            words.byteswap()
        return cls(offset + _ITEM_HEADER + table_length, words[starts:], words[:starts])

    def __len__(self) -> int:
        return len(self._lengths)

    def fragments(self, start: int = 0, stop: int | None = None) -> list[ByteRange]:
        """Values of the fragments `start` up to `stop` in the stored data set, in order.

        The Basic Offset Table is none of them.
        """
        position = self._offset + sum(self._lengths[:start]) + _ITEM_HEADER * start
        spans = []
        for length in self._lengths[start:stop]:
            position += _ITEM_HEADER
            spans.append(ByteRange(position, position + length))
            position += length
        return spans

    def frame(self, frame: int, number_of_frames: int) -> list[ByteRange]:
        """The fragments of one frame, in order.

        Args:
            frame: Counted from 1.
            number_of_frames: Of the instance.

        Raises:
            FrameNotFound: no such frame, or the instance does not say where frames begin (a
                video, or a wrong offset table).
        """
        count = len(self)
        if not 1 <= frame <= number_of_frames:
            raise _no_frame(frame, number_of_frames)
        if number_of_frames == 1:
            return self.fragments()
        if count == number_of_frames:
            return self.fragments(frame - 1, frame)
        if len(self.starts) == number_of_frames:
            bounds = (*self.starts, count)
            return self.fragments(bounds[frame - 1], bounds[frame])
        msg = (
            f"frame {frame} cannot be told apart: {number_of_frames} frames lie in {count} "
            "fragments without a usable offset table. Retrieve the whole instance"
        )
        raise FrameNotFound(msg)


def frame_spans(packed: bytes, number_of_frames: int) -> list[list[ByteRange]]:
    """The fragments of every frame of an encapsulated instance, in the order of frames.

    Raises:
        FrameNotFound: the instance does not say where its frames begin.
        IntegrityError: `packed` is not of `pack_fragments`.
    """
    table = FragmentTable.unpack(packed)
    table.frame(1, number_of_frames)  # raises before a claim of 2^31 frames costs anything
    spans = table.fragments()
    if number_of_frames == 1:
        return [spans]
    starts = table.starts if len(table) != number_of_frames else range(number_of_frames)
    return [spans[start:stop] for start, stop in pairwise((*starts, len(table)))]


def native_frame_range(
    frame: int,
    *,
    rows: int,
    columns: int,
    samples_per_pixel: int,
    bits_allocated: int,
    number_of_frames: int,
) -> ByteRange:
    """Locate one frame of native (not encapsulated) Pixel Data.

    Frames of shape (rows, columns, samples per pixel) follow one another
    without padding, so a frame's place is a product and nothing is read.

    Args:
        frame: Frame number, counted from 1 as in a WADO-RS frame list.
        rows: Height in pixels, (0028,0010).
        columns: Width in pixels, (0028,0011).
        samples_per_pixel: 1 for grey, 3 for colour, (0028,0002); see `stored_samples`.
        bits_allocated: Bits of one sample, 1 or a multiple of 8, (0028,0100).
        number_of_frames: Frames in the instance, (0028,0008).

    Returns:
        Byte offsets from the first byte of the Pixel Data value, half-open. Frames of single
        bits may begin within a byte: the range then holds all bytes that they touch, and
        `realigned` cuts the frame out.

    Raises:
        FrameNotFound: `frame` is not in 1..`number_of_frames`.
        ValueError: `bits_allocated` is neither 1 nor a positive multiple of 8.

    Source:
        PS3.5 sections 8.1.1 and 8.2; PS3.18 section 10.4 for the counting.
    """
    if not 1 <= frame <= number_of_frames:
        raise _no_frame(frame, number_of_frames)
    if bits_allocated != 1 and (bits_allocated <= 0 or bits_allocated % 8):
        msg = f"bits allocated are 1 or a multiple of 8, not {bits_allocated}"
        raise ValueError(msg)
    bits = rows * columns * samples_per_pixel * bits_allocated
    return ByteRange((frame - 1) * bits // 8, -(-frame * bits // 8))


def realigned(covering: bytes, frame: int, *, bits: int) -> bytes:
    """A frame of single bits, moved to the beginning of its first byte.

    Args:
        covering: The bytes of `native_frame_range`.
        frame: Frame number, counted from 1.
        bits: Of one frame: rows by columns by samples per pixel.
    """
    shift = (frame - 1) * bits % 8
    if not shift and not bits % 8:
        return covering
    # The first pixel is the lowest bit (PS3.5 section 8.1.1), as in a little endian number.
    value = (int.from_bytes(covering, "little") >> shift) & ((1 << bits) - 1)
    return value.to_bytes(-(-bits // 8), "little")


def stored_samples(samples_per_pixel: int, photometric_interpretation: str) -> int:
    """Samples that each pixel really has in native Pixel Data.

    In the 4:2:2 forms two pixels share their colour (PS3.3 section C.7.6.3.1.2).
    """
    shared = photometric_interpretation in {"YBR_FULL_422", "YBR_PARTIAL_422"}
    return _SHARED if shared and samples_per_pixel == _COLOUR else samples_per_pixel


def _no_frame(frame: int, number_of_frames: int) -> FrameNotFound:
    return FrameNotFound(
        f"there is no frame {frame}: the instance has frames 1 to {number_of_frames}. "
        "Ask for one of these"
    )
