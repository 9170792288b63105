"""Instances are looked over: refused, set aside, or kept."""

from dataclasses import replace

import pytest

from raykeep.dicom.head import Head, PixelData
from raykeep.dicom.limits import DataSetLimits
from raykeep.dicom.scan import InstanceScanner
from raykeep.dicom.screening import first_refusal, fragment_finding, quarantine_finding
from raykeep.domain.uids import UID
from tests.builders import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
    Built,
    ct_instance,
    multi_frame_instance,
    sr_instance,
)

VIDEO = "1.2.840.10008.1.2.4.102"


def scanned(built: Built, syntax: str | None = None) -> InstanceScanner:
    scanner = InstanceScanner(syntax or built.transfer_syntax_uid)
    scanner.feed(built.data_set)
    scanner.finish()
    return scanner


def head(built: Built) -> Head:
    return scanned(built).head


@pytest.mark.parametrize(
    "built",
    [
        ct_instance(),
        sr_instance(),
        multi_frame_instance(),
        multi_frame_instance(transfer_syntax_uid=JPEG_BASELINE),
    ],
)
def test_what_is_in_order_is_kept(built: Built) -> None:
    scanner = scanned(built)

    assert first_refusal(scanner.head) is None
    assert quarantine_finding(scanner.head) is None
    assert fragment_finding(scanner.head, scanner.fragments) is None


@pytest.mark.parametrize(
    "uid",
    ["1.2.840.10008.1.1", "1.2.840.10008.1.3.10", "1.2.840.10008.5.1.4.39.1", "1.2.3.4"],
)
def test_what_is_of_no_storage_class_is_refused(uid: str) -> None:
    assert "no storage class" in first_refusal(replace(head(sr_instance()), sop_class_uid=UID(uid)))


def test_private_classes_are_taken_where_the_operator_says_so() -> None:
    private = replace(head(sr_instance()), sop_class_uid=UID("1.2.3.4"))
    standard = replace(private, sop_class_uid=UID("1.2.840.10008.1.1"))

    assert first_refusal(private, private_sop_classes=True) is None
    assert first_refusal(standard, private_sop_classes=True) is not None


def test_nothing_is_kept_in_a_syntax_that_is_none() -> None:
    mime = replace(head(sr_instance()), transfer_syntax_uid="1.2.840.10008.1.2.6.1")

    assert "MIME" in first_refusal(mime)
    assert first_refusal(replace(mime, transfer_syntax_uid="1.2.3.4")) is None


def test_conflicts_are_set_aside() -> None:
    plain = head(sr_instance())

    assert "another Patient ID" in quarantine_finding(plain, patient_conflict=True)
    assert "other content" in quarantine_finding(plain, content_conflict=True)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rows": 9}, "fewer than"),
        ({"number_of_frames": 2}, "fewer than"),
        ({"number_of_frames": 2**31 - 1}, "fewer than"),
        ({"samples_per_pixel": 255}, "fewer than"),
        ({"rows": 65535, "columns": 65535}, "a frame of it would have"),
        ({"rows": 0}, "are missing"),
        ({"bits_allocated": 0}, "are missing"),
        ({"samples_per_pixel": 0}, "are missing"),
    ],
)
def test_pixels_that_claim_more_than_there_is_are_set_aside(changes: dict, why: str) -> None:
    assert why in quarantine_finding(replace(head(ct_instance()), **changes))


def test_more_pixels_than_claimed_are_kept() -> None:
    assert quarantine_finding(replace(head(ct_instance()), rows=7)) is None


def test_pixels_that_share_their_colour_are_counted_so() -> None:
    shared = replace(
        head(ct_instance()),
        rows=4,
        columns=4,
        samples_per_pixel=3,
        bits_allocated=8,
        photometric_interpretation="YBR_FULL_422",
        pixel_data=PixelData(0x7FE00010, "OB", 100, 32),
    )

    assert quarantine_finding(shared) is None
    assert quarantine_finding(replace(shared, photometric_interpretation="YBR_FULL")) is not None


def test_single_bits_are_counted_as_bits() -> None:
    mask = replace(
        head(ct_instance()),
        rows=3,
        columns=3,
        bits_allocated=1,
        number_of_frames=2,
        pixel_data=PixelData(0x7FE00010, "OB", 100, 4),
    )

    assert quarantine_finding(mask) is None
    assert quarantine_finding(replace(mask, number_of_frames=4)) is not None


def test_mislabelled_pixels_are_set_aside() -> None:
    native_named_jpeg = scanned(ct_instance(), JPEG_BASELINE).head
    jpeg = multi_frame_instance(transfer_syntax_uid=JPEG_BASELINE)
    jpeg_named_native = scanned(jpeg, EXPLICIT_VR_LITTLE_ENDIAN).head

    assert "native in an encapsulated" in quarantine_finding(native_named_jpeg)
    assert "encapsulated in a native" in quarantine_finding(jpeg_named_native)


def test_a_large_claim_in_few_bytes_is_set_aside() -> None:
    jpeg = head(multi_frame_instance(transfer_syntax_uid=JPEG_BASELINE))
    huge = replace(jpeg, rows=40_000, columns=40_000)

    assert "a frame of it would have" in quarantine_finding(huge)
    assert quarantine_finding(huge, limits=DataSetLimits(frame_bytes=2**31)) is None


def test_more_frames_than_fragments_are_told_but_for_video() -> None:
    scanner = scanned(multi_frame_instance(number_of_frames=3, transfer_syntax_uid=JPEG_BASELINE))
    claimed = replace(scanner.head, number_of_frames=100)

    assert "100 frames, but has 3 fragments" in fragment_finding(claimed, scanner.fragments)
    video = replace(claimed, transfer_syntax_uid=VIDEO)
    assert fragment_finding(video, scanner.fragments) is None
    assert fragment_finding(claimed, b"") is None
