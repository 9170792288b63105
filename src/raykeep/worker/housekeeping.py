"""What the worker does in rounds: sweeping, jobs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from logging import getLogger
from threading import Event
from typing import assert_never

from raykeep.domain.access import Actor
from raykeep.domain.errors import ArchiveError
from raykeep.domain.jobs import ClaimedJob, JobKind, NewJob
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock
from raykeep.ports.jobs import Jobs
from raykeep.services.integrity import sweep_blobs

INTERVAL = 2.0  # seconds between looks at the queue
LEASE = 3600.0  # seconds that a job may take before somebody else may start it again
FIRST_SWEEP = timedelta(minutes=1)  # after the start
SWEEP_EVERY = timedelta(hours=1)
MAX_RETRY_DELAY = timedelta(hours=1)

log = getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Worker:
    """Takes jobs; what a job does passes the door as the archive's own actor."""

    enforcer: Enforcer
    jobs: Jobs
    actor: Actor
    clock: Clock
    known_until: datetime | None = None  # see `sweep_blobs`

    def run_until(self, stop: Event) -> None:
        """Work until told to stop."""
        is_queued = False
        while not stop.is_set():
            try:
                if not is_queued:
                    self._queue(JobKind.SWEEP_BLOBS, "all", FIRST_SWEEP)
                    is_queued = True
                self._jobs(stop)
            except ArchiveError as error:
                log.warning("the queue is out of reach: %s", type(error).__name__)
            stop.wait(INTERVAL)

    def _jobs(self, stop: Event) -> None:
        while not stop.is_set():
            job = self.jobs.claim(self.clock.now(), LEASE)
            if job is None:
                return
            try:
                again = self._do(job)
            except ArchiveError as error:
                log.warning("job %s failed: %s", job.kind, type(error).__name__)
                delay = min(timedelta(seconds=2.0 ** min(job.attempt, 12)), MAX_RETRY_DELAY)
                self.jobs.fail(job, self.clock.now() + delay, type(error).__name__)
            else:
                # In this order, so that a failure in between never ends the rounds.
                self._queue(job.kind, job.key, again)
                self.jobs.finish(job)

    def _do(self, job: ClaimedJob) -> timedelta:
        """Do a job; returns after how long it is to be done again."""
        match job.kind:
            case JobKind.SWEEP_BLOBS:
                sweep_blobs(self.enforcer, self.actor, self.clock, known_until=self.known_until)
                return SWEEP_EVERY
            case _:
                assert_never(job.kind)

    def _queue(self, kind: JobKind, key: str, after: timedelta) -> None:
        self.jobs.add(NewJob(kind, key, self.clock.now() + after))
