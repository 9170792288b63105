"""Messages from fragments and into fragments (PS3.7 section 6.3, PS3.8 annex E)."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raykeep.domain.ae_title import AETitle
from raykeep.domain.errors import InvalidInput, InvalidUID, LimitExceeded, ProtocolError
from raykeep.domain.uids import UID
from raykeep.wire.dimse import statuses
from raykeep.wire.dimse.codec import decode, encode
from raykeep.wire.dimse.commands import CCancelRQ, CEchoRQ, CMoveRQ, CStoreRQ, CStoreRSP
from raykeep.wire.dimse.elements import read_elements, write_elements
from raykeep.wire.dimse.exchange import (
    CommandReceived,
    DataSetFragment,
    InvalidCommand,
    MessageReader,
    fragment,
)
from raykeep.wire.upperlayer.decoding import decode as decode_pdu
from raykeep.wire.upperlayer.events import DataFragment
from tests.unit.wire.associations import CT, LIMITS, acceptor, cut, receive

ECHO = CEchoRQ(message_id=1, affected_sop_class_uid=UID("1.2.840.10008.1.1"))
STORE = CStoreRQ(message_id=2, affected_sop_class_uid=CT, affected_sop_instance_uid=UID("1.2.3"))


def piece(data, *, context_id=1, is_command=False, is_last=True):
    return DataFragment(context_id, is_command, is_last, memoryview(data))


def command(value, **how):
    raw = value if isinstance(value, bytes) else encode(value)
    return piece(raw, is_command=True, **how)


def changed(value, **elements):
    values = read_elements(encode(value))
    for number, one in elements.items():
        values[int(number[1:], 16)] = one
    return write_elements(sorted((n, v) for n, v in values.items() if v is not None))


# --- reading -----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 500), max_size=6))
def test_a_command_is_read_whatever_its_fragments(places):
    reader = MessageReader()
    *first, last = cut(encode(ECHO), places)

    for one in first:
        assert reader.feed(command(one, is_last=False)) is None
    assert reader.is_idle is (not first)
    assert reader.feed(command(last)) == CommandReceived(1, ECHO)
    assert reader.is_idle


def test_a_data_set_follows_its_command():
    reader = MessageReader()

    assert reader.feed(command(STORE)) == CommandReceived(1, STORE)
    assert reader.feed(piece(b"ab", is_last=False)) == DataSetFragment(1, b"ab", is_last=False)
    assert not reader.is_idle
    assert reader.feed(piece(b"")) == DataSetFragment(1, b"", is_last=True)
    assert reader.is_idle
    assert reader.feed(command(ECHO, context_id=3)) == CommandReceived(3, ECHO)


@pytest.mark.parametrize(
    "fragments",
    [
        [piece(b"data")],
        [command(ECHO), piece(b"data")],
        [command(STORE), command(ECHO)],
        [command(STORE), piece(b"ab", is_last=False), command(ECHO)],
        [command(STORE), piece(b"ab", context_id=3)],
        [command(STORE), piece(b"ab"), piece(b"cd")],
        [command(encode(STORE)[:9], is_last=False), command(ECHO, context_id=3)],
        [command(encode(STORE)[:9], is_last=False), piece(b"ab")],
        [command(b"not a command set")],
        [command(b"")],
    ],
)
def test_messages_out_of_order_are_a_protocol_error(fragments):
    with pytest.raises(ProtocolError):
        list(map(MessageReader().feed, fragments))


def test_a_command_set_that_never_ends_is_refused_before_it_is_kept():
    reader = MessageReader(max_command_length=100)
    reader.feed(command(bytes(100), is_last=False))

    with pytest.raises(LimitExceeded):
        reader.feed(command(b"x", is_last=False))


MOVE = CMoveRQ(message_id=9, affected_sop_class_uid=CT, move_destination=AETitle("WS1"))


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (changed(STORE, x1000=b"1.02"), statuses.INVALID_ARGUMENT_VALUE),
        (changed(MOVE, x0600=b"    "), statuses.INVALID_ARGUMENT_VALUE),
        (changed(STORE, x1000=None), statuses.MISTYPED_ARGUMENT),
        (changed(STORE, x0100=b"\x99\x09"), statuses.UNRECOGNIZED_OPERATION),
    ],
)
def test_a_request_that_cannot_be_performed_can_be_answered(raw, status):
    reader = MessageReader()

    event = reader.feed(command(raw))

    assert isinstance(event, InvalidCommand)
    assert event.status == status
    values = read_elements(event.answer)
    asked = read_elements(raw)
    assert values[0x0100] == bytes((asked[0x0100][0], asked[0x0100][1] | 0x80))
    assert values[0x0120] == asked[0x0110]
    assert values[0x0900] == struct.pack("<H", status)
    assert event.has_data_set
    assert reader.feed(piece(b"passed over")) == DataSetFragment(1, b"passed over", is_last=True)
    assert reader.is_idle


def test_the_answer_to_a_store_is_a_store_response():
    event = MessageReader().feed(command(changed(STORE, x1000=b"1.02")))

    assert isinstance(event.error, InvalidUID)
    answer = decode(event.answer)
    assert isinstance(answer, CStoreRSP)
    assert answer.message_id_being_responded_to == 2


@pytest.mark.parametrize(
    "raw",
    [
        changed(CStoreRSP(message_id_being_responded_to=1, status=0), x0120=None),
        changed(CCancelRQ(message_id_being_responded_to=1), x0120=None),
        changed(ECHO, x0110=None),
    ],
)
def test_what_asks_for_nothing_is_not_answered(raw):
    reader = MessageReader()

    event = reader.feed(command(raw))

    assert isinstance(event, InvalidCommand)
    assert event.answer is None
    assert reader.is_idle


def test_a_number_of_a_wrong_length_is_a_protocol_error():
    with pytest.raises(ProtocolError):
        MessageReader().feed(command(changed(ECHO, x0110=b"\1\0\0\0")))


@given(
    st.lists(
        st.builds(
            DataFragment,
            st.sampled_from([1, 3]),
            st.booleans(),
            st.booleans(),
            (st.binary(max_size=30) | st.sampled_from([encode(ECHO), encode(STORE)])).map(
                memoryview
            ),
        ),
        max_size=8,
    )
)
def test_any_fragments_are_read_or_raise_a_domain_error(fragments):
    reader = MessageReader(max_command_length=300)
    try:
        for one in fragments:
            reader.feed(one)
    except (InvalidInput, LimitExceeded):
        pass


# --- sending -----------------------------------------------------------------------------------


def told(pdus):
    """(is_command, is_last, data) of the PDVs of encoded PDUs, one PDV each."""
    found = []
    for buffers in pdus:
        raw = b"".join(buffers)
        (one,) = decode_pdu(raw[0], raw[6:], LIMITS).values
        assert struct.unpack(">I", raw[2:6])[0] == len(raw) - 6
        found.append((one.is_command, one.is_last, one.data, len(raw) - 6))
    return found


@given(
    st.binary(min_size=1, max_size=300),
    st.none() | st.lists(st.binary(max_size=120), max_size=8),
    st.integers(16, 200),
)
def test_a_message_is_cut_into_pdus_that_the_peer_takes(raw, chunks, longest):
    pdvs = told(fragment(5, raw, chunks, longest))

    assert all(length <= longest for *_, length in pdvs)
    commands = [one for one in pdvs if one[0]]
    data = [one for one in pdvs if not one[0]]
    assert pdvs == commands + data
    assert b"".join(one[2] for one in commands) == raw
    assert [one[1] for one in commands] == [False] * (len(commands) - 1) + [True]
    if chunks is None:
        assert data == []
    else:
        assert b"".join(one[2] for one in data) == b"".join(chunks)
        assert [one[1] for one in data] == [False] * (len(data) - 1) + [True]
        room = (longest - 6) & ~1
        assert all(len(one[2]) == room for one in data[:-1])  # as few PDUs as can be


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(512, 1000))
def test_what_one_side_cuts_the_other_puts_together(chunks, longest):
    association, reader = acceptor(), MessageReader()
    raw = b"".join(b"".join(buffers) for buffers in fragment(3, encode(STORE), chunks, longest))

    first, *rest = [
        message for event in receive(association, raw) if (message := reader.feed(event))
    ]

    assert first == CommandReceived(3, STORE)
    assert b"".join(one.data for one in rest) == b"".join(chunks)
    assert [one.is_last for one in rest] == [False] * (len(rest) - 1) + [True]


def test_data_is_not_copied():
    chunk = bytearray(b"pixels")

    _, (_, view) = fragment(3, encode(STORE), [chunk], 16_384)

    chunk[:] = b"PIXELS"
    assert bytes(view) == b"PIXELS"


def test_the_source_is_read_no_further_than_one_pdu_ahead():
    taken = []

    def source():
        for n in range(10):
            taken.append(n)
            yield bytes(100)

    pdus = fragment(3, encode(STORE), source(), 106)
    next(pdus)
    assert taken == []
    next(pdus)
    assert taken == [0, 1]
