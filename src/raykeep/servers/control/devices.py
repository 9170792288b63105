"""`raykeep device …`."""

from datetime import datetime
from ipaddress import ip_network

from raykeep.domain.access import Actor
from raykeep.domain.ae_title import AETitle
from raykeep.domain.device import Device, DeviceRight, Network, PlainExemption
from raykeep.domain.errors import InvalidInput, shown
from raykeep.domain.facility import FacilityName
from raykeep.servers.control.context import Context, Plain
from raykeep.servers.control.table import CommandTable, Parameters
from raykeep.services.devices import (
    Enrolled,
    Enrolment,
    enroll_device,
    list_devices,
    renew_device,
    revoke_device,
    show_device,
)

COMMANDS = CommandTable()


class Enroll(Parameters):
    """`device enroll`. Times are ISO 8601 with an offset; PEMs are texts."""

    aet: str
    facility: str
    may: list[str]
    ip: list[str] = []
    csr: str | None = None
    cert: str | None = None
    plain: bool = False
    until: datetime | None = None
    owner: str = ""
    reason: str = ""


class ByTitle(Parameters):
    """Commands on one device."""

    aet: str


class Renew(Parameters):
    """`device renew`."""

    aet: str
    csr: str | None = None


class Nothing(Parameters):
    """No parameters."""


@COMMANDS.answer("device.enroll", Enroll)
def enroll(context: Context, actor: Actor, given: Enroll) -> Plain:
    """Register a device; the answer carries its key once."""
    wanted = Enrolment(
        ae_title=AETitle(given.aet),
        facility=FacilityName(given.facility),
        rights=frozenset(_right(text) for text in given.may),
        networks=tuple(networks(given.ip)),
        csr_pem=given.csr,
        certificate_pem=given.cert,
        exemption=_exemption(given),
    )
    return _enrolled(enroll_device(context.enforcer, actor, wanted, context.clock))


@COMMANDS.answer("device.renew", Renew)
def renew(context: Context, actor: Actor, given: Renew) -> Plain:
    """Issue a new certificate."""
    return _enrolled(renew_device(context.enforcer, actor, AETitle(given.aet), given.csr))


@COMMANDS.answer("device.revoke", ByTitle)
def revoke(context: Context, actor: Actor, given: ByTitle) -> Plain:
    """Cut a device off."""
    device = revoke_device(context.enforcer, actor, AETitle(given.aet), context.clock)
    return {"aet": device.ae_title.value, "revoked": True}


@COMMANDS.answer("device.list", Nothing)
def list_all(context: Context, actor: Actor, _: Nothing) -> Plain:
    """All devices."""
    return {"devices": [_told(d) for d in list_devices(context.enforcer, actor)]}


@COMMANDS.answer("device.show", ByTitle)
def show(context: Context, actor: Actor, given: ByTitle) -> Plain:
    """One device."""
    return _told(show_device(context.enforcer, actor, AETitle(given.aet)))


def networks(texts: list[str]) -> list[Network]:
    """Address ranges from text.

    Raises:
        InvalidInput: one is not an address or range.
    """
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError:
            msg = f"{shown(text)} is not an address or range such as 10.1.2.0/24"
            raise InvalidInput(msg) from None
    return found


def _right(text: str) -> DeviceRight:
    try:
        return DeviceRight(text)
    except ValueError:
        allowed = ", ".join(right.value for right in DeviceRight)
        msg = f"{shown(text)} is not a right of devices. Take some of: {allowed}"
        raise InvalidInput(msg) from None


def _exemption(given: Enroll) -> PlainExemption | None:
    if not given.plain:
        if given.until is not None or given.owner or given.reason:
            msg = "--until, --owner and --reason go with --plain"
            raise InvalidInput(msg)
        return None
    if given.until is None:
        msg = "leave to speak without TLS has an end. Name it with --until"
        raise InvalidInput(msg)
    return PlainExemption(given.until, given.owner, given.reason)


def _enrolled(enrolled: Enrolled) -> Plain:
    certificate = enrolled.certificate
    expires = enrolled.device.certificate_expires_at
    if enrolled.device.exemption is not None:
        expires = enrolled.device.exemption.until
    return {
        "aet": enrolled.device.ae_title.value,
        "key_pem": certificate.private_key_pem if certificate else None,
        "certificate_pem": certificate.certificate_pem if certificate else None,
        "ca_pem": enrolled.ca_pem,
        "expires": expires.isoformat() if expires else None,
        "device": _told(enrolled.device),
    }


def _told(device: Device) -> Plain:
    exemption = device.exemption
    return {
        "aet": device.ae_title.value,
        "facility": device.facility,
        "may": sorted(right.value for right in device.rights),
        "ip": [str(network) for network in device.networks],
        "certificates": list(device.certificate_sha256),
        "certificate_expires": _time(device.certificate_expires_at),
        "plain": None
        if exemption is None
        else {
            "until": exemption.until.isoformat(),
            "owner": exemption.owner,
            "reason": exemption.reason,
        },
        "enrolled": _time(device.enrolled_at),
        "revoked": _time(device.revoked_at),
        "last_seen": _time(device.last_seen_at),
    }


def _time(when: datetime | None) -> str | None:
    return when.isoformat() if when else None
