"""`LocalKeys` keeps the promises of `KeyWrapper`."""

import pytest

from raykeep.adapters.keys.keyring import KeyRing
from raykeep.adapters.keys.local import LocalKeys
from tests.contracts.key_wrapper import KeyWrapperContract


class TestLocalKeys(KeyWrapperContract):
    @pytest.fixture
    def keys(self, keyring: KeyRing) -> LocalKeys:
        return LocalKeys(keyring)
