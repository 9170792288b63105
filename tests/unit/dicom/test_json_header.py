"""Headers become the DICOM JSON model of PS3.18 annex F."""

import json
import math
import struct
import warnings
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from raykeep.dicom.dictionary import vr_of
from raykeep.dicom.json_header import header_to_json
from raykeep.dicom.scan import InstanceScanner
from raykeep.dicom.stored_header import pack_header, unpack_header
from raykeep.domain.errors import InstanceRefused, IntegrityError, MalformedDataSet, NotFound
from tests.builders import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
    Built,
    ct_instance,
    encapsulated_instance,
    sr_instance,
)
from tests.unit.dicom.corpus import Sample, good, samples

BULK = "https://archive/bulkdata"


def packed(data_set: bytes, transfer_syntax_uid: str) -> bytes:
    scanner = InstanceScanner(transfer_syntax_uid)
    scanner.feed(data_set)
    scanner.finish()
    return pack_header(scanner.head)


def as_json(built: Built) -> dict:
    header = packed(built.data_set, built.transfer_syntax_uid)
    return strict(header_to_json(header, bulk_uri=BULK))


def strict(text: bytes) -> dict:
    """Parse JSON as the standard has it: no NaN, no name twice."""

    def fail(constant: str) -> None:
        raise AssertionError(constant)

    def once(pairs: list) -> dict:
        assert len(dict(pairs)) == len(pairs)
        names = [name for name, _ in pairs]
        assert "vr" in names or "Alphabetic" in names or names == sorted(names)  # F.2.2
        return dict(pairs)

    return json.loads(text, parse_constant=fail, object_pairs_hook=once)


# --- against pydicom ----------------------------------------------------------------------------


def expected(sample: Sample) -> dict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = sample.parsed.to_json_dict(bulk_data_threshold=10**9, suppress_invalid_tags=True)
    return json.loads(json.dumps(found))


def differences(ours: dict, theirs: dict, sample: Sample) -> list[str]:
    """What differs and has no reason to."""
    wrong = []
    for tag in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(tag), theirs.get(tag)
        if mine == other or excused(tag, mine, other, sample):
            continue
        if mine and other and mine["vr"] == other["vr"] == "SQ":
            pairs = zip(mine.get("Value", []), other.get("Value", []), strict=True)
            wrong += [line for a, b in pairs for line in differences(a, b, sample)]
        else:
            wrong.append(f"{tag}: {mine} is not {other}")
    return wrong


def excused(tag: str, mine: dict | None, other: dict | None, sample: Sample) -> bool:
    """The differences to pydicom that are meant, each with its reason."""
    number = int(tag, 16)
    if mine is None:
        # What follows Pixel Data is not of the header; group lengths have no place (F.2.2).
        return number > 0x7FE00010 or number & 0xFFFF == 0
    if other is None:
        # pydicom drops what breaks the rules of its VR; we give the text.
        return any(value in str(mine) for value in ("'1A'", ".0123.4567.")) or untold(number, mine)
    return (
        "BulkDataURI" in mine  # Pixel Data and long values are told by reference
        or mine.get("Value") == ["ISO_IR 192"]  # JSON is UTF-8
        or untold(number, mine)
        or turned(mine, other, sample)
        or alike(mine, other)
    )


def untold(number: int, mine: dict) -> bool:
    """Whether a value stays binary.

    That of a private attribute in implicit VR does (pydicom knows private dictionaries), and
    that of a sequence with a length under an unknown VR.
    """
    return mine["vr"] == "UN" and vr_of(number) in {"UN", "SQ"}


def turned(mine: dict, other: dict, sample: Sample) -> bool:
    """Whether only the byte order differs: binary in JSON is little endian (F.2.7)."""
    if "InlineBinary" not in mine or sample.transfer_syntax_uid != EXPLICIT_VR_BIG_ENDIAN:
        return False
    words = bytearray(b64decode(other["InlineBinary"]))
    words[::2], words[1::2] = words[1::2], words[::2]
    return mine["vr"] == "OW" and b64decode(mine["InlineBinary"]) == words


def alike(mine: dict, other: dict) -> bool:
    """Whether only emptiness and padding differ.

    An empty value among others is null (F.2.5); padding within a list is no part of a value.
    """
    theirs = [one.strip() if isinstance(one, str) else one for one in other.get("Value", [])]
    return ["" if one is None else one for one in mine.get("Value", [])] == theirs


@pytest.mark.parametrize("name", good())
def test_json_is_that_of_pydicom_but_for_differences_that_are_meant(name: str) -> None:
    sample = samples()[name]
    try:
        header = packed(sample.data_set, sample.transfer_syntax_uid)
    except InstanceRefused:
        return  # no instance: nothing that could be stored

    ours = strict(header_to_json(header, bulk_uri=BULK))

    assert differences(ours, expected(sample), sample) == []


