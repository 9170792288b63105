"""What the archive accepts in a negotiation: one table, which the conformance statement prints."""

from dataclasses import dataclass
from typing import Final

from raykeep.dicom.sop_classes import FIND, STORAGE, VERIFICATION
from raykeep.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    STORABLE,
)
from raykeep.domain.access import Action
from raykeep.domain.device import DeviceRight
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.negotiation import Negotiated, Supported, negotiate
from raykeep.wire.upperlayer.pdu import AssociateRQ

_DICOM_ROOT: Final = "1.2.840.10008."


@dataclass(frozen=True, slots=True)
class Service:
    """One service class as an SCP.

    Attributes:
        name: As PS3.4 names it.
        right: What a device must hold to use it.
        action: What the policy is asked.
        sop_classes: Its abstract syntaxes.
        transfer_syntaxes: What is accepted, whatever order the requestor gives decides.
    """

    name: str
    right: DeviceRight
    action: Action
    sop_classes: frozenset[str]
    transfer_syntaxes: tuple[UID, ...]


_LITTLE_ENDIAN = (UID(EXPLICIT_VR_LITTLE_ENDIAN), UID(IMPLICIT_VR_LITTLE_ENDIAN))

VERIFICATION_SCP: Final = Service(
    "Verification",
    DeviceRight.ECHO,
    Action.ASSOCIATION_ECHO,
    frozenset({VERIFICATION}),
    _LITTLE_ENDIAN,
)
STORAGE_SCP: Final = Service(
    "Storage",
    DeviceRight.STORE,
    Action.INSTANCE_STORE,
    frozenset(STORAGE),
    tuple(map(UID, STORABLE)),
)
QUERY_SCP: Final = Service(
    "Query/Retrieve, FIND", DeviceRight.FIND, Action.STUDY_SEARCH, FIND, _LITTLE_ENDIAN
)
SERVICES: Final = (VERIFICATION_SCP, STORAGE_SCP, QUERY_SCP)

_BY_SOP_CLASS: Final = {uid: service for service in SERVICES for uid in service.sop_classes}


def service_of(abstract_syntax: str, *, private_storage: bool) -> Service | None:
    """The service that an abstract syntax belongs to, None for one that is not provided.

    Args:
        abstract_syntax: SOP Class UID.
        private_storage: Whether SOP classes of others than DICOM are taken for storage classes.
    """
    service = _BY_SOP_CLASS.get(abstract_syntax)
    if service is None and private_storage and not abstract_syntax.startswith(_DICOM_ROOT):
        return STORAGE_SCP
    return service


def negotiate_for(
    request: AssociateRQ,
    rights: frozenset[DeviceRight],
    *,
    private_storage: bool,
) -> tuple[Negotiated, tuple[Service, ...]]:
    """Answer a request of a device that holds `rights`.

    Returns:
        The answer, and the services that were proposed without the right to them: their
        contexts are rejected by the user (result 1, PS3.8 table 9-18).
    """
    without_right: dict[str, Service] = {}

    def supported(uid: UID) -> Supported | None:
        service = service_of(uid, private_storage=private_storage)
        if service is None:
            return None
        may = service.right in rights
        if not may:
            without_right[service.name] = service
        return _SUPPORTED[service.name, may]

    return negotiate(request, supported), tuple(without_right.values())


# No role at all is how `negotiate` is told to reject as the user.
_SUPPORTED: Final = {
    (service.name, may): Supported(
        transfer_syntaxes=frozenset(service.transfer_syntaxes).__contains__, requestor_as_scu=may
    )
    for service in SERVICES
    for may in (True, False)
}
