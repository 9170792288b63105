"""The HTTPS listener: sockets and TLS are given to it; bounds and deadlines are its own."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import format_datetime
from ipaddress import ip_address
from socket import AF_UNIX, IPPROTO_TCP, TCP_NODELAY, socket

import uvloop
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from raykeep.domain.errors import ArchiveError, SettingsError
from raykeep.edge.connection import Connection, Phase
from raykeep.edge.limits import DEFAULT_LIMITS, EdgeLimits
from raykeep.edge.pool import WorkerPool
from raykeep.edge.seats import Seats, source_of
from raykeep.edge.security_headers import security_headers
from raykeep.ports.clock import Clock

log = logging.getLogger("raykeep.web")

BEAT = 1.0  # seconds between two looks at deadlines
ACCEPTED_AT_ONCE = 64  # connections, before others have their turn on the loop
LAST_WORDS = 2.0  # seconds of the shutdown time that are kept for cutting off what is left


class WebServer:
    """Serves one application on listening sockets.

    Args:
        app: The ASGI application.
        tls_context: TLS of the server; None only where every socket is bound to loopback.
        sockets: Listening, bound by the caller; closed when the server ends.
        limits: Bounds of connections and requests.
        clock: Tells the time of day for the Date header.
        preset: Of the policy; see `security_headers`.
        each_second: Called about once a second on a thread, one after the other; what they
            raise is logged.

    Raises:
        SettingsError: no TLS on a socket that others can reach.
    """

    def __init__(
        self,
        app: ASGIApp,
        tls_context: ssl.SSLContext | None,
        sockets: Sequence[socket],
        *,
        clock: Clock,
        limits: EdgeLimits = DEFAULT_LIMITS,
        preset: str = "classic",
        each_second: Sequence[Callable[[], object]] = (),
    ) -> None:
        if tls_context is None and not all(_is_loopback(one) for one in sockets):
            msg = "a listener without TLS must be bound to loopback. Give it a certificate"
            raise SettingsError(msg)
        self._tls = tls_context
        self._sockets = list(sockets)
        self._clock = clock
        self._limits = limits
        self._always = security_headers(preset)
        self._each_second = tuple(each_second)
        self._seats = Seats(limits.connections, limits.connections_per_address)
        self._state = ServerState()
        self._arriving: set[asyncio.Task[None]] = set()
        self._stop: asyncio.Event | None = None
        self._emptied = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_to_stop = False
        self._turned_away = 0
        self._failed_handshakes = 0
        self._config = Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        self._config.load()

    # --- from outside ---------------------------------------------------------------------------

    def serve_forever(self) -> None:
        """Serve until `shutdown`; call it on the thread that shall run the loop."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self.serve())

    def shutdown(self) -> None:
        """Ask the server to end; returns at once. Any thread and any signal handler may call."""
        self._told_to_stop = True
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    def snapshot(self) -> dict[str, int]:
        """Numbers for operators: connections now, and what happened since the start."""
        return {
            "connections": self._seats.count,
            "requests": self._state.total_requests,
            "connections_turned_away": self._turned_away,
            "handshakes_failed": self._failed_handshakes,
        }

    # --- the loop -------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Serve until `shutdown`; then end within the limits' shutdown time."""
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        if self._told_to_stop:
            self._stop.set()
        for one in self._sockets:
            one.settimeout(0)
        self._set_date()
        for one in self._sockets:
            self._listen(one)
        tasks = [
            self._loop.create_task(self._watch_deadlines()),
            self._loop.create_task(self._keep_time()),
        ]
        stopping = self._loop.create_task(self._stop.wait())
        try:
            # A task that ends by itself has failed: then the server must not seem to live.
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end(tasks, stopping)
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                await task

    def _accept(self, listener: socket) -> None:
        """Take the connections that wait, a few at a time."""
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, peer = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # Out of descriptors, mostly: what waits stays in the kernel's queue for a while.
                log.warning("cannot accept: %s", error.strerror)
                loop.remove_reader(listener)
                loop.call_later(BEAT / 10, self._listen, listener)
                return
            self._seat(connection, source_of(peer))

    def _listen(self, listener: socket) -> None:
        if listener.fileno() >= 0 and self._stop is not None and not self._stop.is_set():
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _seat(self, connection: socket, source: str) -> None:
        """Let a connection in, if there is a seat for it."""
        if self._seats.full:
            self._make_room()
        if not self._seats.take(source):
            self._turned_away += 1
            connection.close()
            return
        connection.settimeout(0)
        task = asyncio.get_running_loop().create_task(self._receive(connection, source))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _receive(self, connection: socket, source: str) -> None:
        """Shake hands, apart from accepting, so that a silent client stalls nobody."""
        loop = asyncio.get_running_loop()
        seated = True

        def left(_gone: Connection | None = None) -> None:
            nonlocal seated
            if seated:
                seated = False
                self._seats.release(source)
                if not self._seats.count:
                    self._emptied.set()

        def protocol() -> Connection:
            return Connection(
                self._config,
                self._state,
                loop=loop,
                limits=self._limits,
                always=self._always,
                left=left,
            )

        timeouts = (
            {}
            if self._tls is None
            else {
                "ssl_handshake_timeout": self._limits.handshake_timeout,
                "ssl_shutdown_timeout": self._limits.closing_timeout,
            }
        )
        made = False
        try:
            if connection.family != AF_UNIX:
                connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            await loop.connect_accepted_socket(protocol, connection, ssl=self._tls, **timeouts)
            made = True
        except OSError:  # ssl.SSLError is one, too
            self._failed_handshakes += 1
        finally:
            if not made:
                connection.close()
                left()

    def _make_room(self) -> None:
        """Close the connection that has idled longest, if one idles."""
        idle = [one for one in self._connections() if one.phase is Phase.IDLE]
        if idle:
            min(idle, key=lambda one: one.since).transport.abort()

    async def _watch_deadlines(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(BEAT)
            self._set_date()
            now = loop.time()
            for connection in self._connections():
                connection.check(now)

    async def _keep_time(self) -> None:
        pool = WorkerPool("each-second", threads=1, waiting=0)
        try:
            while self._each_second:
                for call in self._each_second:
                    try:
                        await pool.run(call)
                    except ArchiveError as error:
                        log.warning("not done this second: %s", type(error).__name__)
                await asyncio.sleep(BEAT)
            await asyncio.Event().wait()
        finally:
            pool.close()

    def _set_date(self) -> None:
        date = format_datetime(self._clock.now(), usegmt=True).encode("ascii")
        self._state.default_headers = [(b"date", date)]

    def _connections(self) -> list[Connection]:
        return [one for one in self._state.connections if isinstance(one, Connection)]

    # --- the end --------------------------------------------------------------------------------

    async def _end(self, tasks: list[asyncio.Task[None]], stopping: asyncio.Task[bool]) -> None:
        """Take no more, let what runs come to its end for a while, cut off what is left."""
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            loop.remove_reader(one)
            one.close()
        for task in (*tasks, *self._arriving, stopping):
            task.cancel()
        await asyncio.gather(*tasks, *self._arriving, stopping, return_exceptions=True)
        for connection in self._connections():
            connection.shutdown()
        await self._empty_within(self._limits.shutdown_timeout - LAST_WORDS)
        running = list(self._state.tasks)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=LAST_WORDS / 2)
        for connection in self._connections():
            connection.transport.abort()
        await self._empty_within(LAST_WORDS / 2)

    async def _empty_within(self, seconds: float) -> None:
        """Wait until every connection is gone, but no longer than this."""
        self._emptied.clear()
        if self._seats.count:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), max(0.0, seconds))


def _is_loopback(listener: socket) -> bool:
    name = listener.getsockname()
    return isinstance(name, str) or ip_address(name[0].partition("%")[0]).is_loopback
