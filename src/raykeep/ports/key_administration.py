"""What an operator may do with facility keys; no key comes through here.

Apart from `ports.keys`, which the vault alone may use.
"""

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
