"""Bytes to PDUs, within limits (PS3.8 section 9.3)."""

import struct

from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import AssociationRefused, InvalidAETitle, LimitExceeded, ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.items import (
    ItemType,
    UserInformation,
    items,
    uid_or_none,
)
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.pdu import (
    APPLICATION_CONTEXT,
    PDU,
    PDV,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ContextResult,
    ContextResultCode,
    DataTF,
    PDUType,
    ProposedContext,
    RejectSource,
    ReleaseRP,
    ReleaseRQ,
)
from raykeep.wire.upperlayer.user_information import decode_user_information

_PDV_HEADER = struct.Struct(">IBB")
_ASSOCIATE_HEAD = struct.Struct(">H2x64s")
_SHORT_LENGTH = 4  # bytes of the PDUs that have no items, PS3.8 9.3.4 and 9.3.6 to 9.3.8
_CONTROL_LENGTH = 2  # bytes of a PDV's length that are not data
_CONTEXT_HEAD_LENGTH = 4  # bytes before a context's sub-items, PS3.8 9.3.2.2


def decode(pdu_type: int, body: bytes, limits: UpperLayerLimits) -> PDU:
    """Decode what follows the header of a PDU.

    Raises:
        ProtocolError: the bytes are not such a PDU.
        LimitExceeded: they hold more than `limits` allow.
        AssociationRefused: a request that is well formed and still cannot be
            taken, with the codes of the A-ASSOCIATE-RJ that says so (AE-6).
    """
    match pdu_type:
        case PDUType.ASSOCIATE_RQ:
            return _decode_rq(body, limits)
        case PDUType.ASSOCIATE_AC:
            return _decode_ac(body, limits)
        case PDUType.DATA_TF:
            return DataTF(tuple(_decode_pdvs(body, limits)))
        case PDUType.ASSOCIATE_RJ | PDUType.RELEASE_RQ | PDUType.RELEASE_RP | PDUType.ABORT:
            return _decode_short(pdu_type, body)
        case _:
            raise ProtocolError(f"PDU type {pdu_type:02X}H is unknown")


def _decode_short(pdu_type: int, body: bytes) -> PDU:
    if len(body) != _SHORT_LENGTH:
        raise ProtocolError(f"a PDU of type {pdu_type:02X}H has {len(body)} bytes instead of 4")
    match pdu_type:
        case PDUType.ASSOCIATE_RJ:
            return AssociateRJ(body[1], body[2], body[3])
        case PDUType.RELEASE_RQ:
            return ReleaseRQ()
        case PDUType.RELEASE_RP:
            return ReleaseRP()
        case _:
            return Abort(body[2], body[3])


def _decode_pdvs(body: bytes, limits: UpperLayerLimits) -> list[PDV]:
    values: list[PDV] = []
    at, end = 0, len(body)
    while at < end:
        if end - at < _PDV_HEADER.size:
            raise ProtocolError("a presentation data value ends within its header")
        length, context_id, control = _PDV_HEADER.unpack_from(body, at)
        at += _PDV_HEADER.size
        if not _CONTROL_LENGTH <= length <= end - at + _CONTROL_LENGTH:
            raise ProtocolError(f"a presentation data value of {length} bytes does not fit its PDU")
        if len(values) == limits.max_pdvs_per_pdu:
            allowed = limits.max_pdvs_per_pdu
            raise LimitExceeded("presentation data values in a PDU", allowed + 1, allowed)
        data = body[at : at + length - _CONTROL_LENGTH]
        at += length - _CONTROL_LENGTH
        values.append(PDV(context_id, bool(control & 1), bool(control & 2), data))
    if not values:
        raise ProtocolError("a P-DATA-TF PDU holds no presentation data value")
    return values


class _AssociateItems:
    """What the variable part of an association PDU holds."""

    def __init__(self, raw: bytes, context_type: int, limits: UpperLayerLimits) -> None:
        application: UID | None = None
        information: UserInformation | None = None
        self.contexts: list[bytes] = []
        for item_type, value in items(raw):
            if item_type == context_type:
                self.contexts.append(value)
                if len(self.contexts) > limits.max_presentation_contexts:
                    allowed = limits.max_presentation_contexts
                    raise LimitExceeded("number of presentation contexts", allowed + 1, allowed)
            elif item_type == ItemType.APPLICATION_CONTEXT:
                application = uid_or_none(value)
            elif item_type == ItemType.USER_INFORMATION:
                if information is not None:
                    raise ProtocolError("user information stands twice in one association PDU")
                information = decode_user_information(value, limits)
        if information is None:
            raise ProtocolError("an association PDU has no user information")
        self.application_context = application
        self.user_information = information


def _associate_head(body: bytes) -> tuple[int, bytes]:
    if len(body) < _ASSOCIATE_HEAD.size:
        raise ProtocolError(f"an association PDU has only {len(body)} bytes")
    version, echo = _ASSOCIATE_HEAD.unpack_from(body)
    return version, echo


