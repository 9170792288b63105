"""Proofs of inclusion as text (c2sp.org/tlog-proof), to be checked by anybody, offline."""

import re
from dataclasses import dataclass

from raykeep.crypto.merkle import leaf_hash, verify_inclusion
from raykeep.crypto.signing import Checkpoint, NoteVerifier
from raykeep.crypto.strict_base64 import decoded, encoded
from raykeep.domain.errors import InvalidInput

MAX_PROOF_LENGTH = 131_072  # characters

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_FORM = re.compile(
    r"c2sp\.org/tlog-proof@v1\n"
    r"(?:extra [A-Za-z0-9+/=]+\n)?"
    r"index (0|[1-9][0-9]{0,17})\n"
    r"((?:[A-Za-z0-9+/]{43}=\n){0,63})"
    r"\n(.+)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry stands on the trail at its place, by a signed checkpoint.

    Attributes:
        leaf_index: Place, counted from 0.
        tree_size: Leaves of the checkpoint's tree.
        hashes: Sibling hashes from the leaf up, 32 bytes each.
        checkpoint: The checkpoint, a signed note.
        entry: What was sealed; it is not part of the text form.
    """

    leaf_index: int
    tree_size: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    entry: bytes

    def text(self) -> str:
        """The proof in the form c2sp.org/tlog-proof, for a file named `*.tlog-proof`."""
        hashes = "".join(f"{encoded(one)}\n" for one in self.hashes)
        return f"{_FIRST_LINE}\nindex {self.leaf_index}\n{hashes}\n{self.checkpoint}"


def check_proof(entry: bytes, proof: str, log: NoteVerifier) -> Checkpoint:
    """Check that `entry` stands on the log, as a third party would: nothing of the log is asked.

    Args:
        entry: The entry's bytes, as the trail sealed them.
        proof: Text of the proof.
        log: Name and public key of the log, from a source that is trusted.

    Returns:
        The checkpoint that the proof leads to.

    Raises:
        InvalidInput: the text is not a proof.
        IntegrityError: the checkpoint is not the log's, or the entry is not in its tree.
    """
    match = _FORM.fullmatch(proof) if len(proof) <= MAX_PROOF_LENGTH else None
    if match is None:
        msg = "the text is not a proof of inclusion. Give a file as `audit prove` wrote it"
        raise InvalidInput(msg)
    hashes = [decoded(line) or b"" for line in match[2].splitlines()]
    checkpoint = Checkpoint.opened(match[3], log)
    verify_inclusion(int(match[1]), checkpoint.size, leaf_hash(entry), hashes, checkpoint.root)
    return checkpoint
