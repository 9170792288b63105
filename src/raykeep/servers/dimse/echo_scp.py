"""C-ECHO (PS3.4 annex A)."""

from raykeep.servers.dimse.established import Established
from raykeep.servers.dimse.metrics import Count
from raykeep.services.verification import echo
from raykeep.wire.dimse.commands import CEchoRQ, CEchoRSP
from raykeep.wire.dimse.statuses import SUCCESS
from raykeep.wire.upperlayer.negotiation import AcceptedContext


def perform_echo(association: Established, _context: AcceptedContext, request: CEchoRQ) -> CEchoRSP:
    """Answer an echo."""
    echo(association.shared.enforcer, association.actor)
    association.shared.metrics.add(Count.ECHOES)
    return CEchoRSP(
        message_id_being_responded_to=request.message_id,
        affected_sop_class_uid=request.affected_sop_class_uid,
        status=SUCCESS,
    )
