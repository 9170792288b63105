"""PS3.10 files are parted and put together."""

import struct
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from raykeep.dicom.limits import DataSetLimits
from raykeep.dicom.part10 import FileMetaReader, encode_file_meta
from raykeep.domain.errors import LimitExceeded, MalformedDataSet
from raykeep.domain.implementation import IMPLEMENTATION_CLASS_UID
from tests.builders import JPEG_BASELINE, ct_instance, sr_instance


def parted(file: bytes, size: int = 0) -> tuple[FileMetaReader, bytes]:
    reader, data_set = FileMetaReader(), b""
    step = size or max(len(file), 1)
    for start in range(0, len(file), step):
        data_set += bytes(reader.feed(memoryview(file)[start : start + step]))
    return reader, data_set


@pytest.mark.parametrize("size", [0, 1, 3, 128, 132, 133, 1000])
def test_a_file_is_parted_however_it_is_cut(size: int) -> None:
    built = ct_instance(transfer_syntax_uid=JPEG_BASELINE)
    reader, data_set = parted(built.part10, size)

    assert data_set == built.data_set
    assert reader.complete
    assert reader.meta.transfer_syntax_uid == JPEG_BASELINE
    assert reader.meta.sop_class_uid == built.sop_class_uid
    assert reader.meta.sop_instance_uid == built.sop_instance_uid
    assert reader.data_set_offset == len(built.part10) - len(built.data_set)


def test_the_preamble_is_passed_over() -> None:
    built = sr_instance()
    for preamble in (b"MZ" + bytes(126), b"\x7fELF" + b"\x90" * 124, b"<html>".ljust(128)):
        reader, data_set = parted(preamble + built.part10[128:])

        assert data_set == built.data_set
        assert preamble[:4] not in repr(reader.meta).encode()


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"DICM",
        bytes(128),
        bytes(132),
        b"P" * 200,
        bytes(128) + b"DIC\0" + bytes(200),
        sr_instance().data_set * 3,
        b"PK\3\4" + bytes(300),
    ],
)
def test_what_is_no_dicom_file_is_refused_clearly(file: bytes) -> None:
    with pytest.raises(MalformedDataSet, match="not a DICOM file"):
        _ = parted(file)[0].meta


def test_a_file_that_ends_within_its_meta_information_is_refused() -> None:
    file = sr_instance().part10
    for length in (140, 200, 300):
        reader, data_set = parted(file[:length])

        assert data_set == b""
        assert not reader.complete
        with pytest.raises(MalformedDataSet):
            _ = reader.meta


def test_the_length_of_the_group_is_not_relied_on() -> None:
    built = sr_instance()
    begin = built.part10.index(b"DICM") + 4
    for wrong in (0, 10, 0xFFFFFFFF):
        lying = bytearray(built.part10)
        lying[begin + 8 : begin + 12] = struct.pack("<I", wrong)
        assert parted(bytes(lying))[1] == built.data_set
    without = built.part10[:begin] + built.part10[begin + 12 :]
    assert parted(without)[1] == built.data_set


def test_meta_information_without_transfer_syntax_is_refused() -> None:
    file = sr_instance().part10
    start = file.index(b"\x02\0\x10\0UI")
    (length,) = struct.unpack_from("<H", file, start + 6)

    with pytest.raises(MalformedDataSet, match="no Transfer Syntax UID"):
        parted(file[:start] + file[start + 8 + length :])


@pytest.mark.parametrize("length", [0xFFFFFFFF, 70_000])
def test_meta_information_is_bounded_before_it_is_held(length: int) -> None:
    file = bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 1, b"OB", 0, length)
    reader = FileMetaReader()

    with pytest.raises(LimitExceeded, match="file meta information"):
        reader.feed(file)


def test_endless_meta_information_is_cut_off() -> None:
    reader = FileMetaReader(DataSetLimits(file_meta_bytes=1000))
    element = struct.pack("<HH2sH", 2, 0x0100, b"UI", 8) + b"1.2.3.4\0"

    with pytest.raises(LimitExceeded, match="file meta information"):
        reader.feed(bytes(128) + b"DICM" + element * 1000)


@given(st.binary(max_size=120))
def test_any_meta_information_is_read_or_refused(noise: bytes) -> None:
    for file in (noise, bytes(128) + b"DICM" + noise, bytes(128) + b"DICM\2\0" + noise):
        reader = FileMetaReader()
        with suppress(MalformedDataSet, LimitExceeded):
            reader.feed(file)
            _ = reader.meta


def test_what_is_written_is_a_file() -> None:
    built = ct_instance(transfer_syntax_uid=JPEG_BASELINE)
    prefix = encode_file_meta(
        sop_class_uid=built.sop_class_uid,
        sop_instance_uid=built.sop_instance_uid,
        transfer_syntax_uid=built.transfer_syntax_uid,
        source_ae_title="CT01",
    )
    ds = dcmread(BytesIO(prefix + built.data_set))

    assert prefix[:132] == bytes(128) + b"DICM"
    assert ds.file_meta.MediaStorageSOPInstanceUID == built.sop_instance_uid
    assert ds.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert ds.file_meta.ImplementationVersionName == "RAYKEEP"
    assert ds.file_meta.SourceApplicationEntityTitle == "CT01"
    assert ds.file_meta.FileMetaInformationGroupLength == len(prefix) - 144
    assert ds.SOPInstanceUID == built.sop_instance_uid


def test_what_is_written_is_parted_again() -> None:
    prefix = encode_file_meta(
        sop_class_uid="1.2", sop_instance_uid="1.2.3", transfer_syntax_uid="1.2.840.10008.1.2.1"
    )
    reader, data_set = parted(prefix + b"data set")

    assert data_set == b"data set"
    assert reader.meta.source_ae_title == ""
    assert reader.meta.sop_instance_uid == "1.2.3"
    assert reader.data_set_offset == len(prefix)
