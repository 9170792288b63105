"""The worker: what is due is done, what fails comes back later, and sweeping never ends."""

from datetime import timedelta
from itertools import pairwise

import pytest

from raykeep.domain.access import Action, Actor, ActorKind, Door, Origin, Role
from raykeep.domain.audit_event import Outcome
from raykeep.domain.errors import StorageUnavailable
from raykeep.domain.jobs import JobKind, NewJob
from raykeep.worker import housekeeping as module
from raykeep.worker.housekeeping import (
    FIRST_SWEEP,
    INTERVAL,
    LEASE,
    MAX_RETRY_DELAY,
    SWEEP_EVERY,
    Worker,
)

KEEPER = Actor(
    ActorKind.SERVICE,
    "worker-0",
    frozenset({Role.SERVICE}),
    frozenset(),
    Origin(Door.WORKER),
    all_facilities=True,
)


class Rounds:
    """Stands in for the event: set after so many rounds; the time between them passes at once."""

    def __init__(self, archive, rounds, after_each=lambda: None):
        self.archive = archive
        self.left = rounds
        self.after_each = after_each

    def is_set(self):
        return self.left <= 0

    def wait(self, seconds):
        assert seconds == INTERVAL
        self.left -= 1
        self.archive.clock.ahead += timedelta(seconds=seconds)
        self.after_each()


def work(archive, rounds=1, after_each=lambda: None):
    worker = Worker(archive.enforcer, archive.stores.jobs, KEEPER, archive.clock)
    worker.run_until(Rounds(archive, rounds, after_each))


def sweeps(archive):
    return [r for r in archive.records() if r.action is Action.BLOB_SWEEP]


def next_due(archive):
    """Seconds until the next job may start, found by moving the clock; None without any."""
    now = archive.clock.now()
    for seconds in range(0, 8000, 2):
        job = archive.stores.jobs.claim(now + timedelta(seconds=seconds), 0.0)
        if job is not None:
            return seconds
    return None


@pytest.fixture
def broken(monkeypatch):
    """A sweep that fails until it is told to work again."""
    attempts = []

    def failing(*_, **__):
        attempts.append(1)
        raise StorageUnavailable("the disk is away")

    monkeypatch.setattr(module, "sweep_blobs", failing)
    return attempts


def test_a_sweep_is_queued_at_the_start_and_done_when_it_is_due(archive):
    work(archive)
    assert (sweeps(archive), archive.stores.jobs.waiting()) == ([], 1)

    archive.clock.ahead += FIRST_SWEEP
    work(archive)

    (record,) = sweeps(archive)
    assert (record.actor, record.outcome) == ("worker-0", Outcome.SUCCESS)
    assert record.door is Door.WORKER


def test_a_sweep_is_told_what_the_archive_knew_when_it_started(archive, monkeypatch):
    known = archive.clock.now() - timedelta(days=3)
    told = []
    monkeypatch.setattr(module, "sweep_blobs", lambda *_, **options: told.append(options))
    archive.stores.jobs.add(NewJob(JobKind.SWEEP_BLOBS, "all", archive.clock.now()))

    worker = Worker(archive.enforcer, archive.stores.jobs, KEEPER, archive.clock, known)
    worker.run_until(Rounds(archive, 1))

    assert told == [{"known_until": known}]


def test_after_a_sweep_the_next_one_is_queued(archive):
    work(archive)
    archive.clock.ahead += FIRST_SWEEP
    work(archive)

    assert archive.stores.jobs.waiting() == 1
    due = next_due(archive)
    assert SWEEP_EVERY.total_seconds() - 10 <= due <= SWEEP_EVERY.total_seconds()


def test_sweeps_go_on_hour_after_hour(archive):
    def an_hour_later():
        archive.clock.ahead += SWEEP_EVERY

    work(archive, rounds=5, after_each=an_hour_later)

    assert len(sweeps(archive)) == 4


