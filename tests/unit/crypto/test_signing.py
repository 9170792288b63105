"""Signed notes and checkpoints against the published example of Go's `sumdb/note`."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.merkle import EMPTY_ROOT
from raykeep.crypto.signing import (
    MAX_SIGNATURES,
    Checkpoint,
    NoteSigner,
    NoteVerifier,
    key_id,
    new_signing_key,
    public_key_of,
)
from raykeep.domain.errors import IntegrityError, InvalidInput

VERIFIER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PRIVATE_KEY = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
NOTE = (
    f"{TEXT}\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

ORIGIN = "raykeep.example/audit"
SIGNER = NoteSigner(ORIGIN, bytes(range(32)))
VERIFIER = NoteVerifier(ORIGIN, SIGNER.public_key)


def test_the_published_note_comes_out_and_verifies() -> None:
    assert NoteSigner("PeterNeumann", PRIVATE_KEY).sign(TEXT) == NOTE
    assert NoteVerifier.parse(VERIFIER_KEY).verify(NOTE) == TEXT


def test_the_published_key_has_its_published_id() -> None:
    public_key = public_key_of(PRIVATE_KEY)

    assert key_id("PeterNeumann", public_key).hex() == "c74f20a3"
    assert str(NoteVerifier("PeterNeumann", public_key)) == VERIFIER_KEY


def test_no_two_keys_are_alike() -> None:
    assert len({new_signing_key() for _ in range(5)}) == 5
    assert len(new_signing_key()) == 32


@given(st.integers(0, 10**18 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_reads_back(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root)

    note = checkpoint.signed(SIGNER)

    assert Checkpoint.opened(note, VERIFIER) == checkpoint
    assert Checkpoint.of_note(note) == checkpoint
    assert note.startswith(f"{ORIGIN}\n{size}\n{base64.b64encode(root).decode()}\n\n— {ORIGIN} ")


@given(st.data())
def test_a_changed_character_is_never_accepted(data) -> None:
    note = Checkpoint(ORIGIN, 42, EMPTY_ROOT).signed(SIGNER)
    place = data.draw(st.integers(0, len(note) - 1))
    char = data.draw(st.characters(codec="utf-8").filter(lambda one: one != note[place]))

    with pytest.raises((IntegrityError, InvalidInput)):
        Checkpoint.opened(note[:place] + char + note[place + 1 :], VERIFIER)


def test_signatures_of_others_are_passed_over() -> None:
    text = Checkpoint(ORIGIN, 1, EMPTY_ROOT).text()
    witness = NoteSigner("witness.example", bytes(32)).sign(text).rpartition("\n\n")[2]
    same_name = NoteSigner(ORIGIN, bytes(32)).sign(text).rpartition("\n\n")[2]

    note = SIGNER.sign(text) + witness + same_name

    assert VERIFIER.verify(note) == text


def test_a_note_of_another_key_is_refused() -> None:
    note = NoteSigner(ORIGIN, bytes(32)).sign("some text\n")

    with pytest.raises(IntegrityError, match="is not signed by"):
        VERIFIER.verify(note)


def test_a_checkpoint_of_another_log_is_refused_though_the_key_fits() -> None:
    note = SIGNER.sign(Checkpoint("other.example", 1, EMPTY_ROOT).text())

    with pytest.raises(IntegrityError, match=r"other\.example"):
        Checkpoint.opened(note, VERIFIER)


def test_extension_lines_are_passed_over() -> None:
    note = SIGNER.sign(Checkpoint(ORIGIN, 1, EMPTY_ROOT).text() + "more\n")

    assert Checkpoint.opened(note, VERIFIER).size == 1


ROOT_LINE = base64.b64encode(EMPTY_ROOT).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n1\n",
        f"\n1\n{ROOT_LINE}\n",
        f"{ORIGIN}\n01\n{ROOT_LINE}\n",
        f"{ORIGIN}\n-1\n{ROOT_LINE}\n",
        f"{ORIGIN}\n1_0\n{ROOT_LINE}\n",
        f"{ORIGIN}\n\u0661\n{ROOT_LINE}\n",
        f"{ORIGIN}\n1{'0' * 18}\n{ROOT_LINE}\n",
        f"{ORIGIN}\n1\n{ROOT_LINE[:-4]}\n",
        f"{ORIGIN}\n1\n{ROOT_LINE}",
        f"{ORIGIN}\n1\n{ROOT_LINE}\n\nmore\n",
        # The last character of the root holds two bits that must be zero.
        f"{ORIGIN}\n1\n{ROOT_LINE[:-2]}V=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a checkpoint"):
        Checkpoint.parse(text)


SIGNATURE_LINE = NOTE.rpartition("\n\n")[2]


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        TEXT + "\n",
        f"{TEXT}\n{SIGNATURE_LINE[:-1]}",
        f"{TEXT}\n-{SIGNATURE_LINE[1:]}",
        f"{TEXT}\n— PeterNeumann AAAA\n",
        f"{TEXT}\n— PeterNeumann ####\n",
        f"{TEXT}\n— Peter+Neumann {SIGNATURE_LINE.split()[-1]}\n",
        f"{TEXT}\n—  {SIGNATURE_LINE.split()[-1]}\n",
        f"{TEXT}\r\n\n{SIGNATURE_LINE}",
        f"{TEXT}\ud800\n\n{SIGNATURE_LINE}",
        f"{TEXT}\n" + SIGNATURE_LINE * (MAX_SIGNATURES + 1),
        "x" * 65_537,
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(InvalidInput, match="not a signed note"):
        NoteVerifier.parse(VERIFIER_KEY).verify(note)


@pytest.mark.parametrize("text", ["no newline", "tab\there\n", "half\ud800\n"])
def test_only_texts_that_verify_are_signed(text: str) -> None:
    with pytest.raises(InvalidInput):
        SIGNER.sign(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\x01"])
def test_key_names_have_no_spaces_and_no_plus(name: str) -> None:
    with pytest.raises(InvalidInput, match="not a key name"):
        NoteSigner(name, bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        VERIFIER_KEY.replace("+AR", "+AB"),  # another signature type
        VERIFIER_KEY.replace("c74f20a3", "c74f20a4"),
        VERIFIER_KEY[:-4],
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_damaged_verifier_keys_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        NoteVerifier.parse(text)
