"""What every `Jobs` promises. Subclasses give `jobs`, and `unit_of_work` over the same store."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from raykeep.domain.changes import AddJob, Unit
from raykeep.domain.jobs import JobKind, NewJob
from tests.contracts.instances import NOON, a_record

SWEEP = NewJob(JobKind.SWEEP_BLOBS, "all", NOON)
LEASE = 60.0  # seconds


def after(seconds: float):
    return NOON + timedelta(seconds=seconds)


class JobsContract:
    """The promises."""

    def test_a_job_is_handed_out_when_it_is_due_and_not_before(self, jobs) -> None:
        jobs.add(replace(SWEEP, payload='{"facility":"main"}'))

        assert jobs.claim(after(-1), LEASE) is None
        job = jobs.claim(after(0), LEASE)
        assert (job.kind, job.key, job.payload, job.attempt) == (
            JobKind.SWEEP_BLOBS,
            "all",
            '{"facility":"main"}',
            1,
        )
        assert job.lease_until == after(LEASE)
        assert jobs.waiting() == 1

    def test_nobody_else_gets_it_until_the_lease_ends(self, jobs) -> None:
        jobs.add(SWEEP)
        first = jobs.claim(NOON, LEASE)

        assert jobs.claim(after(LEASE - 1), LEASE) is None
        second = jobs.claim(after(LEASE), LEASE)
        assert (second.job_id, second.attempt) == (first.job_id, 2)

    def test_a_finished_job_is_gone(self, jobs) -> None:
        jobs.add(SWEEP)
        jobs.finish(jobs.claim(NOON, LEASE))

        assert jobs.waiting() == 0
        assert jobs.claim(after(1000), LEASE) is None

    def test_who_lost_the_lease_can_neither_finish_nor_fail_it(self, jobs) -> None:
        jobs.add(SWEEP)
        slow = jobs.claim(NOON, LEASE)
        jobs.claim(after(LEASE), LEASE)
        jobs.finish(slow)
        jobs.fail(slow, after(LEASE), "TimeoutError")

        assert jobs.waiting() == 1
        assert jobs.claim(after(LEASE + 1), LEASE) is None

    def test_a_failed_job_is_due_again_later(self, jobs) -> None:
        jobs.add(SWEEP)
        jobs.fail(jobs.claim(NOON, LEASE), after(600), "StorageUnavailable")

        assert jobs.claim(after(599), LEASE) is None
        assert jobs.claim(after(600), LEASE).attempt == 2

    def test_one_of_a_kind_and_key_waits_at_a_time(self, jobs) -> None:
        jobs.add(SWEEP)
        jobs.add(replace(SWEEP, not_before=after(5)))
        jobs.add(replace(SWEEP, key="main"))

        assert jobs.waiting() == 2

    def test_while_one_runs_another_may_wait(self, jobs) -> None:
        jobs.add(SWEEP)
        running = jobs.claim(NOON, LEASE)
        jobs.add(SWEEP)
        assert jobs.waiting() == 2

        jobs.fail(running, after(600), "ValueError")  # the one that waits stands for both
        assert jobs.waiting() == 1
        assert jobs.claim(after(1), LEASE) is not None

    def test_the_oldest_that_is_due_comes_first(self, jobs) -> None:
        for number in (3, 1, 2):
            jobs.add(replace(SWEEP, key=str(number), not_before=after(number)))

        keys = [jobs.claim(after(10), LEASE).key for _ in range(3)]
        assert keys == ["1", "2", "3"]

    def test_many_workers_never_share_a_job(self, jobs) -> None:
        for number in range(60):
            jobs.add(replace(SWEEP, key=str(number)))

        def work(_: int) -> list[str]:
            mine = []
            while job := jobs.claim(NOON, LEASE):
                mine.append(job.key)
                jobs.finish(job)
            return mine

        with ThreadPoolExecutor(6) as pool:
            done = [key for keys in pool.map(work, range(6)) for key in keys]

        assert sorted(done) == sorted(str(number) for number in range(60))

    def test_a_job_of_a_unit_is_queued_with_it(self, jobs, unit_of_work) -> None:
        unit_of_work.commit(Unit((a_record(),), (AddJob(SWEEP), AddJob(SWEEP))))

        assert jobs.waiting() == 1
