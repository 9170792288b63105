"""Serves the control socket: commands of the local operator, a thread each.

Who may speak here is a matter of the operating system: the socket lies in a
folder of the data directory's owner, and the peer's credentials are asked of
the kernel. Each command then passes the same door as anything else.
"""

import logging
import select
import socket
import struct
import time
from collections.abc import Generator
from selectors import EVENT_READ, DefaultSelector
from threading import BoundedSemaphore, Event, Lock, Thread, current_thread

from raykeep.domain.access import Door, Origin
from raykeep.domain.errors import AccessDenied, ArchiveDown, ArchiveError, ProtocolError
from raykeep.servers.control.context import Context, local_operator
from raykeep.servers.control.running import failed, replies, user_name
from raykeep.servers.control.steps import Progress
from raykeep.servers.control.table import CommandTable
from raykeep.servers.control.wire import (
    MAX_REQUEST,
    LineReader,
    Reply,
    Request,
    decode_request,
    encode_reply,
)

MAX_COMMANDS = 16  # at a time; further connections wait
REQUEST_TIMEOUT = 10.0  # seconds until a request must be there, whole
SEND_TIMEOUT = 30.0  # seconds that a reply may wait for its reader
PROGRESS_INTERVAL = 0.1  # seconds between two tidings of progress
ACCEPT_PAUSE = 0.5  # seconds after an accept that failed
SHUTDOWN_TIMEOUT = 5.0  # seconds that commands under way have to end

_CREDENTIALS = struct.Struct("iII")  # pid, uid, gid: struct ucred of unix(7)

log = logging.getLogger(__name__)


class ControlServer:
    """Answers commands on a Unix socket until it is shut down."""

    def __init__(
        self,
        context: Context,
        table: CommandTable,
        listening_socket: socket.socket,
        *,
        allowed_uids: frozenset[int],
    ) -> None:
        """Serve `table` on a socket that is bound and listening; `serve_forever` begins.

        Args:
            context: The archive.
            table: Its commands.
            listening_socket: Unix stream socket. It may be shared with other processes, so it is
                never shut down here, only let alone.
            allowed_uids: Users who may give commands: the data directory's owner, and root.
        """
        self._context = context
        self._table = table
        self._listening = listening_socket
        self._allowed = allowed_uids
        self._slots = BoundedSemaphore(MAX_COMMANDS)
        self._stopping = Event()
        self._lock = Lock()
        self._threads: set[Thread] = set()
        self._wake, self._waker = socket.socketpair()

    def serve_forever(self) -> None:
        """Take connections until `shutdown` is called, by another thread."""
        self._listening.settimeout(0)
        with DefaultSelector() as selector, self._wake:
            selector.register(self._listening, EVENT_READ)
            selector.register(self._wake, EVENT_READ)
            while not self._stopping.is_set():
                if not self._slots.acquire(timeout=ACCEPT_PAUSE):
                    continue
                selector.select()
                if not self._begin():
                    self._slots.release()

    def shutdown(self, seconds: float = SHUTDOWN_TIMEOUT) -> None:
        """Take no more commands, and end those under way at their next step.

        Args:
            seconds: Longest wait for them.
        """
        deadline = time.monotonic() + seconds
        self._stopping.set()
        self._waker.close()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _begin(self) -> bool:
        """Take one connection to a thread of its own; tells whether there was one."""
        if self._stopping.is_set():
            return False
        try:
            connection, _ = self._listening.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            log.warning("no command can be taken: %s", error.strerror)
            self._stopping.wait(ACCEPT_PAUSE)
            return False
        thread = Thread(target=self._serve, args=(connection,), name="command", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()
        return True

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._answer(connection)
        except OSError as error:
            log.info("a command's caller went away: %s", type(error).__name__)
        except Exception as error:  # one connection's failure must not end the rest
            log.exception("a command could not be answered: %s", type(error).__name__)
        finally:
            with self._lock:
                self._threads.discard(current_thread())
            self._slots.release()

    def _answer(self, connection: socket.socket) -> None:
        credentials = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        _, uid, _ = _CREDENTIALS.unpack(credentials)
        user = user_name(uid)
        try:
            if uid not in self._allowed:
                raise self._turned_away(user)
            request = _request(connection)
            if request is None:
                return
        except ArchiveError as error:
            _send(connection, failed(error))
            return
        # Said at once, so that the caller knows that somebody is there.
        _send(connection, Progress(0, ""))
        steps = replies(self._context, self._table, local_operator(user), request)
        try:
            self._tell(connection, steps)
        finally:
            steps.close()

    def _turned_away(self, user: str) -> AccessDenied:
        reason = "commands are for the owner of the data directory and root"
        self._context.enforcer.refuse_stranger(Origin(Door.COMMAND_LINE), user, reason)
        return AccessDenied(f"{reason}. Run this as one of them")

    def _tell(self, connection: socket.socket, steps: Generator[Reply, None, None]) -> None:
        told_at = 0.0
        for reply in steps:
            if _is_gone(connection):
                log.info("a command ends, for its caller went away")
                return
            if self._stopping.is_set() and isinstance(reply, Progress):
                msg = "the archive is stopping; what was done so far stays. Start it and go on"
                _send(connection, failed(ArchiveDown(msg)))
                return
            if isinstance(reply, Progress):
                now = time.monotonic()
                if now - told_at < PROGRESS_INTERVAL:
                    continue
                told_at = now
            _send(connection, reply)


def _request(connection: socket.socket) -> Request | None:
    """What is asked for; None of somebody who only looked whether an archive answers."""
    lines = LineReader(connection, MAX_REQUEST)
    line = lines.line(REQUEST_TIMEOUT)
    if not line and not lines.has_more:
        return None
    if lines.has_more:
        msg = "a connection carries one request. Open another for the next"
        raise ProtocolError(msg)
    return decode_request(line)


def _send(connection: socket.socket, reply: Reply) -> None:
    connection.settimeout(SEND_TIMEOUT)
    connection.sendall(encode_reply(reply))


def _is_gone(connection: socket.socket) -> bool:
    """Whether the other side has closed; one that has merely said all it had to is still there."""
    poll = select.poll()
    poll.register(connection, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))
