"""Merkle trees against published vectors, and against a second implementation."""

from hashlib import sha256

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from raykeep.domain.errors import IntegrityError

# The leaves, roots and paths that implementations of RFC 6962 test one another with.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]

sizes = st.integers(1, 70)


def some_leaves(count: int) -> list[bytes]:
    return [leaf_hash(f"entry {n}".encode()) for n in range(count)]


def other_tree(leaves: list[bytes]) -> pymerkle.InmemoryTree:
    """The second implementation over the same leaves: it hashes the entries by itself."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for n in range(len(leaves)):
        tree.append_entry(f"entry {n}".encode())
    return tree


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


def test_published_roots_come_out() -> None:
    assert [root_of(LEAVES[:n]).hex() for n in range(1, 9)] == ROOTS
    assert root_of([]) == EMPTY_ROOT == Frontier().root()


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_published_paths_come_out_and_hold(index: int, size: int, path: list[str]) -> None:
    proof = inclusion_proof(index, size, LEAVES)

    assert [one.hex() for one in proof] == path
    verify_inclusion(index, size, LEAVES[index], proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old_size", "size", "path"), CONSISTENCY)
def test_published_consistency_proofs_come_out_and_hold(
    old_size: int, size: int, path: list[str]
) -> None:
    proof = consistency_proof(old_size, size, LEAVES)

    assert [one.hex() for one in proof] == path
    roots = [bytes.fromhex(ROOTS[n - 1]) for n in (old_size, size)]
    verify_consistency(old_size, size, proof, *roots)


@given(st.integers(0, 200))
def test_a_growing_tree_has_the_root_of_the_definition(size: int) -> None:
    leaves = some_leaves(size)
    tree = Frontier()
    tree.extend(leaves)

    assert tree.root() == by_definition(leaves)
    assert tree.size == size


def test_a_copy_grows_by_itself() -> None:
    tree = Frontier()
    tree.extend(LEAVES[:3])
    copy = tree.copy()
    copy.append(LEAVES[3])

    assert (tree.size, tree.root().hex()) == (3, ROOTS[2])
    assert (copy.size, copy.root().hex()) == (4, ROOTS[3])


@given(st.data())
def test_inclusion_proofs_are_those_of_the_second_implementation(data) -> None:
    count = data.draw(sizes)
    size = data.draw(st.integers(1, count))
    index = data.draw(st.integers(0, size - 1))
    leaves = some_leaves(count)
    other = other_tree(leaves)

    proof = inclusion_proof(index, size, iter(leaves))

    root = root_of(leaves[:size])
    assert root == other.get_root(size)
    verify_inclusion(index, size, leaves[index], proof, root)
    # Its path has the leaf itself in front, and its leaves are counted from 1.
    theirs = other.prove_inclusion(index + 1, size)
    assert sorted(theirs.path) == sorted([leaves[index], *proof])
    pymerkle.verify_inclusion(leaves[index], root, theirs, index=index + 1, size=size)


@given(st.data())
def test_consistency_proofs_hold_and_so_says_the_second_implementation(data) -> None:
    size = data.draw(sizes)
    old_size = data.draw(st.integers(1, size))
    leaves = some_leaves(size)
    old_root, root = root_of(leaves[:old_size]), root_of(leaves)

    proof = consistency_proof(old_size, size, iter(leaves))

    verify_consistency(old_size, size, proof, old_root, root)
    theirs = other_tree(leaves).prove_consistency(old_size, size)
    pymerkle.verify_consistency(old_root, root, theirs, prior_size=old_size, later_size=size)


@given(st.data())
def test_an_inclusion_proof_holds_for_nothing_else(data) -> None:
    size = data.draw(st.integers(2, 40))
    index = data.draw(st.integers(0, size - 1))
    leaves = some_leaves(size)
    proof, root = inclusion_proof(index, size, leaves), root_of(leaves)
    place = data.draw(st.integers(0, len(proof) - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))
    flipped = bytes([proof[place][0] ^ 1]) + proof[place][1:]
    wrong = [
        (index, size, leaves[other], proof, root),
        (other, size, leaves[index], proof, root),
        (index, size, leaves[index], proof[:-1], root),
        (index, size, leaves[index], [*proof, proof[0]], root),
        (index, size, leaves[index], [*proof[:place], flipped, *proof[place + 1 :]], root),
        (index, size, leaves[index], [one[:31] for one in proof], root),
        (index, size, leaves[index], proof, EMPTY_ROOT),
        (size, size, leaves[index], proof, root),
        (-1, size, leaves[index], proof, root),
    ]

    for case in wrong:
        with pytest.raises(IntegrityError):
            verify_inclusion(*case)


@given(st.data())
def test_a_consistency_proof_holds_for_nothing_else(data) -> None:
    size = data.draw(st.integers(3, 40))
    old_size = data.draw(st.integers(2, size - 1))
    leaves = some_leaves(size)
    old_root, root = root_of(leaves[:old_size]), root_of(leaves)
    rewritten = root_of([LEAVES[0], *leaves[1:old_size]])
    proof = consistency_proof(old_size, size, leaves)
    wrong = [
        (old_size, size, proof, rewritten, root),
        (old_size, size, proof, old_root, rewritten),
        (old_size, size, proof[:-1], old_root, root),
        (old_size, size, [], old_root, root),
        (old_size, size, [*proof, proof[0]], old_root, root),
        (old_size, size, [one[1:] for one in proof], old_root, root),
        (0, size, proof, old_root, root),
        (size + 1, size, proof, old_root, root),
        (size, size, proof, root, root),
        (size, size, [], old_root, root),
    ]

    for case in wrong:
        with pytest.raises(IntegrityError):
            verify_consistency(*case)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 2)])
def test_nothing_is_proved_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        inclusion_proof(index, size, LEAVES)


@pytest.mark.parametrize(("old_size", "size"), [(0, 4), (5, 4)])
def test_nothing_is_proved_of_sizes_that_do_not_fit(old_size: int, size: int) -> None:
    with pytest.raises(ValueError, match="nothing can be proved"):
        consistency_proof(old_size, size, LEAVES)


def test_leaves_that_end_too_early_are_told() -> None:
    with pytest.raises(ValueError, match="the leaves end after 3"):
        inclusion_proof(0, 8, LEAVES[:3])


def test_entries_and_nodes_are_hashed_apart() -> None:
    assert leaf_hash(LEAVES[0] + LEAVES[1]) != node_hash(LEAVES[0], LEAVES[1])
