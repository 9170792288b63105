"""Peers that ask for more than anybody needs (attack classes X7 and X10)."""

import struct
import time
import tracemalloc

import pytest

from raykeep.domain.uids import UID
from raykeep.wire.upperlayer.association import Association
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.events import AssociationRequested, ProtocolViolation
from raykeep.wire.upperlayer.items import RoleSelection, item
from raykeep.wire.upperlayer.pdu import Abort, ProposedContext
from raykeep.wire.upperlayer.states import State
from tests.unit.wire.associations import CT, IMPLICIT, acceptor, drain, in_state, request, sent

ABORT = encode(Abort(0, 0))  # of the service user, as AA-1 has it
HEAD = struct.pack(">H2x", 1) + b"ARCHIVE".ljust(16) + b"CT01".ljust(16) + bytes(32)


def framed(pdu_type, body):
    return struct.pack(">BxI", pdu_type, len(body)) + body


def contexts(count, syntaxes):
    proposed = tuple(UID(f"1.2.840.10008.1.2.4.{100 + n}") for n in range(syntaxes))
    return tuple(ProposedContext(2 * n + 1, CT, proposed) for n in range(count))


def many_contexts_items(count):
    """More contexts than IDs: they repeat."""
    sub = item(0x30, b"1.2") + item(0x40, b"1.2")
    one = item(0x20, b"\x01\0\0\0" + sub)
    return framed(1, HEAD + one * count)


HOSTILE = {
    "128 contexts of 100 transfer syntaxes": lambda: encode(request(*contexts(128, 100))),
    "1 context of 2000 transfer syntaxes": lambda: encode(request(*contexts(1, 2_000))),
    "65,000 contexts": lambda: many_contexts_items(65_000),
    "as many contexts as the PDU holds": lambda: many_contexts_items(131_000 // 22),
    "64 kB of user information": lambda: framed(
        1, HEAD + item(0x50, item(0x58, b"\1\0" + b"\xff\xf0" + bytes(0xFFF0 - 10)))
    ),
    "8,000 user information items": lambda: framed(
        1, HEAD + item(0x50, b"".join(item(0x7F, b"") for _ in range(8_000)))
    ),
    "20,000 empty items": lambda: framed(1, HEAD + item(0x99, b"") * 20_000),
    "items that claim everything": lambda: framed(1, HEAD + b"\x20\0\xff\xff" * 10),
    "a length of 0xFFFFFFFF and 2 MB": lambda: b"\x01\0\xff\xff\xff\xff" + bytes(2_000_000),
    "2 MB of zeros": lambda: bytes(2_000_000),
    "2 MB of ones": lambda: b"\xff" * 2_000_000,
}


@pytest.mark.parametrize("attack", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("step", [1_048_576, 1_000])
def test_a_hostile_request_is_cut_off_soon_and_cheaply(attack, step):
    raw = attack()
    association = Association.acceptor()
    tracemalloc.start()
    begin = time.process_time()
    try:
        events = []
        for at in range(0, len(raw), step):
            association.receive_data(raw[at : at + step])
            events += drain(association)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert time.process_time() - begin < 5  # seconds, while every allocation is traced
    assert peak < 4_000_000
    assert [type(event) for event in events] == [ProtocolViolation]
    assert sent(association) == ABORT
    assert association.state is State.Sta13


def test_the_largest_request_that_toolkits_make_is_read():
    association = Association.acceptor()

    association.receive_data(encode(request(*contexts(128, 32))))

    (event,) = drain(association)
    assert isinstance(event, AssociationRequested)
    assert len(event.request.contexts) == 128


def test_a_role_for_every_context_is_read():
    roles = tuple(RoleSelection(UID(f"1.2.{n}"), scu=True, scp=True) for n in range(128))
    association = Association.acceptor()

    association.receive_data(encode(request(ProposedContext(1, CT, (IMPLICIT,)), roles=roles)))

    (event,) = drain(association)
    assert event.request.user_information.roles == roles


def test_one_byte_at_a_time_is_read_like_any_other_cut():
    association = Association.acceptor()
    events = []

    for byte in encode(request()):
        association.receive_data(bytes((byte,)))
        events += drain(association)

    assert [type(event) for event in events] == [AssociationRequested]


@pytest.mark.parametrize("state", [State.Sta3, State.Sta8, State.Sta13])
def test_data_that_nobody_waits_for_is_not_kept(state):
    association = in_state(state)
    raw = framed(4, struct.pack(">IBB", 1_000_002 - 6, 1, 0) + bytes(1_000_000 - 6))
    tracemalloc.start()
    try:
        for at in range(0, len(raw), 8_192):
            association.receive_data(raw[at : at + 8_192])
            drain(association)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 64_000


def test_empty_fragments_tell_nothing_and_end_nothing():
    association = acceptor()
    empty = framed(4, struct.pack(">IBB", 2, 1, 0))

    association.receive_data(empty * 10_000)

    assert drain(association) == []
    assert association.is_established
