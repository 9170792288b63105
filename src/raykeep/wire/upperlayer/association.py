"""One association as a value (PS3.8 section 9): bytes in, events out; calls in, bytes out.

It has no socket and no clock. Whoever moves the bytes does, in a loop:

1. `seconds_left(now)`: how long a read may wait; `timer_expired()` when it waited in vain.
2. `receive_data(data)`, or `connection_closed()` at the end of the stream.
3. `next_event()` until it says None, and act on each event.
4. write `data_to_send()`; when `is_closed`, close the transport connection.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from raykeep.domain.errors import AssociationRefused, LimitExceeded, ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.buffers import BytesLike
from raykeep.wire.upperlayer.events import (
    Aborted,
    AssociationAccepted,
    AssociationEvent,
    AssociationRejected,
    AssociationRequested,
    ConnectionLost,
    DataFragment,
    ProtocolViolation,
    Released,
    ReleaseRequested,
    RequestRefused,
    TimedOut,
)
from raykeep.wire.upperlayer.framing import Framing, PDUBody, PDUHeader
from raykeep.wire.upperlayer.items import UserInformation
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.negotiation import AcceptedContext, Negotiated, interpret
from raykeep.wire.upperlayer.pdu import (
    PDU,
    Abort,
    AbortReason,
    AbortSource,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    DataTF,
    PDUType,
    ReleaseRP,
    ReleaseRQ,
    decode,
    encode,
)
from raykeep.wire.upperlayer.states import TRANSITIONS, Action, Event, State

# Named by a UUID of its own (PS3.5 section B.2); one implementation, one UID.
IMPLEMENTATION_CLASS_UID = UID("2.25.158624062122958430164603435592137333281")
IMPLEMENTATION_VERSION_NAME = "RAYKEEP"

_RECEIVED = {
    PDUType.ASSOCIATE_AC: Event.Evt3,
    PDUType.ASSOCIATE_RJ: Event.Evt4,
    PDUType.ASSOCIATE_RQ: Event.Evt6,
    PDUType.DATA_TF: Event.Evt10,
    PDUType.RELEASE_RQ: Event.Evt12,
    PDUType.RELEASE_RP: Event.Evt13,
    PDUType.ABORT: Event.Evt16,
}
_DATA_STATES = frozenset({State.Sta6, State.Sta7})  # where P-DATA-TF may come
_WAITING_FOR = {
    State.Sta2: "an A-ASSOCIATE-RQ",
    State.Sta5: "the answer to an A-ASSOCIATE-RQ",
    State.Sta7: "an A-RELEASE-RP",
    State.Sta10: "an A-RELEASE-RP",
    State.Sta11: "an A-RELEASE-RP",
    State.Sta13: "the peer to close the connection",
}


class Association:
    """The upper layer's side of one association, acceptor's or requestor's.

    Whatever the peer sends, `receive_data` and `next_event` raise nothing: a
    breach of protocol becomes a `ProtocolViolation` event and the A-ABORT that
    PS3.8 prescribes. `ProtocolError` comes from calls of the local user that
    do not fit the state, say sending data after the peer aborted.
    """

    def __init__(self, limits: UpperLayerLimits, request: AssociateRQ | None) -> None:
        self._limits = limits
        self._is_requestor = request is not None
        self._request = request
        self._state = State.Sta1
        self._framing = Framing(limits)
        self._events: deque[AssociationEvent] = deque()
        self._outgoing: list[BytesLike] = []
        self._contexts: Mapping[int, AcceptedContext] = {}
        self._peer_information: UserInformation | None = None
        self._wait_ends: float | None = None  # at what `now`; None until it is told
        self._pdu_ends: float | None = None
        self._pdu_timed = 0  # number of the PDU that `_pdu_ends` is about
        self._finding = ""
        self._abort_reason = AbortReason.NOT_SPECIFIED

    @classmethod
    def acceptor(cls, limits: UpperLayerLimits | None = None) -> "Association":
        """An association whose transport connection was just accepted (Evt5, Sta2)."""
        association = cls(limits or UpperLayerLimits(), None)
        association._apply(Event.Evt5)  # noqa: SLF001 - its own class
        return association

    @classmethod
    def requestor(
        cls, request: AssociateRQ, limits: UpperLayerLimits | None = None
    ) -> "Association":
        """An association to ask for with `request` once `connected` is told (Evt1, Sta4)."""
        association = cls(limits or UpperLayerLimits(), request)
        association._apply(Event.Evt1)  # noqa: SLF001 - its own class
        return association

    # --- what it is -----------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state of PS3.8 section 9.2.1."""
        return self._state

    @property
    def is_established(self) -> bool:
        """Whether data may be sent now (Sta6, or Sta8 while a release waits for its answer)."""
        return self._state in {State.Sta6, State.Sta8}

    @property
    def is_closed(self) -> bool:
        """Whether the transport connection is to be closed once `data_to_send` is written."""
        return self._state is State.Sta1

    @property
    def request(self) -> AssociateRQ | None:
        """The A-ASSOCIATE-RQ, sent or received."""
        return self._request

    @property
    def contexts(self) -> Mapping[int, AcceptedContext]:
        """The accepted presentation contexts by their IDs."""
        return self._contexts

    @property
    def max_pdu_length_to_send(self) -> int:
        """The longest P-DATA-TF PDU that may go out, in bytes after its header."""
        theirs = self._peer_information.max_pdu_length if self._peer_information else 0
        ours = self._limits.max_pdu_length_sent
        return min(theirs, ours) if theirs else ours

    # --- what comes in --------------------------------------------------------------------------

    def receive_data(self, data: BytesLike) -> None:
        """Take bytes from the peer; `next_event` reads them.

        Views that earlier events hold are invalid from now on.

        Raises:
            ValueError: events of the earlier bytes were not read to the end.
        """
        self._framing.feed(data)
        if self._state is State.Sta6:
            self._wait_ends = None  # the silence is over

    def next_event(self) -> AssociationEvent | None:
        """Read as far as the next event; None when more bytes are needed."""
        framing = self._framing
        while not self._events:
            try:
                found = framing.next()
                if found is None:
                    return None
                if type(found) is DataFragment:
                    return found
                if type(found) is PDUHeader:
                    self._on_header(found)
                elif type(found) is PDUBody:
                    self._on_body(found)
            except AssociationRefused as refusal:
                self._refuse(refusal)
            except (ProtocolError, LimitExceeded) as error:
                self._violated(AbortReason.INVALID_PDU_PARAMETER, str(error))
        return self._events.popleft()

    def events_received(self) -> Iterator[AssociationEvent]:
        """The events of the bytes received, as `next_event` reads them."""
        return iter(self.next_event, None)

    def connection_closed(self) -> None:
        """The transport connection has ended, in order or not (Evt17)."""
        self._framing.stop()
        self._perform(Event.Evt17)

    # --- what goes out --------------------------------------------------------------------------

    def connected(self) -> None:
        """The requestor's transport connection stands (Evt2): send the request."""
        self._apply(Event.Evt2)

    def accept(
        self, negotiated: Negotiated, *, user_identity_response: bytes | None = None
    ) -> None:
        """Accept the association with what `negotiate` found (Evt7)."""
        self._contexts = negotiated.contexts
        self._framing.context_ids = frozenset(negotiated.contexts)
        answer = AssociateAC(
            results=negotiated.results,
            user_information=UserInformation(
                max_pdu_length=self._limits.max_pdu_length,
                implementation_class_uid=IMPLEMENTATION_CLASS_UID,
                implementation_version_name=IMPLEMENTATION_VERSION_NAME,
                roles=negotiated.roles,
                user_identity_response=user_identity_response,
            ),
            echo=self._echo,
        )
        self.send(answer)

    def reject(self, result: int, source: int, reason: int) -> None:
        """Reject the association with the codes of PS3.8 table 9-21 (Evt8)."""
        self.send(AssociateRJ(result, source, reason))
