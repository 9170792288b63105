"""Facility keys: they wrap study keys. The root key above them never comes through here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from raykeep.domain.facility import FacilityName


@dataclass(frozen=True, slots=True)
class FacilityKeyInfo:
    """What may be told of a facility key."""

    facility: FacilityName
    version: int
    created_at: datetime
    is_current: bool


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


class KeyAdministration(Protocol):
    """What may be done with keys above the facility's; kept by the holder of the root key."""

    def create_facility_key(self, facility: FacilityName) -> FacilityKeyInfo:
        """Make and keep the first key of a facility, or return the current one.

        Raises:
            KeyUnavailable: the root key is away.
        """
        ...

    def provider(self) -> str:
        """Name of the root key's provider, e.g. `file`."""
        ...
