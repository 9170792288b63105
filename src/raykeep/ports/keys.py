"""Facility keys: they wrap study keys. The root key above them never comes through here."""

from dataclasses import dataclass
from typing import Protocol

from raykeep.domain.facility import FacilityName
from raykeep.ports.key_administration import FacilityKeyInfo


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key under AES-KW (RFC 3394), and the version of the facility key that wraps it."""

    version: int
    wrapped: bytes


class KeyWrapper(Protocol):
    """Wrap and unwrap study keys under facility keys.

    Every implementation passes `tests/contracts/key_wrapper.py`.
    """

    def wrap(self, facility: FacilityName, key: bytes) -> WrappedKey:
        """Wrap a 32-byte key under the facility's current key.

        Raises:
            KeyUnavailable: the facility has no key here; the message says which.
        """
        ...

    def unwrap(self, facility: FacilityName, wrapped: WrappedKey) -> bytes:
        """The 32-byte key within.

        Raises:
            KeyUnavailable: that version is not here.
            IntegrityError: it does not open under that version.
        """
        ...

    def pseudonym(self, facility: FacilityName, text: str) -> str:
        """A keyed hash of `text`, 32 hexadecimal digits, the same for the same facility for ever.

        For the trail, which names no patient.
        """
        ...

    def describe(self) -> list[FacilityKeyInfo]:
        """The keys that are at hand."""
        ...
