"""Devices, tokens and facilities, as read; changes go through the unit of work."""

from typing import Protocol

from raykeep.domain.ae_title import AETitle
from raykeep.domain.device import Device
from raykeep.domain.facility import Facility, FacilityName
from raykeep.domain.token import ApiToken


class Registry(Protocol):
    """Who and what is known. Every implementation passes `tests/contracts/registry.py`."""

    def device(self, ae_title: AETitle) -> Device | None:
        """The device of that title, revoked or not."""
        ...

    def devices(self) -> list[Device]:
        """All, by AE title."""
        ...

    def token(self, token_id: str) -> ApiToken | None:
        """The token of that id, revoked or not."""
        ...

    def tokens(self) -> list[ApiToken]:
        """All, newest first."""
        ...

    def facility(self, name: FacilityName) -> Facility | None:
        """The facility of that name."""
        ...

    def facilities(self) -> list[Facility]:
        """All, by name."""
        ...

    def generation(self) -> int:
        """Goes up with each change of a device, a token, a facility or the policy.

        Cheap: processes ask each second and read their caches anew when it moved.
        """
        ...
