"""Small secrets sealed under a key: AES-256-GCM (NIST SP 800-38D), keys derived by HKDF."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from raykeep.domain.errors import IntegrityError

KEY_LENGTH = 32  # bytes
NONCE_LENGTH = 12  # bytes


def new_key() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(KEY_LENGTH)


def derive_key(key: bytes, purpose: str, context: bytes = b"") -> bytes:
    """A key for one purpose, 32 bytes, by HKDF with SHA-256 (RFC 5869).

    Args:
        key: A uniformly random key.
        purpose: What the derived key is for; no two purposes share a text.
        context: What it is bound to, as salt.
    """
    return HKDF(SHA256(), length=KEY_LENGTH, salt=context, info=purpose.encode()).derive(key)


def seal_secret(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Seal a secret and bind it to `associated`: a random nonce, then the ciphertext.

    Random nonces are safe here: a key seals a few thousand secrets in its life, far from the 2^32
    that SP 800-38D section 8.3 allows.
    """
    nonce = secrets.token_bytes(NONCE_LENGTH)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)


def open_secret(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """The secret within.

    Raises:
        IntegrityError: it was changed, moved, or sealed under another key.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], associated)
    except (InvalidTag, ValueError) as error:
        msg = "a sealed secret does not open: it was changed or moved, or another key seals it"
        raise IntegrityError(msg) from error
