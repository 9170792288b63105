"""The tables of attributes, SOP classes and transfer syntaxes are those of the standard."""

import subprocess
import sys

import pydicom.uid
import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from raykeep.dicom import sop_classes, vrs
from raykeep.dicom.dictionary import TAGS, VRS, keyword_of, shown_tag, vr_of
from raykeep.dicom.sop_classes import STORAGE, is_storage, sop_class_name
from raykeep.dicom.transfer_syntaxes import STORABLE, TRANSFER_SYNTAXES, transfer_syntax
from raykeep.domain.attributes import ATTRIBUTES
from raykeep.domain.uids import UID


def test_attributes_are_those_of_the_dictionary() -> None:
    assert len(VRS) > 5000
    for attribute in ATTRIBUTES:
        assert TAGS[attribute.keyword] == attribute.tag == tag_for_keyword(attribute.keyword)
        assert vr_of(attribute.tag) == attribute.vr == dictionary_VR(attribute.tag)
        for item in attribute.items:
            assert (keyword_of(item.tag), vr_of(item.tag)) == (item.keyword, item.vr)
    for tag in list(VRS)[:2000]:
        assert keyword_of(tag) == keyword_for_tag(tag)


@pytest.mark.parametrize(
    ("tag", "vr"),
    [
        (0x60023000, "OW"),
        (0x60020010, "US"),
        (0x50040010, "US"),
        (0x00203101, "CS"),
        (0x00090010, "LO"),
        (0x00091010, "UN"),
        (0x00090000, "UL"),
        (0x00080000, "UL"),
        (0x77770001, "UN"),
        (0x00189999, "UN"),
        (0x00280106, "US"),
        (0x7FE00010, "OW"),
    ],
)
def test_repeating_private_and_unknown_tags_have_a_vr(tag: int, vr: str) -> None:
    assert vr_of(tag) == vr


def test_every_vr_of_the_dictionary_is_known() -> None:
    known = vrs.SHORT_FORM | vrs.LONG_FORM

    assert set(VRS.values()) <= known
    assert known == vrs.TEXT | vrs.ASCII | vrs.BULK | set(vrs.NUMBERS) | {"AT", "SQ"}


def test_tags_are_written_as_people_do() -> None:
    assert shown_tag(0x7FE00010) == "(7FE0,0010)"
    assert keyword_of(0x00091010) == ""


# --- SOP classes --------------------------------------------------------------------------------


def test_storage_classes_are_those_of_the_standard() -> None:
    assert len(STORAGE) > 180
    for uid in STORAGE:
        assert UID(uid) == uid
    for name in ("CTImageStorage", "RTPlanStorage", "BasicTextSRStorage", "EncapsulatedPDFStorage"):
        assert is_storage(getattr(pydicom.uid, name))
    assert is_storage("1.2.840.10008.5.1.4.1.1.3")  # retired, but sent


@pytest.mark.parametrize(
    "uid",
    [
        sop_classes.VERIFICATION,
        sop_classes.STUDY_ROOT_FIND,
        sop_classes.STORAGE_COMMITMENT_PUSH,
        "1.2.840.10008.1.3.10",
        "1.2.840.10008.5.1.4.38.1",
        "1.2.840.10008.5.1.4.39.1",
        "1.2.840.10008.5.1.4.1.1.201.1",
        "1.2.3",
        "",
    ],
)
def test_other_classes_are_no_storage(uid: str) -> None:
    assert not is_storage(uid)


def test_classes_have_names() -> None:
    assert sop_class_name(pydicom.uid.CTImageStorage) == "CT Image Storage"
    assert sop_class_name(sop_classes.VERIFICATION) == "Verification SOP Class"
    assert sop_class_name("1.2.3") == "1.2.3"
    for uids in (sop_classes.FIND, sop_classes.MOVE, sop_classes.GET, sop_classes.PATIENT_ROOT):
        assert all("Query/Retrieve" in sop_class_name(uid) for uid in uids)


# --- transfer syntaxes --------------------------------------------------------------------------


@pytest.mark.parametrize("uid", [u for u in TRANSFER_SYNTAXES if u in pydicom.uid.UID_dictionary])
def test_transfer_syntaxes_are_what_pydicom_says(uid: str) -> None:
    ours, theirs = transfer_syntax(uid), pydicom.uid.UID(uid)

    assert ours.known
    assert ours.name == theirs.name
    if uid.startswith(("1.2.840.10008.1.2.6", "1.2.840.10008.1.2.7", "1.2.840.10008.1.20")):
        return  # no data sets, or retired: pydicom guesses
    assert ours.explicit == (not theirs.is_implicit_VR)
    assert ours.little_endian == theirs.is_little_endian
    if "JPIP" not in theirs.name:  # pydicom takes these for encapsulated; they hold no pixels
        assert ours.deflated == theirs.is_deflated
        assert ours.encapsulated == theirs.is_encapsulated


@pytest.mark.parametrize(
    ("uid", "media_type"),
    [
        ("1.2.840.10008.1.2.1", "application/octet-stream"),
        ("1.2.840.10008.1.2.4.50", "image/jpeg"),
        ("1.2.840.10008.1.2.4.70", "image/jpeg"),
        ("1.2.840.10008.1.2.4.80", "image/jls"),
        ("1.2.840.10008.1.2.4.90", "image/jp2"),
        ("1.2.840.10008.1.2.4.93", "image/jpx"),
        ("1.2.840.10008.1.2.4.201", "image/jphc"),
        ("1.2.840.10008.1.2.4.110", "image/jxl"),
        ("1.2.840.10008.1.2.5", "image/dicom-rle"),
        ("1.2.840.10008.1.2.4.100.1", "video/mpeg"),
        ("1.2.840.10008.1.2.4.102", "video/mp4"),
        ("1.2.840.10008.1.2.4.107", "video/mp4"),
        ("1.2.3.4", "application/octet-stream"),
    ],
)
def test_frames_have_a_media_type(uid: str, media_type: str) -> None:
    assert transfer_syntax(uid).frame_media_type == media_type
    assert transfer_syntax(uid).video == media_type.startswith("video/")


def test_an_unknown_syntax_is_encapsulated_and_explicit() -> None:
    unknown = transfer_syntax("1.2.3.4")

    assert (unknown.known, unknown.explicit, unknown.encapsulated) == (False, True, True)
    assert (unknown.little_endian, unknown.deflated) == (True, False)


def test_what_cannot_be_stored_is_not_offered() -> None:
    assert set(STORABLE) < TRANSFER_SYNTAXES.keys()
    assert "1.2.840.10008.1.2.6.1" not in STORABLE
    assert {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"} <= set(STORABLE)


# --- cost ---------------------------------------------------------------------------------------


def test_the_room_opens_without_pydicom_and_numpy() -> None:
    program = (
        "import sys, raykeep.dicom.scan, raykeep.dicom.json_header, raykeep.dicom.identifier, "
        "raykeep.dicom.qido_request, raykeep.dicom.screening, raykeep.dicom.reading\n"
        "print([name for name in ('pydicom', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.strip() == b"[]"
