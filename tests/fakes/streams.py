"""A stream without a socket: it says what a script tells it to."""

from collections.abc import Callable, Sequence

from raykeep.wire.buffers import BytesLike

Line = bytes | type[BaseException] | Callable[[], bytes]


class ScriptedStream:
    """Keeps `transport.streams.Stream`. At the end of its script the peer is silent."""

    def __init__(self, *script: Line) -> None:
        self.script = list(script)
        self.sent = bytearray()
        self.sends: list[int] = []  # bytes of each call
        self.timeouts: list[float | None] = []
        self.fails_to_send: type[OSError] | None = None
        self.is_interrupted = False
        self.is_closed = False
        self._buffer = bytearray(1_048_576)

    def receive(self, timeout: float | None) -> memoryview:
        self.timeouts.append(timeout)
        if self.is_interrupted:
            return memoryview(b"")
        line = self.script.pop(0) if self.script else TimeoutError
        if isinstance(line, type):
            raise line
        said = line if isinstance(line, bytes) else line()
        # The same memory each time, as a real stream has it.
        self._buffer[: len(said)] = said
        return memoryview(self._buffer)[: len(said)]

    def send(self, buffers: Sequence[BytesLike], timeout: float) -> None:
        if self.fails_to_send is not None:
            raise self.fails_to_send
        joined = b"".join(buffers)
        self.sends.append(len(joined))
        self.sent += joined

    def interrupt(self) -> None:
        self.is_interrupted = True

    def close(self) -> None:
        self.is_closed = True
