"""One HTTP connection, with the bounds that uvicorn leaves open."""

import asyncio
import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, NoReturn
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from raykeep.edge.cycle import Cycle
from raykeep.edge.errors import problem
from raykeep.edge.limits import EdgeLimits
from raykeep.edge.security_headers import Header, with_security

_ABSOLUTE = re.compile(rb"https?://([^/?#]+)(/[^?#]*)?((?:\?[^#]*)?)", re.IGNORECASE)


class Phase(Enum):
    """What a connection waits for."""

    IDLE = auto()  # the first byte of a request
    HEAD = auto()  # the blank line after its headers
    BODY = auto()  # the rest of its body
    ANSWER = auto()  # the application
    DRAIN = auto()  # the rest of a body that was answered before its end


class _Refused(Exception):
    """Stops the parser; what the client is told stands beside."""


class Connection(HttpToolsProtocol):
    """One connection of a client.

    The server calls `check` about once a second: one look at each connection
    costs less than a timer for each request.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        *,
        loop: asyncio.AbstractEventLoop,
        limits: EdgeLimits,
        always: tuple[Header, ...],
        left: Callable[["Connection"], None],
    ) -> None:
        """Prepare.

        Args:
            config: uvicorn's.
            server_state: uvicorn's.
            loop: That it runs on.
            limits: Its bounds.
            always: Headers of every answer, for those that no application makes.
            left: Called when the connection is gone.
        """
        super().__init__(config, server_state, {}, _loop=loop)
        self._limits = limits
        self._always = always
        self._left = left
        self.phase = Phase.HEAD  # a new connection owes its first request at once
        self.since = loop.time()
        self._refusal: tuple[int, str, str] | None = None
        self._open_answers = 0
        self._head_bytes = 0
        self._partial_bytes = 0
        self._began = 0
        self._body_bytes = 0
        self._drained = 0
        self._unread_since: float | None = None
        self._closing_since: float | None = None

    # --- what the server asks of it -------------------------------------------------------------

    def check(self, now: float) -> None:
        """End the connection if it has outstayed a limit."""
        if self.transport.is_closing():
            if self._closing_since is None:
                self._closing_since = now
            elif now - self._closing_since > self._limits.leaving_timeout:
                self.transport.abort()
        elif self._unread_since is not None:
            if now - self._unread_since > self._limits.stall_timeout:
                self.transport.abort()
        else:
            self._check_phase(now, now - self.since)

    def shutdown(self) -> None:
        """The server ends: finish what runs, and take nothing more."""
        if self._open_answers:
            self.cycle.keep_alive = False
        else:
            # Taking leave of TLS would wait for clients that are not listening now.
            self.transport.abort()

    def _check_phase(self, now: float, waited: float) -> None:
        limits = self._limits
        match self.phase:
            case Phase.IDLE if waited > limits.keep_alive_timeout:
                self.transport.close()
            case Phase.HEAD if waited > limits.header_timeout and not self._open_answers:
                self._give_up(408, "timeout", "the request's headers did not come in time")
            case Phase.DRAIN if waited > limits.drain_timeout:
                self.transport.close()
            case Phase.BODY:
                self._check_rate(now, waited)
            case _:
                pass

    def _check_rate(self, now: float, waited: float) -> None:
        cycle = self.cycle
        ours = self.flow.read_paused or cycle.waiting_for_100_continue or bool(cycle.body)
        if ours:  # what is slow is the archive
            self.since, self._body_bytes = now, 0
        elif waited >= self._limits.body_grace:
            if self._body_bytes < self._limits.body_rate * waited:
                self.transport.abort()
            self.since, self._body_bytes = now, 0

    # --- bytes in -------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Read on."""
        fresh = self.phase is Phase.IDLE or not self._began
        if self.phase is Phase.IDLE:
            self.phase, self.since = Phase.HEAD, self.loop.time()
        before = self._began
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            status, error, detail = self._refusal or (400, "bad-request", "this is not HTTP/1.1")
            self._give_up(status, error, detail)
            return
        if self.phase is Phase.HEAD:
            # A header line without an end is held by the parser: count what came for it. In a
            # piece that holds other requests, too, whose bytes are whose is not known.
            self._partial_bytes += len(data) if self._began - before <= fresh else 0
            if self._partial_bytes > self._limits.header_bytes:
                self._give_up(431, "headers-too-large", "the request's headers are too long")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self.phase is not Phase.HEAD:
            self.since = self.loop.time()
        self.phase = Phase.HEAD
        self._head_bytes = 0
        self._partial_bytes = 0
        self._began += 1

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        super().on_url(url)
        if len(self.url) > self._limits.url_bytes:
            self._refuse(414, "address-too-long", "the address is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        self._head_bytes += len(name) + len(value) + 4
        if self.phase is not Phase.HEAD:
            # A trailer: uvicorn would put it among the headers, after they were judged.
            if self._head_bytes > self._limits.trailer_bytes:
                self._refuse(431, "headers-too-large", "the request's trailers are too long")
            return
        if (
            self._head_bytes > self._limits.header_bytes
            or len(self.headers) >= self._limits.headers
        ):
            self._refuse(431, "headers-too-large", "the request's headers are too long")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: judge its framing and start the application."""
        path, query = self._target()
        self._judge_framing()
        if len(self.pipeline) >= self._limits.pipelined:
            self._refuse(429, "too-many", "too many requests wait on this connection")
        version = self.parser.get_http_version()
        scope = self.scope
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path.decode("ascii"))
        scope["raw_path"] = path
        scope["query_string"] = query
        self._head_bytes = 0
        self.phase, self.since, self._body_bytes = Phase.BODY, self.loop.time(), 0
        self._open_answers += 1
        self.cycle = Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if self._open_answers > 1:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._start_asgi_task(self.cycle, self.app)

    def on_body(self, body: bytes) -> None:
        """Bytes of the body."""
        if self.cycle.response_complete:
            self._drained += len(body)
            if self._drained > self._limits.drained_bytes:
                self.transport.abort()
            return
        self._body_bytes += len(body)
        self.cycle.body += body
        if len(self.cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The request is whole."""
        now = self.loop.time()
        if self.cycle.response_complete:
            self.phase, self.since = Phase.IDLE, now
            return
        self.phase, self.since = Phase.ANSWER, now
        self.cycle.more_body = False
        self.cycle.message_event.set()

    # --- judging --------------------------------------------------------------------------------

    def _target(self) -> tuple[bytes, bytes]:
        """Path and query of the request line (RFC 9112 section 3.2)."""
        url = self.url
        if not url.startswith(b"/"):
            url = self._of_absolute(url)
        if b"#" in url:
            self._refuse(400, "bad-request", "an address has no fragment on the wire")
        path, _, query = url.partition(b"?")
        return path, query

    def _of_absolute(self, url: bytes) -> bytes:
        """The path of an absolute address, which must name the very host of the Host header."""
        match = _ABSOLUTE.fullmatch(url)
        hosts = [value.lower() for name, value in self.headers if name == b"host"]
        if match is None or hosts != [match[1].lower()]:
            self._refuse(400, "bad-request", "the address is not one of this archive")
        return (match[2] or b"/") + match[3]

    def _judge_framing(self) -> None:
        """Refuse what two readers could part into requests differently."""
        for name, value in self.headers:
            if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                self._refuse(501, "not-implemented", "this transfer encoding is not spoken here")
            if name == b"expect" and not self.expect_100_continue:
                self._refuse(417, "expectation-failed", "this expectation cannot be met")
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            self._refuse(505, "bad-version", "speak HTTP/1.1")
        if self.parser.should_upgrade():  # CONNECT, too
            self._refuse(501, "not-implemented", "no other protocol is spoken here")

    def _refuse(self, status: int, error: str, detail: str) -> NoReturn:
        self._refusal = (status, error, detail)
        raise _Refused(detail)

    def _give_up(self, status: int, error: str, detail: str) -> None:
        """Answer without an application, and close."""
        if self._open_answers:
            # Words of ours in the middle of an answer would be read as a part of it.
            self.transport.abort()
            return
        reply = problem(status, error, detail)
        own = [
            *reply.headers,
            (b"content-length", b"%d" % len(reply.body)),
            (b"connection", b"close"),
        ]
        lines = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *with_security(own, self._always)):
            lines += (name, b": ", value, b"\r\n")
        lines += (b"\r\n", reply.body)
        self.transport.write(b"".join(lines))
        self.transport.close()

    # --- bytes out ------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:  # noqa: ANN401 - uvicorn's
        task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the gate has told of it; this keeps the loop from telling again

    def on_response_complete(self) -> None:
        """An answer is out: go on with the next request, or wait for one."""
        self.server_state.total_requests += 1
        self._open_answers -= 1
        if self.transport.is_closing():
            return
        now = self.loop.time()
        if self.phase is Phase.BODY:
            self.phase, self._drained = Phase.DRAIN, 0
        elif self.phase is Phase.ANSWER:
            self.phase = Phase.IDLE
        self.since = now
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            if self.phase is Phase.IDLE:
                self.phase = Phase.ANSWER
            self._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has read on."""
        self._unread_since = None
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(exc)
        self._left(self)
