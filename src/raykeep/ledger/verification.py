"""Verifying the trail from its first leaf to its last."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from raykeep.crypto.merkle import HASH_LENGTH, Frontier
from raykeep.crypto.signing import Checkpoint, NoteVerifier
from raykeep.domain.audit_event import AuditRecord, Leaf
from raykeep.domain.errors import IntegrityError, InvalidInput
from raykeep.ledger.entry import canonical_entry
from raykeep.ports.audit import AuditTrail

MAX_FINDINGS = 100  # of each kind in one report
MAX_UNSIGNED = 8192  # leaves that may follow the last checkpoint: two full rounds of the sealer
REPLAY_WINDOW = 65_536  # leaves, at least, within which a record must not stand twice
CLOCK_TOLERANCE = timedelta(minutes=2)  # records of several processes are not sorted by time
SEALING_GRACE = timedelta(seconds=60)  # a record may wait so long for its leaf

# What encoding a row raises that somebody has filled with what no record holds.
_UNREADABLE = (TypeError, ValueError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something on the trail that does not hold, and where.

    Attributes:
        leaf_index: Place on the trail, counted from 0; None when the record has no leaf.
        record_id: The record, empty when no single one is concerned.
        what: In words.
    """

    leaf_index: int | None
    record_id: str
    what: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found.

    Attributes:
        leaves: Leaves walked.
        checkpoints: Checkpoints whose signature and root hold, kept and given ones.
        signed_leaves: Leaves under the largest of them.
        unsealed: Records that have no leaf yet; a running archive has a few.
        findings: What does not hold, in the order of the trail, the first 100.
        warnings: What may have an innocent cause, such as a clock that was set back.
    """

    leaves: int
    checkpoints: int
    signed_leaves: int
    unsealed: int
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.findings

    @property
    def first(self) -> Finding | None:
        """The first finding."""
        return self.findings[0] if self.findings else None


def verify_trail(trail: AuditTrail, log: NoteVerifier, notes: Sequence[str]) -> VerifyReport:
    """Check every leaf, every record, and every checkpoint, kept or given; see `Ledger.verify`."""
    walk = _Walk(log)
    # Checkpoints first: on a running archive leaves may be added, and none may seem to lack.
    walk.take_checkpoints(trail.checkpoints(), notes)
    size = trail.size()
    walk.over(trail, size)
    walk.finish(trail, size)
    return VerifyReport(
        walk.tree.size,
        walk.checkpoints,
        walk.signed_leaves,
        trail.unsealed_count(),
        tuple(walk.findings),
        tuple(walk.warnings),
    )


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a checkpoint whose signature holds says."""

    size: int
    root: bytes
    source: str


