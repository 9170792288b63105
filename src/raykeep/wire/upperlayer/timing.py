"""How long an association waits for its peer; the time is told, never read."""

from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.states import State

_WAITING_FOR = {
    State.Sta2: "an A-ASSOCIATE-RQ",
    State.Sta5: "the answer to an A-ASSOCIATE-RQ",
    State.Sta7: "an A-RELEASE-RP",
    State.Sta10: "an A-RELEASE-RP",
    State.Sta11: "an A-RELEASE-RP",
    State.Sta13: "the peer to close the connection",
}


def waiting_for(state: State) -> str:
    """What is awaited from the peer in `state`, in words."""
    return _WAITING_FOR.get(state, "data on an open association")


class Timing:
    """ARTIM, the idle time and the time of a PDU (PS3.8 section 9.1.5).

    Times run from the first question after their cause, so that a slow local
    handler is not counted against the peer.
    """

    def __init__(self, limits: UpperLayerLimits) -> None:
        self._limits = limits
        self._wait_ends: float | None = None  # at what `now`; None until it is told
        self._pdu_ends = 0.0
        self._pdu_timed = 0  # number of the PDU that `_pdu_ends` is about; 0 for none

    def restart(self) -> None:
        """Begin the waiting of the current state anew."""
        self._wait_ends = None

    def seconds_left(self, now: float, state: State, pdu_within: int) -> float | None:
        """What is left of the shortest time that runs.

        Args:
            now: Seconds of a clock that never goes back.
            state: Where the association stands.
            pdu_within: Number of the PDU that has begun and not ended, counted
                from 1; 0 between PDUs.
        """
        allowed = self._allowed(state)
        if allowed is None:
            return None
        if self._wait_ends is None:
            self._wait_ends = now + allowed
        left = self._wait_ends - now
        # A PDU's time runs from its start: a peer that dribbles does not renew it.
        if pdu_within != self._pdu_timed:
            self._pdu_timed = pdu_within
            self._pdu_ends = now + self._limits.pdu_timeout
        return min(left, self._pdu_ends - now) if pdu_within else left

    def _allowed(self, state: State) -> float | None:
        match state:
            case State.Sta1 | State.Sta4:
                return None  # nothing is awaited from the peer
            case State.Sta13:
                return self._limits.closing_timeout
            case State.Sta3 | State.Sta6 | State.Sta8 | State.Sta9 | State.Sta12:
                return self._limits.idle_timeout
            case _:
                return self._limits.artim_timeout
