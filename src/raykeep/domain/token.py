"""API tokens: bearers of DICOMweb and of the API."""

from dataclasses import dataclass
from datetime import datetime

from raykeep.domain.access import Address, Role
from raykeep.domain.device import Network
from raykeep.domain.facility import FacilityName


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One API token; the secret itself is shown once and kept nowhere.

    Attributes:
        token_id: Public part, 16 hexadecimal digits; stands on the trail.
        name: What the operator calls it.
        role: What rules speak of.
        facilities: Where it may act.
        secret_sha256: Hash of the secret part, hexadecimal. The secret has 256 random bits,
            so a fast hash is enough (NIST SP 800-63B 5.1.2.2 asks for slow ones below 112).
        networks: Addresses that it may come from; empty for any.
        created_at: When.
        expires_at: From then on it is refused.
        revoked_at: When it was cut off; None while it is good.
    """

    token_id: str
    name: str
    role: Role
    facilities: frozenset[FacilityName]
    secret_sha256: str
    networks: tuple[Network, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    version: int = 1

    def is_good_at(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and now < self.expires_at

    def may_come_from(self, address: Address | None) -> bool:
        """Whether `address` is within its networks."""
        return not self.networks or (
            address is not None
            and any(address.version == n.version and address in n for n in self.networks)
        )
