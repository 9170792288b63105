"""Whatever bytes come in: an answer or a refusal, quickly and in little memory."""

import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from raykeep.dicom.limits import DataSetLimits
from raykeep.dicom.scan import InstanceScanner
from raykeep.domain.errors import InstanceRefused, LimitExceeded, MalformedDataSet
from tests.builders import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
    ct_instance,
    multi_frame_instance,
    sr_instance,
)

SYNTAXES = [
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
]
REFUSALS = (MalformedDataSet, InstanceRefused, LimitExceeded)
SEEDS = {
    syntax: (
        ct_instance(transfer_syntax_uid=syntax).data_set,
        sr_instance(transfer_syntax_uid=syntax).data_set,
        multi_frame_instance(transfer_syntax_uid=syntax, fragments_per_frame=2).data_set,
    )
    for syntax in SYNTAXES
}
FEW = DataSetLimits(inflated_bytes=1_000_000, header_bytes=1_000_000)
MIB = 1_048_576


def answer(data_set: bytes, syntax: str, limits: DataSetLimits = FEW, size: int = 0) -> str:
    """`read`, or the name of the refusal; anything else passes through and fails the test."""
    scanner = InstanceScanner(syntax, limits)
    step = size or max(len(data_set), 1)
    try:
        for start in range(0, len(data_set), step):
            scanner.feed(data_set[start : start + step])
        scanner.finish()
        head = scanner.head
    except REFUSALS as refusal:
        return type(refusal).__name__
    assert len(head.raw) <= len(data_set) or syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    assert all(value.offset + value.length <= scanner.length for value in head.bulk)
    return "read"


# --- any bytes ----------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.sampled_from(SYNTAXES))
@example(b"\x08\0\x05\0SH\xff\xff", EXPLICIT_VR_LITTLE_ENDIAN)
def test_any_bytes_are_answered(noise: bytes, syntax: str) -> None:
    answer(noise, syntax)


@given(st.data(), st.sampled_from(SYNTAXES))
def test_any_change_to_an_instance_is_answered_the_same_however_it_is_cut(
    data: st.DataObject, syntax: str
) -> None:
    mutated = bytearray(data.draw(st.sampled_from(SEEDS[syntax])))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        change = data.draw(st.sampled_from(["flip", "cut", "insert", "copy", "long"]))
        if change == "flip":
            mutated[place] = data.draw(st.integers(0, 255))
        elif change == "cut":
            del mutated[place : place + data.draw(st.integers(1, 16))]
        elif change == "insert":
            mutated[place:place] = data.draw(st.binary(min_size=1, max_size=16))
        elif change == "copy":
            mutated[place:place] = mutated[place : place + data.draw(st.integers(1, 64))]
        else:
            mutated[place : place + 4] = data.draw(
                st.sampled_from(
                    [b"\xff" * 4, b"\xfe\xff\xff\xff", b"\0\0\0\x80", b"\xfe\xff\0\xe0"]
                )
            )
        if not mutated:
            mutated += b"\0"
    whole = answer(bytes(mutated), syntax)

    for size in (1, 13):
        assert answer(bytes(mutated), syntax, size=size) == whole


@given(st.data(), st.sampled_from(SYNTAXES))
def test_an_instance_that_ends_early_is_never_taken_for_a_whole_one(
    data: st.DataObject, syntax: str
) -> None:
    whole = data.draw(st.sampled_from(SEEDS[syntax]))
    kept = data.draw(st.integers(1, len(whole) - 1))
    scanner = InstanceScanner(syntax)
    try:
        scanner.feed(whole[:kept])
        scanner.finish()
    except MalformedDataSet:
        return
    # It ended between two elements, where nothing can tell; the transport's own end must.
    if syntax != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        rest = InstanceScanner(syntax)
        rest.feed(whole[:kept])
        rest.feed(whole[kept:])
        rest.finish()


# --- lengths that lie ---------------------------------------------------------------------------


def header(tag: int, vr: bytes, length: int) -> bytes:
    if vr in {b"SQ", b"OB", b"OW", b"UN", b"UT"}:
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, length)


def item(length: int) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, length)


ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
SQ = 0x00081115
LO = header(0x00100020, b"LO", 2) + b"ID"


