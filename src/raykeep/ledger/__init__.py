"""The ledger: reads unsealed records of the trail, chains them, signs, verifies and proves.

A record becomes a leaf: its canonical JSON, the hash of that, and a chain hash over all leaves so
far. The leaves form a Merkle tree (RFC 9162), and signed checkpoints over it leave the machine.
The trail by itself cannot show that nobody who holds the signing key rewrote it, nor that its end
was cut together with the checkpoints: only checkpoints kept elsewhere can.
"""

from raykeep.ledger.entry import canonical_entry
from raykeep.ledger.sealing import Ledger
from raykeep.ledger.verification import Finding, VerifyReport

__all__ = ["Finding", "Ledger", "VerifyReport", "canonical_entry"]
