"""The keys at hand: for the supervisor, and for commands while the archive is down."""

import hmac

from raykeep.adapters.keys.keyring import KeyRing
from raykeep.adapters.keys.names import (
    AUDIT_PUBLIC,
    AUDIT_SIGNING,
    DATABASE,
    PSEUDONYM,
    STUDY_KEYS,
)
from raykeep.crypto.secrets_at_rest import new_key
from raykeep.crypto.signing import new_signing_key, public_key_of
from raykeep.crypto.wrap import unwrap_key, wrap_key
from raykeep.domain.facility import FacilityName
from raykeep.ports.key_administration import FacilityKeyInfo
from raykeep.ports.keys import WrappedKey

PSEUDONYM_LENGTH = 16  # bytes


def prepare_secrets(keyring: KeyRing) -> None:
    """Make the secrets that every archive needs and that are missing.

    Raises:
        KeyUnavailable: the keyring cannot be written.
    """
    for name in (DATABASE, STUDY_KEYS, PSEUDONYM):
        keyring.ensure(name, new_key)
    signing_key = keyring.ensure(AUDIT_SIGNING, new_signing_key)
    keyring.ensure(AUDIT_PUBLIC, lambda: public_key_of(signing_key))


def pseudonym_of(secret: bytes, facility: FacilityName, text: str) -> str:
    """HMAC-SHA256(secret, facility ‖ 0 ‖ text), cut to 128 bits, as 32 hexadecimal digits."""
    message = f"{facility}\0{text}".encode("utf-8", "surrogatepass")
    return hmac.digest(secret, message, "sha256")[:PSEUDONYM_LENGTH].hex()


class LocalKeys:
    """Wraps and unwraps with a keyring in this process."""

    def __init__(self, keyring: KeyRing) -> None:
        """Use `keyring`."""
        self.keyring = keyring

    def wrap(self, facility: FacilityName, key: bytes) -> WrappedKey:
        version, facility_key = self.keyring.facility_key(facility)
        return WrappedKey(version, wrap_key(facility_key, key))

    def unwrap(self, facility: FacilityName, wrapped: WrappedKey) -> bytes:
        _, facility_key = self.keyring.facility_key(facility, wrapped.version)
        return unwrap_key(facility_key, wrapped.wrapped)

    def pseudonym(self, facility: FacilityName, text: str) -> str:
        return pseudonym_of(self.keyring.get(PSEUDONYM), facility, text)

    def describe(self) -> list[FacilityKeyInfo]:
        return self.keyring.facility_keys()

    def create_facility_key(self, facility: FacilityName) -> FacilityKeyInfo:
        return self.keyring.create_facility_key(facility)

    def provider(self) -> str:
        return self.keyring.provider

    def secret(self, name: str) -> bytes:
        """A secret by name.

        Raises:
            KeyUnavailable: there is none of that name.
        """
        return self.keyring.get(name)
