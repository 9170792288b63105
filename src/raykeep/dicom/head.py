"""What is known of an instance once everything before its Pixel Data was read."""

from dataclasses import dataclass

from raykeep.domain.instance import InstanceAttributes
from raykeep.domain.uids import UID


@dataclass(frozen=True, slots=True)
class BulkValue:
    """A long binary value that was left out of the header.

    Attributes:
        path: Tags and item numbers from the outside in: `(tag,)` at the top, and
            `(sequence, item, tag)` within a sequence, items counted from 0.
        vr: Value representation, two letters.
        offset: First byte of the value in the stored data set (of the first item tag when the
            value is encapsulated); in the inflated data set when it is stored deflated.
        length: Bytes of the value, without a closing delimiter.
    """

    path: tuple[int, ...]
    vr: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class PixelData:
    """Where the pixels begin.

    Attributes:
        tag: 0x7FE00010, or 0x7FE00008 and 0x7FE00009 for floating point pixels.
        vr: Value representation, two letters.
        offset: First byte of the value (native) or of the first item tag (encapsulated) in the
            stored data set; in the inflated data set when it is stored deflated.
        length: Bytes of a native value; None for an encapsulated one.
    """

    tag: int
    vr: str
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Head:
    """Everything before Pixel Data, as the archive uses it.

    Attributes:
        sop_class_uid: (0008,0016).
        sop_instance_uid: (0008,0018).
        study_instance_uid: (0020,000D).
        series_instance_uid: (0020,000E).
        transfer_syntax_uid: As told to the scanner.
        attributes: What the index keeps.
        study_year: Year of Study Date; 0 without one.
        modality: (0008,0060), empty without one.
        raw: The bytes before Pixel Data with the values of `bulk` left out; inflated when the
            data set is deflated.
        bulk: What was left out, by offset.
        number_of_frames: (0028,0008), 1 when absent.
        rows: (0028,0010), 0 when absent.
        columns: (0028,0011), 0 when absent.
        samples_per_pixel: (0028,0002), 1 when absent.
        bits_allocated: (0028,0100), 0 when absent.
        photometric_interpretation: (0028,0004), empty when absent.
        pixel_data: Where it begins; None without.
        specific_character_set: Defined terms of (0008,0005), empty for the default repertoire.
        findings: What is odd without being refused, in words without values of the data set.
    """

    sop_class_uid: UID
    sop_instance_uid: UID
    study_instance_uid: UID
    series_instance_uid: UID
    transfer_syntax_uid: str
    attributes: InstanceAttributes
    study_year: int
    modality: str
    raw: bytes
    bulk: tuple[BulkValue, ...]
    number_of_frames: int
    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    photometric_interpretation: str
    pixel_data: PixelData | None
    specific_character_set: tuple[str, ...]
    findings: tuple[str, ...]
