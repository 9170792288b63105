"""DIMSE messages from fragments and into fragments (PS3.7 section 6.3, PS3.8 annex E)."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from raykeep.domain.errors import (
    InvalidAETitle,
    InvalidInput,
    InvalidUID,
    LimitExceeded,
    ProtocolError,
)
from raykeep.wire.buffers import BytesLike
from raykeep.wire.dimse import statuses
from raykeep.wire.dimse.codec import head_of, typed
from raykeep.wire.dimse.commands import COMMANDS, RESPONSE, Command, CommandField
from raykeep.wire.dimse.elements import (
    COMMAND_DATA_SET_TYPE,
    COMMAND_FIELD,
    ELEMENTS,
    NO_DATA_SET,
    US_LENGTH,
    read_elements,
    write_elements,
    write_value,
)
from raykeep.wire.upperlayer.events import DataFragment
from raykeep.wire.upperlayer.pdu import PDUType

_PDV_OVERHEAD: Final = 6  # bytes of a PDV before its data
_HEADERS = struct.Struct(">BxIIBB")  # of a P-DATA-TF PDU and of its one PDV
_COMMAND, _LAST = 1, 2  # bits of the message control header, PS3.8 E.2


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """A whole command set. If `command.has_data_set`, its data set follows in fragments."""

    context_id: int
    command: Command


@dataclass(frozen=True, slots=True)
class InvalidCommand:
    """A command set that can be answered and not be performed.

    `answer` is the encoded response that says so (its `status` is 0115H, 0211H
    or 0212H); None where the command was no request. If `has_data_set`, the
    data set still follows, to be passed over before the answer goes out.
    """

    context_id: int
    has_data_set: bool
    status: int
    error: InvalidInput
    answer: bytes | None


class DataSetFragment(NamedTuple):
    """A piece of the data set that the last command announced.

    `data` is valid until the association receives more bytes.
    """

    context_id: int
    data: memoryview
    is_last: bool


MessageEvent: TypeAlias = CommandReceived | InvalidCommand | DataSetFragment


class MessageReader:
    """Makes DIMSE messages of the fragments of one association.

    One message at a time: the fragments of a command set, then those of its
    data set if it announced one, all on one presentation context.
    """

    def __init__(self, max_command_length: int = 16_384) -> None:
        self._max_command_length = max_command_length  # bytes
        self._command = bytearray()
        self._context_id: int | None = None  # of the message that has begun and not ended
        self._in_data_set = False

    @property
    def is_idle(self) -> bool:
        """Whether no message has begun that has not ended."""
        return self._context_id is None

    def feed(self, fragment: DataFragment) -> MessageEvent | None:
        """Take one fragment; None where it tells nothing yet.

        Raises:
            ProtocolError: the fragment breaks PS3.7; abort the association.
            LimitExceeded: a command set is too long; abort the association.
        """
        context_id, is_command, is_last, data = fragment
        if self._context_id is not None and context_id != self._context_id:
            raise ProtocolError(
                f"a message on presentation context {context_id} began within that on "
                f"{self._context_id}"
            )
        if self._in_data_set:
            if is_command:
                raise ProtocolError("a command set began before the data set before it had ended")
            if is_last:
                self._in_data_set = False
                self._context_id = None
            return DataSetFragment(context_id, data, is_last)
        if not is_command:
            raise ProtocolError("a data set came that no command announced")
        self._context_id = context_id
        total = len(self._command) + len(data)
        if total > self._max_command_length:
            limit = self._max_command_length
            raise LimitExceeded("length of a command set", total, limit, "bytes")
        self._command += data
        if not is_last:
            return None
        raw = bytes(self._command)
        self._command.clear()
        return self._complete(context_id, raw)

    def _complete(self, context_id: int, raw: bytes) -> CommandReceived | InvalidCommand:
        values = read_elements(raw)
        command_field, has_data_set = head_of(values)
        found: CommandReceived | InvalidCommand
        try:
            found = CommandReceived(context_id, typed(values))
        except ProtocolError:
            raise
        except InvalidInput as error:
            status = _status_of(command_field, error)
            answer = _answer(command_field, values, status, str(error))
            found = InvalidCommand(context_id, has_data_set, status, error, answer)
        self._in_data_set = has_data_set
        if not has_data_set:
            self._context_id = None
        return found


def _status_of(command_field: int, error: InvalidInput) -> int:
    if command_field not in COMMANDS:
        return statuses.UNRECOGNIZED_OPERATION
    if isinstance(error, InvalidUID | InvalidAETitle):
        return statuses.INVALID_ARGUMENT_VALUE
    return statuses.MISTYPED_ARGUMENT


def _answer(command_field: int, values: dict[int, bytes], status: int, why: str) -> bytes | None:
    """The response to a request that could not be read, with the little that is known of it."""
    message_id = ELEMENTS["message_id"]
    asks = not command_field & RESPONSE and command_field != CommandField.C_CANCEL
    raw = values.get(message_id.number, b"")
    if not asks or len(raw) != US_LENGTH:
        return None
    return write_elements(
        (
            (COMMAND_FIELD.number, write_value(COMMAND_FIELD.vr, command_field | RESPONSE)),
            (ELEMENTS["message_id_being_responded_to"].number, raw),
            (COMMAND_DATA_SET_TYPE.number, write_value(COMMAND_DATA_SET_TYPE.vr, NO_DATA_SET)),
            (ELEMENTS["status"].number, write_value(ELEMENTS["status"].vr, status)),
            (ELEMENTS["error_comment"].number, write_value(ELEMENTS["error_comment"].vr, why)),
        )
    )


# --- sending -----------------------------------------------------------------------------------


def fragment(
    context_id: int,
    command: bytes,
    data_chunks: Iterable[BytesLike] | None,
    max_pdu_length: int,
) -> Iterator[list[BytesLike]]:
    """Cut a message into P-DATA-TF PDUs, without copying its data.

    Args:
        context_id: The presentation context.
        command: The encoded command set.
        data_chunks: The data set in pieces of any size, of unknown total
            length; None where the command announces none. A piece must stay
            unchanged until the PDU that holds it is written.
        max_pdu_length: The longest PDU that the peer takes, in bytes after the
            PDU header (`Association.max_pdu_length_to_send`).

    Yields:
        The buffers of one PDU at a time, for `Association.send_data`.
    """
    room = (max_pdu_length - _PDV_OVERHEAD) & ~1  # fragments are of even length
    for at in range(0, len(command), room):
        piece = command[at : at + room]
        is_last = at + room >= len(command)
        yield [_headers(context_id, len(piece), _COMMAND | (_LAST if is_last else 0)) + piece]
    if data_chunks is not None:
        yield from _fragment_data(context_id, data_chunks, room)


def _fragment_data(
    context_id: int, chunks: Iterable[BytesLike], room: int
) -> Iterator[list[BytesLike]]:
    waiting: list[BytesLike] = []
    length = 0  # bytes in `waiting`, at most `room`
    for chunk in chunks:
        view = memoryview(chunk)
        at, end = 0, len(view)
        while at < end:
            # Sent only when more is known to follow, so that the last PDU can say that it is.
            if length == room:
                yield [_headers(context_id, length, 0), *waiting]
                waiting, length = [], 0
            step = min(room - length, end - at)
            waiting.append(view[at : at + step])
            length += step
            at += step
    yield [_headers(context_id, length, _LAST), *waiting]


def _headers(context_id: int, length: int, control: int) -> bytes:
    return _HEADERS.pack(PDUType.DATA_TF, length + _PDV_OVERHEAD, length + 2, context_id, control)
