"""Wrapping of keys by keys: AES-KW (RFC 3394; NIST SP 800-38F), 256 bits by 256 bits."""

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from raykeep.domain.errors import IntegrityError

KEY_LENGTH = 32  # bytes
WRAPPED_KEY_LENGTH = 40  # bytes


def wrap_key(wrapping_key: bytes, key: bytes) -> bytes:
    """Wrap a 32-byte key under another; 40 bytes come out.

    Raises:
        ValueError: either is not 32 bytes long: AES-KW would take shorter, weaker ones.
    """
    _must_be_256_bits(wrapping_key)
    _must_be_256_bits(key)
    return aes_key_wrap(wrapping_key, key)


def unwrap_key(wrapping_key: bytes, wrapped: bytes) -> bytes:
    """The 32-byte key within.

    Raises:
        IntegrityError: it was changed, or another key wraps it.
        ValueError: the wrapping key is not 32 bytes long.
    """
    _must_be_256_bits(wrapping_key)
    if len(wrapped) != WRAPPED_KEY_LENGTH:
        msg = f"a wrapped key has {len(wrapped)} bytes instead of {WRAPPED_KEY_LENGTH}"
        raise IntegrityError(msg)
    try:
        return aes_key_unwrap(wrapping_key, wrapped)
    except InvalidUnwrap as error:
        msg = "a wrapped key does not open: it was changed, or another key wraps it"
        raise IntegrityError(msg) from error


def _must_be_256_bits(key: bytes) -> None:
    if len(key) != KEY_LENGTH:
        msg = f"a key has {KEY_LENGTH} bytes, not {len(key)}"
        raise ValueError(msg)
