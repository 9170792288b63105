"""Looking an instance over before it is kept (PS3.3 section C.7.6.3)."""

from typing import Final

from raykeep.dicom.frames import FragmentTable, stored_samples
from raykeep.dicom.head import Head
from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits
from raykeep.dicom.sop_classes import is_storage
from raykeep.dicom.structure import ENCAPSULATED_IN_NATIVE, NATIVE_IN_ENCAPSULATED
from raykeep.dicom.transfer_syntaxes import STORABLE, transfer_syntax

_STORABLE: Final = frozenset(STORABLE)
_MISLABELLED: Final = (NATIVE_IN_ENCAPSULATED, ENCAPSULATED_IN_NATIVE)


def first_refusal(head: Head, *, private_sop_classes: bool = False) -> str | None:
    """Why an instance must not be kept at all; None when it may.

    Args:
        head: Of the instance.
        private_sop_classes: Storage classes that the standard does not know are taken.
    """
    standard = head.sop_class_uid.startswith("1.2.840.10008.")
    if not is_storage(head.sop_class_uid) and (standard or not private_sop_classes):
        return f"SOP class {head.sop_class_uid} is no storage class"
    syntax = transfer_syntax(head.transfer_syntax_uid)
    if syntax.known and syntax.uid not in _STORABLE:
        return f"nothing can be kept in transfer syntax {syntax.name}"
    return None


def quarantine_finding(
    head: Head,
    *,
    patient_conflict: bool = False,
    content_conflict: bool = False,
    limits: DataSetLimits = DEFAULT_LIMITS,
) -> str | None:
    """Why an instance should be kept where nobody finds it; None when it need not.

    Args:
        head: Of the instance.
        patient_conflict: Its study is stored with another Patient ID.
        content_conflict: Its SOP Instance UID is stored with other content.
        limits: Bound on the size of a frame.
    """
    if patient_conflict:
        return "its study is stored already with another Patient ID"
    if content_conflict:
        return "its SOP Instance UID is stored already with other content"
    for finding in _MISLABELLED:
        if finding in head.findings:
            return finding
    return _pixel_finding(head, limits) if head.pixel_data is not None else None


def _pixel_finding(head: Head, limits: DataSetLimits) -> str | None:
    if not (head.rows and head.columns and head.samples_per_pixel and head.bits_allocated):
        return "it has Pixel Data, but Rows, Columns or Bits Allocated are missing"
    samples = head.samples_per_pixel
    if head.pixel_data is not None and head.pixel_data.length is not None:
        samples = stored_samples(samples, head.photometric_interpretation)
    bits = head.rows * head.columns * samples * head.bits_allocated
    if bits > 8 * limits.frame_bytes:
        return f"a frame of it would have {bits // 8} bytes, more than {limits.frame_bytes}"
    if head.pixel_data is not None and head.pixel_data.length is not None:
        claimed = -(-bits * head.number_of_frames // 8)
        if head.pixel_data.length < claimed:
            return (
                f"its Pixel Data has {head.pixel_data.length} bytes, fewer than the {claimed} "
                "that Rows, Columns, frames and bits claim"
            )
    return None


def fragment_finding(head: Head, fragments: bytes) -> str | None:
    """The same once the last byte is there: whether fragments and frames go together.

    Args:
        head: Of the instance.
        fragments: `InstanceScanner.fragments`, after `finish`.
    """
    if not fragments or transfer_syntax(head.transfer_syntax_uid).video:
        return None
    count = len(FragmentTable.unpack(fragments))
    if count < head.number_of_frames:
        return f"it claims {head.number_of_frames} frames, but has {count} fragments"
    return None
