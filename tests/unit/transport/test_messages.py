"""Messages over a pump: commands, data sets, cancels, and every way to end."""

import pytest

from raykeep.domain.errors import ProtocolError
from raykeep.domain.uids import UID
from raykeep.transport.messages import Messages
from raykeep.transport.pump import Pump
from raykeep.wire.dimse.codec import encode as encode_command
from raykeep.wire.dimse.commands import CCancelRQ, CEchoRQ, CEchoRSP, Command, CStoreRQ
from raykeep.wire.dimse.exchange import CommandReceived, InvalidCommand, fragment
from raykeep.wire.upperlayer.association import Association
from raykeep.wire.upperlayer.encoding import encode
from raykeep.wire.upperlayer.events import ConnectionLost, ReleaseRequested
from raykeep.wire.upperlayer.negotiation import Supported, negotiate
from raykeep.wire.upperlayer.pdu import Abort, PDUType, ReleaseRQ
from tests.fakes.scu import CT, EXPLICIT, VERIFICATION, associate_rq
from tests.fakes.streams import Line, ScriptedStream

ABORT = bytes([PDUType.ABORT])
ECHO = CEchoRQ(message_id=7, affected_sop_class_uid=VERIFICATION)
STORE = CStoreRQ(message_id=8, affected_sop_class_uid=CT, affected_sop_instance_uid=UID("1.2.3"))


def message(context_id: int, command: Command, *data: bytes, longest: int = 65_536) -> bytes:
    pdus = fragment(context_id, encode_command(command), data or None, longest)
    return b"".join(bytes(buffer) for pdu in pdus for buffer in pdu)


def talking(*script: Line) -> tuple[Messages, ScriptedStream]:
    asked = associate_rq("CT01", abstract_syntaxes=[VERIFICATION, CT])
    stream = ScriptedStream(encode(asked), *script)
    pump = Pump(stream, Association.acceptor())
    pump.next_event()
    both = Supported(transfer_syntaxes=(EXPLICIT,))
    pump.association.accept(negotiate(asked, {VERIFICATION: both, CT: both}))
    pump.flush()
    stream.sent.clear()
    return Messages(pump), stream


def command(received: object) -> Command:
    assert isinstance(received, CommandReceived)
    return received.command


def test_commands_come_one_after_the_other():
    messages, _ = talking(message(1, ECHO) + message(1, ECHO))

    assert command(messages.next_command()) == ECHO
    assert command(messages.next_command()) == ECHO


def test_a_data_set_streams_in_pieces():
    data = bytes(range(256)) * 1000
    raw = message(3, STORE, data)
    messages, _ = talking(raw[:50_000], raw[50_000:200_000], raw[200_000:])

    assert command(messages.next_command()) == STORE
    pieces = [bytes(piece) for piece in messages.data_set()]

    assert b"".join(pieces) == data
    assert len(pieces) > 3
    assert messages.is_idle


def test_what_one_reader_leaves_of_a_data_set_the_next_one_finds():
    messages, _ = talking(message(3, STORE, b"x" * 1000, longest=106))
    messages.next_command()

    first = next(iter(messages.data_set()))
    rest = b"".join(bytes(piece) for piece in messages.data_set())

    assert len(first) + len(rest) == 1000


def test_a_refused_data_set_is_passed_over_and_the_association_goes_on():
    messages, _ = talking(message(3, STORE, b"x" * 100_000) + message(1, ECHO))
    messages.next_command()

    messages.pass_over_data_set(200_000, 30.0)

    assert command(messages.next_command()) == ECHO


@pytest.mark.parametrize(("longest", "patience"), [(50_000, 30.0), (200_000, -1.0)])
def test_passing_over_has_a_limit(longest: int, patience: float):
    messages, _ = talking(message(3, STORE, b"x" * 100_000))
    messages.next_command()

    with pytest.raises(ProtocolError, match="too long"):
        messages.pass_over_data_set(longest, patience)


def test_a_release_is_granted():
    messages, stream = talking(encode(ReleaseRQ()), b"")

    assert messages.next_command() is None
    assert stream.sent[0] == PDUType.RELEASE_RP
    assert isinstance(messages.ending, ReleaseRequested)


def test_a_release_within_a_message_is_a_breach():
    raw = message(3, STORE, b"x" * 1000)
    messages, _ = talking(raw[:-500], encode(ReleaseRQ()))
    messages.next_command()

    with pytest.raises(ProtocolError, match="within a data set"):
        for _ in messages.data_set():
            pass


@pytest.mark.parametrize("end", [b"", encode(Abort()), ConnectionResetError])
def test_an_association_that_ends_within_a_data_set_is_told(end: Line):
    raw = message(3, STORE, b"x" * 1000)
    messages, _ = talking(raw[:-500], end)
    messages.next_command()

    with pytest.raises(ProtocolError, match="within a data set"):
        for _ in messages.data_set():
            pass
    assert messages.next_command() is None
    assert messages.how_ended


