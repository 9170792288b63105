"""Enrolling, renewing and revoking devices."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from raykeep.crypto.certificates import check_own_certificate
from raykeep.domain.access import Action, Actor
from raykeep.domain.ae_title import AETitle
from raykeep.domain.changes import AddDevice, ReplaceDevice, RevokeDevice
from raykeep.domain.device import Device, DeviceRight, Network, PlainExemption
from raykeep.domain.errors import AlreadyExists, DeviceNotFound, FacilityNotFound, InvalidInput
from raykeep.domain.facility import FacilityName
from raykeep.enforcement.door import Enforcer, Operation
from raykeep.ports.authority import IssuedCertificate
from raykeep.ports.clock import Clock

CERTIFICATE_DAYS = 365  # validity of a device's certificate
MAX_EXEMPTION_DAYS = 366  # an exemption has an end within sight


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an operator wants of a new device.

    Attributes:
        ae_title: Its title.
        facility: Its tenant.
        rights: What it may do.
        networks: Where it may come from; empty for anywhere.
        csr_pem: Its own certificate request, if it brings one.
        certificate_pem: The hospital's own certificate, if it brings one.
        exemption: Leave to speak without TLS; then it has no certificate.
    """

    ae_title: AETitle
    facility: FacilityName
    rights: frozenset[DeviceRight]
    networks: tuple[Network, ...] = ()
    csr_pem: str | None = None
    certificate_pem: str | None = None
    exemption: PlainExemption | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device, and what it must be given."""

    device: Device
    certificate: IssuedCertificate | None
    ca_pem: str


def enroll_device(enforcer: Enforcer, actor: Actor, wanted: Enrolment, clock: Clock) -> Enrolled:
    """Register a device and issue its certificate.

    Raises:
        AccessDenied: `actor` may not.
        AlreadyExists: the AE title is taken.
        FacilityNotFound: there is no such facility.
        InvalidInput: the request or certificate is too weak, or the wishes contradict.
    """
    now = clock.now()
    _check(wanted, now)
    with enforcer.operation(actor, Action.DEVICE_ENROLL) as op:
        if op.registry.facility(wanted.facility) is None:
            msg = f"no facility '{wanted.facility}'. Add it with `raykeep facility add`"
            raise FacilityNotFound(msg)
        known = op.registry.device(wanted.ae_title)
        if known is not None and known.revoked_at is None:
            msg = (
                f"AE title '{wanted.ae_title}' is enrolled already. Revoke it first or take another"
            )
            raise AlreadyExists(msg)
        issued = None
        fingerprints: tuple[str, ...] = ()
        own: tuple[str, ...] = ()
        expires = None
        if wanted.certificate_pem is not None:
            facts = check_own_certificate(wanted.certificate_pem, now)
            if facts.ae_titles and wanted.ae_title not in facts.ae_titles:
                msg = (
                    f"that certificate was issued for AE title '{facts.ae_titles[0]}'. "
                    f"Give one of the device's own, or leave --cert out to have one issued"
                )
                raise InvalidInput(msg)
            fingerprints, own, expires = (facts.sha256,), (facts.pem,), facts.not_after
        elif wanted.exemption is None:
            issued = op.authority.issue(
                wanted.ae_title, days=CERTIFICATE_DAYS, csr_pem=wanted.csr_pem
            )
            fingerprints, expires = (issued.sha256,), issued.not_after
        device = Device(
            ae_title=wanted.ae_title,
            facility=wanted.facility,
            rights=wanted.rights,
            networks=wanted.networks,
            certificate_sha256=fingerprints,
            certificate_expires_at=expires,
            enrolled_at=now,
            own_certificates_pem=own,
            exemption=wanted.exemption,
            # A title that is enrolled anew goes on counting, so that nothing of old is current.
            version=known.version + 1 if known is not None else 1,
        )
        op.change(AddDevice(device) if known is None else ReplaceDevice(device))
        op.note(facility=wanted.facility, details=_told(device))
        ca_pem = op.authority.bundle_pem()
    return Enrolled(device, issued, ca_pem)


def renew_device(
    enforcer: Enforcer, actor: Actor, ae_title: AETitle, csr_pem: str | None
) -> Enrolled:
    """Issue a new certificate; the one before stays good until it ends or is renewed again.

    Raises:
        AccessDenied: `actor` may not.
        DeviceNotFound: there is no such device, or it is revoked.
        InvalidInput: the device has a certificate of the hospital's own, or none.
    """
    with enforcer.operation(actor, Action.DEVICE_RENEW) as op:
        device = _good(op, ae_title)
        if device.own_certificates_pem or not device.certificate_sha256:
            msg = (
                f"device '{ae_title}' has no certificate of this archive to renew. "
                "Revoke it and enrol it with the new one"
            )
            raise InvalidInput(msg)
        issued = op.authority.issue(ae_title, days=CERTIFICATE_DAYS, csr_pem=csr_pem)
        renewed = replace(
            device,
            certificate_sha256=(device.certificate_sha256[-1], issued.sha256),
            certificate_expires_at=issued.not_after,
            version=device.version + 1,
        )
        op.change(ReplaceDevice(renewed))
        op.note(facility=device.facility, details=_told(renewed))
        ca_pem = op.authority.bundle_pem()
    return Enrolled(renewed, issued, ca_pem)


def revoke_device(enforcer: Enforcer, actor: Actor, ae_title: AETitle, clock: Clock) -> Device:
    """Cut a device off: new associations at once, live ones within five seconds.

    Raises:
        AccessDenied: `actor` may not.
        DeviceNotFound: there is no such device, or it is revoked.
    """
    with enforcer.operation(actor, Action.DEVICE_REVOKE) as op:
        device = _good(op, ae_title)
        op.change(RevokeDevice(ae_title, clock.now()))
        op.note(facility=device.facility, details={"device": ae_title.value})
    return device


def list_devices(enforcer: Enforcer, actor: Actor) -> list[Device]:
    """All devices, by AE title.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.DEVICE_READ) as op:
        devices = op.registry.devices()
        op.note(count=len(devices))
    return devices


