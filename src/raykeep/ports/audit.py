"""The audit trail: append, read, seal. Nothing changes or removes a record."""

from collections.abc import Iterator
from typing import Protocol

from raykeep.domain.audit_event import AuditRecord, Leaf, RecordFilter


class AuditTrail(Protocol):
    """Read the trail and seal it; records are appended by the unit of work alone.

    Every implementation passes `tests/contracts/audit_trail.py`.
    """

    def search(self, wanted: RecordFilter) -> list[AuditRecord]:
        """Records that fit, by time."""
        ...

    def record(self, record_id: str) -> AuditRecord | None:
        """The record of that id."""
        ...

    def unsealed(self, limit: int) -> list[AuditRecord]:
        """The oldest records that have no leaf yet, in the order of their writing."""
        ...

    def unsealed_count(self) -> int:
        """How many have none yet."""
        ...

    def append_leaves(self, leaves: list[Leaf]) -> None:
        """Add leaves after the last one, durable on return.

        Raises:
            ChangeRefused: the first index is not the next one: somebody else sealed meanwhile.
        """
        ...

    def size(self) -> int:
        """Number of leaves."""
        ...

    def leaves(self, start: int, stop: int) -> Iterator[tuple[Leaf, AuditRecord | None]]:
        """Leaves `start` up to `stop`, each with its record as the table has it now.

        By index; None where the record is gone. Rows are given as they stand, checked by nobody.
        """
        ...

    def leaf_of(self, record_id: str) -> Leaf | None:
        """The leaf of a record."""
        ...

    def orphan_records(self) -> Iterator[AuditRecord]:
        """Records without a leaf that are older than the newest sealed one."""
        ...

    def add_checkpoint(self, size: int, note: str) -> None:
        """Keep a signed checkpoint (C2SP tlog-checkpoint) over the first `size` leaves."""
        ...

    def checkpoints(self) -> list[tuple[int, str]]:
        """All checkpoints, (size, note), by size."""
        ...