def test_a_breach_of_ps3_7_aborts_the_association():
    other = message(1, ECHO)
    raw = message(3, STORE, b"x" * 10)
    messages, stream = talking(raw[: raw.index(b"xxxx") - 12] + other)

    messages.next_command()
    with pytest.raises(ProtocolError):
        next(messages.data_set())
    assert messages.next_command() is None
    assert stream.sent.startswith(ABORT)
    assert "presentation context" in messages.how_ended


def test_a_command_that_cannot_be_performed_is_handed_on():
    raw = bytearray(message(1, ECHO))
    at = raw.index(b"1.2.840.10008.1.1")
    raw[at : at + 3] = b"x.2"
    messages, _ = talking(bytes(raw))

    assert isinstance(messages.next_command(), InvalidCommand)


def test_a_cancel_is_seen_without_waiting():
    messages, stream = talking(message(1, ECHO))
    messages.next_command()
    stream.script.append(message(1, CCancelRQ(message_id_being_responded_to=7)))

    assert messages.is_cancelled(7)
    assert set(stream.timeouts[-1:]) == {0.0}


def test_no_cancel_is_seen_where_none_came():
    messages, _ = talking(message(1, ECHO), TimeoutError)
    messages.next_command()

    assert not messages.is_cancelled(7)


def test_the_cancel_of_another_request_is_passed_over():
    messages, _ = talking(
        message(1, ECHO), message(1, CCancelRQ(message_id_being_responded_to=6)), TimeoutError
    )
    messages.next_command()

    assert not messages.is_cancelled(7)


def test_wishing_to_leave_cancels_too_and_is_granted_after_the_answer():
    messages, stream = talking(message(1, ECHO), encode(ReleaseRQ()), b"")
    messages.next_command()

    assert messages.is_cancelled(7)
    messages.send(1, CEchoRSP(message_id_being_responded_to=7, status=0))
    assert messages.next_command() is None
    assert stream.sent[0] == PDUType.DATA_TF
    assert bytes([PDUType.RELEASE_RP, 0, 0, 0, 0, 4]) in stream.sent


def test_a_request_while_one_is_outstanding_is_a_breach():
    messages, stream = talking(message(1, ECHO), message(1, ECHO))
    messages.next_command()

    with pytest.raises(ProtocolError):
        messages.is_cancelled(7)
    assert messages.next_command() is None
    assert stream.sent.startswith(ABORT)


def test_an_abort_is_noticed_when_a_cancel_is_looked_for():
    messages, _ = talking(message(1, ECHO), encode(Abort()))
    messages.next_command()

    with pytest.raises(ProtocolError):
        messages.is_cancelled(7)
    assert messages.has_ended


def test_a_connection_that_ends_is_told():
    messages, _ = talking(b"")

    assert messages.next_command() is None
    assert isinstance(messages.ending, ConnectionLost)
    assert messages.how_ended == "ConnectionLost"


def test_finishing_lets_the_request_at_hand_be_answered():
    messages, stream = talking(message(1, ECHO), message(1, ECHO))
    messages.next_command()

    messages.finish("the archive is stopping")
    messages.send(1, CEchoRSP(message_id_being_responded_to=7, status=0))

    assert messages.next_command() is None
    assert stream.sent[0] == PDUType.DATA_TF
    assert stream.sent[-10:].startswith(ABORT)
    assert messages.how_ended == "the archive is stopping"


def test_finishing_ends_an_association_that_waits():
    messages, stream = talking()

    def finish() -> bytes:
        messages.finish("the archive is stopping")
        return b""

    stream.script.append(finish)

    assert messages.next_command() is None
    assert stream.sent.startswith(ABORT)


def test_aborting_says_why():
    messages, stream = talking()

    messages.abort("too long")

    assert stream.sent.startswith(ABORT)
    assert messages.next_command() is None
    assert messages.how_ended == "too long"


def test_a_data_set_that_was_left_unread_is_a_mistake_of_ours():
    messages, _ = talking(message(3, STORE, b"x" * 10))
    messages.next_command()

    with pytest.raises(ValueError, match="before the next command"):
        messages.next_command()


def test_a_cancel_may_come_in_pieces():
    raw = message(1, CCancelRQ(message_id_being_responded_to=7), longest=46)
    messages, _ = talking(message(1, ECHO), raw)
    messages.next_command()

    assert messages.is_cancelled(7)


def test_a_release_within_a_command_set_is_a_breach():
    raw = message(1, ECHO, longest=46)
    messages, stream = talking(raw[:52], encode(ReleaseRQ()))

    assert messages.next_command() is None
    assert stream.sent.startswith(ABORT)
    assert "release" in messages.how_ended
