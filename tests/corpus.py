"""The DICOM files that pydicom ships: real ones, of many makers, syntaxes and character sets."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pydicom
from pydicom import Dataset, dcmread

# What pydicom ships to show that it copes with broken files; each says so in its name or in
# pydicom's own notes.
BROKEN = frozenset(
    {
        "MR_truncated.dcm",  # pixel data ends early
        "rtplan_truncated.dcm",  # ends within a sequence
        "badVR.dcm",  # a VR that no edition knows
        "bad_sequence.dcm",  # an empty SOP Instance UID behind a broken sequence
        "SC_rgb_jpeg.dcm",  # compressed, but encoded with implicit VR (against PS3.5 A.4)
        "emri_small_jpeg_2k_lossless_too_short.dcm",
        "JPEG2000-embedded-sequence-delimiter.dcm",  # a fragment that holds a delimiter's bytes
    }
)

NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


@dataclass(frozen=True)
class CorpusFile:
    """One valid instance.

    Attributes:
        path: The file.
        rank: How many files before it have the same SOP Instance UID: such files go into
            facilities of their own, since a facility holds each instance once.
    """

    path: Path
    rank: int

    @property
    def name(self) -> str:
        return self.path.name

    def read(self) -> Dataset:
        return dcmread(self.path)


@cache
def corpus() -> tuple[CorpusFile, ...]:
    """All files that are PS3.10 files with the identifiers that every instance has."""
    ranks: Counter[str] = Counter()
    found = []
    for path in _files():
        with path.open("rb") as file:
            if file.read(132)[128:] != b"DICM":
                continue
        dataset = dcmread(path, stop_before_pixels=True)
        if all(keyword in dataset and dataset.get(keyword) for keyword in NEEDED):
            uid = str(dataset.SOPInstanceUID)
            found.append(CorpusFile(path, ranks[uid]))
            ranks[uid] += 1
    return tuple(found)


def _files() -> list[Path]:
    shipped = Path(str(pydicom.__file__)).parent / "data"
    spec = find_spec("data_store")
    assert spec is not None, "pydicom-data is not installed"
    assert spec.submodule_search_locations is not None
    folders = [
        shipped / "test_files",
        shipped / "charset_files",
        *(Path(place) for place in spec.submodule_search_locations),
    ]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in files if path.name not in BROKEN]
