"""Keys wrapped by keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.wrap import unwrap_key, wrap_key
from raykeep.domain.errors import IntegrityError

KEYS = st.binary(min_size=32, max_size=32)


@given(wrapping=KEYS, key=KEYS)
def test_a_wrapped_key_comes_back(wrapping: bytes, key: bytes) -> None:
    assert unwrap_key(wrapping, wrap_key(wrapping, key)) == key


def test_the_wrapping_is_that_of_rfc_3394() -> None:
    wrapping = bytes(range(32))
    key = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")

    assert wrap_key(wrapping, key).hex().upper() == (  # RFC 3394 section 4.6
        "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
    )


@given(wrapping=KEYS, bit=st.integers(0, 40 * 8 - 1))
def test_any_flipped_bit_is_found(wrapping: bytes, bit: int) -> None:
    wrapped = bytearray(wrap_key(wrapping, bytes(32)))
    wrapped[bit // 8] ^= 1 << bit % 8

    with pytest.raises(IntegrityError):
        unwrap_key(wrapping, bytes(wrapped))


@pytest.mark.parametrize("length", [0, 24, 32, 39, 41, 48])
def test_a_wrapped_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(IntegrityError, match=f"{length} bytes"):
        unwrap_key(bytes(32), bytes(length))


@pytest.mark.parametrize("length", [0, 16, 24, 33])
def test_keys_of_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        wrap_key(bytes(length), bytes(32))
    with pytest.raises(ValueError, match="32 bytes"):
        wrap_key(bytes(32), bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        unwrap_key(bytes(length), bytes(40))
