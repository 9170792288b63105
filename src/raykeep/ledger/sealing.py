"""Sealing the trail, and proving what stands on it."""

from collections.abc import Sequence
from hashlib import sha256

from raykeep.crypto.merkle import (
    EMPTY_ROOT,
    HASH_LENGTH,
    Frontier,
    inclusion_proof,
    verify_inclusion,
)
from raykeep.crypto.proofs import InclusionProof
from raykeep.crypto.signing import Checkpoint, NoteSigner, NoteVerifier
from raykeep.domain.access import Action
from raykeep.domain.audit_event import Leaf
from raykeep.domain.errors import IntegrityError, InvalidInput, KeyUnavailable, RecordNotFound
from raykeep.ledger.entry import canonical_entry
from raykeep.ledger.verification import VerifyReport, verify_trail
from raykeep.ports.audit import AuditTrail
from raykeep.ports.clock import Clock

CHECKPOINT_ENTRIES = 256  # leaves after which a checkpoint is due
CHECKPOINT_SECONDS = 60.0  # or so long after the last one


class Ledger:
    """Seals a trail, signs checkpoints over it, verifies it and proves what stands on it.

    One thread of one process seals; any may verify and prove.
    """

    def __init__(
        self, trail: AuditTrail, signer: NoteSigner | None, origin: str, clock: Clock
    ) -> None:
        """Use `trail`; nothing is read yet.

        Args:
            trail: The records and their leaves.
            signer: Signs checkpoints, named like `origin`; None where none are made.
            origin: Name of this archive's log, the first line of its checkpoints.
            clock: Tells when a checkpoint is due.
        """
        if signer is not None and signer.name != origin:
            msg = f"the signer is named {signer.name}, the log {origin}"
            raise ValueError(msg)
        self._trail = trail
        self._signer = signer
        self._origin = origin
        self._clock = clock
        self._tree: Frontier | None = None
        self._chain = bytes(HASH_LENGTH)
        self._signed_size = 0
        self._signed_at = float("-inf")
        self._is_asked = False

    def seal_pending(self, limit: int = 4096) -> int:
        """Make leaves of the oldest records that have none, at most `limit`; returns how many.

        Raises:
            ChangeRefused: another process sealed meanwhile; call again.
            IntegrityError: the trail is not what it was when its last checkpoint was signed.
        """
        tree = self._loaded().copy()
        chain = self._chain
        leaves = []
        for record in self._trail.unsealed(limit):
            entry = canonical_entry(record)
            hashed = sha256(b"\x00" + entry).digest()
            chain = sha256(chain + hashed).digest()
            self._is_asked |= record.action is Action.AUDIT_CHECKPOINT
            leaves.append(Leaf(tree.size, record.record_id, entry, hashed, chain))
            tree.append(hashed)
        if leaves:
            # Until the leaves are known to be durable nothing is known: read anew after a failure.
            self._tree = None
            self._trail.append_leaves(leaves)
            self._tree, self._chain = tree, chain
        return len(leaves)

    def checkpoint(self) -> str:
        """Sign and keep a checkpoint over all leaves; returns the signed note.

        When there is one over just these leaves already, that one is returned.

        Raises:
            KeyUnavailable: this process has no signing key.
            IntegrityError: the trail is not what it was when its last checkpoint was signed.
        """
        if self._signer is None:
            msg = "this process has no key to sign checkpoints with; the sealer has"
            raise KeyUnavailable(msg)
        tree = self._loaded()
        kept = self._trail.checkpoints()
        if kept and kept[-1][0] == tree.size:
            note = kept[-1][1]
        else:
            note = Checkpoint(self._origin, tree.size, tree.root()).signed(self._signer)
            self._trail.add_checkpoint(tree.size, note)
        self._signed_size, self._signed_at = tree.size, self._clock.monotonic()
        return note

    def checkpoint_if_due(self) -> str | None:
        """A new checkpoint when 256 leaves or 60 seconds (and a leaf) came since the last one.

        Also as soon as a request for one was sealed: the record of `audit:checkpoint`.

        Raises:
            KeyUnavailable: this process has no signing key.
            IntegrityError: the trail is not what it was when its last checkpoint was signed.
        """
        fresh = self._loaded().size - self._signed_size
        waited = self._clock.monotonic() - self._signed_at
        due = fresh >= CHECKPOINT_ENTRIES or waited >= CHECKPOINT_SECONDS or self._is_asked
        if fresh and due:
            note = self.checkpoint()
            self._is_asked = False  # only now: a request whose checkpoint failed stays one
            return note
        return None

    def verify(self, public_key: bytes, checkpoint_notes: Sequence[str] = ()) -> VerifyReport:
        """Walk the whole trail and check everything that can be checked.

        Args:
            public_key: The log's Ed25519 key, 32 bytes, from where the trail's keeper cannot
                change it.
            checkpoint_notes: Checkpoints that were kept elsewhere; they alone show that the end
                was cut or that everything was rewritten.
        """
        log = NoteVerifier(self._origin, public_key)
        return verify_trail(self._trail, log, checkpoint_notes)

    def prove(self, record_id: str) -> InclusionProof:
        """Prove that a record stands on the trail, by the first checkpoint over it.

        Raises:
            RecordNotFound: there is no leaf of that record, or no checkpoint over it yet.
            IntegrityError: the trail is not the one that the checkpoint was signed over.
        """
        leaf = self._trail.leaf_of(record_id)
        if leaf is None:
            msg = f"no sealed record {record_id}; a new one is sealed within a second"
            raise RecordNotFound(msg)
        over = [(size, note) for size, note in self._trail.checkpoints() if size > leaf.index]
        if not over:
            msg = f"no checkpoint over record {record_id} yet; one is signed within a minute"
            raise RecordNotFound(msg)
        note = over[0][1]
        checkpoint = self._opened(note)
        size = checkpoint.size
        leaves = (one.leaf_hash for one, _ in self._trail.leaves(0, size))
        try:
            hashes = inclusion_proof(leaf.index, size, leaves)
        except ValueError as error:
            msg = f"the trail ends before the {size} leaves of its checkpoint: its end was cut"
            raise IntegrityError(msg) from error
        hashed = sha256(b"\x00" + leaf.entry).digest()
        verify_inclusion(leaf.index, size, hashed, hashes, checkpoint.root)
        return InclusionProof(leaf.index, size, tuple(hashes), note, leaf.entry)

    def _loaded(self) -> Frontier:
        """The tree as the trail has it, built once and then kept in step."""
        return self._load() if self._tree is None else self._tree

    def _load(self) -> Frontier:
        kept = self._trail.checkpoints()
        size = self._trail.size()
        # Never sign what contradicts an earlier signature (c2sp.org/tlog-checkpoint).
        signed = self._opened(kept[-1][1]) if kept else Checkpoint(self._origin, 0, EMPTY_ROOT)
        tree, chain = Frontier(), bytes(HASH_LENGTH)
        holds = signed.size == 0
        for leaf, _ in self._trail.leaves(0, size):
            tree.append(leaf.leaf_hash)
            chain = leaf.chain
            if tree.size == signed.size:
                holds = tree.root() == signed.root
        if not holds or tree.size != size:
            msg = (
                f"the trail is not the one that its checkpoint of {signed.size} leaves was signed "
                "over. Nothing more is sealed; run `raykeep audit verify`"
            )
            raise IntegrityError(msg)
        self._tree, self._chain, self._signed_size = tree, chain, signed.size
        return tree

    def _opened(self, note: str) -> Checkpoint:
        """A kept checkpoint; its signature is checked where this process has the key."""
        try:
            if self._signer is None:
                return Checkpoint.of_note(note)
            return Checkpoint.opened(note, NoteVerifier(self._origin, self._signer.public_key))
        except InvalidInput as error:
            msg = "a kept checkpoint was changed. Run `raykeep audit verify`"
            raise IntegrityError(msg) from error
