"""Synthetic studies, made from code: no real patient, ever.

Each builder gives a `Built`: the pydicom data set, and its bytes as they travel.

    ct = ct_instance(patient_id="P1", study_date="20260102")
    ct.data_set                     # bytes of a C-STORE, without file meta information
    ct.part10                       # bytes of a PS3.10 file
    ct.sop_instance_uid             # of ct.dataset
    ct_instance(study_instance_uid=ct.study_instance_uid)  # same study

Whatever is not given is filled in; UIDs are new with each call.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import count

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.sequence import Sequence as ItemSequence
from pydicom.uid import UID

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
MULTI_FRAME_GRAYSCALE_BYTE_SC = "1.2.840.10008.5.1.4.1.1.7.2"
BASIC_TEXT_SR_STORAGE = "1.2.840.10008.5.1.4.1.1.88.11"
ENCAPSULATED_PDF_STORAGE = "1.2.840.10008.5.1.4.1.1.104.1"

_ROOT = "1.2.826.0.1.3680043.8.498.4242"
_numbers = count(1)


def new_uid() -> str:
    """A UID that no other call gives."""
    return f"{_ROOT}.{next(_numbers)}"


@dataclass(frozen=True)
class Built:
    """A synthetic instance.

    Attributes:
        dataset: As pydicom has it; change it before the bytes are asked for.
        transfer_syntax_uid: How its bytes are encoded.
    """

    dataset: Dataset
    transfer_syntax_uid: str

    @cached_property
    def data_set(self) -> bytes:
        """The encoded data set, as it travels in C-STORE."""
        return encode(self.dataset, self.transfer_syntax_uid)

    @cached_property
    def part10(self) -> bytes:
        """A PS3.10 file."""
        return part10(self.dataset, self.transfer_syntax_uid)

    @property
    def sop_class_uid(self) -> str:
        return str(self.dataset.SOPClassUID)

    @property
    def sop_instance_uid(self) -> str:
        return str(self.dataset.SOPInstanceUID)

    @property
    def series_instance_uid(self) -> str:
        return str(self.dataset.SeriesInstanceUID)

    @property
    def study_instance_uid(self) -> str:
        return str(self.dataset.StudyInstanceUID)


def encode(dataset: Dataset, transfer_syntax_uid: str = EXPLICIT_VR_LITTLE_ENDIAN) -> bytes:
    """Bytes of a data set, without file meta information."""
    syntax = UID(transfer_syntax_uid)
    out = DicomBytesIO()
    out.is_implicit_VR = syntax.is_implicit_VR
    out.is_little_endian = syntax.is_little_endian
    write_dataset(out, dataset)
    raw = out.getvalue()
    if not syntax.is_deflated:
        return raw
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = stream.compress(raw) + stream.flush()
    return packed + b"\0" * (len(packed) % 2)


def part10(dataset: Dataset, transfer_syntax_uid: str = EXPLICIT_VR_LITTLE_ENDIAN) -> bytes:
    """Bytes of a PS3.10 file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    holder = Dataset()
    holder.file_meta = meta
    holder.SOPClassUID = dataset.SOPClassUID
    holder.SOPInstanceUID = dataset.SOPInstanceUID
    out = BytesIO()
    dcmwrite(out, holder, enforce_file_format=True)
    whole = out.getvalue()
    (group_length,) = struct.unpack_from("<I", whole, 140)
    return whole[: 144 + group_length] + encode(dataset, transfer_syntax_uid)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def instance(
    sop_class_uid: str,
    modality: str,
    *,
    patient_id: str = "TEST-0001",
    patient_name: str = "Test^Patient",
    study_instance_uid: str | None = None,
    series_instance_uid: str | None = None,
    sop_instance_uid: str | None = None,
    study_date: str = "20260102",
    charset: str | list[str] | None = None,
    transfer_syntax_uid: str = EXPLICIT_VR_LITTLE_ENDIAN,
    **attributes: object,
) -> Built:
    """An instance without pixels: patient, study, series and instance levels.

    Args:
        sop_class_uid: Its SOP class.
        modality: Of its series.
        patient_id: Empty for none.
        patient_name: Empty for none.
        study_instance_uid: New when not given.
        series_instance_uid: New when not given.
        sop_instance_uid: New when not given.
        study_date: Also of series and content; empty for none.
        charset: Specific Character Set.
        transfer_syntax_uid: How its bytes will be encoded.
        attributes: Any other, by keyword; None takes one away.
    """
    ds = Dataset()
    if charset is not None:
        ds.SpecificCharacterSet = charset
    ds.SOPClassUID = UID(sop_class_uid)
    ds.SOPInstanceUID = UID(sop_instance_uid or new_uid())
    ds.StudyInstanceUID = UID(study_instance_uid or new_uid())
    ds.SeriesInstanceUID = UID(series_instance_uid or new_uid())
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = study_date
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = "101530.25" if study_date else ""
    ds.AccessionNumber = "ACC1"
    ds.Modality = modality
    ds.Manufacturer = "Raykeep Test Bench"
    ds.ReferringPhysicianName = "Referrer^Test"
    ds.StudyDescription = "Synthetic study"
    ds.SeriesDescription = "Synthetic series"
    ds.PatientName = patient_name
    ds.PatientID = patient_id
    ds.PatientBirthDate = "19700101"
    ds.PatientSex = "O"
    ds.StudyID = "1"
    ds.SeriesNumber = 1
    ds.InstanceNumber = 1
    for keyword, value in attributes.items():
        if value is None:
            if keyword in ds:
                delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return Built(ds, transfer_syntax_uid)


