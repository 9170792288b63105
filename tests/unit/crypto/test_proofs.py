"""Proofs of inclusion as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.merkle import inclusion_proof, leaf_hash, root_of
from raykeep.crypto.proofs import InclusionProof, check_proof
from raykeep.crypto.signing import Checkpoint, NoteSigner, NoteVerifier
from raykeep.domain.errors import ArchiveError, IntegrityError, InvalidInput

SIGNER = NoteSigner("raykeep.example/audit", bytes(range(32)))
LOG = NoteVerifier(SIGNER.name, SIGNER.public_key)


def proof_of(index: int, size: int) -> InclusionProof:
    leaves = [leaf_hash(b"entry %d" % n) for n in range(size)]
    note = Checkpoint(SIGNER.name, size, root_of(leaves)).signed(SIGNER)
    hashes = tuple(inclusion_proof(index, size, leaves))
    return InclusionProof(index, size, hashes, note, b"entry %d" % index)


@given(st.data())
def test_a_proof_holds_for_its_entry(data) -> None:
    size = data.draw(st.integers(1, 50))
    proof = proof_of(data.draw(st.integers(0, size - 1)), size)

    assert check_proof(proof.entry, proof.text(), LOG).size == size


def test_the_text_is_of_the_published_form() -> None:
    lines = proof_of(2, 4).text().split("\n")

    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 2"]
    assert lines[4:7] == ["", "raykeep.example/audit", "4"]


def test_extra_data_is_passed_over() -> None:
    proof = proof_of(2, 4)
    text = proof.text().replace("@v1\n", "@v1\nextra AAAA\n")

    check_proof(proof.entry, text, LOG)


def test_another_entry_does_not_stand_there() -> None:
    proof = proof_of(2, 4)

    with pytest.raises(IntegrityError, match="does not hold"):
        check_proof(b"entry 3", proof.text(), LOG)


def test_a_checkpoint_of_another_key_proves_nothing() -> None:
    proof = proof_of(2, 4)
    other = NoteSigner(SIGNER.name, bytes(32))

    with pytest.raises(IntegrityError, match="not signed"):
        check_proof(proof.entry, proof.text(), NoteVerifier(other.name, other.public_key))


@given(st.data())
def test_a_changed_proof_is_never_accepted(data) -> None:
    proof = proof_of(5, 9)
    text = proof.text()
    place = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.characters(codec="utf-8").filter(lambda one: one != text[place]))

    with pytest.raises(ArchiveError):
        check_proof(proof.entry, text[:place] + char + text[place + 1 :], LOG)


@pytest.mark.parametrize("text", ["", "c2sp.org/tlog-proof@v1\nindex 02\n\nx", "x" * 200_000])
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a proof"):
        check_proof(b"entry", text, LOG)