@pytest.mark.parametrize(
    ("data_set", "why"),
    [
        (header(0x00100020, b"LO", 4) + b"ID", "ends inside an element"),
        (header(0x00100020, b"UT", 0xFFFFFFFF), "undefined length"),
        (header(0x00100020, b"UN", 0xFFFFFFFD), "odd length"),
        (header(0x00100020, b"LO", 3) + b"ABC", "odd length 3"),
        (LO + LO, "stands there twice"),
        (LO + header(0x00100010, b"PN", 0), r"\(0010,0010\) stands after \(0010,0020\)"),
        (header(0x00020010, b"UI", 0), "does not belong into a data set"),
        (header(0x00000002, b"UI", 0), "does not belong into a data set"),
        (header(0x00010001, b"LO", 0), "does not belong into a data set"),
        (header(0xFFFF0001, b"LO", 0), "of a group that may not be used"),
        (header(0xFFFEE0DD, b"LO", 0), "where no item begins or ends"),
        (ITEM_END, "where no item begins or ends"),
        (item(0), "where no item begins or ends"),
        (header(0x00100020, b"\x01\x02", 0), "no value representation"),
        (header(0x00100020, b"lo", 0), "no value representation"),
        (header(SQ, b"SQ", 100) + item(200) + bytes(200), "longer than what stands around it"),
        (header(SQ, b"SQ", 12) + item(4) + bytes(4), "an item ends inside an element"),
        (header(SQ, b"SQ", 4) + bytes(4), "ends inside an item"),
        (header(SQ, b"SQ", 18) + item(10) + header(0x00100020, b"LO", 4) + b"IDID", "around it"),
        (header(SQ, b"SQ", 8) + LO, "holds no item"),
        (header(SQ, b"SQ", 0xFFFFFFFF) + SEQUENCE_END[:4] + b"\1\0\0\0", "holds no item"),
        (header(SQ, b"SQ", 0xFFFFFFFF) + item(0xFFFFFFFF) + SEQUENCE_END, "no item begins or ends"),
        (header(SQ, b"SQ", 0xFFFFFFFF) + item(0xFFFFFFFF), "ends inside an element"),
        (header(SQ, b"SQ", 16) + item(0xFFFFFFFF) + ITEM_END[:4] + b"\1\0\0\0", "item begins"),
        (header(0x7FE00010, b"OB", 0xFFFFFFFF) + LO, "holds no fragment"),
        (header(0x7FE00010, b"OB", 0xFFFFFFFF) + item(3) + bytes(3), "a fragment of length 3"),
        (header(0x7FE00010, b"OB", 0xFFFFFFFF) + item(0xFFFFFFFF), "a fragment of length 429"),
        (header(0x7FE00010, b"OB", 0xFFFFFFFF) + item(0), "ends inside an element"),
        (header(0x7FE00010, b"OW", 100) + bytes(99), "ends inside an element"),
        (header(0x7FE00010, b"SQ", 0), "has the VR SQ"),
        (header(0x7FE00010, b"UN", 0xFFFFFFFF), "has the VR UN"),
        (header(0x7FE00010, b"US", 2) + b"\0\0", "has the VR US"),
    ],
)
def test_what_lies_is_refused_and_named(data_set: bytes, why: str) -> None:
    scanner = InstanceScanner(EXPLICIT_VR_LITTLE_ENDIAN)
    with pytest.raises(MalformedDataSet, match=why):
        scanner.feed(data_set)
        scanner.finish()


@pytest.mark.parametrize("length", [0xFFFFFFFE, 0x80000000, 0x7FFFFFFE])
@pytest.mark.parametrize("vr", [b"OB", b"UT", b"UN"])
def test_a_length_costs_no_memory_before_its_bytes_are_there(length: int, vr: bytes) -> None:
    data_set = header(0x7FDF1001, vr, length) + bytes(10_000)

    with measured(MIB):
        assert answer(data_set, EXPLICIT_VR_LITTLE_ENDIAN, DataSetLimits()) in {
            "LimitExceeded",
            "MalformedDataSet",
        }


# --- nesting ------------------------------------------------------------------------------------


def nested_explicit(depth: int) -> bytes:
    return (header(SQ, b"SQ", 0xFFFFFFFF) + item(0xFFFFFFFF)) * depth


def nested_implicit(depth: int) -> bytes:
    return (struct.pack("<HHI", 0x0008, 0x1115, 0xFFFFFFFF) + item(0xFFFFFFFF)) * depth


def nested_private(depth: int) -> bytes:
    return (header(0x00091001, b"UN", 0xFFFFFFFF) + item(0xFFFFFFFF)) + (
        struct.pack("<HHI", 0x0009, 0x1001, 0xFFFFFFFF) + item(0xFFFFFFFF)
    ) * (depth - 1)


def nested_defined(depth: int) -> bytes:
    lengths = range(20 * depth, 0, -20)
    return b"".join(header(SQ, b"SQ", n - 12) + item(n - 20) for n in lengths)


