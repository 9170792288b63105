"""Framing does not depend on how TCP cut the stream (PS3.8 section 9.3.1)."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.wire.upperlayer.association import Association
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.events import DataFragment, ReleaseRequested
from raykeep.wire.upperlayer.negotiation import negotiate
from raykeep.wire.upperlayer.pdu import PDV, Abort, DataTF, ReleaseRQ
from tests.unit.wire.associations import (
    DATA_SET,
    LAST_COMMAND,
    LAST_DATA_SET,
    SUPPORTED,
    acceptor,
    cut,
    drain,
    joined,
    receive,
    request,
)

fragments = st.builds(
    PDV, st.sampled_from([1, 3]), st.booleans(), st.booleans(), st.binary(max_size=60)
)
streams = st.lists(
    st.lists(fragments, min_size=1, max_size=4).map(lambda values: DataTF(tuple(values))),
    max_size=5,
)
cuts = st.lists(st.integers(0, 10_000), max_size=40)
endings = st.sampled_from([b"", encode(ReleaseRQ()), encode(Abort(2, 1)), b"\x99bad pdu"])


@given(streams, endings, cuts)
def test_events_are_the_same_whatever_way_the_stream_was_cut(stream, ending, places):
    raw = b"".join(map(encode, stream)) + ending
    whole, pieces = acceptor(), acceptor()

    expected = receive(whole, raw)
    told = []
    for piece in cut(raw, places):
        told += receive(pieces, piece)

    assert joined(told) == joined(expected)
    assert pieces.state is whole.state
    assert pieces.data_to_send() == whole.data_to_send()


@given(streams)
def test_data_comes_out_as_it_went_in(stream):
    association = acceptor()

    told = [tuple(event) for event in receive(association, *stream)]

    expected = [
        (one.context_id, one.is_command, one.is_last, one.data)
        for pdu in stream
        for one in pdu.values
        if one.data or one.is_last  # an empty piece in the middle tells nothing
    ]
    assert told == expected


@given(cuts)
def test_a_request_is_read_whatever_way_it_was_cut(places):
    association = Association.acceptor()
    told = []

    for piece in cut(encode(request()), places):
        told += receive(association, piece)

    (event,) = told
    assert event.request == request()


def test_a_fragment_is_a_view_into_the_buffer_that_was_given():
    association = acceptor()
    buffer = bytearray(encode(DataTF((PDV(3, *LAST_DATA_SET, b"pixels"),))))
    association.receive_data(buffer)

    event = association.next_event()

    assert isinstance(event, DataFragment)
    buffer[-6:] = b"PIXELS"
    assert bytes(event.data) == b"PIXELS"


def test_a_pdu_longer_than_the_buffer_streams_through_it():
    association = acceptor()
    raw = encode(
        DataTF((PDV(3, *DATA_SET, b"a" * 300_000), PDV(3, *LAST_DATA_SET, b"b" * 300_000)))
    )
    told = []

    for at in range(0, len(raw), 65_536):
        told += receive(association, raw[at : at + 65_536])

    assert [event.is_last for event in told].count(True) == 1
    assert told[-1].is_last
    assert b"".join(event.data for event in told) == b"a" * 300_000 + b"b" * 300_000
    assert max(len(event.data) for event in told) <= 65_536


def test_a_pdu_costs_no_memory():
    association = acceptor()
    raw = memoryview(encode(DataTF((PDV(3, *LAST_DATA_SET, bytes(1_000_000)),))))
    tracemalloc.start()
    try:
        for at in range(0, len(raw), 8_192):
            association.receive_data(raw[at : at + 8_192])
            while association.next_event() is not None:
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16_384


def test_a_flood_of_tiny_pdus_costs_no_memory():
    association = acceptor()
    raw = encode(DataTF((PDV(3, *DATA_SET, b"x"),))) * 50_000
    tracemalloc.start()
    try:
        association.receive_data(raw)
        count = sum(1 for _ in association.events_received())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 50_000
    assert peak < 16_384


def test_a_handler_may_pull_events_while_an_outer_loop_waits():
    association = acceptor()
    values = [DataTF((PDV(1, *LAST_COMMAND, bytes([n])),)) for n in range(4)]
    association.receive_data(b"".join(map(encode, values)))

    seen = []
    for event in association.events_received():
        seen.append(bytes(event.data))
        inner = association.next_event()
        seen.append(bytes(inner.data))

    assert seen == [b"\0", b"\1", b"\2", b"\3"]


def test_data_behind_the_request_is_read_after_the_answer():
    association = Association.acceptor()
    data = DataTF((PDV(1, *LAST_COMMAND, b"early"),))
    association.receive_data(encode(request()) + encode(data))

    association.next_event()
    association.accept(negotiate(request(), SUPPORTED))

    assert [tuple(event) for event in drain(association)] == [(1, True, True, b"early")]


def test_bytes_left_unread_are_a_mistake_of_ours():
    association = acceptor()
    association.receive_data(encode(ReleaseRQ()) * 2)
    assert association.next_event() == ReleaseRequested()

    with pytest.raises(ValueError, match="read the events"):
        association.receive_data(b"")
