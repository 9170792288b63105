"""SOP classes (PS3.4; PS3.6 annex A)."""

from typing import Final

from raykeep.dicom.dictionary import UIDS

VERIFICATION: Final = "1.2.840.10008.1.1"
STORAGE_COMMITMENT_PUSH: Final = "1.2.840.10008.1.20.1"
MODALITY_PERFORMED_PROCEDURE_STEP: Final = "1.2.840.10008.3.1.2.3.3"
MODALITY_WORKLIST_FIND: Final = "1.2.840.10008.5.1.4.31"

PATIENT_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET: Final = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"

FIND: Final = frozenset({PATIENT_ROOT_FIND, STUDY_ROOT_FIND})
MOVE: Final = frozenset({PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE})
GET: Final = frozenset({PATIENT_ROOT_GET, STUDY_ROOT_GET})
PATIENT_ROOT: Final = frozenset({PATIENT_ROOT_FIND, PATIENT_ROOT_MOVE, PATIENT_ROOT_GET})

# Not of the Storage Service Class: the directory of a medium, commitment, and objects that
# belong to no patient (PS3.4 annex GG), which have no study to be kept in.
_NOT_STORAGE = frozenset(
    {
        "1.2.840.10008.1.3.10",
        "1.2.840.10008.1.20.1",
        "1.2.840.10008.1.20.2",
        "1.2.840.10008.5.1.4.1.1.200.1",
        "1.2.840.10008.5.1.4.1.1.200.3",
        "1.2.840.10008.5.1.4.1.1.200.7",
        "1.2.840.10008.5.1.4.1.1.201.1",
        "1.2.840.10008.5.1.4.38.1",
        "1.2.840.10008.5.1.4.39.1",
        "1.2.840.10008.5.1.4.43.1",
        "1.2.840.10008.5.1.4.44.1",
        "1.2.840.10008.5.1.4.45.1",
    }
)
# Of newer editions of the standard than the dictionary's.
_NEWER = {
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
}

STORAGE: Final[dict[str, str]] = {
    uid: row[0]
    for uid, row in UIDS.items()
    if row[1] == "SOP Class" and "Storage" in row[0] and uid not in _NOT_STORAGE
} | _NEWER
"""UID → name of every storage SOP class of PS3.4 section B.5, retired ones included."""


def is_storage(sop_class_uid: str) -> bool:
    """Whether instances of the class can be stored."""
    return sop_class_uid in STORAGE


def sop_class_name(sop_class_uid: str) -> str:
    """Name of a SOP class, the UID itself where it has none."""
    if sop_class_uid in STORAGE:
        return STORAGE[sop_class_uid]
    row = UIDS.get(sop_class_uid)
    return row[0] if row and row[0] else sop_class_uid
