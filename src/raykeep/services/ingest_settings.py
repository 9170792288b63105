"""Section `[ingest]` of the settings."""

from dataclasses import dataclass
from typing import Literal

from raykeep.dicom.limits import DEFAULT_LIMITS, DataSetLimits


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """Section `[ingest]`.

    Attributes:
        private_sop_classes: Take storage SOP classes that the standard does not know.
        conflicts: What becomes of an instance whose SOP Instance UID is stored already with
            other content: `quarantine` (kept sealed, found by nobody) or `refuse`.
        limits: Bounds on a data set: `[ingest.limits]`, with the names and values of
            `dicom.limits` in the list of limits.
    """

    private_sop_classes: bool = False
    conflicts: Literal["quarantine", "refuse"] = "quarantine"
    limits: DataSetLimits = DEFAULT_LIMITS