class _Walk:
    """One verification under way."""

    def __init__(self, log: NoteVerifier) -> None:
        self.findings: list[Finding] = []
        self.warnings: list[Finding] = []
        self.tree = Frontier()
        self.checkpoints = 0
        self.signed_leaves = 0
        self._log = log
        self._claims: deque[_Claim] = deque()
        self._is_rewritten = False
        self._is_broken_off = False
        self._newest = datetime.min.replace(tzinfo=UTC)

    def take_checkpoints(self, kept: list[tuple[int, str]], given: Sequence[str]) -> None:
        """Open all checkpoints; those that do not open are findings."""
        claims = []
        sources: list[tuple[str, int | None, str]] = []
        sources += [(f"the kept checkpoint of size {size}", size, note) for size, note in kept]
        sources += [(f"the given checkpoint {n}", None, note) for n, note in enumerate(given, 1)]
        for source, size, note in sources:
            try:
                checkpoint = Checkpoint.opened(note, self._log)
            except (InvalidInput, IntegrityError) as error:
                self._found(None, "", f"{source} cannot be relied on: {error}")
                continue
            if size not in (None, checkpoint.size):
                self._found(None, "", f"{source} is one over {checkpoint.size} leaves")
            claims.append(_Claim(checkpoint.size, checkpoint.root, source))
        self._claims.extend(sorted(claims, key=lambda claim: claim.size))
        self._check_claims()

    def over(self, trail: AuditTrail, size: int) -> None:
        """Walk the leaves."""
        try:
            self._over(trail, size)
        except _UNREADABLE as error:
            # The table holds what no record can: nobody gets past it to what follows.
            what = (
                f"the table cannot be read here ({type(error).__name__}); nothing after is checked"
            )
            self._found(self.tree.size, "", what)
            self._is_broken_off = True

    def _over(self, trail: AuditTrail, size: int) -> None:
        """Walk the leaves. This loop decides how fast a trail is verified."""
        chain = bytes(HASH_LENGTH)
        expected = 0
        recent: set[str] = set()
        before: set[str] = set()
        append = self.tree.append
        next_claim = self._claims[0].size if self._claims else -1
        for leaf, record in trail.leaves(0, size):
            index, record_id = leaf.index, leaf.record_id
            entry: object = leaf.entry
            leaf_hash: object = leaf.leaf_hash
            if index != expected:
                self._found(expected, "", f"leaf {index} stands where leaf {expected} should")
            expected = index + 1
            if not (isinstance(entry, bytes) and isinstance(leaf_hash, bytes)):
                # SQLite keeps what it is given: a text may stand where bytes belong.
                self._found(index, record_id, "the leaf cannot be read")
                entry, leaf_hash = b"", bytes(HASH_LENGTH)
            elif sha256(b"\x00" + entry).digest() != leaf_hash:
                self._found(index, record_id, "its sealed entry was changed: not of its leaf hash")
            self._check_record(leaf, entry, record)
            chain = sha256(chain + leaf_hash).digest()
            if chain != leaf.chain:
                self._found(index, record_id, "the chain breaks: this leaf is not the next one")
                chain = leaf.chain  # so that one break is told once
            if record_id in recent or record_id in before:
                self._found(index, record_id, "the record stands on the trail twice: replayed")
            recent.add(record_id)
            if len(recent) == REPLAY_WINDOW:
                before, recent = recent, set()
            append(leaf_hash)
            if self.tree.size == next_claim:
                self._check_claims()
                next_claim = self._claims[0].size if self._claims else -1

    def finish(self, trail: AuditTrail, size: int) -> None:
        """What can be told at the end only."""
        if self._is_broken_off:
            return
        walked = self.tree.size
        if walked < size:
            self._found(walked, "", f"the trail says {size} leaves and has {walked}")
        for claim in self._claims:
            what = f"{claim.source} is over {claim.size} leaves: the tail was cut after leaf"
            self._found(walked, "", f"{what} {walked - 1}")
        if walked - self.signed_leaves > MAX_UNSIGNED and not self._is_rewritten:
            what = "no checkpoint covers the leaves from here on: removed, or the sealer stands"
            self._found(self.signed_leaves, "", what)
        for record in trail.orphan_records():
            if len(self.findings) >= MAX_FINDINGS:
                break
            try:
                is_late = self._newest - record.at > SEALING_GRACE
            except _UNREADABLE:
                is_late = True
            if is_late:
                self._found(None, record.record_id, "never sealed, though newer records are")

    def _check_record(self, leaf: Leaf, sealed: bytes, record: AuditRecord | None) -> None:
        if record is None:
            self._found(leaf.index, leaf.record_id, "its record is gone from the table")
            return
        try:
            entry = canonical_entry(record)
        except _UNREADABLE:
            self._found(leaf.index, leaf.record_id, "its record in the table cannot be read")
            return
        if entry != sealed:
            what = f"its record in the table is not the sealed one: {_differing(entry, sealed)}"
            self._found(leaf.index, leaf.record_id, what)
        at = record.at
        if at >= self._newest:
            self._newest = at
        elif self._newest - at > CLOCK_TOLERANCE and len(self.warnings) < MAX_FINDINGS:
            what = f"older by {self._newest - at} than a record before it: clock set back, or slow"
            self.warnings.append(Finding(leaf.index, leaf.record_id, what))

    def _check_claims(self) -> None:
        """Compare the tree with the checkpoints of just its size."""
        while self._claims and self._claims[0].size == self.tree.size:
            claim = self._claims.popleft()
            if claim.root == self.tree.root():
                self.checkpoints += 1
                self.signed_leaves = claim.size
            elif not self._is_rewritten:
                # All later ones fail with it: the first tells the place.
                self._is_rewritten = True
                first = self.signed_leaves
                what = f"leaves {first} to {claim.size - 1} are not those of {claim.source}"
                self._found(first, "", f"{what}: changed after it was signed")

    def _found(self, leaf_index: int | None, record_id: str, what: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(leaf_index, record_id, what))


def _differing(entry: bytes, sealed: bytes) -> str:
    """Names of the members in which two entries differ; never their values."""
    ours = msgspec.json.decode(entry, type=dict[str, object])
    try:
        theirs = msgspec.json.decode(sealed, type=dict[str, object])
    except (ValueError, RecursionError):
        return "the sealed entry is unreadable"
    nothing = object()
    names = [
        name
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name, nothing) != theirs.get(name, nothing)
    ]
    return ", ".join(name[:40] for name in names[:20] if name.isascii()) or "written otherwise"
