"""Facilities: added and listed."""

from raykeep.domain.access import Action, Actor
from raykeep.domain.changes import AddFacility
from raykeep.domain.errors import AlreadyExists, FacilityNotFound, InvalidInput
from raykeep.domain.facility import Facility, FacilityName
from raykeep.enforcement.door import Enforcer
from raykeep.ports.clock import Clock

MAX_TITLE = 64  # characters


def add_facility(
    enforcer: Enforcer, actor: Actor, name: FacilityName, title: str, clock: Clock
) -> Facility:
    """Register a tenant and make its key.

    The key comes first: a facility without a row but with a key does no harm.

    Raises:
        AccessDenied: `actor` may not.
        AlreadyExists: the name is taken.
        KeyUnavailable: the root key is away.
    """
    if not (title.isprintable() and len(title) <= MAX_TITLE):
        msg = f"a facility's title has up to {MAX_TITLE} printable characters"
        raise InvalidInput(msg)
    with enforcer.operation(actor, Action.FACILITY_ADD) as op:
        if op.registry.facility(name) is not None:
            msg = f"facility '{name}' is there already. Choose another name"
            raise AlreadyExists(msg)
        key = op.key_administration.create_facility_key(name)
        facility = Facility(name, title or name, clock.now())
        op.change(AddFacility(facility))
        op.note(facility=name, details={"key_version": key.version})
    return facility


def list_facilities(enforcer: Enforcer, actor: Actor) -> list[Facility]:
    """All facilities, by name.

    Raises:
        AccessDenied: `actor` may not.
    """
    with enforcer.operation(actor, Action.FACILITY_READ) as op:
        facilities = op.registry.facilities()
        op.note(count=len(facilities))
    return facilities


def show_facility(enforcer: Enforcer, actor: Actor, name: FacilityName) -> Facility:
    """One facility.

    Raises:
        AccessDenied: `actor` may not.
        FacilityNotFound: there is none of that name.
    """
    with enforcer.operation(actor, Action.FACILITY_READ) as op:
        facility = op.registry.facility(name)
        if facility is None:
            msg = f"no facility '{name}'. `raykeep facility list` shows them"
            raise FacilityNotFound(msg)
        op.note(facility=name, count=1)
    return facility
