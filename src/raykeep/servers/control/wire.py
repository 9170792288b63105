"""What is said over the control socket: JSON, a line a message, one request a connection.

The command line says `{"command": …, "parameters": {…}}`. The archive answers with any number
of `{"progress": {"done": …, "what": …}}`, the first at once, and of `{"file": {"name": …,
"text": …}}`, pieces of files for the command line to write. Last comes `{"result": {…},
"exit_code": …}` or `{"error": {"type": …, "message": …, "exit_code": …}}`.
"""

import socket
import time
from typing import Any

import msgspec

from raykeep.domain.errors import ArchiveDown, InvalidInput, LimitExceeded, ProtocolError
from raykeep.servers.control.steps import Finished, Output, Plain, Progress

MAX_REQUEST = 1_048_576  # bytes of a request; certificates and checkpoints fit in it
MAX_REPLY = 67_108_864  # bytes of one reply
PIECE = 65_536  # bytes that are read at a time


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One command, asked for."""

    command: str
    parameters: Plain = {}


class Failed(msgspec.Struct, frozen=True):
    """The end of a command that could not be done.

    Attributes:
        type: Class of the error tree, or `internal`.
        message: One sentence or two: what, which value, what next.
        exit_code: For the command line.
    """

    type: str
    message: str
    exit_code: int


Reply = Progress | Output | Finished | Failed


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    progress: Progress | None = None
    file: Output | None = None
    error: Failed | None = None
    result: dict[str, Any] | None = None
    exit_code: int | None = None


def _plain(value: object) -> str:
    """Texts of the archive's own types (a facility's name, a UID) as the texts that they are."""
    if isinstance(value, str):
        return str(value)
    msg = f"{type(value).__name__} is nothing that JSON has"
    raise NotImplementedError(msg)


_encode = msgspec.json.Encoder(enc_hook=_plain).encode
_decode_request = msgspec.json.Decoder(Request).decode
_decode_line = msgspec.json.Decoder(_Line).decode


def encode_request(request: Request) -> bytes:
    """A request as it travels.

    Raises:
        InvalidInput: a text of it is no Unicode, such as a file name in another encoding.
        LimitExceeded: it is longer than the archive takes.
    """
    try:
        line = _encode(request) + b"\n"
    except UnicodeEncodeError as error:
        msg = "a name is not UTF-8 text. Name the folder that it lies in instead"
        raise InvalidInput(msg) from error
    if len(line) > MAX_REQUEST:
        raise LimitExceeded("length of the request", len(line), MAX_REQUEST, "bytes")
    return line


def decode_request(line: bytes) -> Request:
    """Read a request.

    Raises:
        ProtocolError: it is not one.
    """
    try:
        return _decode_request(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = "a request is one JSON object with command and parameters. Use the raykeep command"
        raise ProtocolError(msg) from error


def encode_reply(reply: Reply) -> bytes:
    """A reply as it travels."""
    return _encode(_line_of(reply)) + b"\n"


def _line_of(reply: Reply) -> _Line:
    match reply:
        case Progress():
            return _Line(progress=reply)
        case Output():
            return _Line(file=reply)
        case Finished(result, exit_code):
            return _Line(result=result, exit_code=exit_code)
        case Failed():
            return _Line(error=reply)


def decode_reply(line: bytes) -> Reply:
    """Read a reply.

    Raises:
        ProtocolError: it is not one.
    """
    try:
        said = _decode_line(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = _Line()
    reply = said.progress or said.file or said.error
    if reply is not None:
        return reply
    if said.result is not None and said.exit_code is not None:
        return Finished(said.result, said.exit_code)
    msg = (
        "the archive's answer is not understood: it is of another release than the command line. "
        "Use the same release for both"
    )
    raise ProtocolError(msg)


class LineReader:
    """Reads lines from a socket, each within a limit."""

    def __init__(self, connection: socket.socket, max_length: int) -> None:
        """Read from `connection` lines of at most `max_length` bytes, line feed included."""
        self._connection = connection
        self._max_length = max_length
        self._ahead = bytearray()

    @property
    def has_more(self) -> bool:
        """Whether bytes behind the last line were read."""
        return bool(self._ahead)

    def line(self, seconds: float | None = None) -> bytes:
        """The next line without its line feed; empty when the other side has closed.

        Args:
            seconds: Longest wait for the whole of it; None to wait as long as it takes.

        Raises:
            ArchiveDown: time is up.
            LimitExceeded: it is longer than the limit.
            OSError: the connection is lost.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        searched = 0
        while (end := self._ahead.find(b"\n", searched)) < 0:
            searched = len(self._ahead)
            if searched >= self._max_length:
                raise LimitExceeded("length of a line", searched, self._max_length - 1, "bytes")
            piece = self._receive(self._max_length - searched, deadline)
            if not piece:
                return b""
            self._ahead += piece
        line = bytes(self._ahead[:end])
        del self._ahead[: end + 1]
        return line

    def _receive(self, most: int, deadline: float | None) -> bytes:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise _late()
        self._connection.settimeout(left)
        try:
            return self._connection.recv(min(PIECE, most))
        except TimeoutError:
            raise _late() from None


def _late() -> ArchiveDown:
    return ArchiveDown("the other side of the control socket said nothing in time. Try again")
