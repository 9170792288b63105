"""Reading back what is stored, and finding a place for what no row names."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from raykeep.dicom.limits import DEFAULT_LIMITS
from raykeep.dicom.scan import InstanceScanner
from raykeep.domain.access import Action, Actor, StudyRef
from raykeep.domain.blobs import BlobKey, SealedObject
from raykeep.domain.changes import AddInstance
from raykeep.domain.errors import (
    BlobNotFound,
    ChangeRefused,
    IntegrityError,
    InvalidInput,
    KeyUnavailable,
    LimitExceeded,
    StorageUnavailable,
)
from raykeep.domain.instance import StoredInstance
from raykeep.domain.uids import UID
from raykeep.enforcement.door import Enforcer, Operation
from raykeep.ports.clock import Clock
from raykeep.services.ingest import Arrival, instance_from, pseudonym_of
from raykeep.services.manifest import decode_manifest

BATCH = 500  # rows or blobs that are looked at together
YOUNG = timedelta(minutes=15)  # a blob this new may be waiting for its row
KEPT_ASIDE = timedelta(days=35)  # in lost+found, before it is removed for good


@dataclass(frozen=True, slots=True)
class Damage:
    """A stored object that did not open."""

    key: BlobKey
    study_instance_uid: str
    sop_instance_uid: str
    finding: str


@dataclass(slots=True)
class VerifyReport:
    """What a verification found."""

    checked: int = 0
    bytes_read: int = 0
    damaged: list[Damage] = field(default_factory=list)


def verify_blobs(
    enforcer: Enforcer, actor: Actor, *, limit: int | None = None
) -> Iterator[VerifyReport]:
    """Read stored objects back and check that each one still opens, by its row's digest.

    Yields the report as it stands, after each batch and at the end (the same object each time).

    Raises:
        AccessDenied: `actor` may not.
        StorageUnavailable: the store as a whole is away.
    """
    report = VerifyReport()
    with enforcer.operation(actor, Action.BLOB_VERIFY) as op:
        after = ""
        while rows := op.index.sealed_objects(after, _next_batch(report, limit)):
            for row in rows:
                _verify_one(op, row, report)
            after = str(rows[-1].sealed.key)
            yield report
            if limit is not None and report.checked >= limit:
                break
        op.note(
            count=report.checked,
            details={
                "damaged": len(report.damaged),
                "first": str(report.damaged[0].key) if report.damaged else "",
            },
            alert=bool(report.damaged),
        )
    yield report


def _next_batch(report: VerifyReport, limit: int | None) -> int:
    return BATCH if limit is None else min(BATCH, limit - report.checked)


def _verify_one(op: Operation, row: StoredInstance, report: VerifyReport) -> None:
    report.checked += 1
    report.bytes_read += row.sealed.length
    try:
        op.vault.verify(row.sealed)
        op.vault.open_header(row.sealed, row.sealed_header)
    except (IntegrityError, BlobNotFound, StorageUnavailable) as error:
        # One that cannot be read (a bad sector, say) is named, and the others are looked at; where
        # the whole store is away, nothing can be said of any.
        op.vault.free_bytes()
        damage = Damage(
            row.sealed.key, row.study.study_instance_uid, row.sop_instance_uid, str(error)
        )
        report.damaged.append(damage)


@dataclass(slots=True)
class SweepReport:
    """What a sweep did."""

    looked_at: int = 0
    young: int = 0
    adopted: list[BlobKey] = field(default_factory=list)
    set_aside: list[tuple[BlobKey, str]] = field(default_factory=list)
    unfinished_removed: int = 0
    purged: int = 0


def sweep_blobs(
    enforcer: Enforcer,
    actor: Actor,
    clock: Clock,
    *,
    young: timedelta = YOUNG,
    known_until: datetime | None = None,
) -> SweepReport:
    """Give a place to every blob that no row names; nothing is deleted at once.

    One that is whole and newer than the newest row is adopted: after an older database was
    restored, such blobs are the patients' images. Any other goes to lost+found for 35 days:
    nobody was told that it is stored.

    Args:
        enforcer: The door.
        actor: Who sweeps.
        clock: Tells age.
        young: Blobs of a lesser age are left alone: their row may be on its way.
        known_until: Arrival of the newest row when the archive started. What has arrived since
            says nothing of how old a restored database is. None: the newest as of now.

    Raises:
        AccessDenied: `actor` may not.
    """
    report = SweepReport()
    now = clock.now()
    with enforcer.operation(actor, Action.BLOB_SWEEP) as op:
        newest = op.index.newest_arrival() if known_until is None else known_until
        report.unfinished_removed = op.vault.remove_unfinished(now - young)
        report.purged = op.vault.purge_set_aside(now - KEPT_ASIDE)
        orphans: list[BlobKey] = []
        batch: list[BlobKey] = []
        for blob in op.vault.list_blobs():
            report.looked_at += 1
            if now - blob.modified_at < young:
                report.young += 1
                continue
            batch.append(blob.key)
            if len(batch) >= BATCH:
                orphans += _without_row(op, batch)
                batch = []
        orphans += _without_row(op, batch)
        op.note(
            count=report.looked_at,
            details={
                "orphans": len(orphans),
                "unfinished_removed": report.unfinished_removed,
                "purged": report.purged,
            },
        )
    for key in orphans:
        _place(enforcer, actor, key, newest, report)
    return report


def _without_row(op: Operation, keys: list[BlobKey]) -> list[BlobKey]:
    held = op.index.holds(keys) if keys else set()
    return [key for key in keys if key not in held]


def _place(
    enforcer: Enforcer,
    actor: Actor,
    key: BlobKey,
    newest: datetime | None,
    report: SweepReport,
) -> None:
    """Adopt one orphan or set it aside, as an operation of its own.

    `newest` is the same for all of them: one that is adopted makes no other older.
    """
    try:
        with enforcer.operation(actor, Action.BLOB_SWEEP) as op:
            why = _adopt(op, key, newest)
            op.note(facility=key.facility, count=1, details={"blob": str(key)})
            if why:
                op.vault.set_aside(key)
                op.note(details={"set_aside": why})
    except ChangeRefused:
        # Its instance was stored again meanwhile.
        with enforcer.operation(actor, Action.BLOB_SWEEP) as op:
            why = "the instance is stored already"
            op.vault.set_aside(key)
            op.note(facility=key.facility, count=1, details={"blob": str(key), "set_aside": why})
    if why:
        report.set_aside.append((key, why))
    else:
        report.adopted.append(key)


def _adopt(op: Operation, key: BlobKey, newest: datetime | None) -> str:
    """Index an orphan again; returns why it cannot be, or nothing."""
    try:
        sealed, manifest = op.vault.manifest(key)
        origins = decode_manifest(manifest)
    except (IntegrityError, KeyUnavailable) as error:
        return f"it does not open: {error}"
    if newest is not None and origins.provenance.arrived_at <= newest:
        return "it is older than the newest row: nobody was told that it is stored"
    try:
        _index_again(op, sealed, UID(origins.transfer_syntax_uid), manifest)
    except (IntegrityError, InvalidInput, LimitExceeded, KeyUnavailable) as error:
        return f"it cannot be read: {type(error).__name__}"
    return ""


def _index_again(
    op: Operation, sealed: SealedObject, transfer_syntax_uid: UID, manifest: bytes
) -> None:
    origins = decode_manifest(manifest)
    scanner = InstanceScanner(transfer_syntax_uid, DEFAULT_LIMITS)
    for piece in op.vault.open(sealed):
        scanner.feed(piece)
    scanner.finish()
    head = scanner.head
    facility = sealed.key.facility
    modalities = frozenset(filter(None, head.modality.split("\\")))
    op.on(StudyRef(facility, head.study_instance_uid, modalities, head.study_year))
    arrival = Arrival(transfer_syntax_uid, (), facility, arrived_at=origins.provenance.arrived_at)
    patient = pseudonym_of(op, head, facility)
    instance = instance_from(
        op,
        head,
        arrival=arrival,
        provenance=origins.provenance,
        sealed=sealed,
        patient=patient,
        finding=origins.finding,
        fragments=scanner.fragments,
    )
    op.change(AddInstance(instance))
    op.note(patient=patient, details={"adopted": head.sop_instance_uid})
