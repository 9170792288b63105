"""What the worker does in rounds: sweeping, jobs."""

from dataclasses import dataclass
from datetime import timedelta
from logging import getLogger
from threading import Event

from raykeep.domain.access import Actor
from raykeep.domain.errors import ArchiveError
from raykeep.domain.jobs import ClaimedJob, JobKind, NewJob
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock
from raykeep.ports.jobs import Jobs
from raykeep.services.integrity import sweep_blobs

INTERVAL = 2.0  # seconds between looks at the queue
LEASE = 3600.0  # seconds that a job may take before somebody else may start it again
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

    def run_until(self, stop: Event) -> None:
        """Work until told to stop."""
        self._queue_sweep(timedelta(minutes=1))
        while not stop.is_set():
            try:
                self._jobs(stop)
            except ArchiveError as error:
                log.warning("the queue cannot be read: %s", type(error).__name__)
            stop.wait(INTERVAL)

    def _jobs(self, stop: Event) -> None:
        while not stop.is_set():
            job = self.jobs.claim(self.clock.now(), LEASE)
            if job is None:
                return
            try:
                self._do(job)
            except ArchiveError as error:
                log.warning("job %s failed: %s", job.kind, type(error).__name__)
                delay = min(timedelta(seconds=2.0 ** min(job.attempt, 12)), MAX_RETRY_DELAY)
                self.jobs.fail(job, self.clock.now() + delay, type(error).__name__)
            else:
                self.jobs.finish(job)
                if job.kind is JobKind.SWEEP_BLOBS:
                    self._queue_sweep(SWEEP_EVERY)

    def _do(self, job: ClaimedJob) -> None:
        if job.kind is JobKind.SWEEP_BLOBS:
            sweep_blobs(self.enforcer, self.actor, self.clock)

    def _queue_sweep(self, after: timedelta) -> None:
        self.jobs.add(NewJob(JobKind.SWEEP_BLOBS, "all", self.clock.now() + after))
