"""Bring the tables forward (Alembic, programmatically), and see where they stand."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from raykeep.adapters.sql.dialect import Dialect
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.domain.errors import StorageUnavailable

_MIGRATIONS = Path(__file__).parent / "migrations"

# Two hosts that are updated at once: one migrates, the other waits and finds it done.
_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(7310579)")
_GRANT = sa.text((_MIGRATIONS / "grants.sql").read_text())
_NAME_ROLES = sa.text(
    "SELECT set_config('raykeep.program', :program, true), "
    "set_config('raykeep.sealer', :sealer, true), set_config('raykeep.reader', :reader, true)"
)


def heads() -> str:
    """The revision that this program works with."""
    head = _scripts()[1].get_current_head()
    assert head is not None  # noqa: S101 - the package holds its revisions
    return head


def current(connection: sa.Connection) -> str | None:
    """The revision of a database; None while it has no tables."""
    return MigrationContext.configure(connection).get_current_revision()


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
    elif _is_known(found):
        msg = f"the database stands at {found}, older than this program. Run `raykeep db upgrade`"
    else:
        msg = (
            f"the database stands at {found}, which this program does not know: a newer release "
            "has worked with it. Install that release, or restore a backup"
        )
    raise StorageUnavailable(msg)


def upgrade(engine: sa.Engine, dialect: Dialect, settings: DatabaseSettings) -> list[str]:
    """Apply what is missing, all of it or nothing.

    Returns:
        The revisions that were applied, in their order.

    Raises:
        StorageUnavailable: the database is newer than this program.
    """
    config, scripts = _scripts()
    with engine.connect() as connection:
        connection.exec_driver_sql(dialect.begin_write)
        try:
            if dialect.name == "postgresql":
                connection.execute(_ONE_AT_A_TIME)
            before = current(connection)
            if before is not None and not _is_known(before):
                check(connection)
            config.attributes["connection"] = connection
            with EnvironmentContext(config, scripts, fn=_all_after(scripts)):
                scripts.run_env()
            if dialect.name == "postgresql":
                _grant(connection, settings)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    applied = [script.revision for script in scripts.iterate_revisions("head", before or "base")]
    return applied[::-1]


def _grant(connection: sa.Connection, settings: DatabaseSettings) -> None:
    """Give each role what it needs and no more; roles that do not exist are passed over."""
    connection.execute(
        _NAME_ROLES,
        {
            "program": settings.program_role,
            "sealer": settings.sealer_role,
            "reader": settings.reader_role,
        },
    )
    connection.execute(_GRANT)


Steps = Callable[[str, MigrationContext], list[RevisionStep]]


def _all_after(scripts: ScriptDirectory) -> Steps:
    def steps(revision: str, _: MigrationContext) -> list[RevisionStep]:
        return scripts._upgrade_revs("head", revision)  # noqa: SLF001 - as Alembic's own commands

    return steps


def _scripts() -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config, ScriptDirectory.from_config(config)


def _is_known(revision: str) -> bool:
    return revision in {script.revision for script in _scripts()[1].walk_revisions()}
