"""PDUs to bytes (PS3.8 section 9.3)."""

import struct

from raykeep.domain.ae_title import AETitle
from raykeep.wire.upperlayer.items import ItemType, item
from raykeep.wire.upperlayer.pdu import (
    PDU,
    PDV,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ContextResult,
    DataTF,
    PDUType,
    ProposedContext,
    ReleaseRP,
    ReleaseRQ,
)
from raykeep.wire.upperlayer.user_information import encode_user_information

_HEADER = struct.Struct(">BxI")
_PDV_HEADER = struct.Struct(">IBB")
_ASSOCIATE_HEAD = struct.Struct(">H2x64s")
_RESERVED = bytes(32)
_SHORT = {
    AssociateRJ: PDUType.ASSOCIATE_RJ,
    ReleaseRQ: PDUType.RELEASE_RQ,
    ReleaseRP: PDUType.RELEASE_RP,
    Abort: PDUType.ABORT,
}


def encode(pdu: PDU) -> bytes:
    """Encode one PDU, header and all.

    Raises:
        LimitExceeded: an item is longer than its length field can say.
    """
    pdu_type, body = _typed_body(pdu)
    return _HEADER.pack(pdu_type, len(body)) + body


def _typed_body(pdu: PDU) -> tuple[PDUType, bytes]:
    match pdu:
        case AssociateRQ():
            return PDUType.ASSOCIATE_RQ, _encode_rq(pdu)
        case AssociateAC():
            return PDUType.ASSOCIATE_AC, _encode_ac(pdu)
        case DataTF():
            return PDUType.DATA_TF, b"".join(map(_encode_pdv, pdu.values))
        case _:
            return _SHORT[type(pdu)], _short_body(pdu)


def _short_body(pdu: AssociateRJ | ReleaseRQ | ReleaseRP | Abort) -> bytes:
    match pdu:
        case AssociateRJ():
            return bytes((0, pdu.result, pdu.source, pdu.reason))
        case Abort():
            return bytes((0, 0, pdu.source, pdu.reason))
        case _:
            return bytes(4)


def _encode_pdv(one: PDV) -> bytes:
    control = one.is_command | one.is_last << 1  # message control header, PS3.8 E.2
    return _PDV_HEADER.pack(len(one.data) + 2, one.context_id, control) + one.data


def _title_field(title: AETitle) -> bytes:
    """A title in the 16 bytes that it has in a PDU."""
    return title.value.encode("ascii").ljust(16)


def _encode_rq(pdu: AssociateRQ) -> bytes:
    titles = _title_field(pdu.called_ae_title) + _title_field(pdu.calling_ae_title) + _RESERVED
    return b"".join(
        (
            _ASSOCIATE_HEAD.pack(pdu.protocol_version, titles),
            item(ItemType.APPLICATION_CONTEXT, pdu.application_context.encode("ascii")),
            *map(_encode_proposed, pdu.contexts),
            item(ItemType.USER_INFORMATION, encode_user_information(pdu.user_information)),
        )
    )


def _encode_proposed(context: ProposedContext) -> bytes:
    abstract = context.abstract_syntax or ""
    syntaxes = (
        item(ItemType.TRANSFER_SYNTAX, one.encode("ascii")) for one in context.transfer_syntaxes
    )
    head = bytes((context.context_id, 0, 0, 0))
    return item(
        ItemType.PROPOSED_CONTEXT,
        head + item(ItemType.ABSTRACT_SYNTAX, abstract.encode("ascii")) + b"".join(syntaxes),
    )


def _encode_ac(pdu: AssociateAC) -> bytes:
    return b"".join(
        (
            _ASSOCIATE_HEAD.pack(pdu.protocol_version, pdu.echo),
            item(ItemType.APPLICATION_CONTEXT, pdu.application_context.encode("ascii")),
            *map(_encode_result, pdu.results),
            item(ItemType.USER_INFORMATION, encode_user_information(pdu.user_information)),
        )
    )


def _encode_result(one: ContextResult) -> bytes:
    # A rejected context carries the sub-item too. Its value is not tested (PS3.8 9.3.3.2), yet
    # an empty one upsets some peers: all get the default transfer syntax of PS3.5 section 10.1.
    syntax = (one.transfer_syntax or "1.2.840.10008.1.2").encode("ascii")
    return item(
        ItemType.CONTEXT_RESULT,
        bytes((one.context_id, 0, one.result, 0)) + item(ItemType.TRANSFER_SYNTAX, syntax),
    )
