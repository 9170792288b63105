"""DIMSE messages over one pump: what a service class user or provider talks through."""

import time
from collections import deque
from collections.abc import Iterable, Iterator

from raykeep.domain.errors import LimitExceeded, ProtocolError
from raykeep.transport.pump import Pump
from raykeep.wire.buffers import BytesLike
from raykeep.wire.dimse.codec import encode
from raykeep.wire.dimse.commands import CCancelRQ, Command
from raykeep.wire.dimse.exchange import (
    CommandReceived,
    DataSetFragment,
    InvalidCommand,
    MessageEvent,
    MessageReader,
    fragment,
)
from raykeep.wire.upperlayer.events import AssociationEvent, DataFragment, ReleaseRequested


class Messages:
    """Reads and writes the messages of one established association.

    A message's data set is read with `data_set` before the next command.
    """

    def __init__(self, pump: Pump, max_command_length: int = 16_384) -> None:
        self._pump = pump
        self._association = pump.association
        self._reader = MessageReader(max_command_length)
        self._early: deque[AssociationEvent] = deque()  # seen while looking for a cancel
        self.ending: AssociationEvent | None = None  # how the association ended
        self._is_waiting = False  # for a command; read by other threads, as is the next one
        self._finishing = ""  # why
        self.fault = ""  # what the peer did against PS3.7, or why we ended it

    @property
    def is_idle(self) -> bool:
        """Whether no message is on its way in."""
        return self._reader.is_idle

    def next_command(self) -> CommandReceived | InvalidCommand | None:
        """Wait for the next command; None when the association has ended.

        A release that the peer asks for is granted here.
        """
        self._is_waiting = True
        # Asked after that is said, as `finish` asks the other way round: one of them sees it.
        if self._finishing:
            self._pump.interrupt(self._finishing)
        found = self._next_message()
        self._is_waiting = False
        if isinstance(found, DataSetFragment):
            msg = "read the data set, or pass over it, before the next command"
            raise ValueError(msg)  # noqa: TRY004 - it is the order of the calls that is wrong
        return found

    def data_set(self) -> Iterator[memoryview]:
        """The pieces of the data set that the last command announced.

        A piece is valid until the next one is asked for. What was not read by
        one iterator is read by the next.

        Raises:
            ProtocolError: the association ended within it.
        """
        while not self._reader.is_idle:
            found = self._next_message()
            if not isinstance(found, DataSetFragment):
                raise ProtocolError(f"the association ended within a data set: {self.how_ended}")
            yield found.data

    def pass_over_data_set(self, max_length: int, timeout: float) -> None:
        """Read what is left of the data set without looking at it, so that an answer can go out.

        Raises:
            ProtocolError: there is more than `max_length` bytes of it, it takes longer than
                `timeout` seconds, or the association ended within it.
        """
        length, deadline = 0, time.monotonic() + timeout
        for piece in self.data_set():
            length += len(piece)
            if length > max_length or time.monotonic() > deadline:
                raise ProtocolError("what follows a refused request is too long to be passed over")

    def send(
        self, context_id: int, command: Command, data: Iterable[BytesLike] | None = None
    ) -> None:
        """Queue a message; it is written with the next flush, or when many bytes wait.

        Args:
            context_id: The presentation context.
            command: Its command set.
            data: Its data set, if `command.has_data_set`; not to be changed until it is written.

        Raises:
            ProtocolError: the association has ended.
        """
        self.send_encoded(context_id, encode(command), data)

    def send_encoded(
        self, context_id: int, command: bytes, data: Iterable[BytesLike] | None = None
    ) -> None:
        """Queue a message whose command set is encoded already; see `send`."""
        longest = self._association.max_pdu_length_to_send
        self._pump.send(fragment(context_id, command, data, longest))

    def flush(self) -> None:
        """Write what is queued."""
        self._pump.flush()

    def is_cancelled(self, message_id: int) -> bool:
        """Whether a C-CANCEL for that request has come, or the peer wants to leave. Never waits.

        Raises:
            ProtocolError: the association ended, or the peer sent what it may not send
                while a request is outstanding.
        """
        while (event := self._pump.waiting_event()) is not None:
            if isinstance(event, ReleaseRequested):
                self._early.append(event)
                return True
            if not isinstance(event, DataFragment):
                self.ending = self.ending or event
                break
            message = self._fed(event)
            if message is None:
                continue
            if not isinstance(message, CommandReceived) or not isinstance(
                message.command, CCancelRQ
            ):
                self._end("a request came while another one was outstanding")
                break
            if message.command.message_id_being_responded_to == message_id:
                return True
        if self.has_ended:
            raise ProtocolError("the association ended within an operation")
        return False

    def finish(self, why: str) -> None:
        """End the association from another thread: after the request at hand, if there is one."""
        self._finishing = why
        if self._is_waiting and self._reader.is_idle:
            self._pump.interrupt(why)

    @property
    def has_ended(self) -> bool:
        """Whether nothing can be answered any more."""
        return not self._association.is_established

    @property
    def how_ended(self) -> str:
        """Why the association ended, for the log; empty while it stands."""
        if self._pump.interrupted_by:
            return self._pump.interrupted_by
        if self.fault:
            return self.fault
        return "" if self.ending is None else type(self.ending).__name__

    def abort(self, why: str) -> None:
        """End the association from here, `why` for the log."""
        self._end(why)
        self._pump.flush()

    def _next_message(self) -> MessageEvent | None:
        while True:
            event = self._early.popleft() if self._early else self._pump.next_event()
            if event is None:
                return None
            if isinstance(event, DataFragment):
                message = self._fed(event)
                if message is not None:
                    return message
            elif isinstance(event, ReleaseRequested) and self._reader.is_idle:
                self.ending = event
                self._association.release()
            else:
                # Whatever else happens ends it; the first reason counts.
                self.ending = self.ending or event
                if isinstance(event, ReleaseRequested):
                    self._end("a release was asked for within a message")

    def _fed(self, event: DataFragment) -> MessageEvent | None:
        try:
            return self._reader.feed(event)
        except (ProtocolError, LimitExceeded) as error:
            self._end(str(error))
            return None

    def _end(self, why: str) -> None:
        self.fault = self.fault or why
        self._association.abort()
