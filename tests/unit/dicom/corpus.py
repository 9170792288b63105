"""The DICOM files that pydicom ships: real encodings from many writers, as a touchstone."""

import warnings
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import data_store
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import _read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"

# What the files without file meta information are encoded in.
WITHOUT_META = {
    "ExplVR_BigEndNoMeta.dcm": EXPLICIT_VR_BIG_ENDIAN,
    "ExplVR_LitEndNoMeta.dcm": EXPLICIT_VR_LITTLE_ENDIAN,
    "OT-PAL-8-face.dcm": IMPLICIT_VR_LITTLE_ENDIAN,
    "rtstruct.dcm": IMPLICIT_VR_LITTLE_ENDIAN,
}

# Files that are wrong, each with the reason for which they are refused.
REFUSED = {
    "emri_small_jpeg_2k_lossless_too_short.dcm": "ends inside an element",  # made so
    "MR_truncated.dcm": "ends inside an element",  # made so
    "rtplan_truncated.dcm": "ends inside an element",  # made so
    "nested_priv_SQ.dcm": "does not belong into a data set",  # group 0001, PS3.5 section 7.8
    "SC_rgb_jpeg.dcm": "no value representation",  # implicit VR in a JPEG syntax, PS3.5 A.4
    "winter.dcm": "stands there twice",  # (0008,0018)
}


@dataclass(frozen=True)
class Sample:
    """One file, parted into what it is."""

    name: str
    transfer_syntax_uid: str
    data_set: bytes

    @property
    def parsed(self) -> Dataset:
        """As pydicom reads it."""
        return _parsed(self.name)


@cache
def samples() -> dict[str, Sample]:
    """Every file by name, without directories of media."""
    found = {}
    for path in _paths():
        whole = path.read_bytes()
        syntax, offset = WITHOUT_META.get(path.name), 0
        if whole[128:132] == b"DICM":
            file = BytesIO(whole)
            file.seek(132)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                meta = _read_file_meta_info(file)
            offset = file.tell()
            syntax = syntax or str(meta.get("TransferSyntaxUID", ""))
        if syntax and "DICOMDIR" not in path.name:
            found[path.name] = Sample(path.name, syntax, whole[offset:])
    return found


def good() -> list[str]:
    """Names of the files that must be read."""
    return sorted(samples().keys() - REFUSED.keys())


def _paths() -> list[Path]:
    # Looked up in their folders: pydicom's own functions would reach for the network.
    shipped = Path(pydicom.__file__).parent / "data"
    more = Path(data_store.__file__).parent / "data"
    media = (shipped / "test_files" / "dicomdirtests").rglob("*")
    plain = [path for path in media if path.is_file() and not path.suffix]
    named = [path for folder in (shipped, more) for path in folder.rglob("*.dcm")]
    return [path for path in (*plain, *named) if path.name != "README"]


@cache
def _parsed(name: str) -> Dataset:
    sample = samples()[name]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(sample.transfer_syntax_uid)
    file = BytesIO()
    file.write(bytes(128) + b"DICM")
    write_file_meta_info(file, meta, enforce_standard=False)
    file.write(sample.data_set)
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(file, force=True)
