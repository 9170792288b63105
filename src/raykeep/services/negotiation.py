"""What a device proposes and may not use."""

from contextlib import suppress

from raykeep.domain.access import Action, Actor
from raykeep.domain.errors import AccessDenied
from raykeep.enforcement.door import Enforcer


def refuse_service(enforcer: Enforcer, actor: Actor, action: Action) -> None:
    """Record that a device proposed a service that it has no right to.

    The policy is asked first, as always; where it would permit, the device's
    rights still do not, and the denial says so.
    """
    with suppress(AccessDenied), enforcer.operation(actor, action):
        raise AccessDenied("the service was proposed and is not one of the device's rights")
