"""ARTIM and its kin (PS3.8 section 9.1.5): time is told, never read."""

import pytest

from raykeep.wire.upperlayer.association import Association
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.events import TimedOut
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.pdu import PDV, Abort, DataTF
from raykeep.wire.upperlayer.states import State
from tests.unit.wire.associations import (
    LAST_COMMAND,
    acceptor,
    drain,
    in_state,
    receive,
    request,
    sent,
)

LIMITS = UpperLayerLimits(
    artim_timeout=30.0, closing_timeout=5.0, idle_timeout=60.0, pdu_timeout=10.0
)
DATA = encode(DataTF((PDV(1, *LAST_COMMAND, bytes(100)),)))


@pytest.mark.parametrize("state", State, ids=lambda one: one.name)
def test_each_state_waits_as_long_as_it_may(state):
    expected = {
        State.Sta1: None,
        State.Sta2: 30.0,
        State.Sta4: None,
        State.Sta5: 30.0,
        State.Sta7: 30.0,
        State.Sta10: 30.0,
        State.Sta11: 30.0,
        State.Sta13: 5.0,
    }

    assert in_state(state).seconds_left(100.0) == expected.get(state, 60.0)


def test_time_passes():
    association = acceptor(LIMITS)

    assert association.seconds_left(100.0) == 60.0
    assert association.seconds_left(120.0) == 40.0
    assert association.seconds_left(170.0) == -10.0


def test_data_from_either_side_ends_the_silence():
    association = acceptor(LIMITS)
    association.seconds_left(100.0)

    receive(association, DATA)
    assert association.seconds_left(150.0) == 60.0
    association.send_data([b""])
    assert association.seconds_left(200.0) == 60.0


def test_a_slow_handler_is_not_counted_against_the_peer():
    association = acceptor(LIMITS)
    association.seconds_left(100.0)

    receive(association, DATA)  # the handler takes ten minutes, then the pump asks again

    assert association.seconds_left(700.0) == 60.0


def test_bytes_do_not_stop_artim():
    association = Association.acceptor(LIMITS)
    raw = encode(request())
    assert association.seconds_left(0.0) == 30.0

    receive(association, raw[:1])
    assert association.seconds_left(9.0) == 10.0  # of the PDU
    receive(association, raw[1:2])

    assert association.seconds_left(18.0) == 1.0
    assert association.seconds_left(31.0) < 0


def test_a_peer_that_dribbles_does_not_renew_the_time_of_a_pdu():
    association = acceptor(LIMITS)
    receive(association, DATA[:1])
    assert association.seconds_left(100.0) == 10.0

    for second in range(1, 12):
        receive(association, DATA[second : second + 1])
        assert association.seconds_left(100.0 + second) == 10.0 - second


def test_every_pdu_has_a_time_of_its_own():
    association = acceptor(LIMITS)
    receive(association, DATA[:50])
    assert association.seconds_left(100.0) == 10.0

    receive(association, DATA[50:] + DATA[:50])
    assert association.seconds_left(109.0) == 10.0

    receive(association, DATA[50:] + DATA[:3])  # three bytes of a header are a beginning too
    assert association.seconds_left(118.0) == 10.0
    receive(association, DATA[3:7])
    assert association.seconds_left(120.0) == 8.0
    receive(association, DATA[7:])
    assert association.seconds_left(121.0) == 60.0


@pytest.mark.parametrize("state", State, ids=lambda one: one.name)
def test_when_the_time_is_out_the_peer_is_told_if_there_is_an_association(state):
    association = in_state(state)

    association.timer_expired()

    events = drain(association)
    if state is State.Sta1:
        assert events == []
        return
    (event,) = events
    assert isinstance(event, TimedOut)
    silent = state in {State.Sta2, State.Sta4, State.Sta13}
    assert sent(association) == (b"" if silent else encode(Abort(0, 0)))
    assert association.is_closed == silent


def test_the_event_says_what_was_waited_for():
    silent, idle = Association.acceptor(LIMITS), acceptor(LIMITS)
    silent.timer_expired()
    idle.timer_expired()

    assert drain(silent) == [TimedOut("an A-ASSOCIATE-RQ")]
    assert drain(idle) == [TimedOut("data on an open association")]


def test_after_an_abort_the_peer_has_little_time_to_close():
    association = acceptor(LIMITS)
    association.seconds_left(0.0)
    association.abort()

    assert association.seconds_left(50.0) == 5.0
    receive(association, DATA * 3)
    assert association.seconds_left(54.0) == 1.0
