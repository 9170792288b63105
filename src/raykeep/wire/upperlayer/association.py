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
from raykeep.wire.upperlayer.decoding import decode
from raykeep.wire.upperlayer.encoding import encode
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
)
from raykeep.wire.upperlayer.states import TRANSITIONS, Action, Event, State
from raykeep.wire.upperlayer.timing import Timing, waiting_for

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
# PDUs whose body is read; any other is judged by its header and the state alone.
_WITH_BODY = frozenset({(Event.Evt6, State.Sta2), (Event.Evt3, State.Sta5)})
_SHORT = frozenset({Event.Evt4, Event.Evt12, Event.Evt13, Event.Evt16})


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
        self._first_pdu = encode(request) if request is not None else b""
        self._state = State.Sta1
        self._framing = Framing(limits)
        self._events: deque[AssociationEvent] = deque()
        self._outgoing: list[BytesLike] = []
        self._contexts: Mapping[int, AcceptedContext] = {}
        self._peer_information: UserInformation | None = None
        self._timing = Timing(limits)
        self._echo = bytes(64)  # of the request, for the answer
        self._release_answered = False  # before the collision allowed it
        self._violation = ProtocolViolation(AbortReason.NOT_SPECIFIED, "")

    @classmethod
    def acceptor(cls, limits: UpperLayerLimits | None = None) -> "Association":
        """An association whose transport connection was just accepted (Evt5, Sta2)."""
        association = cls(limits or UpperLayerLimits(), None)
        association._perform(Event.Evt5)
        return association

    @classmethod
    def requestor(
        cls, request: AssociateRQ, limits: UpperLayerLimits | None = None
    ) -> "Association":
        """An association to ask for with `request` once `connected` is told (Evt1, Sta4)."""
        association = cls(limits or UpperLayerLimits(), request)
        association._perform(Event.Evt1)
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
            ValueError: events of the earlier bytes were not read to the end,
                or the transport connection was never told to stand.
        """
        if self._state is State.Sta4:
            msg = "tell the association that it is connected before it receives data"
            raise ValueError(msg)
        self._framing.feed(data)
        if self._state is State.Sta6:
            self._timing.restart()  # the silence is over

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
        if self._state is not State.Sta1:
            self._framing.stop()
            self._perform(Event.Evt17)

    # --- what goes out --------------------------------------------------------------------------

    def connected(self) -> None:
        """The requestor's transport connection stands (Evt2): send the request."""
        self._perform(Event.Evt2)

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

    def send_data(self, buffers: Iterable[BytesLike]) -> None:
        """Queue encoded P-DATA-TF PDUs, such as `dimse.exchange` makes (Evt9).

        The buffers are not copied: leave them alone until they are written.

        Raises:
            ProtocolError: the association is not, or no longer, established.
        """
        if self._state is not State.Sta6:  # the common case costs no look into the table
            self._action(Event.Evt9)
        self._outgoing.extend(buffers)
        self._timing.restart()

    def release(self) -> None:
        """Ask for the release, or answer the peer's wish for it (Evt11, Evt14).

        Raises:
            ProtocolError: there is no association to release.
        """
        if self._state is State.Sta10:  # the peer's answer to our own request comes first
            self._release_answered = True
        elif self._state in {State.Sta8, State.Sta9, State.Sta12}:
            self.send(ReleaseRP())
        else:
            self.send(ReleaseRQ())

    def abort(self, source: int = AbortSource.SERVICE_USER, reason: int = 0) -> None:
        """End the association at once, in any state (Evt15).

        A server that finds a breach of PS3.7 is the service user: source 0.
        """
        if self._state is State.Sta2:
            self._close()  # no association yet, nobody to tell
        elif self._state not in {State.Sta1, State.Sta13}:
            self._perform(Event.Evt15, Abort(source, reason))

    def send(self, pdu: PDU) -> None:
        """Send one primitive, given as its PDU.

        Raises:
            ProtocolError: the state does not allow it (a blank of table 9-10).
        """
        match pdu:
            case AssociateAC():
                self._perform(Event.Evt7, pdu)
            case AssociateRJ():
                self._perform(Event.Evt8, pdu)
            case DataTF():
                self._perform(Event.Evt9, pdu)
            case ReleaseRQ():
                self._perform(Event.Evt11, pdu)
            case ReleaseRP():
                self._perform(Event.Evt14, pdu)
            case Abort():
                self._perform(Event.Evt15, pdu)
            case AssociateRQ():
                msg = "a request is given to Association.requestor and sent by connected()"
                raise ValueError(msg)

    def data_to_send(self) -> list[BytesLike]:
        """Take the buffers that wait to be written, in order, fit for `sendmsg`."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    # --- time -----------------------------------------------------------------------------------

    def seconds_left(self, now: float) -> float | None:
        """How long a read may wait before `timer_expired` is due.

        Args:
            now: Seconds of a clock that never goes back.

        Returns:
            Seconds, 0 or less when the time is out; None when nothing is awaited.
        """
        framing = self._framing
        within = framing.pdus_begun if framing.within_pdu else 0
        return self._timing.seconds_left(now, self._state, within)

    def timer_expired(self) -> None:
        """The time that `seconds_left` gave has passed without what was awaited (Evt18)."""
        if self._state is State.Sta1:
            return
        self._events.append(TimedOut(waiting_for(self._state)))
        if self._state in {State.Sta2, State.Sta13}:
            self._perform(Event.Evt18)
        else:
            self._perform(Event.Evt15, Abort())

    # --- the state machine ----------------------------------------------------------------------

    def _on_header(self, header: PDUHeader) -> None:
        pdu_type, length = header
        if pdu_type not in _RECEIVED:
            finding = f"PDU type {pdu_type:02X}H is unknown"
            self._violated(AbortReason.UNRECOGNIZED_PDU, finding)
            return
        event = _RECEIVED[PDUType(pdu_type)]
        if (event, self._state) in _WITH_BODY or event in _SHORT:
            self._framing.collect(header)
            return
        # Not awaited here: the state alone decides, the body is passed over unseen.
        self._framing.skip(length)
        self._receive(event, None)

    def _on_body(self, found: PDUBody) -> None:
        pdu = decode(found.pdu_type, found.body, self._limits)
        if isinstance(pdu, AssociateRQ):
            self._echo = found.body[4:68]
        self._receive(_RECEIVED[PDUType(found.pdu_type)], pdu)

    def _receive(self, event: Event, pdu: PDU | None) -> None:
        finding = f"{event.value} in {self._state.name}, {self._state.value}"
        self._violation = ProtocolViolation(AbortReason.UNEXPECTED_PDU, finding)
        self._perform(event, pdu)

    def _violated(self, reason: AbortReason, finding: str) -> None:
        self._violation = ProtocolViolation(reason, finding)
        self._framing.stop()
        self._perform(Event.Evt19)

    def _refuse(self, refusal: AssociationRefused) -> None:
        """AE-6, second half: the request is well formed and cannot be taken."""
        self._events.append(RequestRefused(refusal))
        self._outgoing.append(
            encode(AssociateRJ(refusal.result, refusal.source, refusal.diagnostic))
        )
        self._enter(State.Sta13)

    def _action(self, event: Event) -> Action:
        action = TRANSITIONS.get((event, self._state))
        if action is None:
            raise ProtocolError(
                f"{event.value} does not fit {self._state.name}, {self._state.value}. "
                "End the work on this association"
            )
        return action

    def _perform(self, event: Event, pdu: PDU | None = None) -> None:
        action = self._action(event)
        match action.value[:2]:
            case "AE":
                self._establish(action, pdu)
            case "AA":
                self._abort_by(action, pdu)
            case _:
                self._transfer_or_release(action, pdu)

    def _establish(self, action: Action, pdu: PDU | None) -> None:
        """The actions of PS3.8 table 9-6."""
        match action, pdu:
            case Action.AE_1, _:
                self._enter(State.Sta4)
            case Action.AE_2, _:
                self._outgoing.append(self._first_pdu)
                self._enter(State.Sta5)
            case Action.AE_3, AssociateAC() as answer:
                self._confirm(answer)
            case Action.AE_4, AssociateRJ() as no:
                self._events.append(AssociationRejected(no.result, no.source, no.reason))
                self._close()
            case Action.AE_5, _:
                self._enter(State.Sta2)
            case Action.AE_6, AssociateRQ() as request:
                self._request = request
                self._peer_information = request.user_information
                self._events.append(AssociationRequested(request))
                self._enter(State.Sta3)
            case Action.AE_7, AssociateAC() as answer:
                self._outgoing.append(encode(answer))
                self._enter(State.Sta6)
            case Action.AE_8, AssociateRJ() as no:
                self._outgoing.append(encode(no))
                self._enter(State.Sta13)
            case _:
                msg = f"{action.value} needs its primitive"
                raise ValueError(msg)

    def _confirm(self, answer: AssociateAC) -> None:
        if self._request is not None:
            self._contexts = interpret(self._request, answer)
        self._framing.context_ids = frozenset(self._contexts)
        self._peer_information = answer.user_information
        self._events.append(AssociationAccepted(answer, self._contexts))
        self._enter(State.Sta6)

    def _transfer_or_release(self, action: Action, pdu: PDU | None) -> None:
        """The actions of PS3.8 tables 9-7 and 9-8; DT-2 and AR-6 are the framing's."""
        match action:
            case Action.DT_1 | Action.AR_7:
                self._queue(pdu)
            case Action.AR_1:
                self._queue(pdu)
                self._enter(State.Sta7)
            case Action.AR_2:
                self._events.append(ReleaseRequested())
                self._enter(State.Sta8)
            case Action.AR_3:
                self._events.append(Released())
                self._close()
            case Action.AR_4:
                self._queue(pdu)
                self._enter(State.Sta13)
            case Action.AR_8:
                self._events.append(ReleaseRequested())
                self._enter(State.Sta9 if self._is_requestor else State.Sta10)
            case Action.AR_9:
                self._queue(pdu)
                self._enter(State.Sta11)
            case Action.AR_10:
                self._events.append(Released())
                self._enter(State.Sta12)
                if self._release_answered:
                    self._perform(Event.Evt14, ReleaseRP())
            case _:  # AR-5: the connection has ended as it should
                self._close()

    def _abort_by(self, action: Action, pdu: PDU | None) -> None:
        """The actions of PS3.8 table 9-9."""
        match action:
            case Action.AA_1:
                if pdu is None or not isinstance(pdu, Abort):  # the peer's doing
                    self._events.append(self._violation)
                    pdu = Abort()
                self._queue(pdu)
                self._enter(State.Sta13)
            case Action.AA_3:
                if isinstance(pdu, Abort):
                    self._events.append(Aborted(pdu.source, pdu.reason))
                self._close()
            case Action.AA_4:
                self._events.append(ConnectionLost())
                self._close()
            case Action.AA_6:
                pass  # the association is over: PDUs on their way are ignored
            case Action.AA_7:
                # Once is enough: what follows is passed over, so that a flood
                # of PDUs draws no flood of answers.
                self._queue(Abort(AbortSource.SERVICE_PROVIDER, self._violation.reason))
                self._framing.stop()
            case Action.AA_8:
                self._events.append(self._violation)
                self._queue(Abort(AbortSource.SERVICE_PROVIDER, self._violation.reason))
                self._enter(State.Sta13)
            case _:  # AA-2, AA-5
                self._close()

    def _queue(self, pdu: PDU | None) -> None:
        if pdu is not None:
            self._outgoing.append(encode(pdu))

    def _enter(self, state: State) -> None:
        self._state = state
        self._timing.restart()
        if state in _DATA_STATES:
            self._framing.data_expected = True
        else:
            self._framing.stop_data()

    def _close(self) -> None:
        self._framing.stop()
        self._enter(State.Sta1)
