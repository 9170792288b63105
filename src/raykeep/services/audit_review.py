"""Reading, verifying and proving the trail."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from raykeep.crypto.proofs import InclusionProof
from raykeep.crypto.signing import Checkpoint, NoteSigner, NoteVerifier
from raykeep.domain.access import Action, Actor
from raykeep.domain.audit_event import AuditRecord, Outcome, RecordFilter
from raykeep.domain.errors import StorageUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.enforcement.door import Enforcer, Operation
from raykeep.ledger import Ledger, VerifyReport
from raykeep.ports.clock import Clock

SEALER_TIMEOUT = 15.0  # seconds to wait for the sealer's checkpoint
EXPORT_BATCH = 2000  # leaves that are given out together


@dataclass(frozen=True, slots=True)
class TrailKeys:
    """Who signs the trail.

    Attributes:
        origin: Name of this archive's log.
        public_key: Its Ed25519 key, 32 bytes.
        signer: Signs here and now, where no sealer runs beside; None while the archive runs.
    """

    origin: str
    public_key: bytes
    signer: NoteSigner | None = None

    def verifier(self) -> NoteVerifier:
        """What a third party needs to check checkpoints and proofs."""
        return NoteVerifier(self.origin, self.public_key)


def search_trail(enforcer: Enforcer, actor: Actor, wanted: RecordFilter) -> list[AuditRecord]:
    """Records that fit; that somebody looked is recorded, too.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.AUDIT_READ) as op:
        records = op.trail.search(wanted)
        op.note(facility=wanted.facility, count=len(records), details=_described(wanted))
    return records


def pseudonym(enforcer: Enforcer, actor: Actor, facility: FacilityName, patient_id: str) -> str:
    """What the trail calls a patient, to search by.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.AUDIT_READ) as op:
        op.note(facility=facility, details={"asked": "pseudonym"})
        return op.vault.pseudonym(facility, patient_id)


def verify_trail(
    enforcer: Enforcer, actor: Actor, keys: TrailKeys, clock: Clock, notes: list[str]
) -> VerifyReport:
    """Walk the whole trail; `notes` are checkpoints that were kept elsewhere.

    Raises:
        AccessDenied: `actor` may not.
        InvalidInput: a note is not of a checkpoint at all.
    """
    for note in notes:
        Checkpoint.of_note(note)  # a text that is none is a wrong file, not a broken trail
    with enforcer.operation(actor, Action.AUDIT_VERIFY) as op:
        report = _ledger(op, keys, clock).verify(keys.public_key, notes)
        first = report.first
        op.note(
            count=report.leaves,
            details={"findings": len(report.findings), "first": first.what if first else ""},
        )
    return report


def sign_checkpoint(
    enforcer: Enforcer,
    actor: Actor,
    keys: TrailKeys,
    clock: Clock,
    wait: Callable[[float], object],
) -> str:
    """A checkpoint over the trail as it stands, this request included, to be kept elsewhere.

    The sealer signs one as soon as it meets the record of this request; `wait` passes the
    seconds between two looks whether it has.

    Raises:
        AccessDenied: `actor` may not.
        StorageUnavailable: the sealer does not answer.
    """
    with enforcer.operation(actor, Action.AUDIT_CHECKPOINT) as op:
        trail = op.trail
    if keys.signer is not None:
        ledger = _ledger(op, keys, clock)
        while ledger.seal_pending():
            pass
        return ledger.checkpoint()
    # The newest request on the trail is this one, or one that came after it.
    (request,) = trail.search(
        RecordFilter(action=Action.AUDIT_CHECKPOINT, outcome=Outcome.SUCCESS, limit=1)
    )
    deadline = clock.monotonic() + SEALER_TIMEOUT
    while clock.monotonic() < deadline:
        leaf = trail.leaf_of(request.record_id)
        kept = trail.checkpoints() if leaf is not None else []
        if leaf is not None and kept and kept[-1][0] > leaf.index:
            return kept[-1][1]
        wait(0.1)
    msg = "the sealer signed no checkpoint in time. Look at `raykeep status` and its log"
    raise StorageUnavailable(msg)


def prove_record(
    enforcer: Enforcer, actor: Actor, keys: TrailKeys, clock: Clock, record_id: str
) -> InclusionProof:
    """Proof that a record stands on the trail, for whoever has only the public key.

    Raises:
        AccessDenied: `actor` may not.
        RecordNotFound: there is no such record, or no checkpoint over it yet.
    """
    with enforcer.operation(actor, Action.AUDIT_READ) as op:
        proof = _ledger(op, keys, clock).prove(record_id)
        op.note(count=1, details={"record": record_id})
    return proof


def export_trail(enforcer: Enforcer, actor: Actor) -> Iterator[list[bytes]]:
    """All sealed entries in order, in batches, each entry's canonical JSON.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.AUDIT_EXPORT) as op:
        size = op.trail.size()
        batch: list[bytes] = []
        for leaf, _ in op.trail.leaves(0, size):
            batch.append(leaf.entry)
            if len(batch) == EXPORT_BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
        op.note(count=size)


def kept_checkpoints(enforcer: Enforcer, actor: Actor) -> list[tuple[int, str]]:
    """The signed checkpoints, (size, note), by size.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.AUDIT_READ) as op:
        kept = op.trail.checkpoints()
        op.note(count=len(kept), details={"asked": "checkpoints"})
    return kept


def _ledger(op: Operation, keys: TrailKeys, clock: Clock) -> Ledger:
    return Ledger(op.trail, keys.signer, keys.origin, clock)


def _described(wanted: RecordFilter) -> dict[str, str | int]:
    """Which conditions were searched by; ids of studies and pseudonyms are no PHI."""
    parts = {
        "actor": wanted.actor,
        "action": wanted.action,
        "outcome": wanted.outcome,
        "study": wanted.study_instance_uid,
        "patient": wanted.patient,
        "since": wanted.since.isoformat() if wanted.since else None,
        "until": wanted.until.isoformat() if wanted.until else None,
    }
    return {name: str(value) for name, value in parts.items() if value is not None}