def ct_instance(
    *,
    rows: int = 8,
    columns: int = 8,
    pixels: bytes | None = None,
    transfer_syntax_uid: str = EXPLICIT_VR_LITTLE_ENDIAN,
    frames: Sequence[bytes] | None = None,
    **attributes: object,
) -> Built:
    """A CT image with about sixty elements and a few sequences before its pixels.

    Args:
        rows: Height.
        columns: Width.
        pixels: Native pixel data; a gradient when not given.
        transfer_syntax_uid: How its bytes will be encoded.
        frames: Fragments, one a frame, for encapsulated transfer syntaxes; one made-up
            codestream when not given.
        attributes: As for `instance`.
    """
    given = {
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "AcquisitionDate": "20260102",
        "AcquisitionTime": "101531",
        "InstitutionName": "Test Hospital",
        "StationName": "CT01",
        "ManufacturerModelName": "Bench 1",
        "BodyPartExamined": "CHEST",
        "SliceThickness": "1.25",
        "KVP": "120",
        "DataCollectionDiameter": "500",
        "ProtocolName": "Chest",
        "ReconstructionDiameter": "360",
        "GantryDetectorTilt": "0",
        "TableHeight": "150.5",
        "RotationDirection": "CW",
        "ExposureTime": "500",
        "XRayTubeCurrent": "220",
        "Exposure": "110",
        "FilterType": "BODY FILTER",
        "ConvolutionKernel": "STANDARD",
        "PatientPosition": "HFS",
        "AcquisitionNumber": "1",
        "ImagePositionPatient": ["-180.0", "-180.0", "12.5"],
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
        "FrameOfReferenceUID": UID(f"{_ROOT}.0.1"),
        "PositionReferenceIndicator": "SN",
        "SliceLocation": "12.5",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "PixelSpacing": ["0.703125", "0.703125"],
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "WindowCenter": "40",
        "WindowWidth": "400",
        "RescaleIntercept": "-1024",
        "RescaleSlope": "1",
        "ProcedureCodeSequence": ItemSequence([code("24627-2", "LN", "CT Chest")]),
        "PerformedProcedureStepStartDate": "20260102",
        "PerformedProcedureStepStartTime": "101500",
        "RequestAttributesSequence": ItemSequence([_request_attributes()]),
    }
    built = instance(
        CT_IMAGE_STORAGE,
        "CT",
        transfer_syntax_uid=transfer_syntax_uid,
        **{**given, **attributes},  # type: ignore[arg-type] # keywords of both kinds
    )
    _add_pixels(built, rows * columns * 2, pixels, frames)
    return built


