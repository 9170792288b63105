"""Work for later: small, typed, done at least once by the worker."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobKind(StrEnum):
    """What the worker can do."""

    SWEEP_BLOBS = "sweep-blobs"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be queued.

    Attributes:
        kind: What to do.
        key: Jobs of one kind and key are queued once while one waits.
        not_before: Earliest start.
        payload: What the kind needs, JSON text without patient data.
    """

    kind: JobKind
    key: str
    not_before: datetime
    payload: str = "{}"


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that this process has taken until `lease_until`."""

    job_id: int
    kind: JobKind
    key: str
    payload: str
    attempt: int
    lease_until: datetime
