"""Merkle trees over SHA-256 as in RFC 9162 section 2.1 (the trees of RFC 6962).

Leaves are counted from 0. A tree is never held: `Frontier` keeps the roots of its perfect
subtrees, one for each bit of its size, and proofs are made in one pass over the leaf hashes.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from raykeep.domain.errors import IntegrityError

HASH_LENGTH = 32  # bytes
EMPTY_ROOT = sha256(b"").digest()

Span = tuple[int, int]
"""Leaves from the first number up to, not including, the second."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 ‖ entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows at its right edge, in memory of one hash for each bit of its size."""

    __slots__ = ("_roots", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._roots: list[bytes] = []  # of the perfect subtrees, largest and leftmost first

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add one leaf, given as its leaf hash."""
        size, roots = self._size, self._roots
        # Each trailing one of the size is a perfect subtree that the new leaf completes.
        while size & 1:
            leaf = sha256(b"\x01" + roots.pop() + leaf).digest()
            size >>= 1
        roots.append(leaf)
        self._size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """Root hash of the tree as it stands, 32 bytes."""
        if not self._roots:
            return EMPTY_ROOT
        root = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            root = node_hash(left, root)
        return root

    def copy(self) -> "Frontier":
        """The same tree, to be grown by itself."""
        other = Frontier()
        other._size, other._roots = self._size, self._roots.copy()
        return other


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root hash over leaf hashes."""
    tree = Frontier()
    tree.extend(leaves)
    return tree.root()


def inclusion_proof(index: int, size: int, leaves: Iterable[bytes]) -> list[bytes]:
    """Prove that leaf `index` is in the tree of the first `size` leaves (RFC 9162 2.1.3.1).

    Args:
        index: The leaf, counted from 0.
        size: Leaves of the tree.
        leaves: Leaf hashes from the first on, at least `size`; read once, in order.

    Returns:
        Sibling hashes from the leaf up.

    Raises:
        ValueError: there is no such leaf in a tree of that size, or `leaves` ended before.
    """
    if not 0 <= index < size:
        msg = f"a tree of {size} leaves has no leaf {index}"
        raise ValueError(msg)
    return _roots_of(_inclusion_spans(index, size), leaves)


def consistency_proof(old_size: int, size: int, leaves: Iterable[bytes]) -> list[bytes]:
    """Prove that the tree of `old_size` leaves is the beginning of the other (RFC 9162 2.1.4.1).

    Args:
        old_size: Leaves of the older tree, at least 1.
        size: Leaves of the newer tree.
        leaves: Leaf hashes from the first on, at least `size`; read once, in order.

    Raises:
        ValueError: the sizes do not fit, or `leaves` ended before.
    """
    if not 0 < old_size <= size:
        msg = f"nothing can be proved between trees of {old_size} and {size} leaves"
        raise ValueError(msg)
    return _roots_of(_consistency_spans(old_size, size), leaves)


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check an inclusion proof (RFC 9162 section 2.1.3.2).

    Raises:
        IntegrityError: the leaf hash is not leaf `index` of the tree with that size and root.
    """
    last, computed = size - 1, leaf
    holds = 0 <= index < size
    for sibling in proof:
        holds = holds and last > 0 and len(sibling) == HASH_LENGTH
        if not holds:
            break
        if index & 1 or index == last:
            computed = node_hash(sibling, computed)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        index, last = index >> 1, last >> 1
    if not holds or last or computed != root:
        msg = "the inclusion proof does not hold: the entry, its place or the tree is another"
        raise IntegrityError(msg)


def verify_consistency(
    old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes
) -> None:
    """Check a consistency proof (RFC 9162 section 2.1.4.2).

    Raises:
        IntegrityError: the older tree is not the beginning of the newer one.
    """
    if not _is_consistent(old_size, size, list(proof), old_root, root):
        msg = f"the tree of {size} leaves does not begin with that of {old_size}: it was rewritten"
        raise IntegrityError(msg)


def _is_consistent(
    old_size: int, size: int, proof: list[bytes], old_root: bytes, root: bytes
) -> bool:
    if not 0 < old_size <= size or any(len(one) != HASH_LENGTH for one in proof):
        return False
    if old_size == size:
        return not proof and old_root == root
    if old_size & (old_size - 1) == 0:  # a perfect tree is its own first part
        proof = [old_root, *proof]
    if not proof:
        return False
    old_last, last = old_size - 1, size - 1
    while old_last & 1:
        old_last, last = old_last >> 1, last >> 1
    old_computed = computed = proof[0]
    for part in proof[1:]:
        if not last:
            return False
        if old_last & 1 or old_last == last:
            old_computed, computed = node_hash(part, old_computed), node_hash(part, computed)
            while not old_last & 1 and old_last:
                old_last, last = old_last >> 1, last >> 1
        else:
            computed = node_hash(computed, part)
        old_last, last = old_last >> 1, last >> 1
    return not last and old_computed == old_root and computed == root


def _inclusion_spans(index: int, size: int) -> list[Span]:
    """The subtrees beside the path of a leaf, from the leaf up."""
    spans: list[Span] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _left_part(stop - start)
        if index < middle:
            spans.append((middle, stop))
            stop = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def _consistency_spans(old_size: int, size: int) -> list[Span]:
    """The subtrees of a consistency proof, in its order."""
    spans: list[Span] = []
    start, stop = 0, size
    while old_size != stop:
        middle = start + _left_part(stop - start)
        if old_size <= middle:
            spans.append((middle, stop))
            stop = middle
        else:
            spans.append((start, middle))
            start = middle
    if start:  # else it is the older tree itself, whose root the verifier has
        spans.append((start, stop))
    return spans[::-1]


def _left_part(width: int) -> int:
    """The largest power of two that is smaller than `width`, which is at least 2."""
    return 1 << (width - 1).bit_length() - 1


def _roots_of(spans: list[Span], leaves: Iterable[bytes]) -> list[bytes]:
    """Root of each span; no two of them overlap."""
    roots: dict[Span, bytes] = {}
    wanted = sorted(spans)
    place, stream = 0, iter(leaves)
    for start, stop in wanted:
        tree = Frontier()
        for leaf in stream:
            place += 1
            if place > start:
                tree.append(leaf)
            if place == stop:
                break
        if place != stop:
            msg = f"the leaves end after {place}"
            raise ValueError(msg)
        roots[start, stop] = tree.root()
    return [roots[span] for span in spans]
