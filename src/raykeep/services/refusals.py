"""Recording what was refused before a service could even begin: requests that cannot be read."""

from contextlib import suppress

from raykeep.domain.access import Action, Actor
from raykeep.domain.errors import ArchiveError
from raykeep.domain.facility import FacilityName
from raykeep.enforcement.door import Enforcer


def record_unreadable(
    enforcer: Enforcer,
    actor: Actor,
    action: Action,
    error: ArchiveError,
    *,
    facility: FacilityName | None = None,
    count: int = 1,
) -> None:
    """Record a request that broke the rules of its form, as a failure of what it asked for.

    Args:
        enforcer: The door.
        actor: Who asked.
        action: What for.
        error: What was wrong; of several, with the first.
        facility: The tenant concerned, where one is.
        count: How many there were.

    Raises:
        AccessDenied: `actor` may not do this at all, however it asks.
    """
    with suppress(type(error)), enforcer.operation(actor, action) as op:
        op.note(facility=facility, count=count)
        raise error