@pytest.mark.parametrize("depth", [33, 200, 10_000, 1_000_000])
@pytest.mark.parametrize(
    ("nested", "syntax"),
    [
        (nested_explicit, EXPLICIT_VR_LITTLE_ENDIAN),
        (nested_implicit, IMPLICIT_VR_LITTLE_ENDIAN),
        (nested_private, EXPLICIT_VR_LITTLE_ENDIAN),
        (nested_defined, EXPLICIT_VR_LITTLE_ENDIAN),
    ],
)
def test_deep_nesting_is_refused_without_descending(nested, syntax: str, depth: int) -> None:
    data_set = nested(depth)

    with measured(MIB), pytest.raises(MalformedDataSet, match="more than 32 deep"):
        InstanceScanner(syntax).feed(data_set)


def test_nesting_as_deep_as_allowed_is_read() -> None:
    data_set = nested_defined(32)

    scanner = InstanceScanner(EXPLICIT_VR_LITTLE_ENDIAN)
    scanner.feed(data_set)
    scanner.finish()


def test_siblings_are_not_depth() -> None:
    data_set = b"".join(header(0x00091000 + n, b"SQ", 8) + item(0) for n in range(200))

    scanner = InstanceScanner(EXPLICIT_VR_LITTLE_ENDIAN)
    scanner.feed(data_set)
    scanner.finish()


# --- bombs --------------------------------------------------------------------------------------


def bomb(megabytes: int) -> Iterator[bytes]:
    """A deflated data set of zeros."""
    stream = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    raw = header(0x7FE00010, b"OW", megabytes * MIB)
    yield stream.compress(sr_instance().data_set + raw)
    for _ in range(megabytes):
        yield stream.compress(bytes(MIB))
    yield stream.flush()


def test_a_deflate_bomb_is_refused_by_its_ratio() -> None:
    pieces = list(bomb(64))

    with measured(2 * MIB), pytest.raises(LimitExceeded, match="inflated to deflated"):
        scanner = InstanceScanner(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
        for piece in pieces:
            scanner.feed(piece)


def test_a_deflated_data_set_is_bounded_whatever_its_ratio() -> None:
    limits = DataSetLimits(inflated_bytes=MIB, inflated_ratio=10_000)

    with pytest.raises(LimitExceeded, match="inflated data set"):
        scanner = InstanceScanner(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, limits)
        for piece in bomb(4):
            scanner.feed(piece)


def test_small_data_sets_may_deflate_as_well_as_they_like() -> None:
    scanner = InstanceScanner(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    for piece in bomb(3):
        scanner.feed(piece)
    scanner.finish()

    assert scanner.head.pixel_data is not None
    assert scanner.head.pixel_data.length == 3 * MIB


def test_a_deflate_stream_that_ends_early_is_refused() -> None:
    whole = sr_instance(transfer_syntax_uid=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN).data_set
    scanner = InstanceScanner(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    scanner.feed(whole[:-6])

    with pytest.raises(MalformedDataSet, match="ends early"):
        scanner.finish()


# --- cost ---------------------------------------------------------------------------------------


def test_one_byte_at_a_time_costs_no_more_than_its_bytes() -> None:
    text = header(0x00104000, b"LT", 60_000) + bytes(60_000)
    data_set = text + header(0x7FDF1001, b"UT", 200_000) + bytes(200_000)
    scanner = InstanceScanner(EXPLICIT_VR_LITTLE_ENDIAN)
    begin = time.process_time()
    for byte in range(len(data_set)):
        scanner.feed(data_set[byte : byte + 1])
    scanner.finish()

    assert time.process_time() - begin < 10  # seconds; a copy a byte would take minutes


def test_many_small_fragments_cost_no_more_than_their_bytes() -> None:
    fragments = item(0) + (item(2) + b"\0\0") * 300_000
    data_set = sr_instance().data_set + header(0x7FE00010, b"OB", 0xFFFFFFFF)
    data_set += fragments + SEQUENCE_END
    scanner = InstanceScanner(JPEG_BASELINE)
    begin = time.process_time()
    for start in range(0, len(data_set), 131_072):
        scanner.feed(data_set[start : start + 131_072])
    scanner.finish()

    assert time.process_time() - begin < 10  # seconds
    assert len(scanner.fragments) < 1_300_000


def test_large_pixels_are_passed_over_without_being_held() -> None:
    built = sr_instance()
    length = 512 * MIB
    piece = memoryview(bytes(MIB))
    scanner = InstanceScanner(EXPLICIT_VR_LITTLE_ENDIAN)
    with measured(MIB):
        scanner.feed(built.data_set + header(0x7FE00010, b"OW", length))
        for _ in range(512):
            scanner.feed(piece)
        scanner.finish()

    assert scanner.length == len(built.data_set) + 12 + length


class measured:  # noqa: N801 - reads as the phrase that it is
    """The block takes no more memory than so many bytes at any time."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __enter__(self) -> None:
        tracemalloc.start()

    def __exit__(self, *_: object) -> None:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < self.most, f"{peak} bytes"
