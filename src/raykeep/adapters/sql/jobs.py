"""The port `Jobs`: leases in a table, so that a worker that dies loses nothing."""

from datetime import datetime

import sqlalchemy as sa

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.committer import Writer
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.values import clean, to_microseconds, to_moment
from raykeep.adapters.sql.write_registry import RegistryWriter
from raykeep.domain.jobs import ClaimedJob, JobKind, NewJob

_MICROSECONDS = 1_000_000


class SqlJobs:
    """Keeps the port `Jobs`; one for a `Database`, safe for many threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._registry = RegistryWriter(database.dialect)
        sql, job = database.statement, tables.job
        now = sa.bindparam("now", type_=sa.BigInteger())
        lease = job.c.lease_until
        due = (
            sa.select(job.c.id)
            .where(job.c.not_before <= now, sa.or_(lease.is_(None), lease <= now))
            .order_by(job.c.not_before, job.c.id)
            .limit(1)
        )
        self._any_due = sql(due)
        # A row that another host is claiming is passed over (PostgreSQL); on the file, one
        # writer at a time makes the same certain.
        self._due = sql(due.with_for_update(skip_locked=True))
        its = job.c.id == sa.bindparam("job", type_=sa.BigInteger())
        self._claim = sql(
            sa.update(job)
            .where(its)
            .values(lease_until=sa.bindparam("until"), attempt=job.c.attempt + 1)
            .returning(job.c.id, job.c.kind, job.c["key"], job.c.payload, job.c.attempt)
        )
        held = sa.and_(its, job.c.attempt == sa.bindparam("attempt", type_=sa.BigInteger()))
        self._remove = sql(sa.delete(job).where(held))
        waiting = job.alias("waiting")
        self._superseded = sql(
            sa.select(waiting.c.id).where(
                waiting.c.kind == sa.bindparam("kind", type_=sa.Text()),
                waiting.c["key"] == sa.bindparam("key", type_=sa.Text()),
                waiting.c.lease_until.is_(None),
            )
        )
        self._return = sql(
            sa.update(job)
            .where(held)
            .values(
                lease_until=sa.null(),
                not_before=sa.bindparam("not_before", type_=sa.BigInteger()),
                last_error=sa.bindparam("error", type_=sa.Text()),
            )
        )
        self._count = sql(sa.select(sa.func.count()).select_from(job))

    def add(self, job: NewJob) -> None:
        self._database.committer.run(lambda writer: self._registry.add_job(writer, job))

    def claim(self, now: datetime, lease_seconds: float) -> ClaimedJob | None:
        moment = to_microseconds(now)
        # A look first: an idle worker takes no write lock.
        if not self._database.rows(self._any_due, {"now": moment}):
            return None
        until = moment + round(lease_seconds * _MICROSECONDS)

        def take(writer: Writer) -> ClaimedJob | None:
            due = writer.row(self._due, {"now": moment})
            taken = writer.row(self._claim, {"job": due[0], "until": until}) if due else None
            if taken is None:
                return None
            job_id, kind, key, payload, attempt = taken
            return ClaimedJob(job_id, JobKind(kind), key, payload, attempt, to_moment(until))

        return self._database.committer.run(take)

    def finish(self, job: ClaimedJob) -> None:
        # When the lease ended and another has the job, the attempt differs: it is theirs.
        held = {"job": job.job_id, "attempt": job.attempt}
        self._database.committer.run(lambda writer: writer.run(self._remove, held))

    def fail(self, job: ClaimedJob, not_before: datetime, error: str) -> None:
        held: dict[str, object] = {"job": job.job_id, "attempt": job.attempt}

        def give_back(writer: Writer) -> None:
            if writer.rows(self._superseded, {"kind": job.kind.value, "key": job.key}):
                writer.run(self._remove, held)  # a newer one of its kind and key waits already
                return
            later = {"not_before": to_microseconds(not_before), "error": clean(error)}
            writer.run(self._return, held | later)

        self._database.committer.run(give_back)

    def waiting(self) -> int:
        return int(self._database.rows(self._count, {})[0][0])
