"""Where the tables of a database stand, and whether that is where this program needs them."""

import sqlalchemy as sa

from raykeep.domain.errors import StorageUnavailable

REVISIONS = ("0001",)
"""All revisions that this program knows, oldest first; `migrations/versions` has them."""

_STANDS_AT = sa.table("alembic_version", sa.column("version_num", sa.Text()))
_READ = sa.select(_STANDS_AT.c.version_num)


def heads() -> str:
    """The revision that this program works with."""
    return REVISIONS[-1]


def current(connection: sa.Connection) -> str | None:
    """The revision of a database; None while it has no tables."""
    if not sa.inspect(connection).has_table(_STANDS_AT.name):
        return None
    return connection.execute(_READ).scalar()


def check(connection: sa.Connection) -> None:
    """See that the tables are those of this program.

    Raises:
        StorageUnavailable: they are older, newer, or not there.
    """
    found = current(connection)
    if found == heads():
        return
    if found is None:
        msg = "the database has no tables yet. Run `raykeep init` or `raykeep db upgrade`"
    elif found in REVISIONS:
        msg = f"the database stands at {found}, older than this program. Run `raykeep db upgrade`"
    else:
        msg = (
            f"the database stands at {found}, which this program does not know: a newer release "
            "has worked with it. Install that release, or restore a backup"
        )
    raise StorageUnavailable(msg)
