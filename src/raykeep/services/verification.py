"""C-ECHO."""

from raykeep.domain.access import Action, Actor
from raykeep.enforcement.door import Enforcer


def echo(enforcer: Enforcer, actor: Actor) -> None:
    """Answer an echo; recorded like anything else.

    Raises:
        AccessDenied: the device has no right to it.
    """
    with enforcer.operation(actor, Action.ASSOCIATION_ECHO):
        pass
