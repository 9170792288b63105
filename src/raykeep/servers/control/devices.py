"""`raykeep device …`."""

from datetime import datetime
from ipaddress import ip_network
from typing import Annotated

from msgspec import Meta

from raykeep.domain.access import Actor
from raykeep.domain.ae_title import AETitle
from raykeep.domain.device import Device, DeviceRight, Network, PlainExemption
from raykeep.domain.errors import InvalidInput, shown
from raykeep.domain.facility import FacilityName
from raykeep.servers.control.context import Context
from raykeep.servers.control.plain import state_of, time_text
from raykeep.servers.control.steps import Plain
from raykeep.servers.control.table import CommandTable, Nothing, Parameters
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

MAX_NETWORKS = 64  # address ranges of one device or token
MAX_OWNER = 64  # characters
MAX_REASON = 200  # characters

Networks = Annotated[tuple[str, ...], Meta(max_length=MAX_NETWORKS)]


class Enroll(Parameters, frozen=True):
    """`device enroll`. Times are ISO 8601 with an offset; PEMs are texts."""

    aet: str
    facility: str
    may: tuple[str, ...]
    ip: Networks = ()
    csr: str | None = None
    cert: str | None = None
    plain: bool = False
    until: Annotated[datetime, Meta(tz=True)] | None = None
    owner: Annotated[str, Meta(max_length=MAX_OWNER)] = ""
    reason: Annotated[str, Meta(max_length=MAX_REASON)] = ""


class ByTitle(Parameters, frozen=True):
    """Commands on one device."""

    aet: str


class Renew(Parameters, frozen=True):
    """`device renew`."""

    aet: str
    csr: str | None = None


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
    return _enrolled(context, enroll_device(context.enforcer, actor, wanted, context.clock))


@COMMANDS.answer("device.renew", Renew)
def renew(context: Context, actor: Actor, given: Renew) -> Plain:
    """Issue a new certificate."""
    title = AETitle(given.aet)
    return _enrolled(context, renew_device(context.enforcer, actor, title, given.csr))


@COMMANDS.answer("device.revoke", ByTitle)
def revoke(context: Context, actor: Actor, given: ByTitle) -> Plain:
    """Cut a device off."""
    device = revoke_device(context.enforcer, actor, AETitle(given.aet), context.clock)
    return {"aet": device.ae_title.value, "revoked": True}


@COMMANDS.answer("device.list", Nothing)
def list_all(context: Context, actor: Actor, _: Nothing) -> Plain:
    """All devices, by AE title."""
    now = context.clock.now()
    return {"devices": [_told(d, now) for d in list_devices(context.enforcer, actor)]}


@COMMANDS.answer("device.show", ByTitle)
def show(context: Context, actor: Actor, given: ByTitle) -> Plain:
    """One device."""
    device = show_device(context.enforcer, actor, AETitle(given.aet))
    return _told(device, context.clock.now())


def networks(texts: tuple[str, ...]) -> list[Network]:
    """Address ranges from text.

    Raises:
        InvalidInput: one is not an address or range.
    """
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError:
            msg = f"{shown(text)} is not an address or a range. Write it like 10.1.2.0/24"
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
            msg = "--until, --owner and --reason go with --plain. Add it, or leave them out"
            raise InvalidInput(msg)
        return None
    if given.until is None:
        msg = "leave to speak without TLS has an end. Name it with --until"
        raise InvalidInput(msg)
    return PlainExemption(given.until, given.owner, given.reason)


def _enrolled(context: Context, enrolled: Enrolled) -> Plain:
    certificate = enrolled.certificate
    device = enrolled.device
    return {
        "aet": device.ae_title.value,
        "key_pem": certificate.private_key_pem if certificate else None,
        "certificate_pem": certificate.certificate_pem if certificate else None,
        "ca_pem": enrolled.ca_pem,
        "expires": time_text(_end_of(device)),
        "device": _told(device, context.clock.now()),
    }


def _end_of(device: Device) -> datetime | None:
    """When the device must have something new to be let in."""
    return device.exemption.until if device.exemption else device.certificate_expires_at


def _told(device: Device, now: datetime) -> Plain:
    exemption = device.exemption
    plain = None
    if exemption is not None:
        plain = {
            "until": time_text(exemption.until),
            "owner": exemption.owner,
            "reason": exemption.reason,
        }
    return {
        "aet": device.ae_title.value,
        "facility": device.facility,
        "may": sorted(right.value for right in device.rights),
        "ip": [str(network) for network in device.networks],
        "state": state_of(device.revoked_at, _end_of(device), now),
        "expires": time_text(_end_of(device)),
        "certificates": list(device.certificate_sha256),
        "plain": plain,
        "enrolled": time_text(device.enrolled_at),
        "revoked": time_text(device.revoked_at),
        "last_seen": time_text(device.last_seen_at),
    }
