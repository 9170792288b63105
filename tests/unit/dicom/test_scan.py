"""What the scanner tells of an instance."""

import struct

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from raykeep.dicom.limits import DataSetLimits
from raykeep.dicom.scan import InstanceScanner
from raykeep.domain.errors import InstanceRefused, LimitExceeded, MalformedDataSet
from tests.builders import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
    Built,
    code,
    ct_instance,
    encapsulated_instance,
    encode,
    instance,
    multi_frame_instance,
    sr_instance,
)

ENCODINGS = [
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
]
PATIENT_NAME, PATIENT_ID, COMMENTS = 0x00100010, 0x00100020, 0x00104000


def scan(built: Built, limits: DataSetLimits | None = None) -> InstanceScanner:
    scanner = InstanceScanner(built.transfer_syntax_uid, limits or DataSetLimits())
    scanner.feed(built.data_set)
    scanner.finish()
    return scanner


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def long_element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, size) + value


def fed(data_set: bytes, syntax: str = EXPLICIT_VR_LITTLE_ENDIAN, **limits: int) -> InstanceScanner:
    scanner = InstanceScanner(syntax, DataSetLimits(**limits))
    scanner.feed(data_set)
    scanner.finish()
    return scanner


# --- what it tells ------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", ENCODINGS)
def test_the_head_is_the_same_in_every_encoding(syntax: str) -> None:
    built = ct_instance(
        transfer_syntax_uid=syntax,
        rows=4,
        columns=6,
        OtherPatientIDs=["A ", "B"],
        charset="ISO_IR 100",
    )
    head = scan(built).head

    assert head.sop_class_uid == built.sop_class_uid
    assert head.sop_instance_uid == built.sop_instance_uid
    assert head.study_instance_uid == built.study_instance_uid
    assert head.series_instance_uid == built.series_instance_uid
    assert head.transfer_syntax_uid == syntax
    assert (head.rows, head.columns, head.samples_per_pixel, head.bits_allocated) == (4, 6, 1, 16)
    assert head.photometric_interpretation == "MONOCHROME2"
    assert head.number_of_frames == 1
    assert (head.study_year, head.modality) == (2026, "CT")
    assert head.specific_character_set == ("ISO_IR 100",)
    assert head.attributes.values[PATIENT_NAME] == "Test^Patient"
    assert head.attributes.values[0x00101000] == "A\\B"
    assert head.attributes.values[0x00280010] == "4"
    assert head.attributes.sequences[0x00081032] == (
        {0x00080100: "24627-2", 0x00080102: "LN", 0x00080104: "CT Chest"},
    )
    assert head.attributes.sequences[0x00400275] == ({0x00400009: "SPS1", 0x00401001: "RP1"},)
    assert head.findings == ()
    assert head.pixel_data is not None
    assert head.pixel_data.length == 4 * 6 * 2


def test_the_head_is_there_before_the_pixels_are() -> None:
    built = ct_instance(rows=64, columns=64)
    header_length = len(built.data_set) - 64 * 64 * 2
    scanner = InstanceScanner(built.transfer_syntax_uid)

    assert not scanner.feed(built.data_set[: header_length - 1])
    assert not scanner.head_complete
    assert scanner.feed(built.data_set[header_length - 1 : header_length])
    assert scanner.head.sop_instance_uid == built.sop_instance_uid
    assert scanner.feed(built.data_set[header_length:])


def test_without_pixels_the_head_is_there_at_the_end() -> None:
    built = sr_instance()
    scanner = InstanceScanner(built.transfer_syntax_uid)

    assert not scanner.feed(built.data_set)
    with pytest.raises(MalformedDataSet, match="before its header does"):
        _ = scanner.head
    scanner.finish()
    assert scanner.head.pixel_data is None
    assert scanner.head.raw == built.data_set


def test_the_memory_of_a_piece_may_be_used_again() -> None:
    built = sr_instance(patient_name="Keep^Me")
    scanner, piece = InstanceScanner(built.transfer_syntax_uid), bytearray(16)
    for start in range(0, len(built.data_set), 16):
        part = built.data_set[start : start + 16]
        piece[: len(part)] = part
        scanner.feed(memoryview(piece)[: len(part)])
        piece[:] = b"\xff" * 16
    scanner.finish()

    assert scanner.head.attributes.values[PATIENT_NAME] == "Keep^Me"
    assert scanner.head.raw == built.data_set


def test_attributes_without_value_are_told_as_empty_and_absent_ones_are_not() -> None:
    values = scan(sr_instance(patient_name="", PatientBirthDate=None)).head.attributes.values

    assert values[PATIENT_NAME] == ""
    assert 0x00100030 not in values


