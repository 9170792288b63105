"""What goes back to a client: whole, or pulled piece by piece."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from raykeep.edge.security_headers import Header

Piece = bytes | memoryview

JSON = b"application/json"

PIECES_AT_ONCE = 6  # pieces of at most 64 KiB that are read ahead of a client
FIRST_PIECES = 10  # so many before the first byte goes out: most instances then need one turn


@dataclass(slots=True)
class Reply:
    """An answer whose body is at hand."""

    status: int
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""


@dataclass(slots=True)
class StreamReply:
    """An answer whose body is made while it goes out.

    Attributes:
        status: HTTP status.
        headers: Without Content-Length.
        pieces: The body; read on a worker thread, a few pieces at a time.
        length: Bytes of the body; None where that is not known beforehand.
    """

    status: int
    headers: list[Header]
    pieces: Iterator[Piece]
    length: int | None
    ahead: list[Piece] = field(default_factory=list)
    done: bool = False

    def pull(self, count: int = PIECES_AT_ONCE) -> list[Piece]:
        """Read the next pieces; `done` tells whether they were the last."""
        taken: list[Piece] = []
        for piece in self.pieces:
            taken.append(piece)
            if len(taken) == count:
                return taken
        self.done = True
        return taken

    def begin(self) -> "StreamReply":
        """Read the first pieces, so that what fails at once still gets an honest status."""
        self.ahead = self.pull(FIRST_PIECES)
        return self


def json_reply(status: int, content: object, headers: list[Header] | None = None) -> Reply:
    """An answer in plain JSON."""
    return Reply(status, [(b"content-type", JSON), *(headers or [])], msgspec.json.encode(content))
