"""A whole archive below the servers: the real door and stores, in a folder that is thrown away.

Blobs lie in memory, the database and the study keys in their encrypted files, keys in a keyring.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

from raykeep.adapters.blobs.memory import MemoryBlobs
from raykeep.adapters.keys.keyring import KeyRing
from raykeep.adapters.keys.local import LocalKeys, prepare_secrets
from raykeep.adapters.keys.names import DATABASE, STUDY_KEYS
from raykeep.adapters.sql.audit import SqlAuditTrail
from raykeep.adapters.sql.engine import Database, open_database, upgrade_database
from raykeep.adapters.sql.index import SqlStudyIndex
from raykeep.adapters.sql.jobs import SqlJobs
from raykeep.adapters.sql.registry import SqlRegistry
from raykeep.adapters.sql.settings import DatabaseSettings
from raykeep.adapters.sql.study_keys import open_study_keys
from raykeep.adapters.sql.unit_of_work import SqlUnitOfWork
from raykeep.bootstrap.system import SystemClock, SystemEntropy
from raykeep.crypto.certificates import certificate_facts
from raykeep.crypto.issuing import CertifiedKey, issue_device
from raykeep.domain.access import Actor, ActorKind, Door, Origin, Role
from raykeep.domain.ae_title import AETitle
from raykeep.domain.audit_event import AuditRecord, RecordFilter
from raykeep.domain.device import Device, DeviceRight, Network, PlainExemption
from raykeep.domain.facility import FacilityName
from raykeep.enforcement.door import Enforcer
from raykeep.enforcement.stores import Stores
from raykeep.policy.builtin import BUILTIN_RULES
from raykeep.ports.authority import IssuedCertificate
from raykeep.services.devices import Enrolment, enroll_device, revoke_device
from raykeep.services.tenants import add_facility
from raykeep.vault import Vault
from tests.fakes.pki import pki

FACILITY = FacilityName("main")
OPERATOR = Actor(
    ActorKind.LOCAL_OPERATOR,
    "tester",
    frozenset({Role.LOCAL_OPERATOR}),
    frozenset(),
    Origin(Door.COMMAND_LINE),
    all_facilities=True,
)


class MovableClock(SystemClock):
    """The real time, or later."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class FixedRoot:
    """A root key that needs no file."""

    provider = "file"

    def root_key(self) -> bytes:
        return bytes(range(32))


class ArchiveAuthority:
    """Keeps `CertificateAuthority` with the tests' own authority, made once a run."""

    def issue(
        self, ae_title: AETitle, *, days: int, csr_pem: str | None = None
    ) -> IssuedCertificate:
        certified = issue_device(
            pki().issuing, ae_title, now=datetime.now(UTC), days=days, csr_pem=csr_pem
        )
        facts = certificate_facts(certified.chain_pem)
        return IssuedCertificate(
            certified.chain_pem, certified.private_key_pem or None, facts.sha256, facts.not_after
        )

    def bundle_pem(self) -> str:
        return pki().root_pem


@dataclass
class FakeArchive:
    """The door, what is behind it, and hands to reach both."""

    enforcer: Enforcer
    stores: Stores
    database: Database
    blobs: MemoryBlobs
    clock: MovableClock

    def enroll(
        self,
        title: str,
        *rights: DeviceRight,
        networks: tuple[Network, ...] = (),
        facility: FacilityName = FACILITY,
    ) -> tuple[Device, CertifiedKey]:
        """A device with a certificate; all rights when none is named."""
        wanted = Enrolment(AETitle(title), facility, _rights(rights), networks)
        enrolled = enroll_device(self.enforcer, OPERATOR, wanted, self.clock)
        assert enrolled.certificate is not None
        key_pem = enrolled.certificate.private_key_pem
        assert key_pem is not None
        return enrolled.device, CertifiedKey(key_pem, enrolled.certificate.certificate_pem)

    def enroll_own(self, title: str, certificate_pem: str) -> Device:
        """A device with a certificate of the hospital's."""
        wanted = Enrolment(AETitle(title), FACILITY, _rights(()), certificate_pem=certificate_pem)
        return enroll_device(self.enforcer, OPERATOR, wanted, self.clock).device

    def enroll_plain(self, title: str, days: int = 30) -> Device:
        """A device that knows no TLS."""
        until = self.clock.now() + timedelta(days=days)
        leave = PlainExemption(until, "radiology", "too old for TLS")
        loopback = ip_network("127.0.0.0/8")
        wanted = Enrolment(
            AETitle(title), FACILITY, _rights(()), networks=(loopback,), exemption=leave
        )
        return enroll_device(self.enforcer, OPERATOR, wanted, self.clock).device

    def revoke(self, title: str) -> None:
        """Cut a device off."""
        revoke_device(self.enforcer, OPERATOR, AETitle(title), self.clock)

    def records(self, **wanted: object) -> list[AuditRecord]:
        """Records of the trail, oldest first."""
        return self.stores.trail.search(
            RecordFilter(limit=100_000, newest_first=False, **wanted)  # type: ignore[arg-type]  # handed on
        )


def _rights(rights: tuple[DeviceRight, ...]) -> frozenset[DeviceRight]:
    return frozenset(rights or DeviceRight)


@contextmanager
def fake_archive(folder: Path, *, durable: bool = False) -> Iterator[FakeArchive]:
    """Open a new archive in `folder`."""
    clock, entropy = MovableClock(), SystemEntropy()
    keyring = KeyRing.create(folder / "keyring.json", FixedRoot(), clock, "test")
    prepare_secrets(keyring)
    keys = LocalKeys(keyring)
    settings = DatabaseSettings()
    upgrade_database(settings, folder=folder, key=keyring.get(DATABASE), durable=durable)
    database = open_database(settings, folder=folder, key=keyring.get(DATABASE), durable=durable)
    study_keys = open_study_keys(settings, folder=folder, key=keyring.get(STUDY_KEYS), create=True)
    blobs = MemoryBlobs(clock)
    stores = Stores(
        index=SqlStudyIndex(database),
        registry=SqlRegistry(database),
        unit_of_work=SqlUnitOfWork(database),
        trail=SqlAuditTrail(database),
        jobs=SqlJobs(database),
        vault=Vault(blobs, keys, study_keys, entropy, clock),
        key_administration=keys,
        authority=ArchiveAuthority(),
    )
    enforcer = Enforcer(BUILTIN_RULES, stores, clock, entropy, "test-1")
    archive = FakeArchive(enforcer, stores, database, blobs, clock)
    add_facility(enforcer, OPERATOR, FACILITY, "Main", clock)
    try:
        yield archive
    finally:
        enforcer.windows.close_all()
        database.close()
        study_keys.close()