def test_leading_spaces_of_long_text_stay() -> None:
    values = scan(sr_instance(PatientComments="  indented ")).head.attributes.values

    assert values[COMMENTS] == "  indented"


def test_dates_of_the_old_form_become_new_ones() -> None:
    built = sr_instance(study_date="")
    raw = built.data_set.replace(
        element(0x00080020, b"DA", b""), element(0x00080020, b"DA", b"1997.04.24")
    )
    head = fed(raw).head

    assert head.attributes.values[0x00080020] == "19970424"
    assert head.study_year == 1997


@pytest.mark.parametrize("date", ["", "199", "19x7", "²0260102", "        "])
def test_a_study_without_a_usable_date_has_year_zero(date: str) -> None:
    raw = sr_instance(study_date="").data_set
    value = date.encode()
    value += b" " * (len(value) % 2)
    raw = raw.replace(element(0x00080020, b"DA", b""), element(0x00080020, b"DA", value))

    assert fed(raw).head.study_year == 0


def test_a_nul_within_a_value_does_not_reach_the_index() -> None:
    values = scan(sr_instance(AccessionNumber="A\0B")).head.attributes.values

    assert values[0x00080050] == "A\N{REPLACEMENT CHARACTER}B"


def test_more_items_than_the_index_takes_are_passed_over() -> None:
    many = Sequence([code(str(n), "99T", "x") for n in range(9)])
    scanner = scan(sr_instance(ProcedureCodeSequence=many), DataSetLimits(indexed_items=3))

    assert len(scanner.head.attributes.sequences[0x00081032]) == 3


def test_nested_sequences_of_the_same_name_are_not_indexed() -> None:
    outer = code("1", "99T", "outer")
    outer.ProcedureCodeSequence = Sequence([code("2", "99T", "inner")])
    sequences = scan(sr_instance(ProcedureCodeSequence=Sequence([outer]))).head.attributes.sequences

    assert [item[0x00080100] for item in sequences[0x00081032]] == ["1"]


# --- identifiers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
@pytest.mark.parametrize("wrong", [None, "1.02.3", "../../etc/passwd", "1.2.3.", "1" * 65, "1.2 3"])
def test_an_identifier_that_is_none_is_refused_by_name(keyword: str, wrong: str | None) -> None:
    built = sr_instance()
    if wrong is None:
        delattr(built.dataset, keyword)
    else:
        with pytest.warns(UserWarning, match="Invalid value|exceeds"):
            built.dataset[keyword].value = wrong
    scanner = scan(built)

    with pytest.raises(InstanceRefused, match=keyword) as refusal:
        _ = scanner.head
    assert "passwd" not in str(refusal.value)


# --- pixels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009])
def test_floating_point_pixels_end_the_header_too(tag: int) -> None:
    built = sr_instance()
    raw = built.data_set + long_element(tag, b"OF", bytes(8))
    head = fed(raw).head

    assert head.pixel_data is not None
    assert (head.pixel_data.tag, head.pixel_data.vr, head.pixel_data.length) == (tag, "OF", 8)
    assert head.raw == built.data_set


def test_elements_after_the_pixels_are_followed_and_not_kept() -> None:
    built = ct_instance()
    built.dataset.add_new(0xFFFCFFFC, "OB", bytes(100_000))
    item = Dataset()
    item.DigitalSignatureUID = "1.2.3"
    built.dataset.DigitalSignaturesSequence = Sequence([item])
    scanner = scan(built)

    assert scanner.length == len(built.data_set)
    assert len(scanner.head.raw) < 2000


def test_an_icon_is_no_pixel_data() -> None:
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.add_new(0x7FE00010, "OB", b"icon")
    built = sr_instance(IconImageSequence=Sequence([icon]))
    head = scan(built).head

    assert head.pixel_data is None
    assert head.rows == 0


