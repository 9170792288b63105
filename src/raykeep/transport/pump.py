"""The one DICOM loop: a blocking connection on one side, `wire`'s association on the other.

One thread runs it for each association. Whoever asks for the next event is the back-pressure:
while it works, nothing is read.
"""

import time
from collections.abc import Iterable

from raykeep.transport.streams import Stream
from raykeep.wire.buffers import BytesLike
from raykeep.wire.upperlayer.association import Association
from raykeep.wire.upperlayer.events import AssociationEvent

SEND_TIMEOUT = 30.0  # seconds for the peer to take what one `flush` writes
MAX_QUEUED = 262_144  # bytes that wait before `send` writes them: the length of one `flush`


class Pump:
    """Moves the bytes of one association.

    All but `interrupt` belongs to the thread of the association.
    """

    def __init__(
        self, stream: Stream, association: Association, *, send_timeout: float = SEND_TIMEOUT
    ) -> None:
        self.association = association
        self._stream = stream
        self._send_timeout = send_timeout
        self._queued = 0  # bytes
        self._interrupted = ""  # why
        self.bytes_received = 0

    def next_event(self) -> AssociationEvent | None:
        """Wait for the next event; None when the association has ended.

        What waits to be sent is written before it waits.
        """
        association = self.association
        while True:
            event = association.next_event()
            if event is not None:
                return event
            self.flush()
            if association.is_closed:
                return None
            left = association.seconds_left(time.monotonic())
            self._receive(left if left is None else max(left, 0.0))

    def waiting_event(self) -> AssociationEvent | None:
        """The next event, if it is there already; None otherwise. Never waits."""
        association = self.association
        event = association.next_event()
        if event is None and not association.is_closed and self._receive_now():
            event = association.next_event()
        return event

    def send(self, pdus: Iterable[list[BytesLike]]) -> None:
        """Queue P-DATA-TF PDUs, and write whenever many bytes wait.

        Raises:
            ProtocolError: the association is not, or no longer, established.
        """
        for buffers in pdus:
            self.association.send_data(buffers)
            self._queued += sum(map(len, buffers))
            if self._queued >= MAX_QUEUED:
                self.flush()

    def flush(self) -> None:
        """Write all that waits. A peer that does not take it in time has left."""
        self._queued = 0
        association = self.association
        if self._interrupted:
            association.abort()
        outgoing = association.data_to_send()
        if not outgoing:
            return
        try:
            self._stream.send(outgoing, self._send_timeout)
        except OSError:  # TimeoutError is one, too
            association.connection_closed()

    def close(self) -> None:
        """Close the connection, whatever state the association is in."""
        self.association.connection_closed()
        self._stream.close()

    @property
    def interrupted_by(self) -> str:
        """Why another thread ended the association; empty when none did."""
        return self._interrupted

    def interrupt(self, why: str) -> None:
        """End the association from another thread: it is aborted as soon as it is looked at."""
        self._interrupted = self._interrupted or why
        self._stream.interrupt()

    def _receive(self, timeout: float | None) -> None:
        association = self.association
        try:
            received = self._stream.receive(timeout)
        except TimeoutError:
            association.timer_expired()
            return
        except OSError:
            association.connection_closed()
            return
        self._take(received)

    def _receive_now(self) -> bool:
        try:
            received = self._stream.receive(0.0)
        except TimeoutError:
            return False
        except OSError:
            self.association.connection_closed()
            return True
        self._take(received)
        return True

    def _take(self, received: memoryview) -> None:
        association = self.association
        if self._interrupted:
            # Nothing more is heard: the end of the stream is our own doing.
            association.abort()
            self.flush()
            association.connection_closed()
        elif received:
            self.bytes_received += len(received)
            association.receive_data(received)
        else:
            association.connection_closed()
