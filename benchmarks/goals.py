"""What is wanted of each row, and what is known of a peer that cannot be installed here."""

from typing import Final

from benchmarks.table import Target

TARGETS: Final = {
    "P1": Target(2, 3),
    "P2": Target(15, 20),
    "P3 plain": Target(2, 5),
    "P3 TLS": Target(1.3, 2),
    "P3 CPU": Target(2, 5),
    "P3 storescp": Target(None, 1),
    "P4": Target(2, 5),
    # Against 1.10.1; against 1.13.0 see `NEWER_TARGETS`.
    "P6 C-FIND": Target(20, 50),
    "P6 QIDO": Target(20, 50),
    "P6 req/s": Target(20, 50),
    "P7": Target(20, 50),
    "P10 small": Target(1.5, 4),
    "P10 large": Target(10, 20),
    "P10 200 frames": Target(5, 10),
    "P13": Target(2, 4),
    "P17": Target(4, 2, absolute=True),
}

NEWER: Final = "Orthanc 1.13.0 (recorded)"

NEWER_TARGETS: Final = {
    "P6 C-FIND": Target(1, 2),
    "P6 QIDO": Target(1.5, 3),
    "P6 req/s": Target(2, 5),
    "P7": Target(20, 50),
    "P10 200 frames": Target(5, 10),
}

# How much better Orthanc 1.13.0 with DICOMweb 1.24 was than Debian's 1.10.1 with 1.7, medians
# of three runs on one machine (2 cores, Debian 12), by the number of studies stored. Where it
# was not better (below 1.3, which counts as equal) nothing stands here.
RECORDED: Final[dict[int, dict[str, float]]] = {
    10_000: {
        "C-FIND PatientID": 16,
        "C-FIND StudyInstanceUID": 20,
        "C-FIND AccessionNumber": 25,
        "QIDO PatientID": 7,
        "QIDO StudyInstanceUID": 7,
        "QIDO PatientID, 8 connections": 19,
        "QIDO limit=100": 2.9,
        "QIDO limit=100, 8 connections": 4.7,
    },
    50_000: {
        "C-FIND PatientID": 104,
        "C-FIND StudyInstanceUID": 148,
        "C-FIND AccessionNumber": 100,
        "QIDO PatientID": 33,
        "QIDO StudyInstanceUID": 39,
        "QIDO PatientID, 8 connections": 133,
        "QIDO limit=100": 3.2,
        "QIDO limit=100, 8 connections": 8,
        "frame of a 200-frame object": 18,
    },
}

FULL_STUDIES: Final = 50_000  # what the goals of P6, P7 and P10 are about
