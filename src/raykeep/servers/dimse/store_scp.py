"""C-STORE (PS3.4 annex B): the data set streams from the socket into the archive."""

from raykeep.servers.dimse.established import Established
from raykeep.servers.dimse.metrics import Count
from raykeep.services.ingest import Arrival, store_instance
from raykeep.wire.dimse.commands import CStoreRQ, CStoreRSP
from raykeep.wire.dimse.statuses import SUCCESS
from raykeep.wire.upperlayer.negotiation import AcceptedContext


def perform_store(
    association: Established, context: AcceptedContext, request: CStoreRQ
) -> CStoreRSP:
    """Take one instance in; success means that it is sealed, durable and on the trail."""
    shared = association.shared
    arrival = Arrival(
        transfer_syntax_uid=context.transfer_syntax,
        body=association.messages.data_set(),
        facility=association.device.facility,
        arrived_at=shared.clock.now(),
        sop_class_uid=request.affected_sop_class_uid,
        sop_instance_uid=request.affected_sop_instance_uid,
    )
    store_instance(shared.enforcer, association.actor, arrival, shared.ingest)
    shared.metrics.add(Count.STORED)
    return CStoreRSP(
        message_id_being_responded_to=request.message_id,
        affected_sop_class_uid=request.affected_sop_class_uid,
        affected_sop_instance_uid=request.affected_sop_instance_uid,
        status=SUCCESS,
    )
