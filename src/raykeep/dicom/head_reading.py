"""From what the structure of a data set brought to light to its `Head`."""

from functools import lru_cache
from itertools import islice
from typing import Final

from raykeep.dicom.charsets import character_set, terms_of
from raykeep.dicom.dictionary import keyword_of, shown_tag
from raykeep.dicom.head import Head
from raykeep.dicom.index_values import (
    PHOTOMETRIC_INTERPRETATION,
    SAMPLES_PER_PIXEL,
    SPECIFIC_CHARACTER_SET,
    texts,
)
from raykeep.dicom.limits import DataSetLimits
from raykeep.dicom.structure import Structure
from raykeep.domain.errors import InstanceRefused, InvalidUID
from raykeep.domain.instance import InstanceAttributes
from raykeep.domain.uids import UID

_SOP_CLASS_UID: Final = 0x00080016
_SOP_INSTANCE_UID: Final = 0x00080018
_STUDY_DATE: Final = 0x00080020
_MODALITY: Final = 0x00080060
_STUDY_INSTANCE_UID: Final = 0x0020000D
_SERIES_INSTANCE_UID: Final = 0x0020000E
_NUMBER_OF_FRAMES: Final = 0x00280008
_ROWS: Final = 0x00280010
_COLUMNS: Final = 0x00280011
_BITS_ALLOCATED: Final = 0x00280100

_YEAR_LENGTH: Final = 4  # digits
_IS_LENGTH: Final = 12  # characters of an integer string, PS3.5 section 6.2
_MOST_FRAMES: Final = 2**31 - 1  # the largest of them


def head_of(
    structure: Structure, transfer_syntax_uid: str, mark: str, limits: DataSetLimits
) -> Head:
    """Build the head of a data set whose part before Pixel Data was followed.

    Args:
        structure: Of the data set.
        transfer_syntax_uid: Of the data set.
        mark: Byte order as the `struct` module writes it.
        limits: Bounds on single values.

    Raises:
        InstanceRefused: an identifier is missing or not a UID.
        MalformedDataSet: a value is longer than any of its kind may be.
    """
    found, findings = structure.found, structure.findings
    terms = terms_of(found.get(SPECIFIC_CHARACTER_SET, b""))
    characters = character_set(terms)
    if not characters.known:
        findings["a Specific Character Set that the standard does not have"] = None
    items = structure.found_items
    decoded = texts(
        [found, *(item for row in items.values() for item in row)] if items else [found],
        characters,
        mark,
        limits,
        findings,
    )
    values = decoded[0]
    values.pop(SPECIFIC_CHARACTER_SET, None)
    samples = values.pop(SAMPLES_PER_PIXEL, "")
    photometric = values.pop(PHOTOMETRIC_INTERPRETATION, "")
    rest = iter(decoded[1:])
    sequences = {tag: tuple(islice(rest, len(row))) for tag, row in items.items()}
    instance = _uid(values, _SOP_INSTANCE_UID, "")
    year = values.get(_STUDY_DATE, "")[:_YEAR_LENGTH]
    return Head(
        sop_class_uid=_uid(values, _SOP_CLASS_UID, instance),
        sop_instance_uid=instance,
        study_instance_uid=_uid(values, _STUDY_INSTANCE_UID, instance),
        series_instance_uid=_uid(values, _SERIES_INSTANCE_UID, instance),
        transfer_syntax_uid=transfer_syntax_uid,
        attributes=InstanceAttributes(values, sequences),
        study_year=int(year)
        if len(year) == _YEAR_LENGTH and year.isdecimal() and year.isascii()
        else 0,
        modality=values.get(_MODALITY, ""),
        raw=bytes(structure.header.raw),
        bulk=tuple(structure.header.bulk),
        number_of_frames=_frames(values.get(_NUMBER_OF_FRAMES, ""), findings),
        rows=int(values.get(_ROWS) or 0),
        columns=int(values.get(_COLUMNS) or 0),
        samples_per_pixel=int(samples) if samples else 1,
        bits_allocated=int(values.get(_BITS_ALLOCATED) or 0),
        photometric_interpretation=photometric,
        pixel_data=structure.pixel_data,
        specific_character_set=terms,
        findings=tuple(findings),
    )


def _uid(values: dict[int, str], tag: int, instance: str) -> UID:
    text = values.get(tag)
    if not text:
        raise InstanceRefused(instance, f"{keyword_of(tag)} {shown_tag(tag)} is missing")
    try:
        return UID(text) if tag == _SOP_INSTANCE_UID else _repeated_uid(text)
    except InvalidUID as error:
        finding = f"{keyword_of(tag)} {shown_tag(tag)} is no UID (PS3.5 section 9.1)"
        raise InstanceRefused(instance, finding) from error


@lru_cache(maxsize=1024)
def _repeated_uid(text: str) -> UID:
    # Classes, studies and series come again with the next instance.
    return UID(text)


def _frames(text: str, findings: dict[str, None]) -> int:
    if not text:
        return 1
    if text.isascii() and text.lstrip("+").isdecimal() and len(text) <= _IS_LENGTH:
        frames = int(text)
        if 1 <= frames <= _MOST_FRAMES:
            return frames
    findings["NumberOfFrames (0028,0008) is no number of frames"] = None
    return 1
