"""Who is there: devices by certificate, AE title and address; bearers by token."""

from dataclasses import dataclass
from datetime import datetime

from raykeep.crypto.tokens import is_secret_of, parse_token
from raykeep.domain.access import (
    Action,
    Actor,
    ActorKind,
    Address,
    Door,
    Origin,
)
from raykeep.domain.ae_title import AETitle
from raykeep.domain.changes import TouchDevice
from raykeep.domain.device import Device
from raykeep.domain.errors import (
    AccessDenied,
    AssociationRefused,
    InvalidAETitle,
    InvalidInput,
    NotAuthenticated,
    shown,
)
from raykeep.domain.token import ApiToken
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class PresentedDevice:
    """What a requestor shows before any DIMSE is read.

    Attributes:
        called: Called AE title as it stands in the A-ASSOCIATE-RQ, padding and all.
        calling: Calling AE title, the same.
        certificate_sha256: Fingerprint of its TLS certificate, hexadecimal; None without TLS.
        address: Where it comes from.
        tls: Whether it came through the TLS listener.
        user_identity_offered: It offered a user identity (parsed, not answered).
        implementation: Implementation class UID and version name, for the inventory.
    """

    called: str
    calling: str
    certificate_sha256: str | None
    address: Address
    tls: bool
    user_identity_offered: bool = False
    implementation: str = ""


@dataclass(frozen=True, slots=True)
class AdmittedDevice:
    """A device that was let in, and as what."""

    actor: Actor
    device: Device
    presented: PresentedDevice


def admit_device(
    enforcer: Enforcer, presented: PresentedDevice, *, our_title: AETitle, clock: Clock
) -> AdmittedDevice:
    """Let a device in: certificate, title and address must belong together.

    Raises:
        AssociationRefused: something does not fit; the trail says what, the peer is told the
            same whatever it was.
    """
    origin = Origin(Door.DIMSE, presented.address)
    device, fault = _known_device(enforcer, presented, our_title, clock.now())
    if device is None or fault:
        enforcer.refuse_stranger(
            origin,
            shown(presented.calling.strip(" "), 16),
            fault,
            certificate_sha256=presented.certificate_sha256,
        )
        raise AssociationRefused(fault)
    actor = device_actor(device, origin)
    try:
        with enforcer.operation(actor, Action.ASSOCIATION_OPEN) as op:
            op.note(
                facility=device.facility,
                details={
                    "tls": int(presented.tls),
                    "certificate_sha256": presented.certificate_sha256 or "",
                    "user_identity_offered": int(presented.user_identity_offered),
                    "implementation": presented.implementation[:80],
                },
            )
            op.change(TouchDevice(device.ae_title, clock.now()))
    except AccessDenied as denied:
        raise AssociationRefused(denied.reason) from denied
    return AdmittedDevice(actor, device, presented)


def still_admitted(enforcer: Enforcer, admitted: AdmittedDevice, now: datetime) -> bool:
    """Whether a live association may go on: asked each second when something changed."""
    device = enforcer.identities.device(admitted.device.ae_title)
    return (
        device is not None
        and device.version == admitted.device.version
        and not _credential_fault(device, admitted.presented, now)
    )


def _known_device(
    enforcer: Enforcer, presented: PresentedDevice, our_title: AETitle, now: datetime
) -> tuple[Device | None, str]:
    try:
        called, calling = AETitle.parse(presented.called), AETitle.parse(presented.calling)
    except InvalidAETitle:
        return None, "an AE title breaks the rules"
    device = enforcer.identities.device(calling)
    if device is None:
        return None, "unknown calling AE title"
    if called != our_title:
        return device, "unknown called AE title"
    return device, _credential_fault(device, presented, now)


def _credential_fault(device: Device, presented: PresentedDevice, now: datetime) -> str:
    """Why the device may not come in like this, or nothing."""
    if device.revoked_at is not None:
        return "the device is revoked"
    if not device.may_come_from(presented.address):
        return "the address is not one of the device's"
    if presented.tls:
        return _certificate_fault(device, presented.certificate_sha256, now)
    if device.exemption is None:
        return "the device has no leave to speak without TLS"
    if now >= device.exemption.until:
        return "the device's leave to speak without TLS has ended"
    return ""


def _certificate_fault(device: Device, sha256: str | None, now: datetime) -> str:
    """Why the certificate is not good for the device, or nothing."""
    if sha256 is None or sha256 not in device.certificate_sha256:
        return "the certificate is not the device's"
    expires = device.certificate_expires_at
    if expires is not None and now >= expires:
        return "the device's certificate has expired"
    return ""


def device_actor(device: Device, origin: Origin) -> Actor:
    """What rules see of a device."""
    return Actor(
        ActorKind.DEVICE,
        device.ae_title.value,
        device.roles,
        frozenset({device.facility}),
        origin,
        version=device.version,
    )


def authenticate_token(enforcer: Enforcer, text: str, origin: Origin, clock: Clock) -> Actor:
    """The actor that a bearer token stands for.

    Raises:
        NotAuthenticated: malformed, unknown, expired, revoked, or from another address; the
            trail says which, the peer is told the same whatever it was.
    """
    try:
        presented = parse_token(text)
    except InvalidInput:
        enforcer.refuse_stranger(origin, "bearer", "the token is malformed")
        raise NotAuthenticated("the token is malformed") from None
    token = enforcer.identities.token(presented.token_id)
    # Compared also when the id is unknown, so that time tells nothing of ids.
    expected = token.secret_sha256 if token else "0" * 64
    genuine = is_secret_of(presented, expected)
    fault = ""
    if token is None or not genuine:
        fault = "the token is unknown"
    elif not token.is_good_at(clock.now()):
        fault = "the token is revoked or has expired"
    elif not token.may_come_from(origin.address):
        fault = "the address is not one of the token's"
    if token is None or fault:
        enforcer.refuse_stranger(
            origin, f"token {presented.token_id}" if genuine else "bearer", fault
        )
        raise NotAuthenticated(fault)
    actor = token_actor(token, origin)
    enforcer.note_authentication(actor)
    return actor


def still_good(enforcer: Enforcer, actor: Actor, now: datetime) -> bool:
    """Whether an actor's token is still good: asked about once a second within a stream."""
    if actor.kind is not ActorKind.TOKEN:
        return True
    token = enforcer.identities.token(actor.name)
    return token is not None and token.version == actor.version and token.is_good_at(now)


def token_actor(token: ApiToken, origin: Origin) -> Actor:
    """What rules see of a bearer."""
    return Actor(
        ActorKind.TOKEN,
        token.token_id,
        frozenset({token.role}),
        token.facilities,
        origin,
        version=token.version,
    )
