"""Bring the tables forward (Alembic, programmatically).

Loaded only when there is something to do: Alembic takes a third of a second.
"""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from raykeep.adapters.sql import schema
from raykeep.adapters.sql.dialect import Dialect
from raykeep.adapters.sql.settings import DatabaseSettings

_MIGRATIONS = Path(__file__).parent / "migrations"

# Two hosts that are updated at once: one migrates, the other waits and finds it done.
_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(7310579)")
_GRANT = sa.text((_MIGRATIONS / "grants.sql").read_text())
_NAME_ROLES = sa.text(
    "SELECT set_config('raykeep.program', :program, true), "
    "set_config('raykeep.sealer', :sealer, true), set_config('raykeep.reader', :reader, true)"
)


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
            before = schema.current(connection)
            if before is not None and before not in schema.REVISIONS:
                schema.check(connection)
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
