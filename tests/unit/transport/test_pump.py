"""The pump: what it reads, writes and waits for."""

import pytest

from raykeep.domain.errors import ProtocolError
from raykeep.transport.pump import MAX_QUEUED, Pump
from raykeep.wire.upperlayer.association import Association
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.events import (
    AssociationRequested,
    ConnectionLost,
    DataFragment,
    ReleaseRequested,
    TimedOut,
)
from raykeep.wire.upperlayer.limits import UpperLayerLimits
from raykeep.wire.upperlayer.negotiation import Supported, negotiate
from raykeep.wire.upperlayer.pdu import PDV, DataTF, PDUType, ReleaseRQ
from tests.fakes.scu import EXPLICIT, VERIFICATION, associate_rq
from tests.fakes.streams import Line, ScriptedStream

LIMITS = UpperLayerLimits(artim_timeout=7, idle_timeout=11, pdu_timeout=5, closing_timeout=2)
REQUEST = associate_rq("CT01", abstract_syntaxes=[VERIFICATION])
ABORT = bytes([PDUType.ABORT])


def data_pdu(data: bytes = b"data") -> bytes:
    return encode(DataTF((PDV(1, is_command=True, is_last=True, data=data),)))


def established(*script: Line) -> tuple[Pump, ScriptedStream]:
    """A pump whose association has just been accepted."""
    stream = ScriptedStream(encode(REQUEST), *script)
    pump = Pump(stream, Association.acceptor(LIMITS))
    assert isinstance(pump.next_event(), AssociationRequested)
    pump.association.accept(
        negotiate(REQUEST, {VERIFICATION: Supported(transfer_syntaxes=(EXPLICIT,))})
    )
    pump.flush()
    stream.sent.clear()
    stream.sends.clear()
    return pump, stream


def test_events_come_in_the_order_of_the_bytes_however_they_were_cut():
    whole = data_pdu(b"one!") + data_pdu(b"two!") + encode(ReleaseRQ())
    pump, _ = established(whole[:3], whole[3:30], whole[30:])

    seen = []
    while not isinstance(event := pump.next_event(), ReleaseRequested):
        assert isinstance(event, DataFragment)
        seen.append(bytes(event.data))

    assert b"".join(seen) == b"one!two!"


def test_nothing_is_read_while_an_event_is_being_handled():
    pump, stream = established(data_pdu(), data_pdu())
    pump.next_event()

    assert len(stream.script) == 1


def test_what_waits_is_written_before_the_pump_waits():
    pump, stream = established()
    pump.send([[b"answer"]])

    pump.next_event()

    assert stream.sent.startswith(b"answer")


def test_many_small_pdus_are_written_together():
    pump, stream = established()

    pump.send([b"x" * 100] for _ in range(1000))
    pump.flush()

    assert stream.sends == [100_000]


def test_much_data_is_written_on_the_way():
    pump, stream = established()

    pump.send([b"x" * 100_000] for _ in range(10))

    assert len(stream.sends) >= 3
    assert max(stream.sends) < MAX_QUEUED + 100_000


def test_a_read_waits_no_longer_than_the_layer_allows():
    stream = ScriptedStream()
    pump = Pump(stream, Association.acceptor(LIMITS))

    event = pump.next_event()

    assert isinstance(event, TimedOut)
    assert stream.timeouts[0] == pytest.approx(7, abs=0.1)
    assert pump.next_event() is None  # nobody asked, so nobody is told


def test_silence_on_an_open_association_ends_it_with_an_abort():
    pump, stream = established()

    assert isinstance(pump.next_event(), TimedOut)
    # Then the peer gets its time to close.
    assert pump.next_event() == TimedOut("the peer to close the connection")
    assert pump.next_event() is None
    assert stream.sent.startswith(ABORT)
    assert stream.timeouts[-1] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("end", [b"", ConnectionResetError, BrokenPipeError])
def test_a_connection_that_ends_is_told_once(end: Line):
    pump, _ = established(end)

    assert isinstance(pump.next_event(), ConnectionLost)
    assert pump.next_event() is None


@pytest.mark.parametrize("failure", [TimeoutError, ConnectionResetError])
def test_a_peer_that_takes_nothing_has_left(failure: type[OSError]):
    pump, stream = established()
    stream.fails_to_send = failure

    pump.send([[b"answer"]])
    pump.flush()

    with pytest.raises(ProtocolError):
        pump.send([[b"more"]])
    assert isinstance(pump.next_event(), ConnectionLost)
    assert pump.next_event() is None


def test_an_interrupted_association_is_aborted_and_hears_nothing_more():
    pump, stream = established(data_pdu())

    pump.interrupt("revoked")

    assert pump.next_event() is None
    assert stream.sent.startswith(ABORT)
    assert stream.is_interrupted
    assert pump.interrupted_by == "revoked"


def test_an_interruption_while_a_read_waits_ends_it():
    pump, stream = established()

    def interrupt() -> bytes:
        pump.interrupt("revoked")
        return b""

    stream.script.append(interrupt)

    assert pump.next_event() is None
    assert stream.sent.startswith(ABORT)


def test_bytes_that_arrive_after_an_interruption_are_not_believed():
    pump, stream = established()

    def interrupt() -> bytes:
        pump.interrupt("revoked")
        return data_pdu()

    stream.script.append(interrupt)

    assert not isinstance(pump.next_event(), DataFragment)
    assert pump.next_event() is None


def test_an_interrupted_association_sends_no_more_data():
    pump, stream = established()
    pump.interrupt("revoked")

    pump.send([[b"answer"]])
    pump.flush()

    with pytest.raises(ProtocolError):
        pump.send([[b"more"]])
    assert stream.sent.endswith(ABORT + bytes([0, 0, 0, 0, 4, 0, 0, 0, 0]))


def test_the_first_reason_for_an_interruption_is_kept():
    pump, _ = established()

    pump.interrupt("first")
    pump.interrupt("second")

    assert pump.interrupted_by == "first"


def test_a_look_without_waiting_finds_what_is_there():
    pump, stream = established(data_pdu())

    assert isinstance(pump.waiting_event(), DataFragment)
    assert stream.timeouts[-1] == 0.0


def test_a_look_without_waiting_finds_nothing_when_nothing_is_there():
    pump, _ = established(TimeoutError)

    assert pump.waiting_event() is None
    assert pump.association.is_established


def test_a_look_without_waiting_notices_that_the_peer_left():
    pump, _ = established(ConnectionResetError)

    assert isinstance(pump.waiting_event(), ConnectionLost)


def test_received_bytes_are_counted():
    pump, _ = established(data_pdu(b"x" * 100))
    before = pump.bytes_received
    pump.next_event()

    assert pump.bytes_received - before == len(data_pdu(b"x" * 100))


def test_closing_closes_the_connection_whatever_the_state():
    pump, stream = established()

    pump.close()

    assert stream.is_closed
    assert pump.association.is_closed