def test_a_compressed_icon_is_left_out_of_the_header() -> None:
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.add_new(0x7FE00010, "OB", b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\x04\0\0\0icon")
    icon["PixelData"].is_undefined_length = True
    built = ct_instance(IconImageSequence=Sequence([icon]), transfer_syntax_uid=JPEG_BASELINE)
    scanner = scan(built)
    (bulk,) = scanner.head.bulk

    assert bulk.path == (0x00880200, 0, 0x7FE00010)
    assert built.data_set[bulk.offset : bulk.offset + bulk.length] == icon.PixelData
    assert len(scanner.fragments) > 0


def test_long_binary_values_are_left_out_wherever_they_stand() -> None:
    wave = Dataset()
    wave.add_new(0x54001010, "OW", bytes(70_000))
    built = encapsulated_instance(bytes(80_000), WaveformSequence=Sequence([Dataset(), wave]))
    scanner = scan(built)

    assert [(b.path, b.vr, b.length) for b in scanner.head.bulk] == [
        ((0x00420011,), "OB", 80_000),
        ((0x54000100, 1, 0x54001010), "OW", 70_000),
    ]
    for bulk in scanner.head.bulk:
        assert set(built.data_set[bulk.offset : bulk.offset + bulk.length]) == {0}
    assert len(scanner.head.raw) == len(built.data_set) - 150_000


def test_long_text_is_kept_whole() -> None:
    item = Dataset()
    item.TextValue = "x" * 200_000
    scanner = scan(sr_instance(ContentSequence=Sequence([item])))

    assert b"x" * 200_000 in scanner.head.raw


@pytest.mark.parametrize(
    ("syntax", "vr", "finding"),
    [
        (JPEG_BASELINE, b"OB", "Pixel Data is native in an encapsulated transfer syntax"),
        (EXPLICIT_VR_LITTLE_ENDIAN, b"OB", None),
    ],
)
def test_pixels_that_do_not_fit_the_syntax_are_noted(
    syntax: str, vr: bytes, finding: str | None
) -> None:
    raw = sr_instance().data_set + long_element(0x7FE00010, vr, bytes(8))

    assert fed(raw, syntax).head.findings == ((finding,) if finding else ())


def test_fragments_in_a_native_syntax_are_noted() -> None:
    built = multi_frame_instance(transfer_syntax_uid=JPEG_BASELINE)
    head = fed(built.data_set, EXPLICIT_VR_LITTLE_ENDIAN).head

    assert head.findings == ("Pixel Data is encapsulated in a native transfer syntax",)


def test_a_number_of_frames_that_is_none_is_noted() -> None:
    for text in (b"many", b"-2", b"0 ", b"99999999999 "):
        raw = instance("1.2.840.10008.5.1.4.1.1.7", "XC").data_set
        raw += element(0x00280008, b"IS", text)
        head = fed(raw).head

        assert head.number_of_frames == 1
        assert head.findings == ("NumberOfFrames (0028,0008) is no number of frames",)


def test_rows_of_an_odd_kind_are_read_or_noted() -> None:
    raw = instance("1.2.840.10008.5.1.4.1.1.7", "XC").data_set
    long = fed(raw + element(0x00280010, b"UL", struct.pack("<I", 70_000))).head
    wrong = fed(raw + element(0x00280010, b"UL", bytes(6))).head
    empty = fed(raw + element(0x00280010, b"US", b"")).head

    assert (long.rows, long.findings) == (70_000, ())
    assert (wrong.rows, wrong.findings) == (0, ("(0028,0010) is not one number",))
    assert (empty.rows, empty.attributes.values[0x00280010]) == (0, "")


# --- character sets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Jörg"),
        ("ISO_IR 101", "Dvořák^Antonín"),
        ("ISO_IR 126", "Διονυσιος"),
        ("ISO_IR 144", "Люксембург"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    ],
)
def test_names_are_read_in_their_character_set(charset: str | list[str], name: str) -> None:
    head = scan(sr_instance(charset=charset, patient_name=name)).head

    assert head.attributes.values[PATIENT_NAME] == name
    assert head.findings == ()


def test_a_wrong_character_set_is_contained_and_noted() -> None:
    built = sr_instance(charset="ISO_IR 192")
    raw = built.data_set.replace(b"Test^Patient", b"Test^\xff\xfetient")
    head = fed(raw).head

    assert head.attributes.values[PATIENT_NAME] == "Test^\ufffd\ufffdtient"
    assert head.attributes.values[PATIENT_ID] == "TEST-0001"
    assert head.findings == ("(0010,0010) holds text that its character set does not",)


def test_an_unknown_character_set_is_noted() -> None:
    built = sr_instance(charset="ISO_IR 100")
    head = fed(built.data_set.replace(b"ISO_IR 100", b"ISO_IR 999")).head

    assert head.findings == ("a Specific Character Set that the standard does not have",)


def test_text_beyond_ascii_without_a_character_set_is_noted() -> None:
    raw = sr_instance().data_set.replace(b"Test^Patient", b"T\xe9st^Patient")
    head = fed(raw).head

    assert head.attributes.values[PATIENT_NAME] == "Tést^Patient"
    assert head.findings == ("text beyond ASCII without Specific Character Set",)


# --- odd but real -------------------------------------------------------------------------------


