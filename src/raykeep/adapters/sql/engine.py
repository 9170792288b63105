"""Open the database: one value that the ports of this room are built from."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor as Cursor

from raykeep.adapters.sql import guards, schema
from raykeep.adapters.sql.committer import Committer
from raykeep.adapters.sql.dialect import (
    Dialect,
    PostgresDialect,
    SqliteDialect,
    Statement,
    compiled,
)
from raykeep.adapters.sql.errors import translating
from raykeep.adapters.sql.postgres_server import postgres_engine, postgres_errors
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.adapters.sql.sqlite_file import DRIVER_ERRORS, set_deadline, sqlite_engine

FILE_NAME = "index.db"
APPLICATION_ID = 0x52594B49  # "RYKI"


class Database:
    """One open database: connections to read, and the one committer of this process.

    Made by `open_database`; safe to use from many threads; not to be carried over a fork.
    """

    def __init__(
        self,
        engine: sa.Engine,
        dialect: Dialect,
        driver_errors: tuple[type[Exception], ...],
        statement_timeout: float,
    ) -> None:
        self.engine = engine
        self.dialect = dialect
        self.committer = Committer(engine, dialect, driver_errors, statement_timeout)
        self._driver_errors = driver_errors
        self._timeout = statement_timeout

    def translating(self) -> AbstractContextManager[None]:
        """Raise the archive's errors for those of the driver."""
        return translating(self._driver_errors, self._timeout)

    def statement(self, clause: sa.ClauseElement, columns: list[str] | None = None) -> Statement:
        """Make SQL text of a construct, once; it is then used as often as wanted."""
        return compiled(self.dialect, clause, columns)

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Give a cursor of the driver's, to read; its statements have a deadline.

        Raises:
            StorageUnavailable: the database cannot be reached.
            LimitExceeded: a statement ran too long.
        """
        with self.translating():
            connection = self.engine.raw_connection()
            driver = connection.dbapi_connection
            try:
                set_deadline(driver, monotonic() + self._timeout)
                yield connection.cursor()
            finally:
                set_deadline(driver, inf)
                connection.close()

    def rows(self, statement: Statement, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Run a reading statement and give all its rows."""
        with self.reading() as cursor:
            cursor.execute(statement.sql, statement.bind(values))
            return cast("list[tuple[Any, ...]]", cursor.fetchall())

    def close(self) -> None:
        """Commit what waits, then let all connections go. More calls do no harm."""
        self.committer.close()
        self.engine.dispose()


def open_database(
    settings: DatabaseSettings, *, folder: Path, key: bytes, durable: bool = True
) -> Database:
    """Open the database for work.

    Args:
        settings: Section `[database]`.
        folder: Data directory, where the file lies; not used with a server.
        key: 32 bytes that encrypt the file; not used with a server.
        durable: False for throw-away databases of tests alone.

    Raises:
        KeyUnavailable: the key does not open the file.
        StorageUnavailable: there is no database, it is not ours, its tables are older or
            newer than this program, or the locks of the trail are missing.
    """
    database = _connect(settings, folder, key, create=False, durable=durable)
    try:
        with database.translating(), database.engine.connect() as connection:
            schema.check(connection)
            guards.check(connection)
    except BaseException:
        database.close()
        raise
    return database


def upgrade_database(
    settings: DatabaseSettings, *, folder: Path, key: bytes, durable: bool = True
) -> list[str]:
    """Make the database if there is none, and bring its tables up to this program's.

    Returns:
        The revisions that were applied, in their order; empty when nothing was to be done.

    Raises:
        KeyUnavailable: the key does not open the file.
        StorageUnavailable: the database cannot be reached, or is newer than this program.
    """
    database = _connect(settings, folder, key, create=True, durable=durable)
    try:
        with database.translating():
            with database.engine.connect() as connection:
                if schema.current(connection) == schema.heads():
                    return []
            from raykeep.adapters.sql.migrate import upgrade  # noqa: PLC0415 - it takes long to load

            return upgrade(database.engine, database.dialect, settings)
    finally:
        database.close()


def _connect(
    settings: DatabaseSettings, folder: Path, key: bytes, *, create: bool, durable: bool
) -> Database:
    if settings.url:
        return Database(
            postgres_engine(settings, settings.url, settings.password_file),
            PostgresDialect(),
            postgres_errors(),
            settings.statement_timeout,
        )
    engine = sqlite_engine(
        folder / FILE_NAME,
        key,
        application_id=APPLICATION_ID,
        connections=settings.connections,
        cache_mib=settings.cache_mib,
        busy_timeout=settings.busy_timeout,
        create=create,
        durable=durable,
    )
    return Database(engine, SqliteDialect(), DRIVER_ERRORS, settings.statement_timeout)
