"""One association as a value (PS3.8 section 9): bytes in, events out; calls in, bytes out.

It has no socket and no clock. Whoever moves the bytes does, in a loop:

1. `seconds_left(now)`: how long a read may wait; `timer_expired()` when it waited in vain.
2. `receive_data(data)`, or `connection_closed()` at the end of the stream.
3. `next_event()` until it says None, and act on each event.
4. write `data_to_send()`; when `is_closed`, close the transport connection.
"""

from collections.abc import Iterable, Iterator, Mapping

from raykeep.domain.errors import AssociationRefused, LimitExceeded, ProtocolError
from raykeep.domain.implementation import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)
from raykeep.wire.buffers import BytesLike
from raykeep.wire.upperlayer.decoding import decode
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.events import (
    AssociationEvent,
    DataFragment,
    ProtocolViolation,
    TimedOut,
)
from raykeep.wire.upperlayer.framing import PDUBody, PDUHeader
from raykeep.wire.upperlayer.items import UserInformation
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.machine import Machine
from raykeep.wire.upperlayer.negotiation import AcceptedContext, Negotiated
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
from raykeep.wire.upperlayer.states import Event, State
from raykeep.wire.upperlayer.timing import waiting_for

_RECEIVED = {
    PDUType.ASSOCIATE_AC: Event.Evt3,
    PDUType.ASSOCIATE_RJ: Event.Evt4,
    PDUType.ASSOCIATE_RQ: Event.Evt6,
    PDUType.DATA_TF: Event.Evt10,
    PDUType.RELEASE_RQ: Event.Evt12,
    PDUType.RELEASE_RP: Event.Evt13,
    PDUType.ABORT: Event.Evt16,
}
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
        self._machine = Machine(limits, request)
        self._framing = self._machine.framing
        self._events = self._machine.events
        self._echo = bytes(64)  # of the request, for the answer

    @classmethod
    def acceptor(cls, limits: UpperLayerLimits | None = None) -> "Association":
        """An association whose transport connection was just accepted (Evt5, Sta2)."""
        association = cls(limits or UpperLayerLimits(), None)
        association._machine.perform(Event.Evt5)
        return association

    @classmethod
    def requestor(
        cls, request: AssociateRQ, limits: UpperLayerLimits | None = None
    ) -> "Association":
        """An association to ask for with `request` once `connected` is told (Evt1, Sta4)."""
        association = cls(limits or UpperLayerLimits(), request)
        association._machine.perform(Event.Evt1)
        return association

    # --- what it is -----------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state of PS3.8 section 9.2.1."""
        return self._machine.state

    @property
    def is_established(self) -> bool:
        """Whether data may be sent now (Sta6, or Sta8 while a release waits for its answer)."""
        return self._machine.state in {State.Sta6, State.Sta8}

    @property
    def is_closed(self) -> bool:
        """Whether the transport connection is to be closed once `data_to_send` is written."""
        return self._machine.state is State.Sta1

    @property
    def request(self) -> AssociateRQ | None:
        """The A-ASSOCIATE-RQ, sent or received."""
        return self._machine.request

    @property
    def contexts(self) -> Mapping[int, AcceptedContext]:
        """The accepted presentation contexts by their IDs."""
        return self._machine.contexts

    @property
    def max_pdu_length_to_send(self) -> int:
        """The longest P-DATA-TF PDU that may go out, in bytes after its header."""
        theirs = self._machine.peer_information.max_pdu_length
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
        if self._machine.state is State.Sta4:
            msg = "tell the association that it is connected before it receives data"
            raise ValueError(msg)
        self._framing.feed(data)
        if self._machine.state is State.Sta6:
            self._machine.timing.restart()  # the silence is over

    def next_event(self) -> AssociationEvent | None:
        """Read as far as the next event; None when more bytes are needed."""
        framing = self._framing
        while not self._events:
            try:
                found = framing.next()
                if found is None:
                    return None
                if isinstance(found, DataFragment):
                    return found
                if isinstance(found, PDUHeader):
                    self._on_header(found)
                else:
                    self._on_body(found)
            except AssociationRefused as refusal:
                self._machine.refuse(refusal)
            except (ProtocolError, LimitExceeded) as error:
                self._violated(AbortReason.INVALID_PDU_PARAMETER, str(error))
        return self._events.popleft()

    def events_received(self) -> Iterator[AssociationEvent]:
        """The events of the bytes received, as `next_event` reads them."""
        return iter(self.next_event, None)

    def connection_closed(self) -> None:
        """The transport connection has ended, in order or not (Evt17)."""
        if self._machine.state is not State.Sta1:
            self._machine.perform(Event.Evt17)

    # --- what goes out --------------------------------------------------------------------------

    def connected(self) -> None:
        """The requestor's transport connection stands (Evt2): send the request."""
        self._machine.perform(Event.Evt2)

    def accept(
        self, negotiated: Negotiated, *, user_identity_response: bytes | None = None
    ) -> None:
        """Accept the association with what `negotiate` found (Evt7).

        Raises:
            ProtocolError: no request waits for an answer.
        """
        self._machine.action(Event.Evt7)  # nothing changes where it may not
        self._machine.contexts = negotiated.contexts
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
        machine = self._machine
        if machine.state is not State.Sta6:  # the common case costs no look into the table
            machine.action(Event.Evt9)
        machine.outgoing.extend(buffers)
        machine.timing.restart()

    def release(self) -> None:
        """Ask for the release, or answer the peer's wish for it (Evt11, Evt14).

        Raises:
            ProtocolError: there is no association to release.
        """
        if self._machine.state is State.Sta10:  # the peer's answer to our own request comes first
            self._machine.release_answered = True
        elif self._machine.state in {State.Sta8, State.Sta9, State.Sta12}:
            self.send(ReleaseRP())
        else:
            self.send(ReleaseRQ())

    def abort(self, source: int = AbortSource.SERVICE_USER, reason: int = 0) -> None:
        """End the association at once, in any state (Evt15).

        A server that finds a breach of PS3.7 is the service user: source 0.
        """
        if self._machine.state is State.Sta2:
            self._machine.enter(State.Sta1)  # no association yet, nobody to tell
        elif self._machine.state not in {State.Sta1, State.Sta13}:
            self._machine.perform(Event.Evt15, Abort(source, reason))

    def send(self, pdu: PDU) -> None:
        """Send one primitive, given as its PDU.

        Raises:
            ProtocolError: the state does not allow it (a blank of table 9-10).
        """
        match pdu:
            case AssociateAC():
                self._machine.perform(Event.Evt7, pdu)
            case AssociateRJ():
                self._machine.perform(Event.Evt8, pdu)
            case DataTF():
                self.send_data((encode(pdu),))
            case ReleaseRQ():
                self._machine.perform(Event.Evt11, pdu)
            case ReleaseRP():
                self._machine.perform(Event.Evt14, pdu)
            case Abort():
                self._machine.perform(Event.Evt15, pdu)
            case _:
                msg = "a request is given to Association.requestor and sent by connected()"
                raise ValueError(msg)

    def data_to_send(self) -> list[BytesLike]:
        """Take the buffers that wait to be written, in order, fit for `sendmsg`."""
        machine = self._machine
        outgoing, machine.outgoing = machine.outgoing, []
        return outgoing

    # --- time -----------------------------------------------------------------------------------

    def seconds_left(self, now: float) -> float | None:
        """How long a read may wait before `timer_expired` is due.

        Args:
            now: Seconds of a clock that never goes back.

        Returns:
            Seconds, 0 or less when the time is out; None when nothing is awaited.
        """
        machine = self._machine
        return machine.timing.seconds_left(now, machine.state, self._framing.current_pdu)

    def timer_expired(self) -> None:
        """The time that `seconds_left` gave has passed without what was awaited (Evt18)."""
        if self._machine.state is State.Sta1:
            return
        self._events.append(TimedOut(waiting_for(self._machine.state)))
        if self._machine.state in {State.Sta2, State.Sta13}:
            self._machine.perform(Event.Evt18)
        else:
            self._machine.perform(Event.Evt15, Abort())

    # --- the state machine ----------------------------------------------------------------------

    def _on_header(self, header: PDUHeader) -> None:
        pdu_type, length = header
        if pdu_type not in _RECEIVED:
            finding = f"PDU type {pdu_type:02X}H is unknown"
            self._violated(AbortReason.UNRECOGNIZED_PDU, finding)
            return
        event = _RECEIVED[PDUType(pdu_type)]
        if (event, self._machine.state) in _WITH_BODY or event in _SHORT:
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
        finding = f"{event.value} in {self._machine.state.name}, {self._machine.state.value}"
        self._machine.violation = ProtocolViolation(AbortReason.UNEXPECTED_PDU, finding)
        self._machine.perform(event, pdu)

    def _violated(self, reason: AbortReason, finding: str) -> None:
        self._machine.violation = ProtocolViolation(reason, finding)
        self._framing.stop()
        self._machine.perform(Event.Evt19)
