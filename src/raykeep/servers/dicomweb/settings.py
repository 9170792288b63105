"""What can be set about DICOMweb."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomwebSettings:
    """Section `[dicomweb]`: QIDO-RS, WADO-RS and STOW-RS under `/dicom-web/`."""

    default_limit: Count = 1_000  # matches of a search that names no limit
    max_limit: Count = 10_000  # matches of one answer; also the default within a study
    max_instance_bytes: Count = 4_294_967_296  # one instance of a STOW-RS request
    max_body_bytes: Count = 17_179_869_184  # one STOW-RS request
    max_parts: Count = 10_000  # instances of one STOW-RS request
    small_part_bytes: Count = 1_048_576  # up to this, parts are gathered before they take a thread
    parts_at_once: Count = 4  # small instances of one request that are stored side by side
    threads: Count = 8  # for searches, retrievals and small instances
    waiting: Count = 128  # requests that may wait for one of these
    upload_threads: Count = 8  # for instances above `small_part_bytes`
    uploads_per_actor: Count = 4  # of these
    downloads: Count = 256  # answers that stream at a time

    def __post_init__(self) -> None:
        if self.default_limit > self.max_limit:
            msg = (
                f"default_limit {self.default_limit} is above max_limit {self.max_limit}. "
                "Lower the one or raise the other"
            )
            raise ValueError(msg)
