"""Small sealed secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.crypto.secrets_at_rest import derive_key, new_key, open_secret, seal_secret
from raykeep.domain.errors import IntegrityError

KEY = bytes(range(32))


@given(st.binary(), st.binary())
def test_what_is_sealed_opens(plaintext: bytes, associated: bytes) -> None:
    assert open_secret(KEY, seal_secret(KEY, plaintext, associated), associated) == plaintext


@given(st.data())
def test_any_changed_bit_is_found(data) -> None:
    sealed = seal_secret(KEY, b"secret", b"name")
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    changed = bytearray(sealed)
    changed[place // 8] ^= 1 << place % 8

    with pytest.raises(IntegrityError):
        open_secret(KEY, bytes(changed), b"name")


@pytest.mark.parametrize(
    "sealed",
    [b"", b"short", seal_secret(KEY, b"secret", b"name")[:-1]],
    ids=["nothing", "short", "one byte less"],
)
def test_what_was_cut_is_found(sealed: bytes) -> None:
    with pytest.raises(IntegrityError):
        open_secret(KEY, sealed, b"name")


def test_a_secret_opens_under_its_own_key_and_name_alone() -> None:
    sealed = seal_secret(KEY, b"secret", b"name")

    with pytest.raises(IntegrityError):
        open_secret(new_key(), sealed, b"name")
    with pytest.raises(IntegrityError):
        open_secret(KEY, sealed, b"other")


def test_keys_differ_by_purpose_and_context() -> None:
    keys = {derive_key(KEY, purpose, context) for purpose in "ab" for context in (b"", b"x")}

    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


def test_derivation_is_hkdf_with_sha_256() -> None:
    # RFC 5869 appendix A.3 begins alike: no salt, no info, but 22 bytes of key.
    derived = derive_key(b"\x0b" * 22, "")

    assert derived.hex() == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
