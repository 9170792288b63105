"""The queue of jobs; `AddJob` of the unit of work fills it."""

from datetime import datetime
from typing import Protocol

from raykeep.domain.jobs import ClaimedJob, NewJob


class Jobs(Protocol):
    """Hand out jobs, each at least once. Every implementation passes `tests/contracts/jobs.py`."""

    def add(self, job: NewJob) -> None:
        """Queue a job that belongs to no unit of work (housekeeping)."""
        ...

    def claim(self, now: datetime, lease_seconds: float) -> ClaimedJob | None:
        """Take the oldest job that is due, so that nobody else takes it until the lease ends."""
        ...

    def finish(self, job: ClaimedJob) -> None:
        """Done; the job is removed."""
        ...

    def fail(self, job: ClaimedJob, not_before: datetime, error: str) -> None:
        """Not done; it is due again then. `error` is a class name, never a message of a peer."""
        ...

    def waiting(self) -> int:
        """Number of jobs that are not done."""
        ...