def show_device(enforcer: Enforcer, actor: Actor, ae_title: AETitle) -> Device:
    """One device, revoked or not.

    Raises:
        AccessDenied: `actor` may not.
        DeviceNotFound: there is no such device.
    """
    with enforcer.operation(actor, Action.DEVICE_READ) as op:
        device = op.registry.device(ae_title)
        if device is None:
            raise _unknown(ae_title)
        op.note(facility=device.facility, count=1, details={"device": ae_title.value})
    return device


def _check(wanted: Enrolment, now: datetime) -> None:
    brought = [wanted.csr_pem, wanted.certificate_pem, wanted.exemption]
    if sum(part is not None for part in brought) > 1:
        msg = "--csr, --cert and --plain exclude one another. Choose one"
        raise InvalidInput(msg)
    if not wanted.rights:
        msg = f"device '{wanted.ae_title}' would have no right at all. Name one with --may"
        raise InvalidInput(msg)
    exemption = wanted.exemption
    if exemption is None:
        return
    if not wanted.networks:
        msg = "a device that speaks without TLS must have an address. Name it with --ip"
        raise InvalidInput(msg)
    if not now < exemption.until <= now + timedelta(days=MAX_EXEMPTION_DAYS):
        msg = f"leave to speak without TLS ends after today and within {MAX_EXEMPTION_DAYS} days"
        raise InvalidInput(msg)
    if not exemption.owner.strip() or not exemption.reason.strip():
        msg = "leave to speak without TLS needs an owner and a reason"
        raise InvalidInput(msg)


def _good(op: Operation, ae_title: AETitle) -> Device:
    device = op.registry.device(ae_title)
    if device is None:
        raise _unknown(ae_title)
    if device.revoked_at is not None:
        msg = f"device '{ae_title}' is revoked already. To let it in again, enrol it anew"
        raise DeviceNotFound(msg)
    return device


def _unknown(ae_title: AETitle) -> DeviceNotFound:
    return DeviceNotFound(f"no device '{ae_title}'. `raykeep device list` shows them")


def _told(device: Device) -> dict[str, str | int]:
    """What the trail shall know of a device."""
    told: dict[str, str | int] = {
        "device": device.ae_title.value,
        "rights": " ".join(sorted(device.rights)),
        "networks": " ".join(str(network) for network in device.networks),
        "certificates": " ".join(device.certificate_sha256),
        "version": device.version,
    }
    if device.exemption is not None:
        told["plain_until"] = device.exemption.until.isoformat()
        told["plain_owner"] = device.exemption.owner
        told["plain_reason"] = device.exemption.reason
    return told
