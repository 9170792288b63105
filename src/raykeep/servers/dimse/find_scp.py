"""C-FIND (PS3.4 annex C.4.1): matches go out as they are found, and a cancel ends them."""

from collections.abc import Generator
from typing import Final

from raykeep.dicom.find_request import InformationModel, query_from_identifier
from raykeep.dicom.identifier import MatchEncoder
from raykeep.dicom.sop_classes import PATIENT_ROOT
from raykeep.domain.access import Action
from raykeep.domain.errors import InvalidInput, LimitExceeded
from raykeep.servers.dimse.established import Established
from raykeep.servers.dimse.metrics import Count
from raykeep.services.refusals import record_unreadable
from raykeep.services.search import search
from raykeep.transport.messages import Messages
from raykeep.wire.dimse.codec import encode
from raykeep.wire.dimse.commands import CFindRQ, CFindRSP
from raykeep.wire.dimse.statuses import (
    CANCEL,
    PENDING,
    PENDING_OPTIONAL_KEYS_UNSUPPORTED,
    SUCCESS,
)
from raykeep.wire.upperlayer.negotiation import AcceptedContext

MATCHES_AT_ONCE: Final = 100  # that are written together; then a cancel is looked for
MAX_IDENTIFIER_LENGTH: Final = 1_048_576  # bytes of the identifier of a query


def perform_find(association: Established, context: AcceptedContext, request: CFindRQ) -> CFindRSP:
    """Send a pending response for each match; the final one is returned."""
    shared, messages = association.shared, association.messages
    identifier = _whole_identifier(messages)
    patient_root = context.abstract_syntax in PATIENT_ROOT
    try:
        wanted = query_from_identifier(
            InformationModel.PATIENT_ROOT if patient_root else InformationModel.STUDY_ROOT,
            identifier,
            context.transfer_syntax,
        )
    except (InvalidInput, LimitExceeded) as error:
        record_unreadable(shared.enforcer, association.actor, Action.STUDY_SEARCH, error)
        raise
    encoder = MatchEncoder(
        wanted,
        retrieve_ae_title=shared.settings.ae_title,
        transfer_syntax_uid=context.transfer_syntax,
    )
    shared.metrics.add(Count.FINDS)
    pending = PENDING_OPTIONAL_KEYS_UNSUPPORTED if wanted.unsupported else PENDING
    # The same for every match, hence encoded once.
    command = encode(_response(request, pending, has_data_set=True))
    matches = search(shared.enforcer, association.actor, wanted.query)
    status, sent = SUCCESS, 0
    try:
        for match in matches:
            messages.send_encoded(context.context_id, command, (encoder.encode(match),))
            sent += 1
            if sent % MATCHES_AT_ONCE == 0:
                messages.flush()
                if messages.is_cancelled(request.message_id):
                    status = CANCEL
                    break
    finally:
        shared.metrics.add(Count.MATCHES, sent)
        if isinstance(matches, Generator):
            matches.close()  # it records how many went out
    return _response(request, status)


def _response(request: CFindRQ, status: int, *, has_data_set: bool = False) -> CFindRSP:
    return CFindRSP(
        message_id_being_responded_to=request.message_id,
        affected_sop_class_uid=request.affected_sop_class_uid,
        status=status,
        has_data_set=has_data_set,
    )


def _whole_identifier(messages: Messages) -> bytes:
    identifier = bytearray()
    for piece in messages.data_set():
        identifier += piece
        if len(identifier) > MAX_IDENTIFIER_LENGTH:
            allowed = MAX_IDENTIFIER_LENGTH
            raise LimitExceeded("length of an identifier", len(identifier), allowed, "bytes")
    return bytes(identifier)
