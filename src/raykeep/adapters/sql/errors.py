"""What the drivers raise, in the archive's own words."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc

from raykeep.domain.errors import (
    ArchiveError,
    ChangeRefused,
    LimitExceeded,
    StorageFull,
    StorageUnavailable,
)

# PostgreSQL's classes of SQLSTATE and single codes, appendix A of its manual.
_DISK_FULL = ("53100", "53200")
_CANCELLED = "57014"
_TRY_AGAIN = ("40001", "40P01")
_INTEGRITY = "23"


class StatementTooSlow(LimitExceeded):
    """A search was stopped because it ran too long."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the time of one search", seconds, seconds, "seconds")
        self.args = (
            f"a search was stopped after {seconds:g} seconds. Narrow it, say by Patient ID or date",
        )


class Collision(StorageUnavailable):
    """Two writers met (deadlock, serialization); the same work may be tried once more."""


def is_integrity(error: Exception) -> bool:
    """Whether a constraint or a trigger refused a statement."""
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return bool(state.startswith(_INTEGRITY))
    return str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_CONSTRAINT")


def is_missing_parent(error: Exception) -> bool:
    """Whether a foreign key names a row that is not there."""
    # sqlcipher3 tells no extended codes, so SQLite's own words are what there is.
    return (
        getattr(error, "sqlstate", None) == "23503" or str(error) == "FOREIGN KEY constraint failed"
    )


def translated(error: Exception, timeout: float) -> ArchiveError:
    """The archive's error for a driver's; values and statements are not repeated.

    Args:
        error: As raised by sqlcipher3, psycopg or SQLAlchemy.
        timeout: Seconds that a statement may run.
    """
    if isinstance(error, sqlalchemy.exc.DBAPIError) and isinstance(error.orig, Exception):
        error = error.orig
    state = getattr(error, "sqlstate", None) or ""
    name = str(getattr(error, "sqlite_errorname", ""))
    if is_integrity(error):
        return ChangeRefused("others committed meanwhile what this change does not fit")
    if state in _DISK_FULL or name == "SQLITE_FULL":
        return StorageFull("the database has no room left. Free some, then try again")
    if state == _CANCELLED or name == "SQLITE_INTERRUPT":
        return StatementTooSlow(timeout)
    if state in _TRY_AGAIN:
        return Collision("two writers met in the database. Try again")
    what = name or state or type(error).__name__
    return StorageUnavailable(f"the database cannot be used now ({what}). Try again later")


@contextmanager
def translating(driver_errors: tuple[type[Exception], ...], timeout: float) -> Iterator[None]:
    """Translate what the block raises."""
    foreign: tuple[type[Exception], ...] = (
        *driver_errors,
        sqlalchemy.exc.DBAPIError,
        sqlalchemy.exc.TimeoutError,
    )
    try:
        yield
    except foreign as error:
        raise translated(error, timeout) from error
