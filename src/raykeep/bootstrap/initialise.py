"""Making a new archive."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from raykeep.adapters.keys.names import AUDIT_PUBLIC, AUDIT_SIGNING, DATABASE, STUDY_KEYS
from raykeep.adapters.sql.engine import upgrade_database
from raykeep.adapters.sql.study_keys import open_study_keys
from raykeep.bootstrap.archive import open_archive
from raykeep.bootstrap.combined import CombinedKeys
from raykeep.bootstrap.keys import Ask, create_keys
from raykeep.bootstrap.lock import locked
from raykeep.bootstrap.names import server_names
from raykeep.bootstrap.public_certificates import publish
from raykeep.bootstrap.system import SystemClock, SystemEntropy
from raykeep.config.layout import Layout, Manifest, trail_origin
from raykeep.config.settings import Settings
from raykeep.crypto.certificates import certificate_facts
from raykeep.crypto.signing import NoteSigner, NoteVerifier
from raykeep.domain.access import Actor
from raykeep.domain.errors import AlreadyExists
from raykeep.domain.facility import FacilityName
from raykeep.services.tenants import add_facility


@dataclass(frozen=True, slots=True)
class InitWish:
    """What an operator wants of a new archive.

    Attributes:
        policy: Preset of account rules, `classic` or `nist`.
        facility: Name of the first tenant.
        key_provider: `file` or `passphrase`.
        key_file: Where the root key shall lie; None for the default place.
        ask: Gives the passphrase.
    """

    policy: str
    facility: FacilityName
    key_provider: str
    key_file: Path | None
    ask: Ask


@dataclass(frozen=True, slots=True)
class Initialised:
    """What the operator should know of the new archive."""

    archive_id: str
    root_key: str
    ca_bundle: Path
    ca_sha256: str
    audit_key: str
    facility: str


def is_initialised(layout: Layout) -> bool:
    """Whether there is an archive."""
    return layout.manifest.exists()


def initialise(
    layout: Layout, settings: Settings, wish: InitWish, operator: Callable[[], Actor]
) -> Initialised:
    """Make data directory, keys, certificates, database and the first facility.

    The manifest comes last: until it is there, there is no archive.

    What an attempt left that did not come to its end is cleared away; what may be the keys or
    the objects of an archive that lost its manifest is not touched.

    Raises:
        AlreadyExists: the directory holds an archive, what is left of one, or something else.
        KeyUnavailable: a key file cannot be written.
        StorageUnavailable: the database cannot be made.
    """
    _check_free(layout, settings)
    layout.make()
    with locked(layout):
        _check_free(layout, settings)  # somebody else may have made one meanwhile
        _clear_attempt(layout)
        return _make(layout, settings, wish, operator)


_OURS = frozenset(
    {"run", "keys", "db", "tls", "blobs", "raykeep.toml", "unfinished", "archive.new"}
)


def _check_free(layout: Layout, settings: Settings) -> None:
    """Refuse a directory that is not empty, save for what an earlier attempt left."""
    data = layout.data
    if is_initialised(layout):
        msg = f"{data} holds an archive already. Name another directory with --data"
        raise AlreadyExists(msg)
    if data.exists() and not (data.is_dir() and {p.name for p in data.iterdir()} <= _OURS):
        msg = f"{data} is not empty. Name an empty or a new directory"
        raise AlreadyExists(msg)
    made = () if layout.unfinished.exists() else _made_anew(layout)
    for folder in (*made, settings.blobs.path or layout.blobs):
        if folder.is_dir() and any(path.name not in _EMPTY for path in folder.iterdir()):
            msg = (
                f"{folder} holds what belongs to an archive, but {layout.manifest} is not there. "
                "Restore that from a backup, or name another directory with --data"
            )
            raise AlreadyExists(msg)


_EMPTY = frozenset({"lost+found"})  # a volume of its own has that from the beginning


def _made_anew(layout: Layout) -> tuple[Path, ...]:
    return layout.keyring.parent, layout.database.parent, layout.ca_bundle.parent


def _clear_attempt(layout: Layout) -> None:
    """Remove what an attempt left that did not come to its end: no manifest, no archive."""
    # Never without this mark: where it is not, keys may be those of an archive.
    layout.unfinished.touch(mode=0o600)
    for folder in _made_anew(layout):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                if path.name not in _EMPTY:
                    shutil.rmtree(path)
            else:
                path.unlink()


def _make(
    layout: Layout, settings: Settings, wish: InitWish, operator: Callable[[], Actor]
) -> Initialised:
    clock = SystemClock()
    archive_id = SystemEntropy().bytes(8).hex()
    keys, kept = create_keys(
        layout,
        clock,
        archive_id=archive_id,
        provider=wish.key_provider,
        file=wish.key_file or settings.keys.file,
        ask=wish.ask,
    )
    keys.authority.prepare(**server_names(settings))
    publish(layout, keys)
    ring = keys.keyring
    upgrade_database(settings.database, folder=layout.database.parent, key=ring.get(DATABASE))
    open_study_keys(
        settings.database,
        folder=layout.study_keys.parent,
        key=ring.get(STUDY_KEYS),
        create=True,
    ).close()
    manifest = Manifest(
        archive_id=archive_id,
        created=clock.now().isoformat(),
        policy=wish.policy,
        key_provider=wish.key_provider,
        key=kept,
    )
    origin = trail_origin(manifest)
    audit_key = str(NoteVerifier(origin, ring.get(AUDIT_PUBLIC)))
    manifest = replace(manifest, audit_key=audit_key)
    archive = open_archive(
        layout,
        manifest,
        settings,
        CombinedKeys(keys),
        process="init",
        signer=NoteSigner(origin, ring.get(AUDIT_SIGNING)),
    )
    try:
        add_facility(archive.enforcer, operator(), wish.facility, "", clock)
    finally:
        archive.close()
    layout.unfinished.unlink()
    manifest.write(layout)
    return Initialised(
        archive_id=archive_id,
        root_key=kept.get("path", "a passphrase"),
        ca_bundle=layout.ca_bundle,
        ca_sha256=certificate_facts(keys.authority.bundle_pem()).sha256,
        audit_key=audit_key,
        facility=wish.facility,
    )
