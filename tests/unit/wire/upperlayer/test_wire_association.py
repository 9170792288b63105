"""An association from its first byte to its last (PS3.8 sections 7 and 9.2)."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.errors import LimitExceeded, ProtocolError
from raykeep.domain.implementation import IMPLEMENTATION_CLASS_UID
from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.association import Association
from raykeep.wire.upperlayer.decoding import decode
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.events import (
    Aborted,
    AssociationAccepted,
    AssociationRejected,
    AssociationRequested,
    ConnectionLost,
    ProtocolViolation,
    Released,
    ReleaseRequested,
    RequestRefused,
)
from raykeep.wire.upperlayer.items import UserIdentity, UserIdentityType, UserInformation
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.machine import Machine
from raykeep.wire.upperlayer.negotiation import Negotiated, negotiate
from raykeep.wire.upperlayer.pdu import (
    PDV,
    Abort,
    AssociateAC,
    AssociateRJ,
    ContextResult,
    DataTF,
    ReleaseRP,
    ReleaseRQ,
)
from raykeep.wire.upperlayer.states import TRANSITIONS, Event, State
from tests.unit.wire.associations import (
    COMMAND,
    EXPLICIT,
    IMPLICIT,
    LAST_COMMAND,
    LIMITS,
    SUPPORTED,
    acceptor,
    answer,
    drain,
    in_state,
    receive,
    request,
    requestor,
    sent,
)

DATA = DataTF((PDV(context_id=1, is_command=True, is_last=True, data=b"echo"),))
STATES_WITH_PEER = [state for state in State if state not in {State.Sta1, State.Sta4}]

# What arrives for each event of table 9-10 that a PDU causes.
ARRIVING = {
    Event.Evt3: encode(answer()),
    Event.Evt4: encode(AssociateRJ(1, 1, 3)),
    Event.Evt6: encode(request()),
    Event.Evt10: encode(DATA),
    Event.Evt12: encode(ReleaseRQ()),
    Event.Evt13: encode(ReleaseRP()),
    Event.Evt16: encode(Abort(2, 6)),
    Event.Evt19: b"\x99\0\0\0\0\x04none",
}
PROVIDER_ABORTS = {
    Event.Evt19: encode(Abort(2, 1)),
}
UNEXPECTED = encode(Abort(2, 2))
# Next state and bytes sent, for each action that a PDU can cause.
OUTCOMES = {
    "AE-3": ({State.Sta6}, b""),
    "AE-4": ({State.Sta1}, b""),
    "AE-6": ({State.Sta3}, b""),
    "DT-2": ({State.Sta6}, b""),
    "AR-2": ({State.Sta8}, b""),
    "AR-3": ({State.Sta1}, b""),
    "AR-6": ({State.Sta7}, b""),
    "AR-8": ({State.Sta9, State.Sta10}, b""),
    "AR-10": ({State.Sta12}, b""),
    "AA-1": ({State.Sta13}, encode(Abort(0, 0))),
    "AA-2": ({State.Sta1}, b""),
    "AA-3": ({State.Sta1}, b""),
    "AA-6": ({State.Sta13}, b""),
    "AA-7": ({State.Sta13}, None),
    "AA-8": ({State.Sta13}, None),
}


@pytest.mark.parametrize("state", STATES_WITH_PEER, ids=lambda one: one.name)
@pytest.mark.parametrize("event", ARRIVING, ids=lambda one: one.name)
def test_each_pdu_in_each_state_does_what_table_9_10_says(event, state):
    association = in_state(state)
    action = TRANSITIONS[event, state].value
    states, bytes_sent = OUTCOMES[action]

    receive(association, ARRIVING[event])

    assert association.state in states
    if bytes_sent is None:
        bytes_sent = PROVIDER_ABORTS.get(event, UNEXPECTED)
    assert sent(association) == bytes_sent


@pytest.mark.parametrize("state", State, ids=lambda one: one.name)
def test_the_end_of_the_connection_ends_every_state(state):
    association = in_state(state)

    association.connection_closed()

    assert association.is_closed
    expected = [] if state in {State.Sta1, State.Sta2, State.Sta13} else [ConnectionLost()]
    assert drain(association) == expected


@pytest.mark.parametrize("state", State, ids=lambda one: one.name)
def test_the_local_user_may_abort_in_any_state(state):
    association = in_state(state)

    association.abort()

    told = state not in {State.Sta1, State.Sta2, State.Sta4, State.Sta13}
    assert sent(association) == (encode(Abort(0, 0)) if told else b"")
    gone = state in {State.Sta1, State.Sta2, State.Sta4}
    assert association.state is (State.Sta1 if gone else State.Sta13)


LOCAL = {
    Event.Evt7: answer(),
    Event.Evt8: AssociateRJ(),
    Event.Evt9: DATA,
    Event.Evt11: ReleaseRQ(),
    Event.Evt14: ReleaseRP(),
    Event.Evt15: Abort(),
}


@pytest.mark.parametrize("state", State, ids=lambda one: one.name)
@pytest.mark.parametrize("event", LOCAL, ids=lambda one: one.name)
def test_a_primitive_goes_out_where_the_table_has_a_cell_and_raises_where_it_has_none(event, state):
    association = in_state(state)
    pdu = LOCAL[event]

    if (event, state) in TRANSITIONS:
        association.send(pdu)
        aborted_unconnected = (event, state) == (Event.Evt15, State.Sta4)
        assert sent(association) == (b"" if aborted_unconnected else encode(pdu))
    else:
        with pytest.raises(ProtocolError, match=state.name):
            association.send(pdu)
        assert association.state is state
        assert sent(association) == b""


def test_a_request_goes_out_through_connected_alone():
    association = in_state(State.Sta6)

    with pytest.raises(ValueError, match="connected"):
        association.send(request())


def test_an_action_without_its_primitive_is_a_mistake_of_ours():
    machine = Machine(LIMITS, None)
    machine.perform(Event.Evt5)

    with pytest.raises(ValueError, match="AE-6"):
        machine.perform(Event.Evt6)


# --- establishment -----------------------------------------------------------------------------


def test_an_association_is_asked_for_accepted_used_and_released():
    asked = request()
    scu, scp = Association.requestor(asked, LIMITS), Association.acceptor(LIMITS)

    scu.connected()
    (requested,) = receive(scp, sent(scu))
    assert requested == AssociationRequested(asked)
    scp.accept(negotiate(requested.request, SUPPORTED))
    (accepted,) = receive(scu, sent(scp))
    assert isinstance(accepted, AssociationAccepted)
    assert accepted.contexts == scp.contexts == scu.contexts
    assert scu.contexts[3].transfer_syntax == EXPLICIT
    assert scu.is_established
    assert scp.is_established
    assert scu.request == scp.request == asked

    scu.send_data([encode(DATA)])
    (fragment,) = receive(scp, sent(scu))
    assert fragment == (1, True, True, b"echo")

    scu.release()
    assert receive(scp, sent(scu)) == [ReleaseRequested()]
    scp.release()
    assert scp.state is State.Sta13
    assert receive(scu, sent(scp)) == [Released()]
    assert scu.is_closed
    scp.connection_closed()
    assert scp.is_closed


def test_the_answer_names_us_and_echoes_the_titles():
    association = Association.acceptor(UpperLayerLimits(max_pdu_length=65_536))
    asked = encode(request())
    receive(association, asked)

    association.accept(negotiate(request(), SUPPORTED), user_identity_response=b"ticket")

    raw = sent(association)
    pdu = decode(2, raw[6:], LIMITS)
    assert isinstance(pdu, AssociateAC)
    assert pdu.echo == asked[10:74]
    assert pdu.user_information.max_pdu_length == 65_536
    assert pdu.user_information.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert pdu.user_information.user_identity_response == b"ticket"


def test_accepting_where_nothing_was_asked_changes_nothing():
    association = acceptor()
    contexts = association.contexts

    with pytest.raises(ProtocolError):
        association.accept(Negotiated((), (), {}))

    assert association.contexts == contexts


def test_a_rejection_reaches_the_requestor_with_its_codes():
    scp, scu = in_state(State.Sta3), in_state(State.Sta5)

    scp.reject(2, 3, 1)

    assert scp.state is State.Sta13
    assert receive(scu, sent(scp)) == [AssociationRejected(2, 3, 1)]
    assert scu.is_closed


def test_a_request_that_the_layer_cannot_take_is_rejected_by_the_layer():
    association = Association.acceptor()
    raw = bytearray(encode(request()))
    raw[6:8] = b"\0\2"  # protocol version 2 alone

    (event,) = receive(association, bytes(raw))

    assert isinstance(event, RequestRefused)
    assert event.refusal.source == 2
    assert sent(association) == encode(AssociateRJ(1, 2, 2))
    assert association.state is State.Sta13


def test_an_answer_that_nobody_proposed_aborts():
    association = in_state(State.Sta5)

    (event,) = receive(association, answer(ContextResult(9, 0, IMPLICIT)))

    assert isinstance(event, ProtocolViolation)
    assert sent(association) == encode(Abort(2, 6))


def test_bytes_before_the_connection_stands_are_a_mistake_of_ours():
    with pytest.raises(ValueError, match="connected"):
        in_state(State.Sta4).receive_data(b"")


def test_a_request_that_cannot_be_encoded_fails_where_it_is_made():
    who = UserIdentity(
        UserIdentityType.JWT, positive_response_requested=False, primary_field=bytes(0x10000)
    )
    with pytest.raises(LimitExceeded):
        Association.requestor(request(user_identity=who))


@pytest.mark.parametrize(
    ("theirs", "ours", "used"),
    [(16_384, 131_072, 16_384), (0, 131_072, 131_072), (0xFFFFFFFF, 65_536, 65_536)],
)
def test_pdus_are_as_long_as_both_sides_allow(theirs, ours, used):
    association = Association.acceptor(UpperLayerLimits(max_pdu_length_sent=ours))

    receive(association, request(max_pdu_length=theirs))

    assert association.max_pdu_length_to_send == used


def test_the_answer_tells_the_requestor_how_long_pdus_may_be():
    association = in_state(State.Sta5)
    taken = AssociateAC(
        results=(ContextResult(1, 0, IMPLICIT),),
        user_information=UserInformation(max_pdu_length=4_096),
    )

    receive(association, taken)

    assert association.max_pdu_length_to_send == 4_096


# --- release -----------------------------------------------------------------------------------


def test_when_both_ask_for_the_release_both_get_it():
    scu, scp = requestor(), acceptor()
    scu.release()
    scp.release()
    from_scu, from_scp = sent(scu), sent(scp)

    assert receive(scu, from_scp) == [ReleaseRequested()]
    assert receive(scp, from_scu) == [ReleaseRequested()]
    assert (scu.state, scp.state) == (State.Sta9, State.Sta10)
    scp.release()  # too early: the peer's answer comes first, and it is remembered
    assert sent(scp) == b""
    scu.release()
    assert scu.state is State.Sta11

    assert receive(scp, sent(scu)) == [Released()]
    assert scp.state is State.Sta13
    assert receive(scu, sent(scp)) == [Released()]
    assert scu.is_closed


def test_the_acceptor_may_answer_a_collision_late():
    association = in_state(State.Sta12)

    association.release()

    assert association.state is State.Sta13
    assert sent(association) == encode(ReleaseRP())


def test_data_still_comes_while_our_release_is_on_its_way():
    association = in_state(State.Sta7)

    assert receive(association, DATA) == [(1, True, True, b"echo")]
    assert not association.is_established


def test_data_may_still_go_out_before_a_release_is_answered():
    association = in_state(State.Sta8)

    association.send_data([b"buffer"])

    assert association.is_established
    assert association.data_to_send() == [b"buffer"]


def test_releasing_what_is_over_raises():
    with pytest.raises(ProtocolError):
        in_state(State.Sta13).release()


# --- abort and violation -----------------------------------------------------------------------


def test_the_peers_abort_is_told_with_its_codes():
    association = acceptor()

    assert receive(association, Abort(2, 4)) == [Aborted(2, 4)]
    assert association.is_closed
    with pytest.raises(ProtocolError):
        association.send_data([b"late"])


def test_nothing_after_an_abort_is_read():
    association = acceptor()

    assert receive(association, Abort(), DATA, b"\x99") == [Aborted(0, 0)]


def test_a_server_may_abort_for_a_reason_of_its_own():
    association = acceptor()

    association.abort(2, 6)

    assert sent(association) == encode(Abort(2, 6))


def test_data_on_its_way_is_passed_over_when_we_abort_in_the_middle():
    association = acceptor()
    whole = encode(DataTF((PDV(1, *COMMAND, b"x" * 100), PDV(1, *LAST_COMMAND, b"y" * 50))))
    receive(association, whole[:40])
    association.abort()

    assert receive(association, whole[40:], Abort(0, 0)) == []
    assert association.is_closed


def test_pdus_after_our_abort_are_passed_over_in_pieces_too():
    association = in_state(State.Sta13)
    raw = encode(DataTF((PDV(1, *COMMAND, b"x" * 100),))) + encode(answer())

    for at in range(0, len(raw), 7):
        assert receive(association, raw[at : at + 7]) == []
    receive(association, Abort())

    assert association.is_closed


def test_pdus_after_our_abort_draw_one_answer_at_most():
    association = in_state(State.Sta13)

    receive(association, *[request()] * 50)

    assert sent(association) == UNEXPECTED


HOSTILE_HEADERS = [
    (State.Sta2, struct.pack(">BxI", 1, 0xFFFFFFFF), encode(Abort(0, 0))),
    (State.Sta2, struct.pack(">BxI", 1, 131_073), encode(Abort(0, 0))),
    (State.Sta2, struct.pack(">BxI", 1, 67), encode(Abort(0, 0))),
    (State.Sta2, struct.pack(">BxI", 4, 0xFFFFFFFF), encode(Abort(0, 0))),
    (State.Sta2, b"GET / HTTP/1.1\r\n\r\n", encode(Abort(0, 0))),
    (State.Sta2, b"\x16\x03\x01\x02\x00\x01", encode(Abort(0, 0))),
    (State.Sta5, struct.pack(">BxI", 2, 0x7FFFFFFF), encode(Abort(2, 6))),
    (State.Sta6, struct.pack(">BxI", 4, 1_048_577), encode(Abort(2, 6))),
    (State.Sta6, struct.pack(">BxI", 4, 0), encode(Abort(2, 6))),
    (State.Sta6, struct.pack(">BxI", 4, 5), encode(Abort(2, 6))),
    (State.Sta6, struct.pack(">BxI", 5, 5), encode(Abort(2, 6))),
    (State.Sta6, struct.pack(">BxI", 7, 0xFFFFFFFF), encode(Abort(2, 6))),
    (State.Sta6, struct.pack(">BxI", 0, 4), encode(Abort(2, 1))),
    (State.Sta13, struct.pack(">BxI", 4, 0xFFFFFFFF), encode(Abort(2, 6))),
]


@pytest.mark.parametrize(("state", "header", "abort"), HOSTILE_HEADERS)
def test_a_length_is_judged_from_the_header_before_the_body_is_waited_for(state, header, abort):
    association = in_state(state)

    events = receive(association, header)

    assert sent(association) == abort
    assert association.state is State.Sta13
    told = [type(event) for event in events]
    assert told == ([] if state is State.Sta13 else [ProtocolViolation])
    assert receive(association, b"more" * 1000) == []  # unread, unanswered
    assert sent(association) == b""


HOSTILE_PDVS = [
    struct.pack(">BxIIBB", 4, 10, 7, 1, 3),  # longer than its PDU
    struct.pack(">BxIIBB", 4, 10, 0xFFFFFFFF, 1, 3),
    struct.pack(">BxIIBB", 4, 10, 1, 1, 3),  # shorter than its own header
    struct.pack(">BxIIBB", 4, 10, 0, 1, 3),
    struct.pack(">BxIIBB", 4, 10, 3, 1, 3),  # leaves no room for another
    struct.pack(">BxIIBB", 4, 6, 2, 9, 3),  # a context that was not accepted
    struct.pack(">BxIIBB", 4, 6, 2, 0, 3),
]


@pytest.mark.parametrize("raw", HOSTILE_PDVS)
def test_a_pdv_that_lies_aborts(raw):
    association = acceptor()

    (event,) = receive(association, raw)

    assert isinstance(event, ProtocolViolation)
    assert event.reason == 6
    assert sent(association) == encode(Abort(2, 6))


def test_a_pdu_of_very_many_pdvs_aborts():
    limits = UpperLayerLimits(max_pdvs_per_pdu=10)
    association = acceptor(limits)

    receive(association, DataTF((PDV(1, *COMMAND, b""),) * 10))
    assert association.is_established
    (event,) = receive(association, DataTF((PDV(1, *COMMAND, b""),) * 11))

    assert isinstance(event, ProtocolViolation)


@given(st.sampled_from(STATES_WITH_PEER), st.binary(max_size=200))
def test_whatever_comes_nothing_is_raised_and_little_is_answered(state, raw):
    association = in_state(state)

    receive(association, raw)

    assert len(sent(association)) <= 10
    association.connection_closed()
    assert association.is_closed


@given(st.sampled_from(STATES_WITH_PEER), st.sampled_from(sorted(ARRIVING.values())), st.data())
def test_a_pdu_with_one_byte_changed_raises_nothing(state, raw, data):
    changed = bytearray(raw)
    changed[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    association = in_state(state)

    receive(association, bytes(changed))

    assert len(sent(association)) <= 10


def test_the_implementation_has_a_uid_of_its_own():
    assert UID(IMPLEMENTATION_CLASS_UID).startswith("2.25.")
