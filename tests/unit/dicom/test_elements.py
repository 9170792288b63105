"""Small data sets in memory, read and written."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from raykeep.dicom.elements import Element, element, item, read_elements
from raykeep.dicom.encodings import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Encoding
from raykeep.domain.errors import LimitExceeded, MalformedDataSet
from tests.builders import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    encode,
)

ENCODINGS = {
    IMPLICIT_VR_LITTLE_ENDIAN: IMPLICIT_LITTLE,
    EXPLICIT_VR_LITTLE_ENDIAN: EXPLICIT_LITTLE,
    EXPLICIT_VR_BIG_ENDIAN: EXPLICIT_BIG,
}
BOTH = st.sampled_from([EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE])


def read(data: bytes, encoding: Encoding, most: int = 1000):
    return read_elements(data, encoding, most_elements=most)


@pytest.mark.parametrize("syntax", ENCODINGS)
def test_a_tree_is_what_pydicom_wrote(syntax: str) -> None:
    inner, outer, ds = Dataset(), Dataset(), Dataset()
    inner.CodeValue = "1"
    outer.PatientID = "A"
    outer.ConceptNameCodeSequence = Sequence([inner, Dataset()])
    ds.PatientName = "Doe"
    ds.ReferencedPatientSequence = Sequence([outer])
    ds.Rows = 7

    tree = read(encode(ds, syntax), ENCODINGS[syntax])
    (row,) = tree[0x00081120].items

    assert tree[0x00100010] == Element("PN", b"Doe ")
    assert int.from_bytes(tree[0x00280010].value, ENCODINGS[syntax].order) == 7
    assert row[0x00100020].value == b"A "
    assert row[0x0040A043].items == ({0x00080100: Element("SH", b"1 ")}, {})


def test_delimiters_end_what_has_no_length() -> None:
    ds, inner = Dataset(), Dataset()
    inner.PatientID = "A"
    inner.is_undefined_length_sequence_item = True
    ds.ReferencedPatientSequence = Sequence([inner])
    ds["ReferencedPatientSequence"].is_undefined_length = True
    ds.PatientName = "B"

    tree = read(encode(ds), EXPLICIT_LITTLE)

    assert tree[0x00081120].items == ({0x00100020: Element("LO", b"A ")},)
    assert tree[0x00100010].value == b"B "


@given(
    BOTH,
    st.sampled_from([("LO", 0x00100020), ("UI", 0x0020000D), ("UT", 0x0040A160)]),
    st.binary(max_size=40),
)
def test_what_is_written_is_read(encoding: Encoding, kind: tuple[str, int], value: bytes) -> None:
    vr, tag = kind
    raw = element(tag, vr, value, encoding)
    (found,) = read(raw, encoding).items()

    assert found[0] == tag
    assert found[1].vr == vr
    assert found[1].value[: len(value)] == value
    assert len(raw) % 2 == 0


@given(BOTH)
def test_items_are_written_with_their_length(encoding: Encoding) -> None:
    row = item(element(0x00100020, "LO", b"A", encoding), encoding)
    tree = read(element(0x00081120, "SQ", row + row, encoding), encoding)

    assert [one[0x00100020].value for one in tree[0x00081120].items] == [b"A ", b"A "]


def test_a_value_too_long_for_its_vr_is_not_written() -> None:
    with pytest.raises(MalformedDataSet, match="longer than its VR LO"):
        element(0x00100020, "LO", bytes(0x10000), EXPLICIT_LITTLE)
    assert len(element(0x00100020, "LO", bytes(0x10000), IMPLICIT_LITTLE)) == 0x10008


def explicit(tag: int, vr: bytes, length: int, value: bytes = b"") -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, length) + value


def sequence(length: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH2sHI", 0x0008, 0x1120, b"SQ", 0, length) + content


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x10\0", "ends inside an element"),
        (explicit(0x00100020, b"LO", 4, b"AB"), "longer than what is there"),
        (explicit(0x00100020, b"\1\2", 0), "no value representation"),
        (explicit(0x00100020, b"UT", 0), "no value representation"),
        (explicit(0x00100020, b"LO", 0) * 2, "out of order"),
        (explicit(0xFFFEE000, b"LO", 0), "out of order"),
        (sequence(100), "ends inside an element"),
        (sequence(8, struct.pack("<HHI", 0xFFFE, 0xE000, 8) + bytes(8)), "longer than what stands"),
        (sequence(8, explicit(0x00100020, b"LO", 0)), "holds no item"),
        (sequence(0xFFFFFFFF), "ends inside an element"),
    ],
)
def test_what_is_no_data_set_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(MalformedDataSet, match=why):
        read(data, EXPLICIT_LITTLE)


def test_elements_without_vr_or_with_a_vr_to_come_are_read() -> None:
    data = explicit(0x00100010, b"  ", 2, b"AB")
    data += struct.pack("<HH2sHI", 0x0010, 0x0020, b"ZZ", 0, 2) + b"CD"

    assert read(data, EXPLICIT_LITTLE) == {
        0x00100010: Element("PN", b"AB"),
        0x00100020: Element("UN", b"CD"),
    }


def test_a_sequence_under_unknown_vr_is_implicit_within() -> None:
    inner = struct.pack("<HHI", 0x0010, 0x0020, 2) + b"ID"
    data = struct.pack("<HH2sHI", 0x0009, 0x1001, b"UN", 0, 0xFFFFFFFF)
    data += struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    data += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)

    assert read(data, EXPLICIT_LITTLE)[0x00091001].items == ({0x00100020: Element("LO", b"ID")},)


def test_elements_and_depth_are_bounded() -> None:
    many = b"".join(explicit(0x00100020 + n, b"LO", 0) for n in range(11))
    with pytest.raises(LimitExceeded, match="number of elements"):
        read(many, EXPLICIT_LITTLE, most=10)
    deep = (sequence(0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)) * 100_000
    with pytest.raises(MalformedDataSet, match="more than 32 deep"):
        read(deep, EXPLICIT_LITTLE, most=10**9)


@given(st.binary(max_size=120), BOTH)
def test_any_bytes_are_a_tree_or_refused(noise: bytes, encoding: Encoding) -> None:
    with suppress(MalformedDataSet, LimitExceeded):
        read(noise, encoding)
