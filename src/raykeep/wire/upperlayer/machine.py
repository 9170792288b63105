"""What an association does at each event: the actions of PS3.8 tables 9-6 to 9-9."""

from collections import deque
from collections.abc import Mapping

from raykeep.domain.errors import AssociationRefused, ProtocolError
from raykeep.wire.buffers import BytesLike
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.events import (
    Aborted,
    AssociationAccepted,
    AssociationEvent,
    AssociationRejected,
    AssociationRequested,
    ConnectionLost,
    ProtocolViolation,
    Released,
    ReleaseRequested,
    RequestRefused,
)
from raykeep.wire.upperlayer.framing import Framing
from raykeep.wire.upperlayer.items import UserInformation
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.negotiation import AcceptedContext, interpret
from raykeep.wire.upperlayer.pdu import (
    PDU,
    Abort,
    AbortReason,
    AbortSource,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ReleaseRP,
    ReleaseRQ,
)
from raykeep.wire.upperlayer.states import TRANSITIONS, Action, Event, State
from raykeep.wire.upperlayer.timing import Timing

_DATA_STATES = frozenset({State.Sta6, State.Sta7})  # where P-DATA-TF may come


class Machine:
    """The state of one association, what it has to tell and what it has to send.

    `Association` feeds it; nobody else does.
    """

    def __init__(self, limits: UpperLayerLimits, request: AssociateRQ | None) -> None:
        self.state = State.Sta1
        self.is_requestor = request is not None
        self.request = request
        self.framing = Framing(limits)
        self.timing = Timing(limits)
        self.events: deque[AssociationEvent] = deque()
        self.outgoing: list[BytesLike] = []
        self.contexts: Mapping[int, AcceptedContext] = {}
        self.peer_information = UserInformation()
        # What the peer did wrong, should the table say that it is wrong.
        self.violation = ProtocolViolation(AbortReason.NOT_SPECIFIED, "")
        self.release_answered = False  # by the local user, before the collision allowed it
        # Encoded at once, so that a request that cannot be sent fails where it is made.
        self._first_pdu = encode(request) if request is not None else b""

    def refuse(self, refusal: AssociationRefused) -> None:
        """AE-6, second half: the request is well formed and cannot be taken."""
        self.events.append(RequestRefused(refusal))
        answer = AssociateRJ(refusal.result, refusal.source, refusal.diagnostic)
        self._queue(answer, State.Sta13)

    def action(self, event: Event) -> Action:
        """What table 9-10 says.

        Raises:
            ProtocolError: nothing; the event cannot happen in this state.
        """
        action = TRANSITIONS.get((event, self.state))
        if action is None:
            raise ProtocolError(
                f"{event.value} does not fit {self.state.name}, {self.state.value}. "
                "End the work on this association"
            )
        return action

    def perform(self, event: Event, pdu: PDU | None = None) -> None:
        """Do what table 9-10 says, with the PDU that came or goes out."""
        action = self.action(event)
        match action.value[:2]:
            case "AE":
                self._establish(action, pdu)
            case "AA":
                self._abort_by(action, pdu)
            case _:
                self._release_by(action)

    def _establish(self, action: Action, pdu: PDU | None) -> None:
        """The actions of PS3.8 table 9-6."""
        match action, pdu:
            case Action.AE_1, _:
                self.enter(State.Sta4)
            case Action.AE_2, _:
                self.outgoing.append(self._first_pdu)
                self.enter(State.Sta5)
            case Action.AE_3, AssociateAC() as answer:
                self._confirm(answer)
            case Action.AE_4, AssociateRJ() as no:
                self._tell(AssociationRejected(no.result, no.source, no.reason), State.Sta1)
            case Action.AE_5, _:
                self.enter(State.Sta2)
            case Action.AE_6, AssociateRQ() as request:
                self.request = request
                self.peer_information = request.user_information
                self._tell(AssociationRequested(request), State.Sta3)
            case Action.AE_7, AssociateAC() as answer:
                self._queue(answer, State.Sta6)
            case Action.AE_8, AssociateRJ() as no:
                self._queue(no, State.Sta13)
            case _:
                msg = f"{action.value} needs its primitive"
                raise ValueError(msg)

    def _confirm(self, answer: AssociateAC) -> None:
        # A requestor has a request; the acceptor never comes here.
        self.contexts = interpret(self.request, answer) if self.request is not None else {}
        self.framing.context_ids = frozenset(self.contexts)
        self.peer_information = answer.user_information
        self._tell(AssociationAccepted(answer, self.contexts), State.Sta6)

    def _release_by(self, action: Action) -> None:
        """The actions of PS3.8 table 9-8, but for data: that passes by (DT-1, DT-2, AR-6, AR-7)."""
        match action:
            case Action.AR_1:
                self._queue(ReleaseRQ(), State.Sta7)
            case Action.AR_2:
                self._tell(ReleaseRequested(), State.Sta8)
            case Action.AR_3:
                self._tell(Released(), State.Sta1)
            case Action.AR_4:
                self._queue(ReleaseRP(), State.Sta13)
            case Action.AR_8:
                self._tell(ReleaseRequested(), State.Sta9 if self.is_requestor else State.Sta10)
            case Action.AR_9:
                self._queue(ReleaseRP(), State.Sta11)
            case Action.AR_10:
                self._tell(Released(), State.Sta12)
                if self.release_answered:
                    self.perform(Event.Evt14)
            case _:  # AR-5: the connection has ended as it should
                self.enter(State.Sta1)

    def _abort_by(self, action: Action, pdu: PDU | None) -> None:
        """The actions of PS3.8 table 9-9."""
        match action, pdu:
            case Action.AA_1, Abort() as wish:  # the local user's
                self._queue(wish, State.Sta13)
            case Action.AA_1, _:
                self._tell(self.violation, State.Sta13)
                self._queue(Abort(), State.Sta13)
            case Action.AA_3, Abort() as abort:
                self._tell(Aborted(abort.source, abort.reason), State.Sta1)
            case Action.AA_4, _:
                self._tell(ConnectionLost(), State.Sta1)
            case Action.AA_6, _:
                pass  # the association is over: PDUs on their way are ignored
            case Action.AA_7, _:
                # Once is enough: what follows is passed over, so that a flood
                # of PDUs draws no flood of answers.
                self._queue(self._provider_abort(), State.Sta13)
                self.framing.stop()
            case Action.AA_8, _:
                self._tell(self.violation, State.Sta13)
                self._queue(self._provider_abort(), State.Sta13)
            case _:  # AA-2, AA-5
                self.enter(State.Sta1)

    def _provider_abort(self) -> Abort:
        return Abort(AbortSource.SERVICE_PROVIDER, self.violation.reason)

    def _queue(self, pdu: PDU, next_state: State) -> None:
        self.outgoing.append(encode(pdu))
        self.enter(next_state)

    def _tell(self, event: AssociationEvent, next_state: State) -> None:
        self.events.append(event)
        self.enter(next_state)

    def enter(self, state: State) -> None:
        """Go to `state`; what is left of data that it does not expect is passed over."""
        if state is not self.state:
            self.timing.restart()
        self.state = state
        if state in _DATA_STATES:
            self.framing.data_expected = True
        elif state is State.Sta1:
            self.framing.stop()
        else:
            self.framing.stop_data()
