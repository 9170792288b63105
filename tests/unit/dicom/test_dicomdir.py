"""Directories of media list files, and never lead anywhere else."""

from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.dicom.elements import element, item
from raykeep.dicom.encodings import EXPLICIT_LITTLE
from raykeep.dicom.limits import DataSetLimits
from raykeep.dicom.part10 import encode_file_meta
from raykeep.dicom.reading import dicomdir_files
from raykeep.domain.errors import LimitExceeded, MalformedDataSet
from tests.builders import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN

MEDIA = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"


def dicomdir(*file_ids: bytes, syntax: str = EXPLICIT_VR_LITTLE_ENDIAN) -> bytes:
    """A directory with one record for each File ID."""
    records = b"".join(
        item(element(0x00041500, "CS", file_id, EXPLICIT_LITTLE), EXPLICIT_LITTLE)
        for file_id in file_ids
    )
    meta = encode_file_meta(
        sop_class_uid="1.2.840.10008.1.3.10", sop_instance_uid="1.2", transfer_syntax_uid=syntax
    )
    return meta + element(0x00041220, "SQ", records, EXPLICIT_LITTLE)


@pytest.mark.parametrize(
    "name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-reordered"]
)
def test_directories_of_real_media_list_their_files(name: str) -> None:
    listed = dicomdir_files((MEDIA / name).read_bytes())

    assert len(listed) == len(set(listed)) == 31
    assert all(MEDIA.joinpath(*parts).is_file() for parts in listed)


def test_names_come_in_order_once_and_without_padding() -> None:
    listed = dicomdir_files(dicomdir(b"A\\B ", b"C", b"A\\B", b"", b"IMG.0001\\x y"))

    assert listed == [("A", "B"), ("C",), ("IMG.0001", "x y")]


@pytest.mark.parametrize(
    "file_id",
    [
        b"..\\..\\etc\\passwd",
        b"A\\..\\B",
        b"A\\.\\B",
        b".hidden",
        b"A\\\\B",
        b"\\A",
        b"A\\",
        b"/etc/passwd",
        b"A/../../B",
        b"C:\\WINDOWS",
        b"A\0B",
        b"A\nB",
        b"A\\B..",
        b"A.",
        b"CON",
        b"nul.dcm",
        b"A\\COM1",
        b"~root",
        b"$HOME",
        b"\xc0\xae\xc0\xae",
        "A\u2024\u2024".encode(),
        b"A" * 65,
        b"\\".join([b"A"] * 9),
        b"%2e%2e",
    ],
)
def test_names_that_lead_elsewhere_are_refused_with_the_directory(file_id: bytes) -> None:
    with pytest.raises(MalformedDataSet, match="whose name no medium may have"):
        dicomdir_files(dicomdir(b"GOOD", file_id))


@given(st.binary(max_size=40))
def test_whatever_is_listed_stays_below_the_directory(file_id: bytes) -> None:
    try:
        listed = dicomdir_files(dicomdir(file_id))
    except MalformedDataSet:
        return
    root = Path("/medium")
    for parts in listed:
        path = root.joinpath(*parts)
        assert path.resolve().is_relative_to(root)
        assert path.parts == (*root.parts, *parts)


def test_directories_are_bounded() -> None:
    whole = dicomdir(*(f"F{n}".encode() for n in range(20)))
    for limits, what in (
        (DataSetLimits(directory_bytes=100), "DICOMDIR"),
        (DataSetLimits(directory_records=10), "DICOMDIR"),
    ):
        with pytest.raises(LimitExceeded, match=what):
            dicomdir_files(whole, limits)


def test_what_is_no_directory_is_refused() -> None:
    for noise in (b"", b"x" * 500, (MEDIA / "DICOMDIR-nooffset").read_bytes()):
        with pytest.raises(MalformedDataSet):
            dicomdir_files(noise)
    with pytest.raises(MalformedDataSet, match="not deflated"):
        dicomdir_files(dicomdir(b"A", syntax=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN))
    assert dicomdir_files(dicomdir()) == []