def _decode_rq(body: bytes, limits: UpperLayerLimits) -> AssociateRQ:
    version, titles = _associate_head(body)
    found = _AssociateItems(body[_ASSOCIATE_HEAD.size :], ItemType.PROPOSED_CONTEXT, limits)
    contexts = _decode_contexts(found.contexts, limits)
    if not version & 1:
        raise AssociationRefused(
            f"protocol version {version:04X}H is not supported",
            source=RejectSource.ACSE,
            diagnostic=2,
        )
    if found.application_context != APPLICATION_CONTEXT:
        raise AssociationRefused("the application context is not DICOM's", diagnostic=2)
    theirs = found.user_information.max_pdu_length
    if 0 < theirs < limits.min_peer_pdu_length:
        raise AssociationRefused(
            f"the requestor takes PDUs of {theirs} bytes only",
            source=RejectSource.PRESENTATION,
            diagnostic=2,
        )
    return AssociateRQ(
        called_ae_title=_title(titles[:16], "called", 7),
        calling_ae_title=_title(titles[16:32], "calling", 3),
        contexts=contexts,
        user_information=found.user_information,
        application_context=found.application_context,
        protocol_version=version,
    )


def _title(raw: bytes, which: str, diagnostic: int) -> AETitle:
    try:
        return AETitle.parse(raw)
    except InvalidAETitle as error:
        raise AssociationRefused(f"{which} AE title: {error}", diagnostic=diagnostic) from error


def _decode_contexts(raw: list[bytes], limits: UpperLayerLimits) -> tuple[ProposedContext, ...]:
    contexts: dict[int, ProposedContext] = {}
    syntaxes = 0
    for value in raw:
        context = _decode_proposed(value, limits)
        syntaxes += len(context.transfer_syntaxes)
        if syntaxes > limits.max_transfer_syntaxes:
            allowed = limits.max_transfer_syntaxes
            raise LimitExceeded("number of proposed transfer syntaxes", syntaxes, allowed)
        if context.context_id in contexts:
            raise ProtocolError(f"presentation context {context.context_id} is proposed twice")
        contexts[context.context_id] = context
    if not contexts:
        raise ProtocolError("an A-ASSOCIATE-RQ proposes no presentation context")
    return tuple(contexts.values())


def _context_head(value: bytes) -> tuple[int, int]:
    """Context ID and result byte."""
    if len(value) < _CONTEXT_HEAD_LENGTH:
        raise ProtocolError("a presentation context item is cut short")
    if not value[0] % 2:
        raise ProtocolError(f"presentation context ID {value[0]} is not odd")
    return value[0], value[2]


def _decode_proposed(value: bytes, limits: UpperLayerLimits) -> ProposedContext:
    context_id, _ = _context_head(value)
    abstract: list[bytes] = []
    transfer: list[bytes] = []
    for item_type, raw in items(value[_CONTEXT_HEAD_LENGTH:]):
        if item_type == ItemType.ABSTRACT_SYNTAX:
            abstract.append(raw)
        elif item_type == ItemType.TRANSFER_SYNTAX:
            transfer.append(raw)
            if len(transfer) > limits.max_transfer_syntaxes_per_context:
                allowed = limits.max_transfer_syntaxes_per_context
                name = "number of transfer syntaxes in one presentation context"
                raise LimitExceeded(name, allowed + 1, allowed)
    if len(abstract) != 1 or not transfer:
        raise ProtocolError(
            f"presentation context {context_id} has {len(abstract)} abstract and "
            f"{len(transfer)} transfer syntaxes instead of one and one or more"
        )
    syntaxes = tuple(uid for raw in transfer if (uid := uid_or_none(raw)) is not None)
    return ProposedContext(context_id, uid_or_none(abstract[0]), syntaxes)


def _decode_ac(body: bytes, limits: UpperLayerLimits) -> AssociateAC:
    version, echo = _associate_head(body)
    found = _AssociateItems(body[_ASSOCIATE_HEAD.size :], ItemType.CONTEXT_RESULT, limits)
    results = tuple(map(_decode_result, found.contexts))
    if len({one.context_id for one in results}) != len(results):
        raise ProtocolError("an A-ASSOCIATE-AC answers a presentation context twice")
    theirs = found.user_information.max_pdu_length
    if 0 < theirs < limits.min_peer_pdu_length:
        raise ProtocolError(f"the acceptor takes PDUs of {theirs} bytes only")
    return AssociateAC(
        results=results,
        user_information=found.user_information,
        echo=echo,
        application_context=found.application_context or APPLICATION_CONTEXT,
        protocol_version=version,
    )


def _decode_result(value: bytes) -> ContextResult:
    context_id, result = _context_head(value)
    if result != ContextResultCode.ACCEPTANCE:
        return ContextResult(context_id, result)  # the transfer syntax is not significant
    found = items(value[_CONTEXT_HEAD_LENGTH:])
    syntaxes = [raw for item_type, raw in found if item_type == ItemType.TRANSFER_SYNTAX]
    syntax = uid_or_none(syntaxes[0]) if len(syntaxes) == 1 else None
    if syntax is None:
        raise ProtocolError(f"presentation context {context_id} is accepted without a syntax")
    return ContextResult(context_id, result, syntax)
