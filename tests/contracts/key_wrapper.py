"""What every `KeyWrapper` and `KeyAdministration` promises.

class TestLocalKeys(KeyWrapperContract):
    @pytest.fixture
    def keys(self, keyring):
        return LocalKeys(keyring)
"""

import string
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raykeep.adapters.keys.keyring import KeyRing
from raykeep.adapters.keys.local import prepare_secrets
from raykeep.domain.errors import IntegrityError, KeyUnavailable
from raykeep.domain.facility import FacilityName
from raykeep.ports.keys import WrappedKey
from tests.fakes.keys import new_keyring

MAIN, NORTH, NOWHERE = (FacilityName(name) for name in ("main", "north", "nowhere"))
KEY = bytes(range(32))

# The fixtures stay as they are from example to example: keys are only read. The same law is tried
# on several adapters.
tried = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
)


class KeyWrapperContract:
    """The promises. `keys` keeps both ports; `keyring` lies below, with keys for two facilities."""

    @pytest.fixture
    def keyring(self, tmp_path: Path) -> KeyRing:
        ring = new_keyring(tmp_path)
        prepare_secrets(ring)
        ring.create_facility_key(MAIN)
        ring.create_facility_key(NORTH)
        return ring

    @tried
    @given(key=st.binary(min_size=32, max_size=32))
    def test_what_is_wrapped_comes_back(self, keys, key: bytes) -> None:
        wrapped = keys.wrap(MAIN, key)

        assert keys.unwrap(MAIN, wrapped) == key
        assert (wrapped.version, len(wrapped.wrapped)) == (1, 40)
        assert key not in wrapped.wrapped

    def test_a_key_of_one_facility_does_not_open_in_another(self, keys) -> None:
        wrapped = keys.wrap(MAIN, KEY)

        with pytest.raises(IntegrityError):
            keys.unwrap(NORTH, wrapped)

    @tried
    @given(bit=st.integers(0, 319))
    def test_a_changed_bit_is_found(self, keys, bit: int) -> None:
        wrapped = keys.wrap(MAIN, KEY)
        changed = bytearray(wrapped.wrapped)
        changed[bit // 8] ^= 1 << bit % 8

        with pytest.raises(IntegrityError):
            keys.unwrap(MAIN, WrappedKey(wrapped.version, bytes(changed)))

    @pytest.mark.parametrize("length", [0, 8, 39, 40, 41])
    def test_what_was_never_wrapped_does_not_open(self, keys, length: int) -> None:
        with pytest.raises(IntegrityError):
            keys.unwrap(MAIN, WrappedKey(1, bytes(length)))

    def test_a_facility_without_key_is_named(self, keys) -> None:
        with pytest.raises(KeyUnavailable, match="nowhere"):
            keys.wrap(NOWHERE, KEY)
        with pytest.raises(KeyUnavailable, match="nowhere"):
            keys.unwrap(NOWHERE, WrappedKey(1, bytes(40)))

    def test_a_version_that_is_not_here_is_named(self, keys) -> None:
        wrapped = keys.wrap(MAIN, KEY)

        with pytest.raises(KeyUnavailable, match="main/7"):
            keys.unwrap(MAIN, WrappedKey(7, wrapped.wrapped))

    @pytest.mark.parametrize("length", [0, 16, 31, 64])
    def test_keys_of_other_lengths_are_not_wrapped(self, keys, length: int) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            keys.wrap(MAIN, bytes(length))

    def test_older_versions_open_and_the_newest_wraps(self, keys, keyring: KeyRing) -> None:
        keyring.put("facility/north/2", bytes(32))

        assert keys.wrap(NORTH, KEY).version == 2
        first, second = keyring.facility_key(NORTH, 1), keyring.facility_key(NORTH, 2)
        assert first != second
        assert [info.version for info in keys.describe() if info.facility == NORTH] == [1, 2]

    @tried
    @given(text=st.text(), other=st.text())
    def test_pseudonyms_are_the_same_for_the_same_and_tell_nothing(
        self, keys, text: str, other: str
    ) -> None:
        pseudonym = keys.pseudonym(MAIN, text)

        assert pseudonym == keys.pseudonym(MAIN, text)
        assert len(pseudonym) == 32
        assert set(pseudonym) <= set(string.hexdigits.lower())
        assert (pseudonym == keys.pseudonym(MAIN, other)) == (text == other)
        assert pseudonym != keys.pseudonym(NORTH, text)

    def test_pseudonyms_do_not_need_a_facility_key(self, keys) -> None:
        assert len(keys.pseudonym(NOWHERE, "P1")) == 32

    def test_keys_are_described_without_being_told(self, keys) -> None:
        told = keys.describe()

        assert [(one.facility, one.version, one.is_current) for one in told] == [
            (MAIN, 1, True),
            (NORTH, 1, True),
        ]
        assert all(one.created_at.tzinfo is not None for one in told)

    def test_a_facility_key_is_made_once_and_then_wraps(self, keys, keyring: KeyRing) -> None:
        made = keys.create_facility_key(NOWHERE)

        assert keys.create_facility_key(NOWHERE) == made
        assert (made.facility, made.version, made.is_current) == (NOWHERE, 1, True)
        assert keys.unwrap(NOWHERE, keys.wrap(NOWHERE, KEY)) == KEY
        assert made in keyring.facility_keys()

    def test_the_provider_is_named(self, keys) -> None:
        assert keys.provider() == "fixed"

    def test_many_threads_get_the_same(self, keys) -> None:
        wrapped = [keys.wrap(name, KEY) for name in (MAIN, NORTH)]

        def work(number: int) -> tuple[bytes, str]:
            name = (MAIN, NORTH)[number % 2]
            return keys.unwrap(name, wrapped[number % 2]), keys.pseudonym(name, "P1")

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(work, range(200)))

        assert {key for key, _ in results} == {KEY}
        assert len({pseudonym for _, pseudonym in results}) == 2
