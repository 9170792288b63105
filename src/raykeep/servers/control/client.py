"""Asking a running archive, from the command line."""

import contextlib
import socket
from collections.abc import Generator

from raykeep.domain.errors import ArchiveDown
from raykeep.servers.control.steps import Finished
from raykeep.servers.control.wire import (
    MAX_REPLY,
    Failed,
    LineReader,
    Reply,
    Request,
    decode_reply,
    encode_request,
)

FIRST_REPLY_TIMEOUT = 30.0  # seconds; the archive says at once that it has begun


def ask(connection: socket.socket, request: Request) -> Generator[Reply, None, None]:
    """Have a command run; the last reply is `Finished` or `Failed`.

    Closing the generator closes the connection, and that ends the command.

    Raises:
        ArchiveDown: the archive does not answer, or went away in the midst of it.
        LimitExceeded: the request is too long.
        ProtocolError: the archive is of another release.
    """
    sent = encode_request(request)
    with connection:
        connection.settimeout(FIRST_REPLY_TIMEOUT)
        # Who is turned away is so before the request is read: the reason is there all the same.
        with contextlib.suppress(OSError):
            connection.sendall(sent)
        lines = LineReader(connection, MAX_REPLY)
        reply = _next(lines, request, FIRST_REPLY_TIMEOUT)
        while True:
            yield reply
            if isinstance(reply, Finished | Failed):
                return
            reply = _next(lines, request, None)


def _next(lines: LineReader, request: Request, timeout: float | None) -> Reply:
    try:
        line = lines.line(timeout)
    except OSError:
        line = b""
    if not line:
        msg = (
            f"the archive ended before '{request.command}' was done. Start it again, and see with "
            "`raykeep audit tail` how far it came"
        )
        raise ArchiveDown(msg)
    return decode_reply(line)
