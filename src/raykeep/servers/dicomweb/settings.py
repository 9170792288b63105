"""What can be set about DICOMweb."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomwebSettings:
    """Section `[dicomweb]`: QIDO-RS, WADO-RS and STOW-RS under `/dicom-web/`."""

    default_limit: int = 1_000  # matches of a search that names no limit
    max_limit: int = 10_000  # matches of one answer; also the default within a study
    max_instance_bytes: int = 4_294_967_296  # one instance of a STOW-RS request
    max_body_bytes: int = 17_179_869_184  # one STOW-RS request
    max_parts: int = 10_000  # instances of one STOW-RS request
    small_part_bytes: int = 1_048_576  # instances up to this are gathered before they take a thread
    parts_at_once: int = 4  # small instances of one request that are stored side by side
    threads: int = 8  # for searches, retrievals and small instances
    waiting: int = 128  # requests that may wait for one of these
    upload_threads: int = 8  # for instances above `small_part_bytes`
    uploads_per_actor: int = 4  # of these
    downloads: int = 256  # answers that stream at a time
