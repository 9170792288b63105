"""Building an archive's rooms over its stores."""

from dataclasses import dataclass
from typing import Protocol

from raykeep.adapters.blobs.files import FileBlobs
from raykeep.adapters.keys.names import AUDIT_PUBLIC, DATABASE, STUDY_KEYS
from raykeep.adapters.sql.audit import SqlAuditTrail
from raykeep.adapters.sql.engine import Database, open_database
from raykeep.adapters.sql.index import SqlStudyIndex
from raykeep.adapters.sql.jobs import SqlJobs
from raykeep.adapters.sql.registry import SqlRegistry
from raykeep.adapters.sql.study_keys import SqlStudyKeys, open_study_keys
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from raykeep.bootstrap.system import SystemClock, SystemEntropy
from raykeep.config.layout import Layout, Manifest, trail_origin
from raykeep.config.settings import Settings
from raykeep.crypto.signing import NoteSigner
from raykeep.enforcement.door import Enforcer
from raykeep.enforcement.stores import Stores
from raykeep.policy.builtin import BUILTIN_RULES
from raykeep.ports.authority import CertificateAuthority
from raykeep.ports.key_administration import KeyAdministration
from raykeep.ports.keys import KeyWrapper
from raykeep.services.audit_review import TrailKeys
from raykeep.vault import Vault


class Keys(KeyWrapper, KeyAdministration, CertificateAuthority, Protocol):
    """All that an archive needs of keys, from this process or from the supervisor."""

    def secret(self, name: str) -> bytes:
        """A secret by name."""
        ...


@dataclass(frozen=True, slots=True)
class Archive:
    """A whole archive, open."""

    enforcer: Enforcer
    stores: Stores
    database: Database
    trail_keys: TrailKeys
    clock: SystemClock
    study_keys: SqlStudyKeys

    def close(self) -> None:
        """End the windows of access and let go of the files."""
        self.enforcer.windows.close_all()
        self.database.close()
        self.study_keys.close()


def open_archive(
    layout: Layout,
    manifest: Manifest,
    settings: Settings,
    keys: Keys,
    *,
    process: str,
    signer: NoteSigner | None = None,
) -> Archive:
    """Open the stores and put the rooms over them.

    Args:
        layout: The data directory.
        manifest: What it says of itself.
        settings: What the operator chose.
        keys: From the supervisor, or opened here.
        process: Name of this process, for the windows of access.
        signer: Signs the trail here, where no sealer runs beside.

    Raises:
        KeyUnavailable: a key is missing.
        StorageUnavailable: a store is away.
    """
    clock, entropy = SystemClock(), SystemEntropy()
    database = open_database(
        settings.database, folder=layout.database.parent, key=keys.secret(DATABASE)
    )
    study_keys = open_study_keys(
        settings.database, folder=layout.study_keys.parent, key=keys.secret(STUDY_KEYS)
    )
    blobs = FileBlobs(
        settings.blobs.path or layout.blobs, clock, reserve=settings.blobs.reserve_mib << 20
    )
    vault = Vault(blobs, keys, study_keys, entropy, clock)
    stores = Stores(
        index=SqlStudyIndex(database),
        registry=SqlRegistry(database),
        unit_of_work=SqlUnitOfWork(database),
        trail=SqlAuditTrail(database),
        jobs=SqlJobs(database),
        vault=vault,
        key_administration=keys,
        authority=keys,
    )
    enforcer = Enforcer(BUILTIN_RULES, stores, clock, entropy, process)
    trail_keys = TrailKeys(trail_origin(manifest), keys.secret(AUDIT_PUBLIC), signer)
    return Archive(enforcer, stores, database, trail_keys, clock, study_keys)