def multi_frame_instance(
    *,
    number_of_frames: int = 3,
    rows: int = 4,
    columns: int = 4,
    pixels: bytes | None = None,
    transfer_syntax_uid: str = EXPLICIT_VR_LITTLE_ENDIAN,
    frames: Sequence[bytes] | None = None,
    fragments_per_frame: int = 1,
    offset_table: bool = True,
    **attributes: object,
) -> Built:
    """A grey multi-frame secondary capture of 8 bits, native or encapsulated.

    Args:
        number_of_frames: Frames.
        rows: Height.
        columns: Width.
        pixels: Native pixel data; a gradient when not given.
        transfer_syntax_uid: How its bytes will be encoded.
        frames: Encoded frames for encapsulated transfer syntaxes; made up when not given.
        fragments_per_frame: In so many pieces each frame is cut.
        offset_table: Whether the Basic Offset Table is filled.
        attributes: As for `instance`.
    """
    given = {
        "NumberOfFrames": number_of_frames,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
    }
    built = instance(
        MULTI_FRAME_GRAYSCALE_BYTE_SC,
        "XC",
        transfer_syntax_uid=transfer_syntax_uid,
        **{**given, **attributes},  # type: ignore[arg-type] # keywords of both kinds
    )
    made_up = [codestream(n) for n in range(number_of_frames)]
    _add_pixels(
        built,
        number_of_frames * rows * columns,
        pixels,
        frames or made_up,
        fragments_per_frame=fragments_per_frame,
        offset_table=offset_table,
    )
    return built


def sr_instance(**attributes: object) -> Built:
    """A basic text report: no pixels, content items within one another."""
    finding = Dataset()
    finding.RelationshipType = "CONTAINS"
    finding.ValueType = "TEXT"
    finding.ConceptNameCodeSequence = ItemSequence([code("121071", "DCM", "Finding")])
    finding.TextValue = "Nothing remarkable."
    given = {
        "ValueType": "CONTAINER",
        "ConceptNameCodeSequence": ItemSequence([code("18748-4", "LN", "Diagnostic report")]),
        "ContinuityOfContent": "SEPARATE",
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "UNVERIFIED",
        "ContentSequence": ItemSequence([finding]),
    }
    return instance(
        BASIC_TEXT_SR_STORAGE,
        "SR",
        **{**given, **attributes},  # type: ignore[arg-type] # keywords of both kinds
    )


def encapsulated_instance(document: bytes = b"%PDF-1.4 synthetic", **attributes: object) -> Built:
    """An encapsulated PDF."""
    given = {
        "DocumentTitle": "Synthetic document",
        "MIMETypeOfEncapsulatedDocument": "application/pdf",
        "EncapsulatedDocument": document + b"\0" * (len(document) % 2),
    }
    return instance(
        ENCAPSULATED_PDF_STORAGE,
        "DOC",
        **{**given, **attributes},  # type: ignore[arg-type] # keywords of both kinds
    )


def codestream(number: int, length: int = 64) -> bytes:
    """What looks like a JPEG codestream from outside; nothing can decode it."""
    body = f"frame {number} ".encode()
    return b"\xff\xd8\xff\xe0" + (body * length)[: length - 6] + b"\xff\xd9"


def _request_attributes() -> Dataset:
    item = Dataset()
    item.ScheduledProcedureStepID = "SPS1"
    item.RequestedProcedureID = "RP1"
    return item


def _add_pixels(
    built: Built,
    length: int,
    pixels: bytes | None,
    frames: Sequence[bytes] | None,
    *,
    fragments_per_frame: int = 1,
    offset_table: bool = True,
) -> None:
    ds, syntax = built.dataset, UID(built.transfer_syntax_uid)
    if syntax.is_transfer_syntax and syntax.is_encapsulated:
        ds.add_new(
            0x7FE00010,
            "OB",
            encapsulate(
                list(frames or [codestream(0)]),
                fragments_per_frame=fragments_per_frame,
                has_bot=offset_table,
            ),
        )
        ds["PixelData"].is_undefined_length = True
    else:
        native = pixels if pixels is not None else bytes(n % 251 for n in range(length))
        padding = b"\0" * (len(native) % 2)
        ds.add_new(0x7FE00010, "OW" if ds.BitsAllocated > 8 else "OB", native + padding)
