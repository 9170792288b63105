"""Which facility a new instance belongs to."""

from raykeep.domain.access import Actor
from raykeep.domain.errors import InvalidInput
from raykeep.domain.facility import FacilityName


def home_facility(actor: Actor, wanted: FacilityName | None = None) -> FacilityName:
    """The facility that what `actor` brings belongs to.

    Raises:
        InvalidInput: the actor has several and named none. (A facility that is not the
            actor's is the policy's to refuse.)
    """
    if wanted is not None:
        return wanted
    if len(actor.facilities) == 1:
        return next(iter(actor.facilities))
    msg = f"{actor.kind} '{actor.name}' acts in several facilities: name the one that is meant"
    raise InvalidInput(msg)