@pytest.mark.parametrize("vr", [b"  ", b"??", b"\0\0", b"--"])
def test_an_element_without_vr_is_read_and_noted(vr: bytes) -> None:
    raw = sr_instance().data_set
    raw = raw.replace(element(0x00200010, b"SH", b"1 "), element(0x00200010, vr, b"1 "))
    head = fed(raw).head

    assert head.attributes.values[0x00200010] == "1"
    assert head.findings == ("an element without VR",)


def test_an_element_with_a_vr_to_come_has_the_long_form() -> None:
    raw = sr_instance().data_set + long_element(0x7FDF0001, b"ZZ", b"future")

    assert fed(raw).head.findings == ("an element with an unknown VR",)


def test_known_attributes_under_unknown_vr_are_read() -> None:
    raw = sr_instance().data_set
    raw = raw.replace(element(0x00200010, b"SH", b"1 "), long_element(0x00200010, b"UN", b"77"))

    assert fed(raw).head.attributes.values[0x00200010] == "77"


def test_an_unknown_sequence_is_implicit_within() -> None:
    item = struct.pack("<HHI", 0x0009, 0x0010, 4) + b"TEST"
    item += struct.pack("<HHI", 0x0009, 0x1001, 2) + b"\1\2"
    sequence = struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    sequence += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    raw = sr_instance().data_set + long_element(0x7FDF1001, b"UN", sequence, 0xFFFFFFFF)

    assert fed(raw).head.sop_class_uid


def test_group_lengths_are_passed_over() -> None:
    built = sr_instance()
    raw = element(0x00080000, b"UL", bytes(4)) + built.data_set

    assert fed(raw).head.sop_instance_uid == built.sop_instance_uid


def test_what_gzip_leaves_after_a_deflated_data_set_is_passed_over() -> None:
    built = sr_instance(transfer_syntax_uid=DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)

    assert fed(built.data_set + bytes(6), DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN).head
    with pytest.raises(MalformedDataSet, match="follow the deflated data set"):
        fed(built.data_set + bytes(32), DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


def test_an_unknown_transfer_syntax_is_taken_for_an_encapsulated_one() -> None:
    built = multi_frame_instance(transfer_syntax_uid=JPEG_BASELINE)
    scanner = fed(built.data_set, "1.2.3.4.5")

    assert scanner.head.findings == ()
    assert scanner.fragments


def test_a_value_longer_than_any_may_be_is_refused() -> None:
    raw = sr_instance().data_set
    raw = raw.replace(
        element(0x00100020, b"LO", b"TEST-0001 "), element(0x00100020, b"LO", b"x" * 5000)
    )
    scanner = fed(raw)

    with pytest.raises(MalformedDataSet, match=r"\(0010,0020\) has 5000 bytes"):
        _ = scanner.head
    assert scan(sr_instance(PatientComments="x" * 9000)).head


def test_implicit_encapsulated_icons_do_not_stop_the_scanner() -> None:
    raw = encode(sr_instance().dataset, IMPLICIT_VR_LITTLE_ENDIAN)
    pixels = struct.pack("<HHI", 0x7FE0, 0x0010, 4) + b"icon"
    icon = struct.pack("<HHI", 0xFFFE, 0xE000, len(pixels)) + pixels
    sequence = struct.pack("<HHI", 0x0088, 0x0200, len(icon)) + icon

    assert fed(raw + sequence, IMPLICIT_VR_LITTLE_ENDIAN).head.pixel_data is None


# --- limits -------------------------------------------------------------------------------------


def test_a_header_that_is_too_long_is_refused_before_it_is_waited_for() -> None:
    raw = sr_instance().data_set + long_element(0x7FDF0001, b"UT", b"", 50_000_000)
    scanner = InstanceScanner(EXPLICIT_VR_LITTLE_ENDIAN)

    with pytest.raises(LimitExceeded, match="header"):
        scanner.feed(raw)


def test_too_many_elements_are_refused() -> None:
    many = b"".join(element(0x00090010 + n, b"LO", b"") for n in range(100))
    with pytest.raises(LimitExceeded, match="number of elements"):
        fed(many, elements=99)


def test_too_many_fragments_are_refused() -> None:
    built = multi_frame_instance(
        number_of_frames=20, transfer_syntax_uid=JPEG_BASELINE, offset_table=False
    )
    with pytest.raises(LimitExceeded, match="number of fragments"):
        fed(built.data_set, JPEG_BASELINE, fragments=19)


def test_an_offset_table_that_is_too_long_is_refused_unread() -> None:
    table = struct.pack("<HHI", 0xFFFE, 0xE000, 4_000_004)
    raw = sr_instance().data_set + long_element(0x7FE00010, b"OB", table, 0xFFFFFFFF)
    with pytest.raises(LimitExceeded, match="Basic Offset Table"):
        fed(raw, JPEG_BASELINE)
