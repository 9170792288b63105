"""Small sealed values, such as a header in a row: no chunks, no place in the blob store."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from raykeep.crypto.seal_layout import NONCE_PREFIX_LENGTH, Flag, nonce
from raykeep.crypto.wrap import WRAPPED_KEY_LENGTH, unwrap_key, wrap_key
from raykeep.domain.errors import IntegrityError

_VERSION = b"\x01"
_DOMAIN = b"RAYKEEP small 1\0"
_NONCE = nonce(bytes(NONCE_PREFIX_LENGTH), 0, Flag.SMALL)


def context(*parts: str) -> bytes:
    """Bind a small sealed value to what it is for: no two lists of parts give the same bytes."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def seal_small(plain: bytes, *, study_key: bytes, bound_to: bytes, random: bytes) -> bytes:
    """Seal a value that stands by itself, such as a header in a row: no chunks, no trailer.

    Format: 1 (1 byte), object key under the study key (40), sealed bytes, tag (16).
    The key is used for this one message, so its nonce need not differ: zeros and the flag 4.

    Args:
        plain: What to seal.
        study_key: 32 bytes.
        bound_to: What `context` gives; opening asks for the same.
        random: `KEY_LENGTH` bytes, never used before.
    """
    wrapped = wrap_key(study_key, random)
    return _VERSION + wrapped + AESGCM(random).encrypt(_NONCE, plain, _DOMAIN + bound_to)


def open_small(sealed: bytes, *, study_key: bytes, bound_to: bytes) -> bytes:
    """Open what `seal_small` sealed for the same purpose.

    Raises:
        IntegrityError: it was changed, or sealed for something else or under another key.
    """
    key_end = 1 + WRAPPED_KEY_LENGTH
    if sealed[:1] != _VERSION:
        msg = "a sealed value is empty or of another version of the format"
        raise IntegrityError(msg)
    cipher = AESGCM(unwrap_key(study_key, sealed[1:key_end]))
    try:
        return cipher.decrypt(_NONCE, memoryview(sealed)[key_end:], _DOMAIN + bound_to)
    except InvalidTag as error:
        msg = "a sealed value does not open: it was changed, or belongs elsewhere"
        raise IntegrityError(msg) from error
