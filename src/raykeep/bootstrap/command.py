"""An archive opened by a command, while no other process has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raykeep import __version__
from raykeep.adapters.keys.names import AUDIT_SIGNING, DATABASE
from raykeep.adapters.sql.engine import Database
from raykeep.adapters.sql.engine import upgrade_database as upgrade_sql
from raykeep.adapters.sql.schema import current, heads
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.bootstrap.archive import Archive, open_archive
from raykeep.bootstrap.combined import CombinedKeys
from raykeep.bootstrap.keys import Ask, open_keys
from raykeep.bootstrap.lock import locked
from raykeep.bootstrap.public_certificates import published
from raykeep.bootstrap.system import SystemClock
from raykeep.config.layout import Layout, read_manifest, trail_origin
from raykeep.config.settings import Settings, read_settings
from raykeep.crypto.signing import NoteSigner
from raykeep.servers.control.context import Context
from raykeep.servers.control.steps import Plain
from raykeep.servers.control.table import CommandTable
from raykeep.servers.control.tables import ALL_COMMANDS


@contextmanager
def open_for_command(
    layout: Layout, config: Path, ask: Ask
) -> Iterator[tuple[Context, CommandTable]]:
    """Open the data directory in this process, for as long as one command takes.

    Raises:
        ArchiveDown: there is no archive, or another process has it open.
        SettingsError: the settings do not do.
        KeyUnavailable: a key is missing.
        StorageUnavailable: the database needs `raykeep db upgrade`, or is away.
    """
    manifest = read_manifest(layout)
    settings = read_settings(config)
    with locked(layout):
        keys = CombinedKeys(
            open_keys(layout, manifest, SystemClock(), file=settings.keys.file, ask=ask)
        )
        origin = trail_origin(manifest)
        archive = open_archive(
            layout,
            manifest,
            settings,
            keys,
            process="command",
            signer=NoteSigner(origin, keys.secret(AUDIT_SIGNING)),
        )
        try:
            yield command_context(layout, settings, archive, {"running": False}), ALL_COMMANDS
        finally:
            archive.close()


def command_context(layout: Layout, settings: Settings, archive: Archive, facts: Plain) -> Context:
    """What commands work on."""
    manifest = read_manifest(layout)
    return Context(
        enforcer=archive.enforcer,
        clock=archive.clock,
        ingest=settings.ingest,
        trail_keys=archive.trail_keys,
        facts={
            "archive": manifest.archive_id,
            "version": __version__,
            "data": str(layout.data),
            "policy": manifest.policy,
            **facts,
        },
        ca_bundle=layout.ca_bundle,
        tls_certificates=lambda: published(layout),
        database_facts=lambda: database_facts(settings.database, archive.database),
    )


def upgrade_database(layout: Layout, config: Path, ask: Ask) -> list[str]:
    """Bring the database up to this release; returns the revisions that were applied.

    Raises:
        ArchiveDown: the archive is running, or there is none.
        StorageUnavailable: the database is newer than this release.
    """
    manifest = read_manifest(layout)
    settings = read_settings(config)
    with locked(layout):
        keys = open_keys(layout, manifest, SystemClock(), file=settings.keys.file, ask=ask)
        return upgrade_sql(
            settings.database,
            folder=layout.database.parent,
            key=keys.keyring.get(DATABASE),
        )


def database_facts(settings: DatabaseSettings, database: Database) -> dict[str, str]:
    """Which engine, and at which revision its tables are."""
    with database.engine.connect() as connection:
        found = current(connection)
    return {
        "engine": "postgresql" if settings.url else "sqlcipher",
        "revision": found or "",
        "newest_revision": heads(),
    }