# --- values -------------------------------------------------------------------------------------


def test_names_have_their_component_groups() -> None:
    built = sr_instance(patient_name="Yamada^Tarou=山田^太郎=やまだ^たろう", charset="ISO_IR 192")

    assert as_json(built)["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]


def test_an_empty_attribute_has_a_vr_and_no_value() -> None:
    assert as_json(sr_instance(patient_name=""))["00100010"] == {"vr": "PN"}


def test_several_values_are_several_and_an_empty_one_is_null() -> None:
    found = as_json(sr_instance(OtherPatientIDs=["A", "", "B"]))

    assert found["00101000"]["Value"] == ["A", None, "B"]


def test_text_without_values_keeps_its_backslash() -> None:
    assert as_json(sr_instance(PatientComments="a\\b"))["00104000"]["Value"] == ["a\\b"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"1.50", 1.5),
        (b"-0", 0),
        (b"+5", 5.0),
        (b".5", 0.5),
        (b"5.", 5.0),
        (b"007 ", 7.0),
        (b"1E2 ", 100.0),
        (b"1e400 ", "1e400"),
        (b"NaN ", "NaN"),
        (b"1,5 ", "1,5"),
        (b"1_0 ", "1_0"),
    ],
)
def test_decimal_strings_become_numbers_or_stay_text(written: bytes, read: object) -> None:
    found = with_element(0x00101030, b"DS", written)

    assert found["00101030"]["Value"] == [read]


@pytest.mark.parametrize(
    ("written", "read"), [(b"12", 12), (b"+7", 7), (b"007 ", 7), (b"1.5 ", "1.5"), (b"1A", "1A")]
)
def test_integer_strings_become_numbers_or_stay_text(written: bytes, read: object) -> None:
    assert with_element(0x00200012, b"IS", written)["00200012"]["Value"] == [read]


def test_what_json_has_no_number_for_is_null() -> None:
    raw = struct.pack("<3d", 1.5, math.nan, math.inf)

    assert with_element(0x00189073, b"FD", raw)["00189073"]["Value"] == [1.5, None, None]


def test_large_numbers_are_strings_so_that_no_digit_is_lost() -> None:
    tag, raw = 0x00720083, struct.pack("<2Q", 7, 2**63)
    element = struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, b"UV", 0, len(raw)) + raw

    assert with_bytes(element)["00720083"]["Value"] == [7, str(2**63)]


def test_a_binary_number_of_no_whole_length_is_told_as_unknown() -> None:
    found = with_element(0x00280010, b"UL", b"\1\0")

    assert found["00280010"] == {"vr": "UN", "InlineBinary": "AQA="}


def test_attribute_tags_are_hexadecimal() -> None:
    built = sr_instance(FrameIncrementPointer=0x00181063)

    assert as_json(built)["00280009"]["Value"] == ["00181063"]


def test_binary_values_are_inline() -> None:
    built = encapsulated_instance(b"short document")

    assert b64decode(as_json(built)["00420011"]["InlineBinary"]) == b"short document"


def test_signed_values_are_signed_where_pixels_are() -> None:
    built = ct_instance(
        PixelRepresentation=1,
        SmallestImagePixelValue=-5,
        transfer_syntax_uid=IMPLICIT_VR_LITTLE_ENDIAN,
    )

    assert as_json(built)["00280106"] == {"vr": "SS", "Value": [-5]}


def test_items_may_have_a_character_set_of_their_own() -> None:
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    item.PatientName = "Grün"
    built = sr_instance(charset="ISO_IR 100", ReferencedPatientSequence=Sequence([item]))
    built.dataset.PatientID = "Ö1"

    found = as_json(built)

    assert "Grün".encode() in built.data_set
    assert "Ö1".encode("latin_1") in built.data_set
    assert found["00100020"]["Value"] == ["Ö1"]
    assert found["00081120"]["Value"][0]["00100010"]["Value"] == [{"Alphabetic": "Grün"}]


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\\\x1b"), max_size=64))
def test_any_text_is_told_as_json_can(text: str) -> None:
    raw = text.encode()
    raw += b" " * (len(raw) % 2)

    found = with_element(0x00081030, b"LO", raw, charset="ISO_IR 192")
    told = "".join(found["00081030"].get("Value", [""]))

    assert told.strip("\0 ") == "".join("�" if "\x80" <= c <= "\x9f" else c for c in text).strip(
        "\0 "
    )


# --- what is told by reference ------------------------------------------------------------------


def test_pixel_data_is_told_by_reference() -> None:
    for syntax in (EXPLICIT_VR_LITTLE_ENDIAN, JPEG_BASELINE):
        found = as_json(ct_instance(transfer_syntax_uid=syntax))

        assert found["7FE00010"]["BulkDataURI"] == f"{BULK}/7FE00010"


