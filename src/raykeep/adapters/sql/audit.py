"""The port `AuditTrail`."""

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from raykeep.adapters.sql import tables
from raykeep.adapters.sql.committer import Writer
from raykeep.adapters.sql.dialect import Statement
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.values import facility_name, to_microseconds, to_moment
from raykeep.domain.access import Action, ActorKind, Door
from raykeep.domain.audit_event import AuditRecord, EventID, Leaf, Outcome, RecordFilter
from raykeep.domain.errors import ChangeRefused

PAGE = 1_000  # leaves or records fetched at a time
# On PostgreSQL numbers are given before the commit, so an older record may appear a little
# after a newer one. So many numbers back are looked at again.
_LOOK_BACK = 10_000

_BEFORE_ALL = -(2**63)  # numbers that we give begin at 1: somebody else may have given a lower one

_record, _leaf, _checkpoint = tables.audit_record, tables.audit_leaf, tables.audit_checkpoint
_COLUMNS = [column for column in _record.columns if column.name != "id"]
_details = msgspec.json.Decoder(dict[str, str | int])


class SqlAuditTrail:
    """Keeps the port `AuditTrail`; one for a `Database`, safe for many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._searches: dict[tuple[str, ...], Statement] = {}
        self._sql = _Statements(database)
        self._look_back = _LOOK_BACK if database.dialect.name == "postgresql" else 0
        self._sealed_up_to = 0  # number of a record before which every one has a leaf

    def search(self, wanted: RecordFilter) -> list[AuditRecord]:
        values = _values(wanted)
        form = (*values, "newest first" if wanted.newest_first else "oldest first")
        statement = self._searches.get(form)
        if statement is None:
            statement = self._database.statement(_search(tuple(values), form[-1]))
            self._searches[form] = statement
        values["limit"] = max(wanted.limit, 0)
        return [_from_row(row) for row in self._database.rows(statement, values)]

    def record(self, record_id: str) -> AuditRecord | None:
        rows = self._database.rows(self._sql.record, {"record": record_id})
        return _from_row(rows[0]) if rows else None

    def unsealed(self, limit: int) -> list[AuditRecord]:
        newest = self._newest()  # first: what comes after the look below is younger
        where = {"after": self._sealed_up_to, "limit": limit}
        rows = self._database.rows(self._sql.unsealed, where)
        sealed = rows[0][-1] - 1 if rows else newest
        self._sealed_up_to = max(self._sealed_up_to, sealed - self._look_back)
        return [_from_row(row[:-1]) for row in rows]

    def unsealed_count(self) -> int:
        where = {"after": self._sealed_up_to}
        return int(self._database.rows(self._sql.unsealed_count, where)[0][0])

    def append_leaves(self, leaves: list[Leaf]) -> None:
        if not leaves:
            return
        indexes = [leaf.index for leaf in leaves]
        if indexes != list(range(indexes[0], indexes[0] + len(leaves))):
            msg = "the indexes of the leaves do not follow one another"
            raise ChangeRefused(msg)
        rows = [
            {
                "position": leaf.index,
                "record_id": leaf.record_id,
                "entry": leaf.entry,
                "leaf_hash": leaf.leaf_hash,
                "chain": leaf.chain,
            }
            for leaf in leaves
        ]

        def append(writer: Writer) -> None:
            size = _size(writer.rows(self._sql.last, {}))
            if size != indexes[0]:
                msg = f"the trail has {size} leaves, so leaf {indexes[0]} is not the next one"
                raise ChangeRefused(msg)
            writer.run_many(self._sql.add_leaf, rows)

        self._database.committer.run(append)

    def size(self) -> int:
        return _size(self._database.rows(self._sql.last, {}))

    def leaves(self, start: int, stop: int) -> Iterator[tuple[Leaf, AuditRecord | None]]:
        while start < stop:
            where = {"start": start, "stop": min(stop, start + PAGE)}
            rows = self._database.rows(self._sql.leaves, where)
            for row in rows:
                leaf = _leaf_from(row[:5])
                yield leaf, None if row[5] is None else _from_row(row[5:])
            start += PAGE

    def leaf_of(self, record_id: str) -> Leaf | None:
        rows = self._database.rows(self._sql.leaf_of, {"record": record_id})
        return _leaf_from(rows[0]) if rows else None

    def orphan_records(self) -> Iterator[AuditRecord]:
        newest = int(self._database.rows(self._sql.newest_sealed, {})[0][0] or 0)
        after = _BEFORE_ALL
        while True:
            where = {"after": after, "before": newest, "limit": PAGE}
            rows = self._database.rows(self._sql.orphans, where)
            for row in rows:
                yield _from_row(row[:-1])
            if len(rows) < PAGE:
                return
            after = rows[-1][-1]

    def add_checkpoint(self, size: int, note: str) -> None:
        row = {"size": size, "note": note}
        self._database.committer.run(lambda writer: writer.run(self._sql.add_checkpoint, row))

    def checkpoints(self) -> list[tuple[int, str]]:
        return [(size, note) for size, note in self._database.rows(self._sql.checkpoints, {})]

    def _newest(self) -> int:
        return int(self._database.rows(self._sql.newest, {})[0][0] or 0)


def _size(last: list[tuple[Any, ...]]) -> int:
    return 0 if last[0][0] is None else int(last[0][0]) + 1


def _values(wanted: RecordFilter) -> dict[str, object]:
    """The parts of a filter that are set, as columns hold them."""
    values: dict[str, object] = {
        "since": None if wanted.since is None else to_microseconds(wanted.since),
        "until": None if wanted.until is None else to_microseconds(wanted.until),
        "actor": wanted.actor,
        "action": None if wanted.action is None else wanted.action.value,
        "outcome": None if wanted.outcome is None else wanted.outcome.value,
        "event": None if wanted.event is None else int(wanted.event),
        "facility": wanted.facility,
        "study_instance_uid": wanted.study_instance_uid,
        "patient": wanted.patient,
    }
    return {name: value for name, value in values.items() if value is not None}


def _search(parts: tuple[str, ...], order: str) -> sa.Select[Any]:
    at = _record.c["at"]
    query = sa.select(*_COLUMNS)
    for part in parts:
        if part == "since":
            query = query.where(at >= sa.bindparam("since", type_=at.type))
        elif part == "until":
            query = query.where(at < sa.bindparam("until", type_=at.type))
        else:
            column = _record.c[part]
            query = query.where(column == sa.bindparam(part, type_=column.type))
            if part in {"study_instance_uid", "patient"}:
                query = query.where(column > "")  # says that the partial index is enough
    if order == "newest first":
        query = query.order_by(at.desc(), _record.c.id.desc())
    else:
        query = query.order_by(at, _record.c.id)
    return query.limit(sa.bindparam("limit", type_=sa.BigInteger()))


def _from_row(row: tuple[Any, ...]) -> AuditRecord:
    (
        record_id, at, event, action, outcome, actor_kind, actor, door, address, facility,
        study_instance_uid, patient, count, reason, details,
    ) = row  # fmt: skip
    return AuditRecord(
        record_id=record_id,
        at=to_moment(at),
        event=EventID(event),
        action=Action(action),
        outcome=Outcome(outcome),
        actor_kind=ActorKind(actor_kind),
        actor=actor,
        door=Door(door),
        address=address,
        facility=None if facility is None else facility_name(facility),
        study_instance_uid=study_instance_uid,
        patient=patient,
        count=count,
        reason=reason,
        details=_details.decode(details),
    )


def _leaf_from(row: tuple[Any, ...]) -> Leaf:
    index, record_id, entry, leaf_hash, chain = row
    return Leaf(index, record_id, bytes(entry), bytes(leaf_hash), bytes(chain))


class _Statements:
    """SQL of this file, made once for an engine."""

    def __init__(self, database: Database) -> None:
        sql = database.statement
        number = _record.c.id

        def bound(name: str) -> sa.BindParameter[int]:
            return sa.bindparam(name, type_=sa.BigInteger())

        this = sa.bindparam("record", type_=sa.Text())
        self.record = sql(sa.select(*_COLUMNS).where(_record.c.record_id == this))
        self.newest = sql(sa.select(sa.func.max(number)))

        no_leaf = ~sa.exists().where(_leaf.c.record_id == _record.c.record_id)
        after = number > bound("after")
        unsealed = sa.select(*_COLUMNS, number).where(after, no_leaf).order_by(number)
        self.unsealed = sql(unsealed.limit(bound("limit")))
        self.unsealed_count = sql(
            sa.select(sa.func.count()).select_from(_record).where(after, no_leaf)
        )
        self.orphans = sql(unsealed.where(number < bound("before")).limit(bound("limit")))
        last = sa.select(_leaf.c.record_id).order_by(_leaf.c.position.desc()).limit(PAGE).subquery()
        self.newest_sealed = sql(
            sa.select(sa.func.max(number)).join(last, last.c.record_id == _record.c.record_id)
        )

        self.last = sql(sa.select(sa.func.max(_leaf.c.position)))
        self.add_leaf = sql(sa.insert(_leaf), _leaf.c.keys())
        self.leaf_of = sql(sa.select(*_leaf.c).where(_leaf.c.record_id == this))
        self.leaves = sql(
            sa.select(*_leaf.c, *_COLUMNS)
            .outerjoin(_record, _record.c.record_id == _leaf.c.record_id)
            .where(_leaf.c.position >= bound("start"), _leaf.c.position < bound("stop"))
            .order_by(_leaf.c.position)
        )
        self.add_checkpoint = sql(sa.insert(_checkpoint), ["size", "note"])
        self.checkpoints = sql(
            sa.select(_checkpoint.c.size, _checkpoint.c.note).order_by(
                _checkpoint.c.size, _checkpoint.c.id
            )
        )
