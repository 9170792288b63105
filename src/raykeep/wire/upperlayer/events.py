"""What an association tells its user: the indications and confirmations of PS3.8 section 7."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from raykeep.domain.errors import AssociationRefused
from raykeep.wire.upperlayer.negotiation import AcceptedContext
from raykeep.wire.upperlayer.pdu import AssociateAC, AssociateRQ


# A tuple: thousands of these are made a second, and a tuple is the cheapest frozen type.
class DataFragment(NamedTuple):
    """A piece of a command set or a data set.

    `data` is a view into the buffer given to `receive_data`, valid until the
    next call of it. A PDV that crosses buffers comes as several fragments, of
    which only the last may say `is_last`.
    """

    context_id: int
    is_command: bool
    is_last: bool  # the message's command set or data set ends with this piece
    data: memoryview


@dataclass(frozen=True, slots=True)
class AssociationRequested:
    """A-ASSOCIATE indication: answer with `accept` or `reject`."""

    request: AssociateRQ


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """The layer itself turned a request away; the A-ASSOCIATE-RJ waits to be sent (AE-6)."""

    refusal: AssociationRefused


@dataclass(frozen=True, slots=True)
class AssociationAccepted:
    """A-ASSOCIATE confirmation: the acceptor took our request."""

    answer: AssociateAC
    contexts: Mapping[int, AcceptedContext]


@dataclass(frozen=True, slots=True)
class AssociationRejected:
    """A-ASSOCIATE confirmation: the acceptor rejected our request (PS3.8 table 9-21)."""

    result: int
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """A-RELEASE indication: answer with `release` when the work is done."""


@dataclass(frozen=True, slots=True)
class Released:
    """A-RELEASE confirmation: the association has ended in order."""


@dataclass(frozen=True, slots=True)
class Aborted:
    """The peer sent an A-ABORT (PS3.8 table 9-26)."""

    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class ProtocolViolation:
    """The peer broke PS3.8; the A-ABORT waits to be sent. `finding` is for the trail."""

    reason: int  # an `AbortReason`
    finding: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The peer let a time run out; `waiting_for` says which, in words."""

    waiting_for: str


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The transport connection ended without a release or an abort."""


AssociationEvent: TypeAlias = (
    DataFragment
    | AssociationRequested
    | RequestRefused
    | AssociationAccepted
    | AssociationRejected
    | ReleaseRequested
    | Released
    | Aborted
    | ProtocolViolation
    | TimedOut
    | ConnectionLost
)
