"""An archive at rest, opened with its own keys: what somebody could do who has stolen them all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from raykeep.adapters.keys.keyring import KeyRing
from raykeep.adapters.keys.names import DATABASE
from raykeep.adapters.keys.providers import KeyFileProvider
from raykeep.adapters.sql.engine import APPLICATION_ID
from raykeep.adapters.sql.sqlite_file import Connection, sqlite_engine
from raykeep.bootstrap.system import SystemClock
from raykeep.config.layout import Layout
from tests.running import RunningArchive

TRAIL_TABLES = ("audit_record", "audit_leaf", "audit_checkpoint")


@contextmanager
def opened_database(archive: RunningArchive) -> Iterator[Connection]:
    """The index with the trail; each statement is committed by itself."""
    layout = Layout(archive.data)
    root = KeyFileProvider(archive.root_key, archive.data)
    engine = sqlite_engine(
        layout.database,
        KeyRing(layout.keyring, root, SystemClock()).get(DATABASE),
        application_id=APPLICATION_ID,
        connections=1,
        cache_mib=2,
        busy_timeout=5.0,
        create=False,
    )
    try:
        pooled = engine.raw_connection()
        try:
            connection = pooled.dbapi_connection
            assert isinstance(connection, Connection)
            yield connection
        finally:
            pooled.close()
    finally:
        engine.dispose()


@contextmanager
def unlocked_trail(archive: RunningArchive) -> Iterator[Connection]:
    """The same without the trail's locks, which are put back at the end."""
    with opened_database(archive) as connection:
        locks = [
            (name, sql)
            for name, table, sql in connection.execute(
                "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
            )
            if table in TRAIL_TABLES
        ]
        assert locks
        for name, _ in locks:
            connection.execute(f'DROP TRIGGER "{name}"')
        yield connection
        for _, sql in locks:
            connection.execute(sql)


def rows(connection: Connection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connection.execute(sql, values).fetchall()
    return found


def copied(archive: RunningArchive, folder: Path) -> RunningArchive:
    """A copy of an archive at rest, with its root key, in a folder of its own."""
    copy = RunningArchive(folder / "copy")
    shutil.copytree(archive.folder, copy.folder, symlinks=True)
    manifest = copy.data / "archive.json"
    manifest.write_text(manifest.read_text().replace(str(archive.folder), str(copy.folder)))
    return copy
