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

    Raises:
        AlreadyExists: the directory holds an archive, or something else.
        KeyUnavailable: a key file cannot be written.
        StorageUnavailable: the database cannot be made.
    """
    if is_initialised(layout):
        msg = f"{layout.data} holds an archive already. Name another directory with --data"
        raise AlreadyExists(msg)
    if layout.data.exists() and any(p.name not in _OURS for p in layout.data.iterdir()):
        msg = f"{layout.data} is not empty. Name an empty or a new directory"
        raise AlreadyExists(msg)
    layout.make()
    with locked(layout):
        _clear_attempt(layout)
        return _make(layout, settings, wish, operator)


_OURS = frozenset({"run", "keys", "db", "tls", "blobs", "raykeep.toml"})


def _clear_attempt(layout: Layout) -> None:
    """Remove what an attempt left that did not come to its end: no manifest, no archive."""
    for folder in (layout.keyring.parent, layout.database.parent, layout.ca_bundle.parent):
        shutil.rmtree(folder)
    layout.make()


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
    manifest.write(layout)
    return Initialised(
        archive_id=archive_id,
        root_key=kept.get("path", "a passphrase"),
        ca_bundle=layout.ca_bundle,
        ca_sha256=certificate_facts(keys.authority.bundle_pem()).sha256,
        audit_key=audit_key,
        facility=wish.facility,
    )
