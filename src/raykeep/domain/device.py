"""Enrolled devices: who may open an association, from where, and for what."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from raykeep.domain.access import Address, Role
from raykeep.domain.ae_title import AETitle
from raykeep.domain.facility import FacilityName

Network = IPv4Network | IPv6Network


class DeviceRight(StrEnum):
    """A DICOM service that a device may use, as `--may` names it."""

    STORE = "store"
    FIND = "find"
    MOVE = "move"
    GET = "get"
    ECHO = "echo"
    COMMIT = "commit"
    WORKLIST = "worklist"
    MPPS = "mpps"

    @property
    def role(self) -> Role:
        """The role that rules know it by."""
        return Role(f"device-{self.value}")


@dataclass(frozen=True, slots=True)
class PlainExemption:
    """Leave to speak without TLS: named, reasoned, and with an end."""

    until: datetime
    owner: str
    reason: str


@dataclass(frozen=True, slots=True)
class Device:
    """One enrolled device.

    Attributes:
        ae_title: Its calling AE title; one device a title.
        facility: The tenant that its instances belong to.
        rights: What it may do.
        networks: Addresses that it may come from; empty for any.
        certificate_sha256: Fingerprints (SHA-256 of the DER) of the certificates it may show,
            hexadecimal; two while a renewal is under way, none with a plain exemption.
        own_certificates_pem: Certificates that the archive did not issue (the hospital's own),
            which the listener must trust by themselves.
        certificate_expires_at: End of the newest certificate.
        exemption: Set when it may use the plain listener.
        enrolled_at: When.
        revoked_at: When it was cut off; None while it is good.
        last_seen_at: Last admitted association.
        version: Goes up with every change; older associations end.
    """

    ae_title: AETitle
    facility: FacilityName
    rights: frozenset[DeviceRight]
    networks: tuple[Network, ...]
    certificate_sha256: tuple[str, ...]
    certificate_expires_at: datetime | None
    enrolled_at: datetime
    own_certificates_pem: tuple[str, ...] = ()
    exemption: PlainExemption | None = None
    revoked_at: datetime | None = None
    last_seen_at: datetime | None = None
    version: int = 1
    roles: frozenset[Role] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", frozenset(right.role for right in self.rights))

    def may_come_from(self, address: Address) -> bool:
        """Whether `address` is within its networks."""
        return not self.networks or any(
            address.version == n.version and address in n for n in self.networks
        )
