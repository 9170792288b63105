"""A body crosses from the event loop to a blocking reader: bounded, and cut off from both ends.

The loop writes pieces and waits while the pipe is full; the reader takes them
as an ordinary iterator on a thread of its own. Whoever leaves first tells the
other: a writer that fails makes the reader raise, and a reader that has enough
makes the writer raise, so that neither waits for somebody who is gone.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from threading import Condition

from raykeep.domain.errors import ProtocolError

Buffer = bytes | bytearray | memoryview

MAX_WAITING = 1_048_576  # bytes that wait in a pipe before the writer must


class ReaderGone(Exception):
    """The reader of a pipe has stopped: nobody wants the rest of the body."""


class BodyPipe:
    """One body on its way; made on the loop that writes it.

    Args:
        capacity: Bytes that may wait for the reader; a piece that crosses the mark is still
            taken, so that one piece of any length passes.
    """

    def __init__(self, capacity: int = MAX_WAITING) -> None:
        self._capacity = capacity
        self._loop = asyncio.get_running_loop()
        self._changed = Condition()
        self._pieces: deque[Buffer] = deque()
        self._waiting = 0
        self._whole = False
        self._cut_off: str | None = None
        self._reader_gone = False
        self._room: asyncio.Future[None] | None = None

    # --- the loop's end -------------------------------------------------------------------------

    async def write(self, piece: Buffer) -> None:
        """Hand on one piece; returns when there is room for another.

        The piece's memory is the reader's from now on.

        Raises:
            ReaderGone: the reader has stopped.
        """
        room: asyncio.Future[None] | None = None
        with self._changed:
            if self._reader_gone:
                raise ReaderGone
            self._pieces.append(piece)
            self._waiting += len(piece)
            self._changed.notify()
            if self._waiting >= self._capacity:
                room = self._room = self._loop.create_future()
        if room is not None:
            await room

    def close(self) -> None:
        """The body is whole: the reader comes to its end."""
        with self._changed:
            self._whole = True
            self._changed.notify()

    def cut_off(self, reason: str) -> None:
        """The body will never be whole: the reader raises `ProtocolError` with `reason`.

        What still waits in the pipe is dropped. Without effect on a body that is whole.
        """
        with self._changed:
            if self._whole:
                return
            self._cut_off = reason
            self._pieces.clear()
            self._changed.notify()

    # --- the reader's end -----------------------------------------------------------------------

    def __iter__(self) -> Iterator[Buffer]:
        """The pieces in order; blocks for the next one.

        Raises:
            ProtocolError: the writer gave up before the body was whole.
        """
        while (piece := self._next()) is not None:
            yield piece

    def leave(self) -> None:
        """The reader has stopped, at the end or before it; the writer waits no longer."""
        with self._changed:
            self._reader_gone = True
            self._pieces.clear()
            self._make_room()

    def _next(self) -> Buffer | None:
        with self._changed:
            while not self._pieces:
                if self._cut_off is not None:
                    raise ProtocolError(self._cut_off)
                if self._whole:
                    return None
                self._changed.wait()
            piece = self._pieces.popleft()
            self._waiting -= len(piece)
            # Half empty, not one piece less: else each piece would cost a wake-up of the loop.
            if self._waiting <= self._capacity // 2:
                self._make_room()
            return piece

    def _make_room(self) -> None:
        room, self._room = self._room, None
        if room is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, room)

    def _wake(self, room: "asyncio.Future[None]") -> None:
        if room.done():  # the writer was cancelled
            return
        if self._reader_gone:
            room.set_exception(ReaderGone())
        else:
            room.set_result(None)
