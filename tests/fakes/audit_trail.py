"""An audit trail in memory, open to those who would tamper with it."""

from collections.abc import Iterator
from datetime import datetime

from raykeep.domain.audit_event import AuditRecord, Leaf, RecordFilter
from raykeep.domain.errors import ChangeRefused


class MemoryAuditTrail:
    """Keeps `AuditTrail`; tests may reach into its three tables."""

    def __init__(self) -> None:
        self.rows: dict[str, AuditRecord] = {}  # in the order of their writing
        self.leaf_rows: list[Leaf] = []
        self.notes: list[tuple[int, str]] = []

    def write(self, *records: AuditRecord) -> None:
        """Append records, as a unit of work would."""
        for record in records:
            if record.record_id in self.rows:
                msg = f"record {record.record_id} is there already"
                raise ChangeRefused(msg)
            self.rows[record.record_id] = record

    def search(self, wanted: RecordFilter) -> list[AuditRecord]:
        found = [record for record in self.rows.values() if fits(record, wanted)]
        found.sort(key=lambda record: (record.at, record.record_id), reverse=wanted.newest_first)
        return found[: wanted.limit]

    def record(self, record_id: str) -> AuditRecord | None:
        return self.rows.get(record_id)

    def unsealed(self, limit: int) -> list[AuditRecord]:
        return self._without_leaf()[:limit]

    def unsealed_count(self) -> int:
        return len(self._without_leaf())

    def append_leaves(self, leaves: list[Leaf]) -> None:
        if leaves and leaves[0].index != len(self.leaf_rows):
            msg = f"leaf {leaves[0].index} is not the next one"
            raise ChangeRefused(msg)
        self.leaf_rows.extend(leaves)

    def size(self) -> int:
        return len(self.leaf_rows)

    def leaves(self, start: int, stop: int) -> Iterator[tuple[Leaf, AuditRecord | None]]:
        for leaf in self.leaf_rows[start:stop]:
            yield leaf, self.rows.get(leaf.record_id)

    def leaf_of(self, record_id: str) -> Leaf | None:
        return next((leaf for leaf in self.leaf_rows if leaf.record_id == record_id), None)

    def orphan_records(self) -> Iterator[AuditRecord]:
        times = [_time(self.rows.get(leaf.record_id)) for leaf in self.leaf_rows]
        newest = max((at for at in times if at), default=None)
        for record in self._without_leaf():
            at = _time(record)
            if newest is not None and (at is None or at < newest):
                yield record

    def add_checkpoint(self, size: int, note: str) -> None:
        self.notes.append((size, note))
        self.notes.sort()

    def checkpoints(self) -> list[tuple[int, str]]:
        return list(self.notes)

    def _without_leaf(self) -> list[AuditRecord]:
        sealed = {leaf.record_id for leaf in self.leaf_rows}
        return [record for record in self.rows.values() if record.record_id not in sealed]


def _time(record: AuditRecord | None) -> datetime | None:
    """When, None where nobody can tell: somebody may have put anything into the row."""
    at = record.at if record else None
    return at if isinstance(at, datetime) and at.tzinfo is not None else None


def fits(record: AuditRecord, wanted: RecordFilter) -> bool:
    """Whether every part of the filter that is not None holds."""
    exact = ("actor", "action", "outcome", "event", "facility", "study_instance_uid", "patient")
    if any(
        getattr(wanted, name) is not None and getattr(wanted, name) != getattr(record, name)
        for name in exact
    ):
        return False
    if wanted.since is not None and record.at < wanted.since:
        return False
    return wanted.until is None or record.at < wanted.until