def test_however_often_the_worker_starts_one_sweep_waits(archive):
    for _ in range(3):
        work(archive)

    assert archive.stores.jobs.waiting() == 1


def test_a_job_that_fails_comes_back_after_ever_longer_delays(archive, broken):
    archive.stores.jobs.add(NewJob(JobKind.SWEEP_BLOBS, "all", archive.clock.now()))
    starts = []

    def note():
        if len(broken) > len(starts):
            starts.append(archive.clock.ahead.total_seconds())

    work(archive, rounds=80, after_each=note)

    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert len(gaps) == 6
    for attempt, gap in enumerate(gaps, start=1):
        assert 2**attempt <= gap <= 2**attempt + 2 * INTERVAL
    assert archive.stores.jobs.waiting() == 1


def test_no_delay_is_longer_than_an_hour(archive, broken):
    archive.stores.jobs.add(NewJob(JobKind.SWEEP_BLOBS, "all", archive.clock.now()))

    def an_hour_later():
        archive.clock.ahead += MAX_RETRY_DELAY

    work(archive, rounds=20, after_each=an_hour_later)

    assert len(broken) == 20


def test_a_job_that_works_again_is_done(archive, broken, monkeypatch):
    archive.stores.jobs.add(NewJob(JobKind.SWEEP_BLOBS, "all", archive.clock.now()))
    work(archive)
    assert len(broken) == 1
    monkeypatch.undo()
    archive.clock.ahead += timedelta(seconds=4)

    work(archive)

    assert len(sweeps(archive)) == 1
    assert archive.stores.jobs.waiting() == 1


def test_a_queue_that_is_out_of_reach_is_asked_again(archive, monkeypatch):
    real = archive.stores.jobs.claim
    asked = []

    def claim(now, lease):
        asked.append(now)
        if len(asked) == 1:
            raise StorageUnavailable("the database is away")
        return real(now, lease)

    monkeypatch.setattr(archive.stores.jobs, "claim", claim)

    work(archive, rounds=3)

    assert len(asked) == 3


def test_a_queue_that_is_out_of_reach_at_the_start_gets_its_sweep_later(archive, monkeypatch):
    real = archive.stores.jobs.add
    tried = []

    def add(job):
        tried.append(job)
        if len(tried) == 1:
            raise StorageUnavailable("the database is away")
        real(job)

    monkeypatch.setattr(archive.stores.jobs, "add", add)

    work(archive, rounds=3)

    assert len(tried) == 2
    assert archive.stores.jobs.waiting() == 1


def test_a_sweep_whose_next_one_could_not_be_queued_is_done_again(archive, monkeypatch):
    work(archive)
    archive.clock.ahead += FIRST_SWEEP
    worker = Worker(archive.enforcer, archive.stores.jobs, KEEPER, archive.clock)
    real = archive.stores.jobs.add

    def add(job):
        if sweeps(archive):
            monkeypatch.setattr(archive.stores.jobs, "add", real)
            raise StorageUnavailable("the database is away")
        real(job)

    def past_the_lease():
        archive.clock.ahead += timedelta(seconds=LEASE)

    monkeypatch.setattr(archive.stores.jobs, "add", add)
    worker.run_until(Rounds(archive, 3, past_the_lease))

    assert len(sweeps(archive)) >= 2
    assert archive.stores.jobs.waiting() == 1


def test_a_worker_that_is_told_to_stop_begins_no_other_job(archive, monkeypatch):
    rounds = Rounds(archive, 1)
    archive.stores.jobs.add(NewJob(JobKind.SWEEP_BLOBS, "one", archive.clock.now()))
    archive.stores.jobs.add(NewJob(JobKind.SWEEP_BLOBS, "two", archive.clock.now()))
    done = []

    def sweep(*_, **__):
        done.append(1)
        rounds.left = 0

    monkeypatch.setattr(module, "sweep_blobs", sweep)

    Worker(archive.enforcer, archive.stores.jobs, KEEPER, archive.clock).run_until(rounds)

    assert len(done) == 1
