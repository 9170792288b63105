"""Frames are found where they lie, native and encapsulated."""

import struct
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import generate_frames

from raykeep.dicom.frames import (
    FragmentTable,
    frame_spans,
    native_frame_range,
    pack_fragments,
    realigned,
    stored_samples,
)
from raykeep.dicom.scan import InstanceScanner
from raykeep.domain.byte_range import ByteRange
from raykeep.domain.errors import FrameNotFound, IntegrityError
from tests.builders import JPEG_BASELINE, codestream, multi_frame_instance

COUNTS = st.integers(1, 5)


@given(
    rows=COUNTS, columns=COUNTS, samples=st.sampled_from([1, 3]),
    bits=st.sampled_from([8, 16, 32]), frames=COUNTS,
)  # fmt: skip
def test_native_frames_follow_one_another_without_gaps(
    rows: int, columns: int, samples: int, bits: int, frames: int
) -> None:
    ranges = [
        native_frame_range(
            n, rows=rows, columns=columns, samples_per_pixel=samples,
            bits_allocated=bits, number_of_frames=frames,
        )
        for n in range(1, frames + 1)
    ]  # fmt: skip

    assert ranges[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(ranges))
    assert {r.length for r in ranges} == {rows * columns * samples * bits // 8}


@given(rows=COUNTS, columns=COUNTS, frames=COUNTS, data=st.data())
def test_frames_of_single_bits_are_cut_out(
    rows: int, columns: int, frames: int, data: st.DataObject
) -> None:
    bits = rows * columns
    pixels = data.draw(st.lists(st.integers(0, 1), min_size=bits * frames, max_size=bits * frames))
    packed = bytearray(-(-len(pixels) // 8))
    for place, pixel in enumerate(pixels):
        packed[place // 8] |= pixel << place % 8
    for n in range(1, frames + 1):
        span = native_frame_range(
            n, rows=rows, columns=columns, samples_per_pixel=1, bits_allocated=1,
            number_of_frames=frames,
        )  # fmt: skip
        frame = realigned(bytes(packed[span.start : span.stop]), n, bits=bits)

        found = [frame[place // 8] >> place % 8 & 1 for place in range(bits)]
        assert found == pixels[(n - 1) * bits : n * bits]
        assert len(frame) == -(-bits // 8)


@pytest.mark.parametrize("frame", [0, -1, 4])
def test_there_are_no_other_frames(frame: int) -> None:
    with pytest.raises(FrameNotFound, match="frames 1 to 3"):
        native_frame_range(
            frame, rows=1, columns=1, samples_per_pixel=1, bits_allocated=8, number_of_frames=3
        )


@pytest.mark.parametrize("bits", [0, -8, 12])
def test_samples_have_whole_bytes_or_one_bit(bits: int) -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        native_frame_range(
            1, rows=1, columns=1, samples_per_pixel=1, bits_allocated=bits, number_of_frames=1
        )


def test_pixels_that_share_their_colour_have_two_samples() -> None:
    assert stored_samples(3, "YBR_FULL_422") == 2
    assert stored_samples(3, "YBR_FULL") == 3
    assert stored_samples(1, "MONOCHROME2") == 1


# --- encapsulated -------------------------------------------------------------------------------


@pytest.mark.parametrize("offset_table", [True, False])
@pytest.mark.parametrize("number_of_frames", [1, 2, 7])
def test_frames_of_one_fragment_need_no_table(number_of_frames: int, *, offset_table: bool) -> None:
    built = multi_frame_instance(
        number_of_frames=number_of_frames,
        transfer_syntax_uid=JPEG_BASELINE,
        offset_table=offset_table,
    )

    assert frames_of(built, number_of_frames) == [codestream(n) for n in range(number_of_frames)]


def test_frames_of_several_fragments_are_found_by_the_table() -> None:
    built = multi_frame_instance(
        number_of_frames=5, fragments_per_frame=3, transfer_syntax_uid=JPEG_BASELINE
    )
    expected = list(generate_frames(built.dataset.PixelData, number_of_frames=5))

    assert frames_of(built, 5) == expected


def test_one_frame_has_all_fragments() -> None:
    built = multi_frame_instance(
        number_of_frames=1,
        fragments_per_frame=4,
        transfer_syntax_uid=JPEG_BASELINE,
        offset_table=False,
    )

    assert frames_of(built, 1) == [codestream(0)]


def test_frames_that_nothing_tells_apart_are_not_found() -> None:
    built = multi_frame_instance(
        number_of_frames=3,
        fragments_per_frame=2,
        transfer_syntax_uid=JPEG_BASELINE,
        offset_table=False,
    )

    with pytest.raises(FrameNotFound, match="3 frames lie in 6 fragments"):
        frames_of(built, 3)
    with pytest.raises(FrameNotFound, match="cannot be told apart"):
        frame_spans(fragments_of(built), 2**31 - 1)


@pytest.mark.parametrize(
    "table",
    [
        [0, 20, 41],  # within a fragment
        [8, 20, 40],  # not from the first
        [0, 40, 20],  # backwards
        [0, 0, 20],  # twice the same
        [0, 20, 4000],  # beyond the last
        [0, 0xFFFFFFFF, 20],
    ],
)
def test_a_table_that_lies_is_not_believed(table: list[int]) -> None:
    packed = pack_fragments(100, struct.pack("<3I", *table), [12, 12, 12, 12])

    assert FragmentTable.unpack(packed).starts == ()


def test_a_table_of_odd_length_is_not_believed() -> None:
    packed = pack_fragments(100, bytes(9), [12, 12, 12, 12])

    assert FragmentTable.unpack(packed).starts == ()


@given(st.integers(0, 2**40), st.lists(st.integers(0, 2**31), max_size=20), st.integers(0, 3))
def test_packed_places_come_back(offset: int, lengths: list[int], entries: int) -> None:
    packed = pack_fragments(offset, bytes(4 * entries), lengths)
    fragments = FragmentTable.unpack(packed).fragments()
    position = offset + 8 + 4 * entries

    for fragment, length in zip(fragments, lengths, strict=True):
        assert fragment == ByteRange(position + 8, position + 8 + length)
        position += 8 + length


@given(st.binary(max_size=40))
def test_other_bytes_are_no_packed_places(noise: bytes) -> None:
    try:
        FragmentTable.unpack(noise)
    except IntegrityError:
        return
    assert noise[0] == 1


def test_a_frame_by_its_number() -> None:
    table = FragmentTable.unpack(pack_fragments(0, b"", [4, 6]))

    assert table.frame(2, 2) == [ByteRange(28, 34)]
    for frame in (0, 3):
        with pytest.raises(FrameNotFound, match=f"no frame {frame}"):
            table.frame(frame, 2)


def test_one_frame_of_very_many_is_found_quickly() -> None:
    packed = pack_fragments(0, b"", [100] * 500_000)
    begin = time.process_time()
    table = FragmentTable.unpack(packed)

    assert table.frame(500_000, 500_000) == [ByteRange(54_000_000 + 8 - 100, 54_000_008)]
    assert len(frame_spans(packed, 500_000)) == 500_000
    assert time.process_time() - begin < 10  # seconds


def fragments_of(built) -> bytes:
    scanner = InstanceScanner(built.transfer_syntax_uid)
    scanner.feed(built.data_set)
    scanner.finish()
    return scanner.fragments


def frames_of(built, number_of_frames: int) -> list[bytes]:
    return [
        b"".join(built.data_set[span.start : span.stop] for span in spans)
        for spans in frame_spans(fragments_of(built), number_of_frames)
    ]
