"""The listener: who may hold a descriptor, who may hold a thread, and for how long.

A connection costs a descriptor until its first byte is there (a selector watches); then it
gets a thread. Until it is *established* (admitted by whoever serves it) it is a stranger:
strangers are counted apart, and when there are too many the oldest goes, so that silent
clients stall nobody.
"""

import errno
import os
import selectors
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from logging import Logger
from socket import MSG_PEEK, SHUT_RDWR, socket
from typing import Final

from raykeep.domain.access import Address, source_of
from raykeep.transport.streams import SharedSocket

_TICK: Final = 0.5  # seconds between two looks at the clock
_PAUSE: Final = 0.2  # seconds without accepting when descriptors or threads have run out
_ACCEPTED_AT_ONCE: Final = 64  # connections, before the others get their turn
_OUT_OF_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_LAST_SECONDS: Final = 1.0  # of a drain, in which connections are cut


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptorLimits:
    """Bounds of one listener's connections."""

    max_strangers: int = 512  # connections that are not established; the oldest one goes
    max_strangers_per_address: int = 128  # the same, from one address
    max_established: int = 64  # established connections in all
    max_established_per_address: int = 64  # the same, from one address
    first_byte_timeout: float = 10.0  # seconds until a new connection says something


class Connection:
    """One accepted connection."""

    def __init__(self, acceptor: "Acceptor", shared: SharedSocket, address: Address) -> None:
        self.socket = shared
        self.address = address
        self.source = source_of(address)
        self.accepted_at = time.monotonic()
        self.is_established = False
        self.is_cut = False
        self._acceptor = acceptor
        self._interrupt: Callable[[str], None] | None = None
        self._why = ""

    def on_interrupt(self, interrupt: Callable[[str], None]) -> None:
        """Name who ends the work in order when it has to end; told why, from another thread."""
        self._interrupt = interrupt
        if self._why:  # it had to end before there was somebody to tell
            interrupt(self._why)

    def establish(self) -> bool:
        """Count it among the established from now on; False when there are too many."""
        return self._acceptor.establish(self)

    def interrupt(self, why: str) -> None:
        """End it from another thread, in order where that is possible."""
        self._why = self._why or why
        if self._interrupt is not None:
            self._interrupt(why)
        else:
            self.cut()

    def cut(self) -> None:
        """End it from another thread, now."""
        self.is_cut = True
        self.socket.shut(SHUT_RDWR)


Serve = Callable[[Connection], None]


