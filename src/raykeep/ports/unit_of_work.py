"""The one way to change anything that is kept in the database."""

from typing import Protocol

from raykeep.domain.changes import Unit


class UnitOfWork(Protocol):
    """Commit changes together with their record.

    Every implementation passes `tests/contracts/unit_of_work.py`.
    """

    def commit(self, unit: Unit) -> None:
        """Commit all of `unit`, durable when this returns, or nothing of it.

        Safe to call from many threads; units that wait share one transaction,
        each in a savepoint of its own.

        Raises:
            ChangeRefused: a change did not fit what others committed meanwhile.
            AlreadyExists: a name is taken.
            StorageFull: no room.
            StorageUnavailable: the database cannot be written.
        """
        ...
