"""Signed notes and checkpoints of transparency logs, with Ed25519.

Forms: c2sp.org/signed-note and c2sp.org/tlog-checkpoint; a public key is given out as the text
`name+id+base64` that Go's `sumdb/note` brought up and other verifiers read.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from raykeep.crypto.strict_base64 import decoded, encoded
from raykeep.domain.errors import IntegrityError, InvalidInput, shown

MAX_NOTE_LENGTH = 65_536  # characters
MAX_SIGNATURES = 64  # lines; the specification asks for 16 at least

_ED25519 = b"\x01"  # signature type
_KEY_LENGTH = 32  # bytes, of the private and of the public key
_ID_LENGTH = 4  # bytes

# Origin, size (below 10^18), root, and extension lines that we pass over.
_CHECKPOINT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,17})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*")


def new_signing_key() -> bytes:
    """A fresh Ed25519 private key, 32 bytes (RFC 8032)."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_key_of(private_key: bytes) -> bytes:
    """The public key, 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def key_id(name: str, public_key: bytes) -> bytes:
    """First four bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ public key)."""
    return sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:_ID_LENGTH]


class NoteSigner:
    """Signs notes under a name."""

    __slots__ = ("_key", "name", "public_key")

    def __init__(self, name: str, private_key: bytes) -> None:
        """Take the key.

        Args:
            name: Key name; by custom the origin of the log.
            private_key: 32 bytes.

        Raises:
            InvalidInput: the name is empty or has a space or a plus.
        """
        _check_name(name)
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self.name = name
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, text: str) -> str:
        """The note: `text`, a blank line, the signature.

        Raises:
            InvalidInput: `text` does not end in a newline or holds control characters.
        """
        _check_text(text)
        signature = key_id(self.name, self.public_key) + self._key.sign(text.encode())
        return f"{text}\n— {self.name} {encoded(signature)}\n"


class NoteVerifier:
    """Verifies notes of one key."""

    __slots__ = ("_key", "name", "public_key")

    def __init__(self, name: str, public_key: bytes) -> None:
        """Take the key.

        Raises:
            InvalidInput: the name is unusable or the key is not one of 32 bytes.
        """
        _check_name(name)
        if len(public_key) != _KEY_LENGTH:
            msg = f"an Ed25519 public key has {_KEY_LENGTH} bytes, not {len(public_key)}"
            raise InvalidInput(msg)
        self._key = Ed25519PublicKey.from_public_bytes(public_key)
        self.name = name
        self.public_key = public_key

    @classmethod
    def parse(cls, text: str) -> "NoteVerifier":
        """Read `name+id+base64`, as `str` writes it.

        Raises:
            InvalidInput: it is not of that form, or its parts do not fit.
        """
        name, _, rest = text.strip().partition("+")
        shown_id, _, key_text = rest.partition("+")
        key = decoded(key_text)
        if key is None or key[:1] != _ED25519:
            msg = f"{shown(text)} is not a verifier key: name+id+base64 of an Ed25519 key"
            raise InvalidInput(msg)
        verifier = cls(name, key[1:])
        if shown_id != key_id(name, verifier.public_key).hex():
            msg = f"the verifier key {shown(text)} is damaged: its id is of another key"
            raise InvalidInput(msg)
        return verifier

    def __str__(self) -> str:
        key_text = encoded(_ED25519 + self.public_key)
        return f"{self.name}+{key_id(self.name, self.public_key).hex()}+{key_text}"

    def verify(self, note: str) -> str:
        """The text of a note that this key has signed; signatures of others are passed over.

        Raises:
            InvalidInput: it is not a note.
            IntegrityError: this key's signature is missing or does not fit.
        """
        text, signatures = _split(note)
        own_id = key_id(self.name, self.public_key)
        found = False
        for name, signature in signatures:
            if name != self.name or signature[:_ID_LENGTH] != own_id:
                continue
            try:
                self._key.verify(signature[_ID_LENGTH:], text.encode())
            except InvalidSignature as error:
                msg = f"the signature of {shown(self.name)} does not fit its note: one was changed"
                raise IntegrityError(msg) from error
            found = True
        if not found:
            msg = f"the note is not signed by {shown(str(self))}"
            raise IntegrityError(msg)
        return text


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of its tree.

    Attributes:
        origin: Name of the log.
        size: Leaves.
        root: Root hash over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{encoded(self.root)}\n"

    def signed(self, signer: NoteSigner) -> str:
        """The checkpoint as a signed note."""
        return signer.sign(self.text())

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read the text of a note; extension lines are passed over.

        Raises:
            InvalidInput: it is not a checkpoint.
        """
        match = _CHECKPOINT.fullmatch(text)
        root = decoded(match[3]) if match else None
        if match is None or root is None:
            msg = (
                "the text is not a checkpoint: origin, number of leaves and base64 root, "
                "a line each. Give a file as `audit checkpoint` wrote it"
            )
            raise InvalidInput(msg)
        return cls(match[1], int(match[2]), root)

    @classmethod
    def of_note(cls, note: str) -> "Checkpoint":
        """Read a note without looking at its signatures: one of our own keeping.

        Raises:
            InvalidInput: it is not a checkpoint.
        """
        return cls.parse(_split(note)[0])

    @classmethod
    def opened(cls, note: str, verifier: NoteVerifier) -> "Checkpoint":
        """Verify a checkpoint's signature, then read it.

        Raises:
            InvalidInput: it is not a checkpoint.
            IntegrityError: it is not signed by that key, or is one of another log.
        """
        checkpoint = cls.parse(verifier.verify(note))
        if checkpoint.origin != verifier.name:
            msg = f"the checkpoint is of {shown(checkpoint.origin)}, not of {shown(verifier.name)}"
            raise IntegrityError(msg)
        return checkpoint


_NOT_A_NOTE = (
    "the text is not a signed note: lines of text, a blank line, signature lines. "
    "Give a file as `audit checkpoint` wrote it"
)


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """A note's text and its signatures, each with its key name."""
    if len(note) > MAX_NOTE_LENGTH:
        raise InvalidInput(_NOT_A_NOTE)
    head, blank, tail = note.rpartition("\n\n")
    text = head + "\n"
    lines = tail.split("\n")
    if not blank or lines.pop() or not 0 < len(lines) <= MAX_SIGNATURES:
        raise InvalidInput(_NOT_A_NOTE)
    _check_text(text)
    signatures = []
    for line in lines:
        dash, _, rest = line.partition(" ")
        name, _, signature_text = rest.partition(" ")
        signature = decoded(signature_text)
        if dash != "—" or not _is_name(name) or signature is None or len(signature) <= _ID_LENGTH:
            raise InvalidInput(_NOT_A_NOTE)
        signatures.append((name, signature))
    return text, signatures


def _check_text(text: str) -> None:
    printable = all(char >= " " or char == "\n" for char in text)
    if not text.endswith("\n") or not printable or not _is_unicode(text):
        raise InvalidInput(_NOT_A_NOTE)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _is_name(name: str) -> bool:
    usable = all(not char.isspace() and char != "+" and char >= " " for char in name)
    return bool(name) and usable and _is_unicode(name)


def _check_name(name: str) -> None:
    if not _is_name(name):
        msg = f"{shown(name)} is not a key name: some text without spaces and plus signs"
        raise InvalidInput(msg)