def test_what_is_told_by_reference_is_found_by_it() -> None:
    document = bytes(100_000)
    item = Dataset()
    item.add_new(0x54001010, "OW", b"\7\0" * 50_000)
    built = encapsulated_instance(document, WaveformSequence=Sequence([Dataset(), item]))
    header = packed(built.data_set, built.transfer_syntax_uid)
    stored, found = unpack_header(header), strict(header_to_json(header, bulk_uri=BULK))

    assert found["00420011"] == {"vr": "OB", "BulkDataURI": f"{BULK}/00420011"}
    nested = found["54000100"]["Value"][1]["54001010"]["BulkDataURI"]
    assert nested == f"{BULK}/54000100/1/54001010"
    for uri, value in ((found["00420011"]["BulkDataURI"], document), (nested, b"\7\0" * 50_000)):
        span = stored.bulk_span(uri.removeprefix(f"{BULK}/"))
        assert built.data_set[span.start : span.stop] == value


def test_native_pixel_data_is_found_by_reference_and_encapsulated_is_not() -> None:
    native, encapsulated = ct_instance(), ct_instance(transfer_syntax_uid=JPEG_BASELINE)
    span = unpack_header(packed(native.data_set, native.transfer_syntax_uid)).bulk_span("7fe00010")

    assert native.data_set[span.start : span.stop] == native.dataset.PixelData
    with pytest.raises(NotFound, match="no bulk data"):
        unpack_header(packed(encapsulated.data_set, JPEG_BASELINE)).bulk_span("7FE00010")


@pytest.mark.parametrize("reference", ["", "00100010", "../7FE00010", "7FE00010/0", "9" * 500])
def test_nothing_else_is_found_by_reference(reference: str) -> None:
    built = ct_instance()

    with pytest.raises(NotFound):
        unpack_header(packed(built.data_set, built.transfer_syntax_uid)).bulk_span(reference)


# --- what is kept -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "syntax",
    [
        EXPLICIT_VR_LITTLE_ENDIAN,
        IMPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_BIG_ENDIAN,
        JPEG_BASELINE,
    ],
)
def test_a_packed_header_says_what_the_head_said(syntax: str) -> None:
    built = ct_instance(transfer_syntax_uid=syntax)
    scanner = InstanceScanner(syntax)
    scanner.feed(built.data_set)
    head, stored = scanner.head, unpack_header(pack_header(scanner.head))

    for name in stored.__slots__:
        assert getattr(stored, name) == getattr(head, name), name


@given(st.binary(max_size=200))
def test_other_bytes_are_no_header(noise: bytes) -> None:
    with pytest.raises((IntegrityError, MalformedDataSet)):
        header_to_json(noise[:1] + b"\xff" + noise[1:], bulk_uri=BULK)


@given(st.data())
def test_a_damaged_header_is_told_or_refused_but_never_crashes(data: st.DataObject) -> None:
    header = bytearray(HEADER)
    for _ in range(data.draw(st.integers(1, 4))):
        header[data.draw(st.integers(1, len(header) - 1))] = data.draw(st.integers(0, 255))
    try:
        strict_enough = header_to_json(bytes(header), bulk_uri=BULK)
    except (IntegrityError, MalformedDataSet):
        return
    json.loads(strict_enough)


HEADER = packed(sr_instance().data_set, EXPLICIT_VR_LITTLE_ENDIAN)


def with_element(tag: int, vr: bytes, value: bytes, **attributes: object) -> dict:
    """The JSON of a report with one more element, written as it is given."""
    header = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value))
    return with_bytes(header + value, **attributes)


def with_bytes(element: bytes, **attributes: object) -> dict:
    group, number = struct.unpack_from("<HH", element)
    built = sr_instance(**{"StudyDescription": None, **attributes})
    place = len(built.data_set)
    for start in element_starts(built.data_set):
        if struct.unpack_from("<HH", built.data_set, start) > (group, number):
            place = start
            break
    raw = built.data_set[:place] + element + built.data_set[place:]
    return strict(header_to_json(packed(raw, EXPLICIT_VR_LITTLE_ENDIAN), bulk_uri=BULK))


def element_starts(data_set: bytes) -> list[int]:
    """Where the elements of an explicit VR little endian data set begin, at its top."""
    starts, at = [], 0
    while at < len(data_set):
        starts.append(at)
        vr = data_set[at + 4 : at + 6]
        if vr in {b"SQ", b"OB", b"OW", b"UN", b"UT"}:
            at += 12 + struct.unpack_from("<I", data_set, at + 8)[0]
        else:
            at += 8 + struct.unpack_from("<H", data_set, at + 6)[0]
    return starts
