"""The seven protocol data units of the upper layer (PS3.8 section 9.3).

`encoding.encode` and `decoding.decode` carry them to bytes and back.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from raykeep.domain.ae_title import AETitle
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.items import UserInformation

APPLICATION_CONTEXT = UID("1.2.840.10008.3.1.1.1")  # PS3.7 A.2.1, the only one there is


class PDUType(IntEnum):
    """First byte of a PDU."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    DATA_TF = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


class ContextResultCode(IntEnum):
    """Answers to a proposed presentation context (PS3.8 table 9-18)."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


class AbortSource(IntEnum):
    """Who aborts (PS3.8 table 9-26)."""

    SERVICE_USER = 0
    SERVICE_PROVIDER = 2


class AbortReason(IntEnum):
    """Why the service provider aborts (PS3.8 table 9-26); the service user always says 0."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PDU_PARAMETER = 4
    UNEXPECTED_PDU_PARAMETER = 5
    INVALID_PDU_PARAMETER = 6


class RejectResult(IntEnum):
    """Whether it is worth asking again (PS3.8 table 9-21)."""

    PERMANENT = 1
    TRANSIENT = 2


class RejectSource(IntEnum):
    """Who rejects (PS3.8 table 9-21); the meaning of the reason hangs on it."""

    SERVICE_USER = 1
    ACSE = 2
    PRESENTATION = 3


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """A presentation context as proposed.

    `abstract_syntax` is None where the proposal was no UID; such a context is
    answered with result 3. Transfer syntaxes that are no UIDs are left out.
    """

    context_id: int
    abstract_syntax: UID | None
    transfer_syntaxes: tuple[UID, ...]


@dataclass(frozen=True, slots=True)
class ContextResult:
    """The answer to one proposed context; only an accepted one has a transfer syntax."""

    context_id: int
    result: int
    transfer_syntax: UID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRQ:
    """A-ASSOCIATE-RQ."""

    called_ae_title: AETitle
    calling_ae_title: AETitle
    contexts: tuple[ProposedContext, ...]
    user_information: UserInformation
    application_context: UID = APPLICATION_CONTEXT
    protocol_version: int = 1  # a bit field; bit 0 is version 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateAC:
    """A-ASSOCIATE-AC.

    `echo` holds the 64 bytes of titles and reserved field, sent back as they
    came and never tested (PS3.8 table 9-17).
    """

    results: tuple[ContextResult, ...]
    user_information: UserInformation
    echo: bytes = field(default=bytes(64), repr=False)
    application_context: UID = APPLICATION_CONTEXT
    protocol_version: int = 1


@dataclass(frozen=True, slots=True)
class AssociateRJ:
    """A-ASSOCIATE-RJ; the codes of PS3.8 table 9-21."""

    result: int = RejectResult.PERMANENT
    source: int = RejectSource.SERVICE_USER
    reason: int = 1


@dataclass(frozen=True, slots=True)
class PDV:
    """A presentation data value: one fragment of a command set or a data set."""

    context_id: int
    is_command: bool
    is_last: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class DataTF:
    """P-DATA-TF; the association streams these and builds no such value on its way."""

    values: tuple[PDV, ...]


@dataclass(frozen=True, slots=True)
class ReleaseRQ:
    """A-RELEASE-RQ."""


@dataclass(frozen=True, slots=True)
class ReleaseRP:
    """A-RELEASE-RP."""


@dataclass(frozen=True, slots=True)
class Abort:
    """A-ABORT; `reason` is an `AbortReason` where the source is the provider."""

    source: int = AbortSource.SERVICE_USER
    reason: int = AbortReason.NOT_SPECIFIED


PDU: TypeAlias = AssociateRQ | AssociateAC | AssociateRJ | DataTF | ReleaseRQ | ReleaseRP | Abort