class Acceptor:
    """Accepts connections and gives each a thread once it has something to say.

    Args:
        listeners: Bound and listening sockets; they are closed with the acceptor.
        serve: Serves one connection, in a thread of its own, and returns when it has ended.
            The acceptor closes the socket then.
        limits: See there.
        name: For the threads.
        logger: Gets what went wrong.
    """

    def __init__(
        self,
        listeners: Iterable[socket],
        serve: Serve,
        limits: AcceptorLimits,
        *,
        name: str,
        logger: Logger,
    ) -> None:
        self._listeners = list(listeners)
        self._serve = serve
        self._limits = limits
        self._name = name
        self._logger = logger
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        # In the order in which they came, so that the first one is the oldest.
        self._silent: dict[Connection, None] = {}  # of the selector's thread alone
        self._served: dict[Connection, threading.Thread] = {}
        self._paused_until = 0.0

    def run(self) -> None:
        """Accept until `stop`; what is being served then goes on."""
        for listener in self._listeners:
            listener.settimeout(0.0)
            self._selector.register(listener, selectors.EVENT_READ, None)
        self._selector.register(self._woken, selectors.EVENT_READ, self._woken)
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            self._close_listening()

    def stop(self) -> None:
        """Have `run` return; call it from any thread."""
        self._stopping.set()
        try:
            os.write(self._waker, b"x")
        except OSError:
            return  # it has stopped already, or was woken before

    def drain(self, timeout: float) -> bool:
        """End all that is served, within `timeout` seconds; False when something is left.

        Who can end in order does so; who has not a second before the end is cut.
        """
        deadline = time.monotonic() + timeout
        for connection in self.connections():
            connection.interrupt("the archive is stopping")
        if not self._wait_for_all(deadline - min(_LAST_SECONDS, timeout / 2)):
            for connection in self.connections():
                connection.cut()
        return self._wait_for_all(deadline)

    def connections(self) -> list[Connection]:
        """Those that are served now."""
        with self._lock:
            return list(self._served)

    def established(self) -> int:
        """How many are established now."""
        with self._lock:
            return sum(one.is_established for one in self._served)

    def establish(self, connection: Connection) -> bool:
        """See `Connection.establish`."""
        limits = self._limits
        with self._lock:
            known = [one for one in self._served if one.is_established]
            near = sum(one.source == connection.source for one in known)
            fits = len(known) < limits.max_established and near < limits.max_established_per_address
            connection.is_established = fits
        return fits

    # --- the selector's thread ------------------------------------------------------------------

    def _turn(self) -> None:
        for key, _ in self._selector.select(_TICK):
            if isinstance(key.fileobj, socket) and key.data is None:
                if not self._paused_until:
                    self._accept(key.fileobj)
            elif key.data in self._silent:  # not evicted a moment ago
                self._speaks(key.data)
        now = time.monotonic()
        if self._paused_until:
            self._resume(now)
        self._expire(now)

    def _accept(self, listener: socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                raw, peer = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    self._make_room(error)
                    return
                continue  # the peer went away before it was accepted
            connection = Connection(self, SharedSocket(raw), address_of(peer[0]))
            self._evict_for(connection)
            self._silent[connection] = None
            self._selector.register(raw, selectors.EVENT_READ, connection)

    def _speaks(self, connection: Connection) -> None:
        """Its first byte is there: it gets a thread."""
        self._forget(connection)
        if not _says_something(connection.socket.raw):
            connection.socket.close()
            return
        thread = threading.Thread(
            target=self._work,
            args=(connection,),
            name=f"{self._name}-{connection.address}",
            daemon=True,  # `drain` waits for it, and not longer than it was told to
        )
        with self._lock:
            self._served[connection] = thread
        try:
            thread.start()
        except RuntimeError as error:  # the system gives no more threads
            with self._lock:
                del self._served[connection]
            connection.socket.close()
            self._make_room(error)

    def _expire(self, now: float) -> None:
        patience = self._limits.first_byte_timeout
        while self._silent:
            oldest = next(iter(self._silent))
            if now - oldest.accepted_at < patience:
                return
            self._drop(oldest)

    def _evict_for(self, connection: Connection) -> None:
        """Let the oldest stranger go where one more would be too many."""
        limits = self._limits
        strangers = [*self._strangers_served(), *self._silent]
        near = [one for one in strangers if one.source == connection.source]
        if len(near) >= limits.max_strangers_per_address:
            self._evict(near)
        elif len(strangers) >= limits.max_strangers:
            self._evict(strangers)

    def _evict(self, strangers: list[Connection]) -> None:
        """The oldest silent one; if none is silent, the oldest that shakes hands."""
        victim = next((one for one in strangers if one in self._silent), None)
        if victim is not None:
            self._drop(victim)
        elif strangers:
            strangers[0].cut()

    def _strangers_served(self) -> list[Connection]:
        with self._lock:
            return [one for one in self._served if not (one.is_established or one.is_cut)]

    def _make_room(self, error: Exception) -> None:
        """Descriptors or threads have run out: the oldest stranger goes, and we wait a little."""
        self._logger.warning("no room for a new connection: %s", error)
        self._evict([*self._strangers_served(), *self._silent])
        if not self._paused_until:
            for listener in self._listeners:
                # A listener that nobody accepts from stays readable: the loop would spin.
                self._selector.unregister(listener)
        self._paused_until = time.monotonic() + _PAUSE

    def _resume(self, now: float) -> None:
        if now >= self._paused_until:
            self._paused_until = 0.0
            for listener in self._listeners:
                self._selector.register(listener, selectors.EVENT_READ, None)

    def _drop(self, connection: Connection) -> None:
        self._forget(connection)
        connection.socket.close()

    def _forget(self, connection: Connection) -> None:
        self._selector.unregister(connection.socket.raw)
        del self._silent[connection]

    def _close_listening(self) -> None:
        for connection in list(self._silent):
            self._drop(connection)
        self._selector.close()
        for listener in self._listeners:
            listener.close()
        os.close(self._woken)
        os.close(self._waker)

    # --- the connections' threads ---------------------------------------------------------------

    def _work(self, connection: Connection) -> None:
        try:
            self._serve(connection)
        finally:
            connection.socket.close()
            with self._lock:
                del self._served[connection]

    def _wait_for_all(self, deadline: float) -> bool:
        while True:
            with self._lock:
                thread = next(iter(self._served.values()), None)
            if thread is None:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            thread.join(left)


def _says_something(connection: socket) -> bool:
    """Whether a readable connection has bytes, and has not just ended."""
    connection.settimeout(0.0)
    try:
        return bool(connection.recv(1, MSG_PEEK))
    except OSError:
        return False


def address_of(host: str) -> Address:
    """A peer's address as a socket gives it, without scope; IPv4 within IPv6 is IPv4."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
